//! A purge, step by step. What is on disk when we stop:
//!
//! ```text
//! whole lock of the store ─ what every run names, read from the journal
//!   ─ PAYLOAD_PURGE, then PAYLOADS_PURGED for each run, on the device      a kill before: nothing has happened
//!   ─ files removed                                                        a kill here: files that no record names any
//!                                                                          more; the next purge removes them
//! ```

use crate::error::{Code, Error};
use crate::model::cbor::Value;
use crate::model::{BodyWriter, Durability, Id, Key, Kind, RunId};
use crate::payload::{DiskFiles, Store, Stored};
use crate::recorder::Recorder;
use crate::trail::{Json, PurgePlan, Trail};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// Digests that one record names at most: it stays below 1 MiB.
const NAMED: usize = 20_000;

/// The longest wait for those who place payloads.
const PATIENCE: Duration = Duration::from_secs(10);

/// What to purge, by which rule, on whose authority.
#[derive(Clone, Debug)]
pub struct Purge {
    older_than: Duration,
    policy: String,
    authority: String,
}

/// What a purge came to, or would come to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PurgeReport {
    /// The record of the purge; none for a preview.
    pub purge: Option<Id>,
    /// Runs must have ended before this wall time, ns.
    pub before_ns: i64,
    /// Runs that lose payloads.
    pub runs: u64,
    /// Payloads that are gone, each counted once.
    pub payloads: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Payloads that stay because a run that has not expired names them.
    pub shared: u64,
    /// Expired runs that stay because they are held.
    pub held: u64,
    /// Files besides, which no record names: left by those who died before their record stood.
    pub unnamed: u64,
}

impl PurgeReport {
    /// The report as JSON.
    #[must_use]
    pub fn json(&self) -> Json {
        Json::object([
            ("purge", self.purge.map(|id| format!("{id:#}")).into()),
            ("before", crate::trail::text::time(self.before_ns).into()),
            ("runs", self.runs.into()),
            ("payloads", self.payloads.into()),
            ("bytes", self.bytes.into()),
            ("shared", self.shared.into()),
            ("held", self.held.into()),
            ("unnamed", self.unnamed.into()),
        ])
    }
}

impl Purge {
    /// Takes payloads of runs that ended longer ago than this. Policy and authority stand in the purge's record.
    #[must_use]
    pub fn new(older_than: Duration, policy: &str, authority: &str) -> Purge {
        Purge { older_than, policy: policy.to_owned(), authority: authority.to_owned() }
    }
}

/// The moment before which a run must have ended.
fn before(now_ns: i64, older_than: Duration) -> i64 {
    now_ns.saturating_sub(i64::try_from(older_than.as_nanos()).unwrap_or(i64::MAX))
}

/// What a purge at this wall time would take. Writes nothing.
///
/// # Errors
/// As [`Recorder::purge`].
pub fn preview(trail: &Trail, now_ns: i64, older_than: Duration) -> Result<PurgeReport, Error> {
    let before_ns = before(now_ns, older_than);
    let store = Store::at(trail.path().join("payloads"), Arc::new(DiskFiles), PATIENCE);
    let plan = trail.purge_plan(before_ns)?;
    Ok(Doomed::of(&plan, &store)?.report(&plan, before_ns))
}

/// The files that go.
struct Doomed {
    named: Vec<Stored>,
    unnamed: Vec<Stored>,
}

impl Doomed {
    fn of(plan: &PurgePlan, store: &Store) -> Result<Doomed, Error> {
        let removed = plan.removed();
        let goes =
            |file: &Stored| file.digest.is_none_or(|digest| removed.contains(&digest) || !plan.stays.contains(&digest));
        let files = store.files()?.into_iter().filter(goes);
        let (named, unnamed) = files.partition(|file| file.digest.is_some_and(|digest| removed.contains(&digest)));
        Ok(Doomed { named, unnamed })
    }

