//! One error for everything that can go wrong with the audit itself. It says what was attempted, on what, what is known
//! now and what to do next, and carries a stable code that `docs/errors.md` explains.

use std::fmt;
use std::io;
use std::sync::Arc;

/// What class of trouble a code belongs to; the predicates of [`Error`] read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// Nothing of what was asked has happened.
    Refused,
    /// Refused because space, memory or a limit ran out.
    Capacity,
    /// The effect may have happened; only reading back can tell.
    InDoubt,
    /// What is stored contradicts itself or its checksums.
    Integrity,
    /// The set-up cannot work as it is.
    Configuration,
}

/// Declares codes: name, number, class, what it means, what to do next.
macro_rules! codes {
    ($($name:ident = $code:literal $class:ident $what:literal next $next:literal),* $(,)?) => {
        /// A stable error code. The number never changes its meaning.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Code { $(#[doc = $what] $name),* }

        impl Code {
            /// Every code.
            pub const ALL: &'static [Code] = &[$(Code::$name),*];
            /// `AUD` and four digits.
            #[must_use]
            pub const fn text(self) -> &'static str { match self { $(Code::$name => $code),* } }
            /// What it means.
            #[must_use]
            pub const fn what(self) -> &'static str { match self { $(Code::$name => $what),* } }
            /// What to do next.
            #[must_use]
            pub const fn next(self) -> &'static str { match self { $(Code::$name => $next),* } }
            pub(crate) const fn class(self) -> Class { match self { $(Code::$name => Class::$class),* } }
        }
    };
}

