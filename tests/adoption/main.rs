//! An existing codebase annotated without an edit elsewhere: two published crates, every function of theirs annotated by
//! a script, run by their own tests and driven by the testkit.
//!
//! | file | noun |
//! |---|---|
//! | `copies` | the crates' sources, copied, annotated and built |
//! | `own_tests` | what their own tests say is the same, and the catalogue counts the functions |
//! | `driven` | what a matrix over them finds |
//!
//! Needs the registry once; the sources are fetched by cargo and never committed.

mod copies;
mod driven;
mod own_tests;

#[path = "../../audited-cli/src/surface.rs"]
#[allow(dead_code)]
mod surface;
