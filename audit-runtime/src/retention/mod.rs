//! What leaves the payload store, when, and on whose authority; and what no purge may touch.
//!
//! | file | noun |
//! |---|---|
//! | `purge` | payloads of runs that ended long ago |
//! | `hold` | runs whose payloads stay |
//!
//! ```no_run
//! use audit_runtime::retention::Purge;
//! use std::time::Duration;
//! # fn main() -> Result<(), audit_runtime::Error> {
//! let recorder = audit_runtime::open("./audit-trail")?;
//! let ninety_days = Duration::from_secs(90 * 24 * 3600);
//! let report = recorder.purge(&Purge::new(ninety_days, "rows are kept for 90 days", "data protection officer"))?;
//! println!("{} payloads of {} runs are gone", report.payloads, report.runs);
//! # Ok(()) }
//! ```

mod hold;
mod purge;

pub use purge::{Purge, PurgeReport, preview};