    fn report(&self, plan: &PurgePlan, before_ns: i64) -> PurgeReport {
        PurgeReport {
            purge: None,
            before_ns,
            runs: plan.runs.len() as u64,
            payloads: plan.removed().len() as u64,
            bytes: self.named.iter().map(|file| file.bytes).sum(),
            shared: plan.shared,
            held: plan.held,
            unnamed: self.unnamed.len() as u64,
        }
    }
}

impl Recorder {
    /// The store of this trail, whether or not this recorder keeps payloads itself.
    pub(super) fn payload_store(&self) -> Store {
        match &self.0.payloads {
            Some(keeper) => keeper.store.clone(),
            None => Store::at(self.0.layout.payloads_dir(), Arc::new(DiskFiles), PATIENCE),
        }
    }

    /// Removes payloads that only runs name which ended long enough ago and are not held. Digests stay, and so does a record
    /// of the purge: its range, policy and authority, and what each run lost. Nobody places payloads meanwhile.
    ///
    /// # Errors
    /// `AUD0402` for a blank policy or authority; `AUD0724` while others use the store; `AUD0725` when records cannot be
    /// read; refused when the records cannot be written: nothing has happened then. `AUD0726` when bytes could not be
    /// removed behind the records.
    pub fn purge(&self, purge: &Purge) -> Result<PurgeReport, Error> {
        const DOING: &str = "purging payloads";
        for (name, text) in [("policy", &purge.policy), ("authority", &purge.authority)] {
            if text.trim().is_empty() {
                return Err(Error::new(Code::MissingField, DOING).detail(name));
            }
        }
        let store = self.payload_store();
        let alone = store.alone()?;
        let before_ns = before(self.clock().wall_ns(), purge.older_than);
        let plan = Trail::open(self.path())?.purge_plan(before_ns)?;
        let doomed = Doomed::of(&plan, &store)?;
        let mut report = doomed.report(&plan, before_ns);
        report.purge = Some(self.record_purge(purge, &plan, &report)?);
        let mut failure = None;
        for file in doomed.named.iter().chain(&doomed.unnamed) {
            // The others go whatever becomes of this one.
            failure = store.remove(file).err().or(failure);
        }
        drop(alone);
        match failure {
            Some(cause) => Err(Error::io(Code::PurgeUnfinished, DOING, cause)),
            None => Ok(report),
        }
    }

    fn record_purge(&self, purge: &Purge, plan: &PurgePlan, report: &PurgeReport) -> Result<Id, Error> {
        let scrubbed = |text: &str| crate::model::scrub::scrub_error_text(text);
        self.flush_gaps();
        let mut body = BodyWriter::new();
        body.text(Key::PurgePolicy, &scrubbed(&purge.policy))
            .text(Key::Authority, &scrubbed(&purge.authority))
            .uint(Key::BeforeNs, u64::try_from(report.before_ns).unwrap_or(0))
            .uint(Key::Count, report.payloads)
            .uint(Key::Size, report.bytes);
        let mut header = self.header(Kind::PayloadPurge);
        header.durability = Durability::Disk;
        let seq = self.point(header, &body.finish())?;
        let id = Id::new(self.stream(), seq);
        for (run, payloads) in &plan.runs {
            for piece in payloads.chunks(NAMED) {
                self.record_loss(id, RunId(*run), piece)?;
            }
        }
        Ok(id)
    }

    fn record_loss(&self, purge: Id, run: RunId, payloads: &[[u8; 32]]) -> Result<(), Error> {
        let list: BTreeSet<&[u8; 32]> = payloads.iter().collect();
        let mut body = BodyWriter::new();
        body.value(
            Key::Payloads,
            &Value::Array(list.into_iter().map(|digest| Value::Bytes(digest.to_vec())).collect()),
        );
        let mut header = self.header(Kind::PayloadsPurged);
        header.durability = Durability::Disk;
        header.run = run;
        header.parent = purge;
        self.point(header, &body.finish()).map(drop)
    }
}
