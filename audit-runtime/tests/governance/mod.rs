//! Gates, actions, correlation, contracts and the phases of a run.

mod action;
mod gate;
mod trail;
