//! The typed vocabulary of pipelines: a declared graph, rows, tokens that travel, and exactly one terminal outcome for
//! each of them.
//!
//! | file | noun |
//! |---|---|
//! | `graph` | nodes and edges, declared and sealed before the first row |
//! | `token` | a travelling instance of a row; its outcomes |
//! | `group` | forks and expansions: one record, all children |
//! | `visit` | a token at a node; its routing |
//! | `call` | one exchange with the outside |
//! | `operation` | source or sink work without a token |
//! | `batch` | tokens gathered and released together |
//! | `join` | branches that wait for each other at a merge |
//! | `sink` | writes that are durable by type; receipts, artifacts, checkpoints |
//! | `resume` | rows, tokens and batches of a run's earlier processes, given back |
//! | `doubt` | sink writes of earlier processes: finalised, or read back |
//! | `reread` | a run's past, from the journal |
//! | `write` | how all of these reach the recorder |
//! | `misuse` | what is asked for by mistake, and what to do instead |
//!
//! ```no_run
//! use audit_runtime::landscape::{Determinism, NodeKind};
//! # fn main() -> Result<(), audit_runtime::Error> {
//! let recorder = audit_runtime::open("./audit-trail")?;
//! let run = recorder.begin_run("nightly")?;
//! let mut graph = run.pipeline();
//! let source = graph.node("orders.csv", NodeKind::Source, Determinism::IoRead);
//! let clean = graph.node("clean", NodeKind::Transform, Determinism::Deterministic);
//! graph.edge(source, "continue", clean);
//! let land = graph.seal()?;
//! for (line, text) in ["a;1", "b;2"].iter().enumerate() {
//!     let token = land.row(source, &line.to_string(), text)?;
//!     let visit = token.enter(clean)?;
//!     let token = visit.complete()?;
//!     token.filtered()?;
//! }
//! run.finish()?;
//! # Ok(()) }
//! ```

mod batch;
mod call;
mod doubt;
mod graph;
mod group;
mod join;
mod misuse;
mod operation;
mod reread;
mod resume;
mod sink;
mod token;
mod visit;
mod write;

pub use batch::{Batch, Executing, FailedBatch};
pub use call::{Call, CallParent, ParentOfCall};
pub use doubt::{InDoubt, ReadBack};
pub use graph::{Landscape, Node, Pipeline};
pub use join::{Arrival, Join, Policy, WaitOver};
pub use operation::Operation;
pub(crate) use reread::past;
pub use resume::{Again, RowInFlight};
pub use sink::{Delivered, Durable, Prepared, SinkBatch, SinkFailure, SinkReceipt, Written};
pub use token::{Rejected, Token};
pub use visit::Visit;

pub use crate::ledger::Origin;
pub use crate::model::graph::{CallKind, Determinism, Mode, NodeKind, Trigger};
