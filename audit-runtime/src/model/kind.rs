//! The table of record kinds and of the fields that bodies carry. Codes are never reused and never change their meaning:
//! formats only grow. The reader's check, the JSON that the command line prints and `docs/format.md` follow this table.

use super::status::coded;

coded! {
    /// The shape of a field's value.
    Shape {
        /// UTF-8 text.
        Text = 0 "text",
        /// Integer from 0.
        Uint = 1 "uint",
        /// Byte string.
        Bytes = 2 "bytes",
        /// Truth value.
        Bool = 3 "bool",
        /// List of values.
        List = 4 "list",
        /// Map from texts to values.
        Map = 5 "map",
        /// `[1, scope, 32 bytes]` SHA-256, `[2, scope, 32 bytes, key id]` HMAC-SHA-256, `[0, absence, reason]` no digest.
        Slot = 6 "slot",
        /// 28 bytes: stream (16), sequence (8, big-endian), ordinal (4, big-endian).
        Id = 7 "id",
    }
}

/// Declares the body's keys: number, name, shape.
macro_rules! keys {
    ($($(#[$meta:meta])* $name:ident = $code:literal $text:literal $shape:ident),* $(,)?) => {
        /// A field of a body: the integer that stands on disk, its name, its shape.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u16)]
        #[non_exhaustive]
        pub enum Key { $($(#[$meta])* $name = $code),* }

        impl Key {
            /// Every key, in order of number.
            pub const ALL: &'static [Key] = &[$(Key::$name),*];
            /// The integer on disk.
            #[must_use]
            pub const fn code(self) -> u16 { self as u16 }
            /// The key that an integer stands for.
            #[must_use]
            pub const fn from_code(code: u64) -> Option<Key> {
                match code { $($code => Some(Key::$name),)* _ => None }
            }
            /// Its name in reports and JSON.
            #[must_use]
            pub const fn name(self) -> &'static str { match self { $(Key::$name => $text),* } }
            /// What its value looks like.
            #[must_use]
            pub const fn shape(self) -> Shape { match self { $(Key::$name => Shape::$shape),* } }
        }
    };
}

keys! {
    /// Name of a node.
    Node = 1 "node" Text,
    /// Name of the annotated function.
    Function = 2 "function" Text,
    /// Path of the module that holds it.
    Module = 3 "module" Text,
    /// Source file.
    File = 4 "file" Text,
    /// Line in it, from 1.
    Line = 5 "line" Uint,
    /// Column, from 1.
    Column = 6 "column" Uint,
    /// The annotation's options as written.
    Options = 8 "options" Text,
    /// What a node is: source, transform, gate, sink, …
    NodeKind = 9 "node_kind" Text,
    /// What went in.
    Input = 10 "input" Slot,
    /// What came out.
    Output = 11 "output" Slot,
    /// Scrubbed error or panic text, at most 1 KiB.
    Error = 12 "error" Text,
    /// Rust type of the error.
    ErrorType = 13 "error_type" Text,
    /// Stable code of the error.
    ErrorCode = 14 "error_code" Text,
    /// Why this counts as a success; names an action.
    SuccessReason = 15 "success_reason" Text,
    /// Why recovery abandoned it.
    AbandonReason = 16 "abandon_reason" Text,
    /// Context that the node leaves behind.
    ContextAfter = 17 "context_after" Map,
    /// Values that the annotation opted in, field by field.
    Recorded = 18 "recorded" Map,
    /// The entry found no context: its parent is unknown.
    Unattributed = 19 "unattributed" Bool,
    /// W3C trace id, 16 bytes.
    Trace = 20 "trace_id" Bytes,
    /// Text for people.
    Message = 21 "message" Text,
    /// `file:line:column` of a panic or event.
    Location = 22 "location" Text,
    /// info, warn, error, critical.
    Severity = 23 "severity" Text,
    /// What sort of note: discovery, security, anomaly, error, …
    NoteKind = 24 "note_kind" Text,
    /// Named values.
    Fields = 25 "fields" Map,
    /// How many.
    Count = 26 "count" Uint,
    /// Names of sites.
    Sites = 27 "sites" List,
    /// Why.
    Reason = 28 "reason" Text,
    /// Stable code of this project (`AUD0101`).
    Code = 29 "code" Text,
    /// Name of a thread.
    Thread = 30 "thread" Text,
    /// A tracing event's target.
    Target = 31 "target" Text,
    /// A tracing event's level.
    Level = 32 "level" Text,
    /// Name of a run or stream owner.
    Name = 40 "name" Text,
    /// Who.
    Actor = 41 "actor" Text,
    /// Isolation of customers.
    Tenant = 42 "tenant" Text,
    /// Many requests that belong together.
    Session = 43 "session" Text,
    /// Type and correlation id of one request.
    Request = 44 "request" Text,
    /// It began in a context that was carried there: it may outlive its parent.
    Detached = 45 "detached" Bool,
    /// Version of the canonical form that digests are made of.
    CanonicalVersion = 46 "canonical_version" Uint,
    /// Counts by name.
    Counts = 47 "counts" Map,
    /// Rule ids and the like that were found.
    Findings = 48 "findings" List,
    /// Kernel's boot id.
    BootId = 50 "boot_id" Text,
    /// Process id.
    Pid = 51 "pid" Uint,
    /// Start of the process in clock ticks since boot.
    ProcessStart = 52 "process_start" Uint,
    /// Version of this crate.
    CodeVersion = 53 "code_version" Text,
    /// What the program says of its own build.
    Build = 54 "build" Text,
    /// Host name.
    Host = 55 "host" Text,
    /// File name of the program.
    Program = 56 "program" Text,
    /// Namespace in which the process id counts; another one cannot tell whether the process lives.
    PidSpace = 57 "pid_space" Uint,
    /// The testkit is compiled in.
    Testkit = 58 "testkit" Bool,
    /// The storage does not survive the process.
    NotDurable = 59 "not_durable" Bool,
    /// Another stream, 16 bytes.
    Stream = 60 "stream" Bytes,
    /// How many records of it count.
    Records = 61 "records" Uint,
    /// Segment in which they end.
    Segment = 62 "segment" Uint,
    /// Byte offset in that segment behind the last of them.
    Offset = 63 "offset" Uint,
    /// RFC 6962 root over them, 32 bytes.
    Root = 64 "root" Bytes,
    /// Bytes behind the offset that are no records and are ignored for ever.
    TornBytes = 65 "torn_bytes" Uint,
    /// Whole frames found behind the cut, also ignored; not 0 after power loss only.
    StrayFrames = 66 "stray_frames" Uint,
    /// Who observed it.
    Observer = 68 "observer" Text,
    /// Sequence of the first record of a group.
    First = 69 "first" Uint,
    /// Refers to another entity.
    Ref = 70 "ref" Id,
    /// The resume under which a token that was in flight is driven again.
    Resume = 71 "resume" Id,
    /// A travelling instance of a row.
    Token = 100 "token" Id,
    /// A source record.
    Row = 101 "row" Id,
    /// What the source calls the row: a line, an offset, a key.
    Identity = 102 "identity" Text,
    /// The terminal answer for a token; absent for `buffered`.
    TokenOutcome = 103 "token_outcome" Text,
    /// How the token came to its outcome.
    Path = 104 "path" Text,
    /// Node of the sink that took a token.
    Sink = 105 "sink" Text,
    /// Digest of an error's text.
    ErrorDigest = 106 "error_digest" Slot,
    /// The record that forked a token.
    ForkGroup = 107 "fork_group" Id,
    /// The record that expanded a token.
    ExpandGroup = 108 "expand_group" Id,
    /// The record that merged tokens.
    JoinGroup = 109 "join_group" Id,
    /// A batch.
    Batch = 110 "batch" Id,
    /// Tokens that the record mints; they are its ordinals 1 to n.
    Children = 111 "children" Uint,
    /// Names of branches, in order of the children.
    Branches = 112 "branches" List,
    /// Tokens that the record consumes, as ids.
    Parents = 113 "parents" List,
    /// Nodes of a graph: `[name, kind, determinism]`.
    Nodes = 114 "nodes" List,
    /// Edges of a graph: `[from, label, to]`; of a routing event: `[label, to]`.
    Edges = 115 "edges" List,
    /// Digest of the whole graph.
    Topology = 116 "topology" Slot,
    /// Ordinal of a call within its parent, from 0.
    Ordinal = 117 "ordinal" Uint,
    /// What sort of exchange: http, database, …
    CallKind = 118 "call_kind" Text,
    /// With whom, scrubbed.
    Endpoint = 119 "endpoint" Text,
    /// Why a batch was released: count, age, condition, end_of_source.
    Trigger = 120 "trigger" Text,
    /// The entity that this one tries again.
    RetryOf = 121 "retry_of" Id,
    /// move, copy, divert.
    Mode = 122 "mode" Text,
    /// When a merge takes place.
    Policy = 123 "policy" Text,
    /// What a routing decision was based on.
    ReasonDigest = 124 "reason_digest" Slot,
    /// Names a write or an artifact across attempts.
    IdempotencyKey = 125 "idempotency_key" Text,
    /// Bytes of an artifact.
    Size = 126 "size" Uint,
    /// Digest of what was written.
    Content = 127 "content" Slot,
    /// Where a source may go on.
    Position = 128 "position" Text,
    /// The sink receipt that allows this record.
    Receipt = 129 "receipt" Id,
    /// Node states of a sink write, as ids.
    States = 130 "states" List,
    /// load, commit, …
    OperationKind = 131 "operation_kind" Text,
    /// Status before a run was resumed.
    PriorStatus = 132 "prior_status" Text,
    /// How many tokens a resume drives again.
    Redriven = 133 "redriven" Uint,
    /// Last checkpoint of a resumed run.
    Checkpoint = 134 "checkpoint" Id,
    /// What reading back has found of a write in doubt: applied, not_applied.
    ReadBack = 140 "read_back" Text,
    /// Bytes of this digest stand in the payload store.
    Payload = 150 "payload" Slot,
    /// What the program keeps payloads of.
    PayloadPolicy = 151 "payload_policy" Text,
    /// The rule by which something was purged.
    PurgePolicy = 152 "purge_policy" Text,
    /// On whose authority.
    Authority = 153 "authority" Text,
    /// Wall time before which a run must have ended, ns since 1970 UTC.
    BeforeNs = 154 "before_ns" Uint,
    /// SHA-256 digests of payloads, 32 bytes each.
    Payloads = 155 "payloads" List,
    /// Digest of the form in which what has no canonical form was replaced by texts.
    Sanitised = 156 "sanitised" Slot,
    /// How long a run may take before it is overdue, in milliseconds.
    RunningTimeoutMs = 157 "running_timeout_ms" Uint,
    /// What a gate decided: ALLOW or DENY.
    Decision = 200 "decision" Text,
    /// The profile that a gate applied.
    ProfileId = 201 "profile_id" Text,
    /// Fingerprint of the policy that was applied.
    ProfileHash = 202 "profile_hash" Slot,
    /// Rules that matched, in order.
    MatchedRules = 203 "matched_rules" List,
    /// Stable codes of the reasons of a denial.
    ReasonCodes = 204 "reason_codes" List,
    /// What was decided upon, and executed.
    InputDigest = 205 "input_digest" Slot,
    /// What an execution brought about.
    OutputDigest = 206 "output_digest" Slot,
    /// Every rule that ran, in order: `[id, verdict]`.
    Rules = 207 "rules" List,
    /// Reasons of a denial: `{code, message, …evidence}`.
    Reasons = 208 "reasons" List,
    /// Name of an action.
    Action = 209 "action" Text,
    /// Its version.
    ActionVersion = 210 "action_version" Text,
    /// Who executes it.
    ExecutorId = 211 "executor_id" Text,
    /// In which version.
    ExecutorVersion = 212 "executor_version" Text,
    /// What the executor is able to do.
    Capabilities = 213 "capabilities" List,
    /// Limits of the payload that were checked.
    Limits = 214 "limits" Map,
    /// Names of fields that caused a denial; never their values.
    FieldNames = 215 "field_names" List,
    /// Names beyond the bound of the list.
    FieldsOmitted = 216 "fields_omitted" Uint,
    /// The worker had not ended when its time ran out.
    StillRunning = 217 "still_running" Bool,
    /// Time that an execution has, in milliseconds.
    TimeoutMs = 218 "timeout_ms" Uint,
    /// Other entities by relation: `retry_of`, `caused_by`, `cached_from`, `rollback_of`.
    Links = 219 "links" Map,
    /// The caller's span id or name.
    Caller = 220 "caller" Text,
    /// How long an authorization is good for, in milliseconds.
    ExpiresMs = 221 "expires_ms" Uint,
    /// Ordinal of a step within a composite action, from 0.
    Step = 222 "step" Uint,
    /// Part of the system that acts.
    Domain = 225 "domain" Text,
    /// Which of several things an action is for.
    Instance = 226 "instance" Text,
    /// Deadline, nanoseconds from the declaration.
    WithinNs = 227 "within_ns" Uint,
    /// The action ends the run.
    Finalising = 228 "finalising" Bool,
    /// What became of an action: success, failure, rolled_back, rollback_failed.
    Outcome = 229 "outcome" Text,
    /// What it brought about.
    Result = 230 "result" Text,
    /// `file:line` of a declaration.
    DeclaredAt = 231 "declared_at" Text,
    /// Expectations: `{domain, action, …}`, in order of declaration.
    Expectations = 232 "expectations" List,
    /// Verdict of a reconciliation.
    Verdict = 233 "verdict" Text,
    /// Where an expectation stands.
    Standing = 234 "standing" Text,
    /// Phase that a run under contract has entered.
    Phase = 235 "phase" Text,
    /// Phase that it has left.
    PhaseBefore = 236 "phase_before" Text,
    /// Reconciliation was switched off.
    Disabled = 237 "disabled" Bool,
    /// Who acknowledged: attribute, recorder, event.
    Via = 240 "via" Text,
    /// Acknowledgements that a filter is known to have dropped.
    AcksDropped = 241 "acks_dropped" Uint,
    /// The run acknowledges by tracing events only, which a filter may drop.
    ByEvents = 242 "by_events" Bool,
}

/// Declares the record kinds: number, name, required and optional fields.
macro_rules! kinds {
    ($($(#[$meta:meta])* $name:ident = $code:literal $text:literal [$($req:ident),*] [$($opt:ident),*]),* $(,)?) => {
        /// What a record states.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u16)]
        #[non_exhaustive]
        pub enum Kind { $($(#[$meta])* $name = $code),* }

        impl Kind {
            /// Every kind, in order of number.
            pub const ALL: &'static [Kind] = &[$(Kind::$name),*];
            /// The integer on disk.
            #[must_use]
            pub const fn code(self) -> u16 { self as u16 }
            /// The kind that an integer stands for.
            #[must_use]
            pub const fn from_code(code: u16) -> Option<Kind> {
                match code { $($code => Some(Kind::$name),)* _ => None }
            }
            /// Its `event_type`.
            #[must_use]
            pub const fn name(self) -> &'static str { match self { $(Kind::$name => $text),* } }
            /// The kind with this `event_type`.
            #[must_use]
            pub fn from_name(name: &str) -> Option<Kind> {
                match name { $($text => Some(Kind::$name),)* _ => None }
            }
            /// Fields that every such record has.
            #[must_use]
            pub const fn required(self) -> &'static [Key] { match self { $(Kind::$name => &[$(Key::$req),*]),* } }
            /// Fields that it may have.
            #[must_use]
            pub const fn optional(self) -> &'static [Key] { match self { $(Kind::$name => &[$(Key::$opt),*]),* } }
        }
    };
}

kinds! {
    /// First record of every stream: who writes it.
    StreamOpened = 1 "STREAM_OPENED" [BootId, Pid, ProcessStart, CodeVersion, Program]
        [Actor, Build, Host, Testkit, NotDurable, Name, CanonicalVersion, PidSpace, PayloadPolicy],
    /// Last record of a stream that was closed cleanly.
    StreamClosed = 2 "STREAM_CLOSED" [Records, Segment, Offset, Root, TornBytes] [Counts, Sites],
    /// Where another stream, whose process is gone, ends for ever.
    StreamSettled = 3 "STREAM_SETTLED" [Stream, Records, Segment, Offset, Root, TornBytes] [StrayFrames, Observer, Reason, Count, First],
    /// A place in the code that later records of this stream name by this record's `site` number.
    Site = 4 "SITE" [Function, Module, File, Line] [Node, Column, Options, NodeKind],
    /// Ends a group: without it none of the group's records counts. This version writes one group alone, recovery's, which
    /// its `STREAM_SETTLED` ends; readers heed both.
    GroupCommitted = 5 "GROUP_COMMITTED" [First, Count] [],
    /// Records that could not be written while the policy was `degrade`.
    Gap = 6 "GAP" [Count] [Reason, Code, Sites],
    /// What was asked and why it did not start.
    Refusal = 7 "REFUSAL" [Code, Reason] [Input, Recorded, Unattributed, Function],
    /// A durable point record written by hand.
    Note = 8 "NOTE" [NoteKind, Severity] [Message, Fields, Trace, Tenant, Session, Request, Actor, Payload],
    /// A panic, observed before unwinding began.
    PanicObserved = 9 "PANIC_OBSERVED" [] [Message, Location, Thread],
    /// An ordinary tracing event inside an audited call.
    Evidence = 10 "EVIDENCE" [Level, Target] [Message, Fields, Location],
    /// Entries that ran before a recorder was installed.
    Uninstalled = 11 "UNINSTALLED" [Count] [Sites],
    /// A run begins.
    RunStarted = 16 "RUN_STARTED" [Name, CanonicalVersion] [Actor, Tenant, Session, Request, Trace, Fields, Input, RunningTimeoutMs],
    /// A run ends.
    RunEnded = 17 "RUN_ENDED" [] [Reason, Counts, Findings, AbandonReason, Observer, Error],
    /// Another process works on the run.
    RunJoined = 18 "RUN_JOINED" [] [Actor],
    /// An audited body is about to run.
    StateOpened = 32 "STATE_OPENED" [Input] [Recorded, Unattributed, Trace, Node, NodeKind, Token, Resume, Detached],
    /// The node state was handed over.
    StateDeferred = 33 "STATE_DEFERRED" [] [ContextAfter, Reason],
    /// The node state's only terminal.
    StateClosed = 34 "STATE_CLOSED" []
        [Input, Output, Error, ErrorType, ErrorCode, SuccessReason, AbandonReason, ContextAfter, Observer, Reason, Location],
    /// The graph of a run: all nodes and edges at once, before the first row.
    GraphSealed = 64 "GRAPH_SEALED" [Nodes, Edges, Topology] [],
    /// A source row (ordinal 0) with its token (ordinal 1). Its state at the source is COMPLETED by this very record.
    RowRead = 65 "ROW_READ" [Node, Identity, Output] [Payload, Sanitised],
    /// A token was replaced by its branches: the children, and the parent's outcome.
    TokenForked = 66 "TOKEN_FORKED" [Branches, Children] [Row],
    /// A token was replaced by its children, and the parent's outcome.
    TokenExpanded = 67 "TOKEN_EXPANDED" [Children] [Row],
    /// Tokens were merged into one (ordinal 1): the merged token, and the outcome of each parent.
    TokensCoalesced = 68 "TOKENS_COALESCED" [Node, Policy, Parents] [Row, Branches],
    /// The terminal answer for a token.
    TokenOutcome = 69 "TOKEN_OUTCOME" [TokenOutcome, Path]
        [Sink, ErrorDigest, JoinGroup, Receipt, Error],
    /// A gate's or an error route's decision at a node state: which edges the token takes.
    Routed = 70 "ROUTED" [Mode, Edges, ReasonDigest] [Token, Payload],
    /// An exchange with the outside is about to happen.
    CallOpened = 71 "CALL_OPENED" [Ordinal, CallKind, Endpoint, Input] [Payload],
    /// The call's only terminal.
    CallClosed = 72 "CALL_CLOSED" [] [Output, Error, ErrorDigest, AbandonReason, Observer, Payload],
    /// Source or sink work without a token is about to happen.
    OperationOpened = 73 "OPERATION_OPENED" [Node, OperationKind, Input] [],
    /// The operation's only terminal.
    OperationClosed = 74 "OPERATION_CLOSED" [] [Input, Output, Error, ErrorType, AbandonReason, Observer, Reason],
    /// A batch begins to gather; a retry comes with the members of the batch that failed.
    BatchDrafted = 75 "BATCH_DRAFTED" [Node] [RetryOf, Parents],
    /// A token joins a batch in DRAFT: its membership and its `buffered` outcome.
    BatchMember = 76 "BATCH_MEMBER" [Token, Ordinal] [],
    /// The batch was released.
    BatchExecuting = 77 "BATCH_EXECUTING" [Trigger, Parents] [],
    /// The batch's only terminal. COMPLETED consumes the members and mints the outputs; FAILED may give the members up.
    BatchClosed = 78 "BATCH_CLOSED" [] [Parents, Children, Error, ErrorDigest, AbandonReason, Observer],
    /// A sink is about to write these states' tokens.
    SinkPrepared = 79 "SINK_PREPARED" [Sink, IdempotencyKey, Content, States] [],
    /// The write begins: from here on its effect may have happened.
    SinkIntent = 80 "SINK_INTENT" [] [],
    /// What came of the attempt: RETURNED, ERROR.
    SinkAnswered = 81 "SINK_ANSWERED" [] [Error, ErrorDigest, ReadBack],
    /// The write is durable.
    SinkReceipt = 82 "SINK_RECEIPT" [Sink, IdempotencyKey, Content, States] [],
    /// A durable thing that a sink produced.
    Artifact = 83 "ARTIFACT" [Sink, IdempotencyKey, Content, Size, Receipt] [Name],
    /// A position from which the run may resume.
    Checkpoint = 84 "CHECKPOINT" [Position, Topology, Receipt] [],
    /// A run goes on in another process.
    RunResumed = 85 "RUN_RESUMED" [PriorStatus, Redriven] [Checkpoint, Actor],
    /// A gate has decided. Final: one record, one decision.
    Decision = 96 "DECISION" [Decision, ProfileId, ProfileHash, Rules, InputDigest]
        [MatchedRules, ReasonCodes, Reasons, FieldNames, FieldsOmitted, ExpiresMs, ErrorType, Action,
         Trace, Caller, Tenant, Actor, Session, Request, Links, Unattributed],
    /// The body of an action is about to run. Its status is PENDING.
    ActionPending = 97 "EXECUTION_ATTEMPT" [Action, ActionVersion, ExecutorId, ExecutorVersion, InputDigest]
        [Capabilities, Limits, TimeoutMs, Step, Trace, Caller, Tenant, Actor, Session, Request, Links],
    /// The action's only terminal: SUCCESS, FAILED or ABANDONED.
    ActionClosed = 98 "EXECUTION_RESULT" []
        [Action, OutputDigest, Error, ErrorType, ErrorCode, StillRunning, AbandonReason, Observer,
         Trace, Caller, Tenant, Actor, Session, Request, Links],
    /// The action was allowed, and a check refused it before its body: no EXECUTION_ATTEMPT.
    ActionBlocked = 99 "EXECUTION_BLOCKED" [Action, ErrorCode, Error]
        [ActionVersion, ExecutorId, ExecutorVersion, InputDigest, Trace, Caller, Tenant, Actor, Session, Request, Links],
    /// A worker ended behind its time-out. Changes nothing of the terminal that stands.
    LateCompletion = 100 "LATE_COMPLETION" [Outcome] [Action, OutputDigest, Error, ErrorType, Trace, Session, Tenant],
    /// A run declares what will happen in it.
    ContractDeclared = 104 "CONTRACT_DECLARED" [Name, Expectations] [Disabled, ByEvents],
    /// One more expectation of a run.
    ExpectationDeclared = 105 "EXPECTATION_DECLARED" [Domain, Action] [Instance, WithinNs, Finalising, DeclaredAt],
    /// An expected action happened, failed or was rolled back.
    ContractAck = 106 "CONTRACT_ACK" [Domain, Action, Outcome] [Instance, Result, Error, Reason, Location, Links, Via],
    /// The contract was reconciled and is closed: nothing is deleted.
    ContractClosed = 107 "CONTRACT_CLOSED" [Verdict] [Counts, Findings, AcksDropped],
    /// A deadline has passed without its acknowledgement; told once.
    ContractAlert = 108 "CONTRACT_ALERT" [Domain, Action, Standing] [Instance, DeclaredAt, Reason],
    /// A run under contract has entered a phase.
    RunPhase = 109 "RUN_PHASE" [Phase] [PhaseBefore, Reason],
    /// Payloads of runs that ended before a moment are purged: the rule, on whose authority, how many, how many bytes.
    PayloadPurge = 110 "PAYLOAD_PURGE" [PurgePolicy, Authority, BeforeNs, Count, Size] [],
    /// What a purge takes from one run. Its digests stay; its bytes are removed behind this record.
    PayloadsPurged = 111 "PAYLOADS_PURGED" [Payloads] [],
    /// A run's payloads are kept, whatever a purge asks for.
    HoldPlaced = 112 "HOLD_PLACED" [Authority, Reason] [],
    /// A hold ends.
    HoldLifted = 113 "HOLD_LIFTED" [Authority, Reason] [],
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_codes_are_unique() {
        let mut kinds: Vec<_> = Kind::ALL.iter().map(|k| k.name()).collect();
        kinds.sort_unstable();
        kinds.dedup();
        assert_eq!(kinds.len(), Kind::ALL.len());
        let mut keys: Vec<_> = Key::ALL.iter().map(|k| k.name()).collect();
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), Key::ALL.len());
    }
}
