//! What a trail is opened with.

use super::open;
use crate::clock::{Clock, SystemClock};
use crate::config;
use crate::error::{Code, Error};
use crate::fault::Planned;
use crate::governance::Alert;
use crate::governance::watch::Hook;
use crate::journal::{DiskStorage, Layout, Settings, Storage};
use crate::model::Durability;
use crate::model::digest::DigestKey;
use crate::payload::{DiskFiles, Files, Keeper, Payloads, Store};
use crate::recorder::Recorder;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Whether evidence that does not survive the process may count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Profile {
    /// Memory-only storage is refused.
    #[default]
    Production,
    /// Memory-only storage is allowed; the stream says that it is not durable.
    Development,
}

/// Options of a trail. Every one has a default that suits production.
///
/// ```no_run
/// # fn main() -> Result<(), audit_runtime::Error> {
/// use audit_runtime::{Builder, Durability};
/// let recorder = Builder::new("./audit-trail").actor("nightly import").durability(Durability::Disk).open()?;
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until open() is called"]
pub struct Builder {
    pub(super) path: Option<PathBuf>,
    pub(super) actor: Option<String>,
    pub(super) build: Option<String>,
    pub(super) durability: Durability,
    pub(super) profile: Profile,
    pub(super) settings: Settings,
    pub(super) spool: Option<PathBuf>,
    pub(super) project: bool,
    pub(super) patrol: Duration,
    pub(super) watch: Duration,
    pub(super) alert: Option<Hook>,
    pub(super) digest_key: Option<Arc<DigestKey>>,
    pub(super) mirror: Option<PathBuf>,
    pub(super) clock: Option<Arc<dyn Clock>>,
    pub(super) storage: Option<Arc<dyn Storage>>,
    pub(super) payloads: Option<Payloads>,
    pub(super) payload_files: Option<Arc<dyn Files>>,
    pub(super) running_timeout: Option<Duration>,
    pub(super) planned: Planned,
    pub(super) redis_ttl: Duration,
}

impl Builder {
    fn empty(path: Option<PathBuf>) -> Builder {
        Builder {
            path,
            actor: None,
            build: None,
            durability: Durability::Process,
            profile: Profile::Production,
            settings: Settings::default(),
            spool: None,
            project: true,
            patrol: Duration::from_secs(30),
            watch: Duration::from_secs(1),
            alert: None,
            digest_key: None,
            mirror: None,
            clock: None,
            storage: None,
            payloads: None,
            payload_files: None,
            running_timeout: None,
            planned: Default::default(),
            redis_ttl: Duration::from_secs(3600),
        }
    }

    /// A trail in this directory; it is made if there is none.
    pub fn new(path: impl AsRef<Path>) -> Builder {
        Self::empty(Some(path.as_ref().to_owned()))
    }

    /// A trail that goes with the process, for development: needs [`Profile::Development`].
    pub fn in_memory() -> Builder {
        Self::empty(None)
    }

    /// Who runs the program; stands in the stream's head and in every run.
    pub fn actor(mut self, actor: impl Into<String>) -> Builder {
        self.actor = Some(actor.into());
        self
    }

    /// What the program says of its own build: a version, a commit.
    pub fn build(mut self, build: impl Into<String>) -> Builder {
        self.build = Some(build.into());
        self
    }

    /// The least durability of node states. Run starts and ends, notes and external effects are on the device whatever
    /// this says.
    pub fn durability(mut self, durability: Durability) -> Builder {
        self.durability = durability;
        self
    }

    /// Production (the default) or development.
    pub fn profile(mut self, profile: Profile) -> Builder {
        self.profile = profile;
        self
    }

    /// The longest that a record at `Process` stays off the device; default 50 ms.
    pub fn sync_interval(mut self, interval: Duration) -> Builder {
        self.settings.sync_interval = interval;
        self
    }

    /// The longest that a caller waits for an acknowledgement; default 10 s.
    pub fn ack_timeout(mut self, timeout: Duration) -> Builder {
        self.settings.ack_timeout = timeout;
        self
    }