codes! {
    // 01: opening a trail
    NotATrail = "AUD0101" Configuration "the directory is not empty and holds no trail" next "name an empty or new directory, or the directory of an existing trail",
    NewerFormat = "AUD0102" Configuration "the trail was written by a newer format" next "open it with the version that wrote it, or a later one",
    CannotOpen = "AUD0103" Configuration "the trail's directory cannot be read or created" next "check the path and its permissions; a trail belongs to the user that writes it (modes 0700 and 0600)",
    NoLocks = "AUD0104" Configuration "the file system does not keep exclusive locks" next "put the trail on a local file system",
    OptionsDiffer = "AUD0105" Configuration "the trail is open in this process with other options" next "open it once and share the recorder",
    NotDurable = "AUD0106" Configuration "memory-only storage in the production profile" next "give the recorder a directory, or choose Profile::Development",
    NoRemote = "AUD0107" Configuration "durability `replicated` without a remote store" next "configure a remote store or ask for `disk`",
    AlreadyInstalled = "AUD0108" Configuration "another recorder is installed in this process" next "close the installed one first, or use Recorder::scope",
    NotInstalled = "AUD0109" Refused "no recorder is installed and AUDIT_REQUIRED asks for one" next "install a recorder before the first audited call",
    BadOption = "AUD0110" Configuration "an option has a value that cannot work" next "read the option's documentation",
    NotFound = "AUD0111" Configuration "there is no trail at this path" next "name the directory of a trail with --trail or AUDIT_TRAIL",

    // 02: writing
    StorageFailed = "AUD0201" Refused "the storage refused the record" next "look at the cause; reopen the trail once it is mended",
    StorageFull = "AUD0202" Capacity "there is no space left for the record" next "free space or raise the limit, then reopen the trail",
    Poisoned = "AUD0203" Refused "an earlier failure closed this recorder for new entries" next "reopen the trail; what was open is settled then",
    TimedOut = "AUD0204" Refused "the storage did not answer within the acknowledgement time-out" next "check the storage; reopen the trail",
    QueueFull = "AUD0205" Capacity "the recorder's queue is at its limit" next "slow down or raise Builder::max_pending",
    RecordTooLarge = "AUD0206" Capacity "the record is larger than 1 MiB" next "record fewer values",
    Closed = "AUD0207" Refused "the recorder is closed" next "open the trail again; keep what install() returned, or the layer's guard, as long as the program runs: dropping it closes",
    Forked = "AUD0208" Refused "this process is a fork of the one that opened the recorder" next "open the trail in the child",
    InDoubt = "AUD0210" InDoubt "the effect may have happened, but its terminal could not be recorded" next "reopen the trail and read the entry back before repeating it",
    Spooled = "AUD0211" InDoubt "the terminal went to the second sink, not to the journal" next "reopen the trail; recovery places it",

    // 03: integrity
    Corrupt = "AUD0301" Integrity "a stored record contradicts its checksum, its place or its kind" next "run `audited verify` and restore the stream from a copy",
    FileLost = "AUD0302" Integrity "the journal file was removed, replaced or truncated under its writer" next "find out who touched the trail; run `audited verify`",
    BadIndex = "AUD0303" Integrity "the index does not fit the journal" next "run `audited index rebuild`",
    IndexSchema = "AUD0304" Configuration "the index has another schema version" next "run `audited index rebuild`",
    IndexBusy = "AUD0305" Capacity "another process is using the index" next "ask again when it has ended; only the index waits, never the trail",
    NoScratch = "AUD0306" Capacity "no private index could be made to answer from" next "name a directory that can be written with TMPDIR, or free space there",

    // 04: lifecycle
    IllegalTransition = "AUD0401" Refused "this status cannot follow the one that stands" next "close each entry once, with a status that the table of transitions allows",
    MissingField = "AUD0402" Refused "a field that this status needs is missing or blank" next "give the field",
    UnknownEntity = "AUD0403" Refused "the entity is not open in this recorder" next "use the value that opening it returned",
    RunHasOpenWork = "AUD0404" Refused "the run has open work and cannot end as a success" next "end the work first, or finish the run as failed",

    // 05: digests and entries
    NotDigestible = "AUD0501" Refused "a value cannot be brought into canonical form" next "derive AuditDigest or Serialize for it, redact it, or leave it out",
    ArgumentPanicked = "AUD0502" Refused "evaluating a digest or recorded value panicked" next "mend the value's Serialize or Display",
    OutputNotDigestible = "AUD0503" InDoubt "the body ran, but its output cannot be brought into canonical form" next "mend the output type; read the effect back before repeating it",
    ArgumentsGone = "AUD0504" Refused "the future was made before its recorder was there, and its arguments cannot be read any more" next "make the future inside of the scope that polls it, or install the recorder first",

    // 06: asking
    UnknownId = "AUD0601" Configuration "what was asked for is not in the trail under this id" next "list ids with `audited runs`, and with `audited show` those of a run's entries",
    AmbiguousId = "AUD0602" Configuration "the prefix names more than one stream" next "give more characters of the id",
    BadId = "AUD0603" Configuration "this is no id" next "ids look like 7k3q9d-1041; `audited runs` lists those of runs",
    AmbiguousRow = "AUD0604" Configuration "the row came to more than one end" next "explain one of its tokens",

    // 07: the landscape
    ForeignEntity = "AUD0701" Refused "the value belongs to another run" next "use the values that this run's landscape returned",
    BadGraph = "AUD0702" Refused "the graph cannot be as it is declared" next "name each node once, and connect nodes that are declared",
    NoSuchEdge = "AUD0703" Refused "no edge with this label leaves the node" next "declare the edge before the graph is sealed, or use a label that is declared",
    RoutedAlready = "AUD0704" Refused "another routing decision stands for this node state" next "decide once for each node state",
    EmptyGroup = "AUD0705" Refused "a group without members, or with a member twice" next "give each branch a name of its own, and at least one",
    SecondOutcome = "AUD0706" Refused "the token has its outcome" next "end each token once",
    WrongNode = "AUD0707" Refused "a node of this kind cannot do that" next "use a node that is declared with the kind that the call asks for",
    ArtifactDiffers = "AUD0708" Refused "another artifact is registered under this idempotency key" next "give other content another key",
    RunHeld = "AUD0710" Refused "another process works on the run" next "wait until it has ended; the run's seat is free then",
    NotResumable = "AUD0711" Refused "a run that stands so is not resumed" next "resume a run that is FAILED, INTERRUPTED or ABANDONED; a success is final",
    OtherGraph = "AUD0712" Refused "the graph is not the one with which the run was sealed" next "declare the whole graph as it was, or begin a new run",
    BadCheckpoint = "AUD0713" Refused "the checkpoint is not one from which the run may go on" next "name the run's last checkpoint, or none",
    RowDiffers = "AUD0714" Refused "the source gives other data under this identity than was recorded" next "give the source as it was, or begin a new run",
    NotReplayable = "AUD0715" Refused "the row was not stored, and identity and digest do not tell it from others" next "give each row of a source an identity of its own and data that can be digested; begin a new run",
    WriteInDoubt = "AUD0716" InDoubt "a sink write of this run is in doubt" next "read it back: Landscape::in_doubt; what comes behind it waits",

    PayloadNotStored = "AUD0720" Refused "the payload could not be stored, so the record that would name it is refused" next "mend the payload store, or leave this sort of payload out of the policy",
    PayloadMissing = "AUD0721" Integrity "a record names a payload that is not there, and no purge has removed it" next "restore the payload from a copy of the trail; find out who removed it",
    PayloadAltered = "AUD0722" Integrity "a stored payload does not have the digest that it is kept under" next "restore the payload from a copy of the trail; find out who changed it",
    PayloadTooLarge = "AUD0723" Capacity "the payload is larger than the policy allows" next "raise Payloads::limit, or leave this sort of payload out of the policy",
    PayloadsLocked = "AUD0724" Capacity "a purge or a writer holds the payload store" next "try again when it has ended",
    PurgeUnsafe = "AUD0725" Refused "records cannot be read, so nobody knows which payloads they name" next "run `audited verify`; purge once every stream can be read",
    PurgeUnfinished = "AUD0726" InDoubt "the purge is recorded, but not all bytes could be removed" next "run the purge again; it removes what is left",
    NoPayloadStore = "AUD0727" Configuration "the recorder was opened without a payload store" next "open it with Builder::payloads",
    NotStrict = "AUD0728" Integrity "the index holds a row that the definitions forbid" next "run `audited sweep`, which names it",
    BatchUnfinished = "AUD0729" Integrity "the batch was released, and its end could not be written" next "reopen the trail; recovery ends the batch and says how",

    // 08: governance
    AckMismatch = "AUD0801" Refused "the acknowledgement names another run than the one that it is filed under" next "acknowledge under the run that did the work",
    ContractClosed = "AUD0802" Refused "the run's contract is finalised or closed" next "declare what is expected before the finalising acknowledgement",
    NoRun = "AUD0803" Refused "this record belongs to a run, and none is named or current" next "begin a run, or name one",
    PhaseRefused = "AUD0804" Refused "the run cannot enter this phase" next "give the proof that the phase before it calls for, or fail the run",
    ContractFlawed = "AUD0805" Refused "the contract cannot be declared as it is" next "give every action a deadline, and one action that ends the run; `contract!` does not compile otherwise",
    NoAction = "AUD0806" Refused "no action runs here" next "say it inside the body of an action, before it returns",
    BadSetting = "AUD0810" Configuration "a setting of the environment cannot be as it is" next "mend or unset the variable; `audited doctor` lists all of them with their defaults",
    MeetingUnreachable = "AUD0820" Capacity "the Redis server at which contracts meet does not answer, or refuses" next "look at the server; recording goes on, and what waits is sent when it answers again",
    MeetingCorrupt = "AUD0821" Integrity "what the Redis server holds under the run's name is no record of the run" next "find out who writes there; remove the key, and every living process sends its records again",

    // 09: the testkit
    Injected = "AUD0901" Refused "a test asked for this failure" next "nothing: a lab's plan is in force, and only a test can make one",
}

