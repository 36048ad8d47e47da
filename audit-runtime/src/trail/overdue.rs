//! Runs that take longer than they may. A run whose process lives is OVERDUE and nothing else: it is ABANDONED once its
//! owner is gone, and recovery says so.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::finding::{Finding, Weight};
use super::open::Trail;
use super::runs::RunView;
use super::text;

/// How long a run may take when nobody has said otherwise.
const RUNNING_TIMEOUT: Duration = Duration::from_secs(3600);

/// What ages are judged by.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Limits {
    now_ns: Option<i64>,
    running: Option<Duration>,
}

impl Trail {
    /// Judges ages as of this wall time instead of the machine's; ages are for people, so wall time it is.
    #[must_use]
    pub fn as_of(mut self, wall_ns: i64) -> Trail {
        self.limits.now_ns = Some(wall_ns);
        self
    }

    /// How long any run may take before it is OVERDUE, whatever its program said. Without this, what the program said with
    /// [`Builder::running_timeout`](crate::session::Builder::running_timeout), else 1 h.
    #[must_use]
    pub fn running_timeout(mut self, limit: Duration) -> Trail {
        self.limits.running = Some(limit);
        self
    }

    /// The wall time that ages are judged by.
    pub(super) fn now_ns(&self) -> i64 {
        let machine = || {
            let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
        };
        self.limits.now_ns.unwrap_or_else(machine)
    }

    /// The finding of a run that is under way for longer than it may.
    pub(super) fn overdue(&self, run: &RunView) -> Option<Finding> {
        if run.status != "RUNNING" || run.lives != Some(true) {
            return None;
        }
        let limit = self.limits.running.or(run.running_timeout).unwrap_or(RUNNING_TIMEOUT);
        let age = u64::try_from(self.now_ns().saturating_sub(run.started_at?)).unwrap_or(0);
        let allowed = u64::try_from(limit.as_nanos()).unwrap_or(u64::MAX);
        (age > allowed).then(|| {
            let message = format!(
                "OVERDUE: its process lives, and it has been under way for {}; it may take {}",
                text::duration(age),
                text::duration(allowed)
            );
            Finding::new("OVERDUE", Weight::Problem, run.id.as_str(), message)
        })
    }
}
