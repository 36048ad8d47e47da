//! Examples, one program per task. `cargo run --release --example flights` is the first to try.

#![forbid(unsafe_code)]

pub mod http;

use std::path::{Path, PathBuf};

/// Where the input and the look-ups lie that come with the project.
#[must_use]
pub fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("data")
}

/// The code that the pages show is compiled as it stands there.
#[cfg(doctest)]
mod pages {
    #[doc = include_str!("../../README.md")]
    struct Readme;
    #[doc = include_str!("../../docs/adoption.md")]
    struct Adoption;
    #[doc = include_str!("../../docs/tracing.md")]
    struct Tracing;
}
