//! The one line for a program that already uses `tracing`: opens the trail, installs the recorder for the whole process,
//! mirrors audited calls as spans and keeps the program's own events as evidence.
//!
//! ```no_run
//! use audit_runtime::AuditLayer;
//! use tracing_subscriber::prelude::*;
//!
//! # fn main() -> Result<(), audit_runtime::Error> {
//! let layer = AuditLayer::open("./audit-trail")?;
//! let guard = layer.guard();
//! tracing_subscriber::registry().with(layer).init();
//! // audited work, ordinary `tracing::info!` inside it
//! guard.close()
//! # }
//! ```
//!
//! Recording never goes through `tracing`: an audited call speaks to the recorder directly, and the layer is told of
//! what was acknowledged. No filter, scoped subscriber, missing subscriber or compile-time level can lose a record.
//! What a filter can take away is evidence and the mirror, which are the program's own telemetry.
//!
//! ```text
//! audited call ──→ recorder ──acknowledged──→ mirror ──→ spans of the subscriber that holds the layer
//! tracing event inside an audited call ──→ evidence ──→ recorder
//! ```
//!
//! | file | noun |
//! |---|---|
//! | `subscriber` | the layer itself: opened, attached, asked for its options |
//! | `mirror` | acknowledged records as spans and events |
//! | `evidence` | ordinary events as records of the node state they happened in |
//! | `acks` | events that acknowledge an action of a contract |

mod acks;
mod evidence;
mod mirror;
mod subscriber;

pub use acks::ACK_TARGET;
pub use subscriber::{AuditLayer, LayerGuard};