    /// Sizes in bytes of the first segment (default 256 KiB) and of the largest (default 64 MiB).
    pub fn segments(mut self, first: u64, largest: u64) -> Builder {
        self.settings.first_segment = first;
        self.settings.max_segment = largest;
        self
    }

    /// Bytes that may wait for the device before entries are refused; default 64 MiB.
    pub fn max_pending(mut self, bytes: usize) -> Builder {
        self.settings.max_pending = bytes;
        self
    }

    /// Where terminals go that the journal cannot take: on another disk at best. Default: inside the trail.
    pub fn spool(mut self, dir: impl AsRef<Path>) -> Builder {
        self.spool = Some(dir.as_ref().to_owned());
        self
    }

    /// Whether a thread of this process keeps the index up to date; default true. Recording never depends on it.
    pub fn project(mut self, project: bool) -> Builder {
        self.project = project;
        self
    }

    /// How often streams of dead processes are looked for while this one lives; default 30 s.
    pub fn patrol(mut self, every: Duration) -> Builder {
        self.patrol = every;
        self
    }

    /// Is called with each alert: a deadline that has passed, a watcher that died. Its record is on the device then. It
    /// runs on a thread of ours, once for each alert; a panic in it is counted in
    /// [`Health::observer_drops`](crate::recorder::Health::observer_drops) and does no harm, and while it does not return
    /// no other deadline is told.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), audit_runtime::Error> {
    /// let builder = audit_runtime::Builder::new("./audit-trail");
    /// let recorder = builder.on_alert(|alert| eprintln!("audit: {alert:?}")).open()?;
    /// # Ok(()) }
    /// ```
    pub fn on_alert(mut self, hook: impl Fn(&Alert) + Send + Sync + 'static) -> Builder {
        self.alert = Some(Hook(Arc::new(hook)));
        self
    }

    /// Keys every digest of arguments, outputs, payloads and results of this recorder, so that nobody finds a low-entropy
    /// value by trying them all: HMAC-SHA-256, with the key's id in each record. Destroying the key is erasure; the trail
    /// still verifies. Rows of a landscape are not keyed: a run that is resumed compares them.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use audit_runtime::model::digest::{DigestKey, KeyId};
    /// # let secret = [7; 32];
    /// let id = KeyId::new("2026-a").ok_or("an id")?;
    /// let key = DigestKey::new(id, &secret).ok_or("a longer secret")?;
    /// let recorder = audit_runtime::Builder::new("./audit-trail").digest_key(key).open()?;
    /// # Ok(()) }
    /// ```
    pub fn digest_key(mut self, key: DigestKey) -> Builder {
        self.digest_key = Some(Arc::new(key));
        self
    }

    /// How often the thread that watches deadlines shows that it lives; default 1 s. After two intervals without a sign
    /// of life somebody is told. Deadlines are met to the millisecond whatever this says.
    pub fn watch(mut self, every: Duration) -> Builder {
        self.watch = every;
        self
    }

    /// Also appends every acknowledged record of this process as one JSON line to this file, in the form of
    /// `audited tail --json`. A convenience for people and log shippers, never evidence: a line that cannot be written is
    /// counted in [`Health::observer_drops`](crate::recorder::Health::observer_drops) and recording goes on.
    pub fn mirror(mut self, file: impl AsRef<Path>) -> Builder {
        self.mirror = Some(file.as_ref().to_owned());
        self
    }

