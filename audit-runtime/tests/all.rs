//! What the runtime promises, through the doors that its users have; one module per promise.

#![forbid(unsafe_code)]

mod format;
mod governance;
mod layer;
mod storage;
