//! Gates, actions, correlation, contracts and the phases of a run.

mod action;
mod annotated;
mod bad_input;
mod claims;
mod contract;
mod declared;
mod explain;
mod gate;
mod held;
mod kernel;
mod live;
mod metrics;
mod onevalue;
mod orders;
mod statistics;
mod trail;
mod watch;

pub(crate) use trail::records;
