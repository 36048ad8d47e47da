//! A trail of one test: opened in a fresh directory, read back from disk.

use audit_runtime::clock::{Clock, ManualClock};
use audit_runtime::governance::{
    Action, Authorization, Catalog, Decision, Executor, GateReason, Limits, Order, Profile, Reason, Rules,
};
use audit_runtime::journal::{Committed, Layout, Reader};
use audit_runtime::model::cbor::Value;
use audit_runtime::model::{Id, Key, Kind, Record};
use audit_runtime::{Builder, Code, Error, Evidence, Recorder};
use serde::Serialize;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

/// A record with its place.
#[derive(Clone, Debug)]
pub struct Told {
    pub id: Id,
    pub record: Record,
}

impl Told {
    pub fn text(&self, key: Key) -> &str {
        self.record.body.text(key).unwrap_or("")
    }

    pub fn texts(&self, key: Key) -> Vec<String> {
        let items = self.record.body.get(key).and_then(Value::as_array).unwrap_or_default();
        items.iter().filter_map(Value::as_text).map(str::to_owned).collect()
    }

    pub fn status(&self) -> &'static str {
        self.record.header.status.name()
    }

    pub fn trace(&self) -> Vec<u8> {
        self.record.body.bytes(Key::Trace).unwrap_or_default().to_vec()
    }
}

/// A trail and its recorder.
pub struct Trail {
    dir: tempfile::TempDir,
    pub recorder: Recorder,
}

impl Trail {
    pub fn new() -> Trail {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let recorder = audit_runtime::open(dir.path().join("trail")).expect("a fresh trail opens");
        Trail { dir, recorder }
    }

    /// A trail whose clock moves only when it is told to.
    pub fn with_clock() -> (Trail, Arc<ManualClock>) {
        let clock = Arc::new(ManualClock::at(1_700_000_000_000_000_000));
        (Trail::built(|builder| builder.clock(Arc::clone(&clock) as Arc<dyn Clock>)), clock)
    }

    /// A trail with options.
    pub fn built(options: impl FnOnce(Builder) -> Builder) -> Trail {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let recorder = options(Builder::new(dir.path().join("trail"))).open().expect("a fresh trail opens");
        Trail { dir, recorder }
    }

    /// Closes the stream and opens the trail again.
    pub fn restart(&mut self) {
        self.recorder.close().expect("a clean end");
        self.recorder = audit_runtime::open(self.path()).expect("the trail opens again");
    }

    pub fn path(&self) -> PathBuf {
        self.dir.path().join("trail")
    }

    /// Every record that counts, as it stands on disk, in the order of each stream.
    pub fn records(&self) -> Vec<Told> {
        records(&self.path())
    }

    pub fn of(&self, kind: Kind) -> Vec<Told> {
        self.records().into_iter().filter(|told| told.record.header.kind == kind).collect()
    }

    /// `event_type STATUS` of the gate's and actions' records, in order.
    pub fn story(&self) -> Vec<String> {
        let code = |told: &Told| told.record.header.kind.code();
        let records = self.records();
        let governed = records.iter().filter(|told| (96..=103).contains(&code(told)));
        governed.map(|told| format!("{} {}", told.record.header.kind.name(), told.status())).collect()
    }

    /// Every byte of every file of the trail.
    pub fn bytes(&self) -> Vec<u8> {
        let (mut all, mut folders) = (Vec::new(), vec![self.path()]);
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
                match entry.path() {
                    path if path.is_dir() => folders.push(path),
                    path => all.extend(std::fs::read(path).unwrap_or_default()),
                }
            }
        }
        all
    }

    /// The verifier's opinion of the whole trail.
    pub fn is_intact(&self) -> bool {
        let layout = Layout::at(self.path());
        audit_runtime::trail::verify(&layout, &mut |_| {}).expect("a readable trail").is_intact()
    }
}

pub fn records(path: &std::path::Path) -> Vec<Told> {
    let layout = Layout::at(path);
    let mut all = Vec::new();
    for stream in layout.streams().expect("streams") {
        let mut committed = Committed::new(Reader::open(&layout, stream).expect("a readable stream"));
        while let Some(counted) = committed.next().expect("sound records") {
            all.push(Told { id: Id::new(stream, counted.seq), record: counted.record });
        }
    }
    all
}

/// What may be transferred.
#[derive(Clone, Debug, Serialize)]
pub struct Transfer {
    pub amount: u64,
    pub to: String,
}

pub fn transfer(amount: u64) -> Transfer {
    Transfer { amount, to: "acc-7".into() }
}

/// The policy: an upper limit.
#[derive(Clone, Debug, Serialize)]
pub struct Policy {
    pub limit: u64,
}

pub fn profile(limit: u64) -> Profile<Policy> {
    Profile::new("payments", Policy { limit }, ["send", "crooked", "undeclared"]).expect("a profile")
}

audit_runtime::reason_codes! {
    /// Why a transfer is denied.
    pub enum Refusal {
        /// More than the profile allows.
        OverLimit = "OVER_LIMIT", was "AMOUNT_TOO_HIGH";
        /// The recipient has no account.
        NoAccount = "NO_ACCOUNT";
    }
}

/// The rules of the payments gate.
pub fn judge(policy: &Policy, transfer: &Transfer) -> Decision {
    let mut rules = Rules::new();
    rules.ran("has_recipient", !transfer.to.is_empty());
    if rules.ran("over_limit", transfer.amount > policy.limit) {
        let limit = policy.limit.to_string();
        return Decision::deny(Reason::new(Refusal::OverLimit, "above the limit").evidence("limit", &limit), rules);
    }
    Decision::allow(rules)
}

/// An error with codes of its own.
#[derive(Debug)]
pub enum RuleFault {
    Unreachable,
    Odd(String),
}

impl fmt::Display for RuleFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RuleFault::Unreachable => f.write_str("the list service is away"),
            RuleFault::Odd(what) => write!(f, "odd: {what}"),
        }
    }
}

impl Evidence for RuleFault {
    fn error_code(&self) -> &str {
        match self {
            RuleFault::Unreachable => "LIST_UNREACHABLE",
            RuleFault::Odd(_) => "LIST_ODD",
        }
    }
}

pub fn catalog() -> Catalog {
    Catalog::new()
        .action(Action::new("send", "1.2.0").needs("ledger").limits(Limits { bytes: 200, depth: 4, list: 8 }))
        .action(Action::new("crooked", "1.0.0").needs("magic"))
        .action(Action::new("other", "1.0.0"))
        .executor(Executor::new("bank", "3.1.4").provides("ledger"))
}

pub const SEND: Order<'static> =
    Order { action: "send", version: "1.2.0", executor: "bank", executor_version: "3.1.4" };

/// A transfer that was allowed.
pub fn allowed(trail: &Trail, transfer: &Transfer) -> Authorization {
    let profile = profile(100);
    let ruling = trail.recorder.gate(&profile).decide(transfer, judge).expect("a recorded decision");
    ruling.allowed().expect("an ALLOW")
}

/// A reason that is at hand.
pub fn any_reason() -> Reason {
    Reason::new(GateReason::AdminSignalForbidden, "no")
}

pub fn is_refusal(error: &Error) -> bool {
    error.is_refused() || error.code() == Code::NotDigestible
}
