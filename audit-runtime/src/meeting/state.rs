//! What this process knows of the server. Shared between the thread that sends, whoever reconciles, and whoever asks how
//! it is doing; nobody holds the lock while the server is asked.

use super::address::Address;
use super::table::{Met, Table};
use super::wire::Wire;
use crate::config;
use crate::contract::Doubt;
use crate::error::{Code, Error};
use crate::model::RunId;
use parking_lot::{Condvar, Mutex};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How the meeting of contracts across machines is doing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct MeetingHealth {
    /// The server answered when it was asked last.
    pub connected: bool,
    /// Records that were sent, those that were sent again among them.
    pub sent: u64,
    /// Records that stand in the journal and wait for the server.
    pub waiting: u64,
    /// Times at which the server stopped answering.
    pub outages: u64,
    /// Runs whose records were sent again because the server had lost them.
    pub lost: u64,
    /// Runs that are sent no more, because what the server holds under their name is no run.
    pub refused: u64,
    /// The last failure, for people.
    pub last: Option<String>,
}

/// A run as this process met it on the server.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lost {
    pub(crate) epoch: Option<Vec<u8>>,
    pub(crate) why: Option<Doubt>,
}

#[derive(Default)]
struct State {
    runs: BTreeMap<RunId, Lost>,
    /// Everything of our stream below this sequence that is to be sent has been sent.
    sent_below: u64,
    health: MeetingHealth,
}

/// The server, as one recorder or one reader knows it.
pub(crate) struct Meeting {
    address: Address,
    pub(crate) ttl: Duration,
    state: Mutex<State>,
    turn: Condvar,
    news: AtomicBool,
}

/// How long a reconciliation waits until our own records are there too.
const PATIENCE: Duration = Duration::from_secs(5);

impl Meeting {
    /// The server that the environment names, if contracts are to meet.
    pub(crate) fn configured(ttl: Duration) -> Result<Option<Meeting>, Error> {
        let Some(url) = config::redis_url() else { return Ok(None) };
        let address = Address::parse(&url)
            .map_err(|why| Error::new(Code::BadSetting, "reading AUDIT_REDIS_URL from the environment").detail(why))?;
        let (state, turn, news) = (Mutex::default(), Condvar::new(), AtomicBool::new(true));
        Ok(Some(Meeting { address, ttl, state, turn, news }))
    }

    pub(crate) fn connect(&self) -> Result<Table, Error> {
        Table::over(Wire::connect(&self.address)?)
    }

    pub(crate) fn health(&self) -> MeetingHealth {
        self.state.lock().health.clone()
    }

    pub(crate) fn tell(&self, change: impl FnOnce(&mut MeetingHealth)) {
        change(&mut self.state.lock().health);
        self.turn.notify_all();
    }

    /// There is something to send.
    pub(crate) fn ring(&self) {
        self.news.store(true, Ordering::Release);
        self.turn.notify_all();
    }

    /// Waits for a ring, at most this long; whether there was one.
    pub(crate) fn await_ring(&self, most: Duration) -> bool {
        let mut state = self.state.lock();
        if !self.news.load(Ordering::Acquire) {
            self.turn.wait_for(&mut state, most);
        }
        self.news.swap(false, Ordering::AcqRel)
    }

    /// Everything of our stream below this sequence is on the server.
    pub(crate) fn sent(&self, below: u64) {
        self.state.lock().sent_below = below;
        self.turn.notify_all();
    }

    pub(crate) fn knows(&self, run: RunId, seen: Lost) {
        self.state.lock().runs.insert(run, seen);
    }

    pub(crate) fn forget(&self, run: RunId) {
        self.state.lock().runs.remove(&run);
    }

    /// Blocks until what this process has recorded before is on the server; false when that takes too long.
    fn settle(&self, below: u64) -> bool {
        let until = Instant::now() + PATIENCE;
        self.ring();
        let mut state = self.state.lock();
        while state.sent_below < below {
            let failed = !state.health.connected && state.health.last.is_some();
            if failed || self.turn.wait_until(&mut state, until).timed_out() {
                return state.sent_below >= below;
            }
        }
        true
    }

    /// What the others have sent of a run. `below`: our own records below it are waited for first.
    ///
    /// # Errors
    /// `AUD0821` for something that is no record of the run. A server that does not answer is a doubt, no error.
    pub(crate) fn gather(&self, run: RunId, below: Option<u64>, local: Option<(i64, i64)>) -> Result<Met, Error> {
        let settled = below.is_none_or(|below| self.settle(below));
        let known = self.state.lock().runs.get(&run).cloned().unwrap_or_default();
        let met = self.connect().and_then(|mut table| table.get(run, known.epoch.as_deref(), local));
        match met {
            Err(error) if error.code() == Code::MeetingCorrupt => Err(error),
            Err(_) => Ok(Met { doubt: Some(Doubt::Unreachable), ..Met::default() }),
            Ok(met) => {
                let unsent = (!settled).then_some(Doubt::Unreachable);
                Ok(Met { doubt: met.doubt.or(known.why).or(unsent), ..met })
            }
        }
    }
}
