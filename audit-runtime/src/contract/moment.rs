//! Times that can be compared. Within one stream the monotonic clock decides; across streams there is only wall time.

use crate::model::StreamId;
use std::time::Duration;

/// When something was recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Moment {
    /// The stream whose monotonic clock this is.
    pub stream: StreamId,
    /// Nanoseconds since that stream began.
    pub mono_ns: u64,
    /// Wall time, nanoseconds since 1970 UTC.
    pub wall_ns: i64,
}

impl Moment {
    /// Nanoseconds from `earlier` to this moment; negative when this one came first.
    #[must_use]
    pub fn since(&self, earlier: &Moment) -> i128 {
        if self.stream == earlier.stream {
            i128::from(self.mono_ns) - i128::from(earlier.mono_ns)
        } else {
            i128::from(self.wall_ns) - i128::from(earlier.wall_ns)
        }
    }

    /// How far this moment lies behind `start + within`; `None` when it does not.
    #[must_use]
    pub fn beyond(&self, start: &Moment, within: Duration) -> Option<Duration> {
        let over = self.since(start) - i128::try_from(within.as_nanos()).unwrap_or(i128::MAX);
        u64::try_from(over).ok().filter(|over| *over > 0).map(Duration::from_nanos)
    }

    /// The time that is left at this moment until `start + within`; zero when it is over.
    #[must_use]
    pub fn left(&self, start: &Moment, within: Duration) -> Duration {
        let left = i128::try_from(within.as_nanos()).unwrap_or(i128::MAX) - self.since(start);
        Duration::from_nanos(u64::try_from(left.max(0)).unwrap_or(u64::MAX))
    }
}
