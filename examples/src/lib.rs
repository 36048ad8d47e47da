//! Examples, one program per task. `cargo run --release --example flights` is the first to try.

#![forbid(unsafe_code)]

pub mod http;