/// What went wrong with the audit, never with the audited code.
#[derive(Clone)]
pub struct Error(Arc<Inner>);

struct Inner {
    code: Code,
    attempted: String,
    detail: String,
    in_doubt: bool,
    source: Option<Source>,
}

enum Source {
    Io(io::Error),
    Other(Error),
}

impl Error {
    /// An error of this code: what was attempted, on what.
    pub(crate) fn new(code: Code, attempted: impl Into<String>) -> Error {
        Self::build(code, attempted.into(), String::new(), None)
    }

    fn build(code: Code, attempted: String, detail: String, source: Option<Source>) -> Error {
        Error(Arc::new(Inner { code, attempted, detail, in_doubt: code.class() == Class::InDoubt, source }))
    }

    /// With what is known beyond the code's own sentence.
    pub(crate) fn detail(self, detail: impl Into<String>) -> Error {
        let inner = match Arc::try_unwrap(self.0) {
            Ok(inner) => inner,
            Err(shared) => {
                return Self::build(
                    shared.code,
                    shared.attempted.clone(),
                    detail.into(),
                    Some(Source::Other(Error(shared))),
                );
            }
        };
        Error(Arc::new(Inner { detail: detail.into(), ..inner }))
    }

    /// An I/O error with the code that its kind calls for.
    pub(crate) fn io(code: Code, attempted: impl Into<String>, source: io::Error) -> Error {
        let code = match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
                Code::StorageFull
            }
            _ => code,
        };
        Self::build(code, attempted.into(), String::new(), Some(Source::Io(source)))
    }

    /// With another audit error as its cause.
    pub(crate) fn caused_by(code: Code, attempted: impl Into<String>, cause: Error) -> Error {
        Self::build(code, attempted.into(), String::new(), Some(Source::Other(cause)))
    }

    /// The stable code.
    #[must_use]
    pub fn code(&self) -> Code {
        self.0.code
    }

    /// What was attempted.
    #[must_use]
    pub fn attempted(&self) -> &str {
        &self.0.attempted
    }

    /// Whether the effect may have happened although no terminal could be recorded.
    #[must_use]
    pub fn is_in_doubt(&self) -> bool {
        self.0.in_doubt
    }

    /// Whether nothing of what was asked has happened.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        matches!(self.0.code.class(), Class::Refused | Class::Capacity) && !self.0.in_doubt
    }

    /// Whether what is stored contradicts itself.
    #[must_use]
    pub fn is_integrity(&self) -> bool {
        self.0.code.class() == Class::Integrity
    }

    /// Whether the set-up cannot work as it is.
    #[must_use]
    pub fn is_configuration(&self) -> bool {
        self.0.code.class() == Class::Configuration
    }

    /// Whether space, memory or a limit ran out.
    #[must_use]
    pub fn is_capacity(&self) -> bool {
        self.0.code.class() == Class::Capacity
            || matches!(&self.0.source, Some(Source::Other(cause)) if cause.is_capacity())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &*self.0;
        write!(f, "{}: {}: {}", inner.code.text(), inner.attempted, inner.code.what())?;
        if !inner.detail.is_empty() {
            write!(f, " ({})", inner.detail)?;
        }
        match &inner.source {
            Some(Source::Io(cause)) => write!(f, ": {cause}")?,
            Some(Source::Other(cause)) => write!(f, ": {cause}")?,
            None => {}
        }
        write!(f, "; next: {}", inner.code.next())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Error({self})")
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.0.source {
            Some(Source::Io(cause)) => Some(cause),
            Some(Source::Other(cause)) => Some(cause),
            None => None,
        }
    }
}

/// So that a function that returns `io::Result` can be audited as it is.
impl From<Error> for io::Error {
    fn from(error: Error) -> io::Error {
        io::Error::other(error)
    }
}