    /// Where times come from; default the machine's clocks.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Builder {
        self.clock = Some(clock);
        self
    }

    /// How segments are written; default the file system. Faults are injected here.
    pub fn storage(mut self, storage: Arc<dyn Storage>) -> Builder {
        self.storage = Some(storage);
        self
    }

    /// Which payloads are kept, in the payload store inside the trail; default none, and no store.
    pub fn payloads(mut self, policy: Payloads) -> Builder {
        self.payloads = Some(policy);
        self
    }

    /// How payloads are written; default the file system. Faults are injected here.
    pub fn payload_files(mut self, files: Arc<dyn Files>) -> Builder {
        self.payload_files = Some(files);
        self
    }

    /// How long a run of this program may take before the sweep and the doctor call it OVERDUE; default 1 h. It stands in
    /// each run's first record.
    pub fn running_timeout(mut self, limit: Duration) -> Builder {
        self.running_timeout = Some(limit);
        self
    }

    /// The plan of a lab. There is no other way to give a recorder one.
    #[cfg(feature = "testkit")]
    #[doc(hidden)]
    pub fn plan(mut self, plan: Arc<dyn crate::fault::Plan>) -> Builder {
        self.planned = Planned::of(plan);
        self
    }

    /// How long a Redis server keeps what the processes of a run have sent there, from the last record that one of them
    /// sent; default 1 h. Later the run's verdict is INCONCLUSIVE, with EXPIRED as the reason. Says nothing unless
    /// `AUDIT_REDIS_ENABLED` switches that meeting on.
    pub fn redis_ttl(mut self, ttl: Duration) -> Builder {
        self.redis_ttl = ttl;
        self
    }

    /// Opens the trail: makes it if need be, settles what dead processes left, begins a stream of our own.
    ///
    /// # Errors
    /// `AUD0101` to `AUD0110` and `AUD0810` configuration; `AUD02..` when the first records cannot be written.
    pub fn open(mut self) -> Result<Recorder, Error> {
        self.check()?;
        config::check()?;
        // Segments are made as long as the recorder lives, and looked for by name: a program that changes its working
        // directory meanwhile still means the same ones.
        for path in [&mut self.path, &mut self.spool, &mut self.mirror].into_iter().flatten() {
            if let Ok(absolute) = std::path::absolute(&*path) {
                *path = absolute;
            }
        }
        open::open_with(&self)
    }

    fn check(&self) -> Result<(), Error> {
        let what = "opening the trail";
        let bad = |why: &str| Err(Error::new(Code::BadOption, what).detail(why));
        if self.durability == Durability::Replicated {
            return Err(Error::new(Code::NoRemote, what));
        }
        if self.path.is_none() && self.profile == Profile::Production {
            return Err(Error::new(Code::NotDurable, what));
        }
        if self.settings.ack_timeout.is_zero() || self.settings.sync_interval.is_zero() || self.watch.is_zero() {
            return bad("times must be longer than zero");
        }
        if self.settings.first_segment < 64 * 1024 || self.settings.max_segment < self.settings.first_segment {
            return bad("the first segment has at least 64 KiB, the largest at least as much");
        }
        if self.actor.as_deref().is_some_and(|actor| actor.trim().is_empty()) {
            return bad("the actor is blank");
        }
        if self.running_timeout.is_some_and(|limit| limit.is_zero()) || self.redis_ttl.is_zero() {
            return bad("times must be longer than zero");
        }
        Ok(())
    }

    pub(super) fn the_clock(&self) -> Arc<dyn Clock> {
        self.clock.clone().unwrap_or_else(|| Arc::new(SystemClock::new()))
    }

    pub(super) fn the_storage(&self) -> Arc<dyn Storage> {
        self.storage.clone().unwrap_or_else(|| Arc::new(DiskStorage))
    }

    pub(super) fn the_payloads(&self, layout: &Layout) -> Option<Keeper> {
        let policy = self.payloads.clone()?;
        let files = self.payload_files.clone().unwrap_or_else(|| Arc::new(DiskFiles));
        Some(Keeper { policy, store: Store::at(layout.payloads_dir(), files, self.settings.ack_timeout) })
    }

    /// What a second open of the same trail must agree with.
    pub(super) fn fingerprint(&self) -> String {
        format!(
            "{:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?}",
            self.actor,
            self.build,
            self.durability,
            self.settings,
            self.spool,
            self.mirror,
            self.digest_key,
            self.payloads,
            self.running_timeout,
            self.redis_ttl
        )
    }
}
