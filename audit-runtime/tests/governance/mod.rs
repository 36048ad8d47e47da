//! Gates, actions, correlation, contracts and the phases of a run.

mod action;
mod contract;
mod declared;
mod gate;
mod kernel;
mod trail;
