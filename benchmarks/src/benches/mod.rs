//! One file a bench.

use crate::harness::Outcome;
use crate::row::Row;

pub mod budget;
pub mod compile;
pub mod digest;
pub mod disarmed;
pub mod disk;
pub mod disk_one;
pub mod kill_safe;
pub mod landscape;
pub mod lookup;
pub mod mixed;
pub mod off;
pub mod project;
pub mod recover;
pub mod verify;

/// A bench: it may compare with several peers, one row each.
type Bench = fn() -> Outcome<Vec<Row>>;

/// Every bench by its name, in the order in which they run.
pub const ALL: &[(&str, Bench)] = &[
    ("off", off::run),
    ("kill_safe", kill_safe::run),
    ("disk_1", disk_one::run),
    ("disk_8", || disk::run(8)),
    ("disk_64", || disk::run(64)),
    ("disk_512", || disk::run(512)),
    ("digest_200", || digest::run(200)),
    ("digest_2k", || digest::run(2000)),
    ("mixed", mixed::run),
    ("verify", verify::run),
    ("recover", recover::run),
    ("project", project::run),
    ("lookup", lookup::run),
    ("landscape", landscape::run),
    ("year_memory", landscape::year_memory),
    ("disarmed", disarmed::run),
    ("build", budget::run),
    ("compile", compile::run),
];

/// Benches that take minutes and run only when they are named.
pub const ON_REQUEST: &[&str] = &["disarmed", "build", "compile"];
