//! What we cost at build time: crates in the graph, and a clean development build against one of what any such library
//! would need alone.

use crate::harness::{Outcome, median};
use crate::row::{Mark, Row};
use crate::trails;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

/// Builds of each side; a build takes longer than what disturbs it, so fewer pairs do.
const PAIRS: usize = 3;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn cargo(dir: &Path) -> Command {
    let mut cargo = Command::new("cargo");
    cargo.current_dir(dir).args(["--quiet", "--offline"]);
    cargo
}

/// Crates that a build of this package compiles, itself included.
fn crates(package: &str) -> Outcome<f64> {
    let mut tree = Command::new("cargo");
    tree.current_dir(root()).args(["tree", "--offline", "-e", "normal", "--prefix", "none", "--format", "{p}", "-p"]);
    let out = tree.arg(package).output()?;
    let text = String::from_utf8(out.stdout)?;
    let names: BTreeSet<_> = text.lines().map(|line| line.trim_end_matches(" (*)")).filter(|l| !l.is_empty()).collect();
    if names.is_empty() {
        return Err(format!("cargo tree says nothing of {package}").into());
    }
    Ok(names.len() as f64)
}

/// Seconds of a clean development build, as users of a released crate have it: cargo builds what it took from a registry
/// without the bookkeeping of incremental builds.
fn build(dir: &Path, arguments: &[&str]) -> Outcome<f64> {
    let target = trails::on_disk()?;
    let start = Instant::now();
    let mut cargo = cargo(dir);
    cargo.arg("build").args(arguments).env("CARGO_INCREMENTAL", "0").env("CARGO_TARGET_DIR", target.path());
    let status = cargo.status()?;
    if !status.success() {
        return Err(format!("building in {} failed", dir.display()).into());
    }
    Ok(start.elapsed().as_secs_f64())
}

/// A package that needs what we need at least, at the versions that our lock file names.
fn alone(dir: &Path) -> Outcome<()> {
    fs::create_dir_all(dir.join("src"))?;
    fs::write(dir.join("src/lib.rs"), "//! Empty.\n")?;
    fs::write(
        dir.join("Cargo.toml"),
        "[package]\nname = \"alone\"\nversion = \"0.0.0\"\nedition = \"2024\"\n[workspace]\n[dependencies]\n\
         rusqlite = { version = \">=0.32, <0.42\", default-features = false, features = [\"bundled\"] }\n\
         serde = { version = \"1\", features = [\"derive\"] }\ntracing = \"0.1\"\n\
         [profile.dev]\ndebug = \"line-tables-only\"\n",
    )?;
    fs::copy(root().join("Cargo.lock"), dir.join("Cargo.lock"))?;
    Ok(())
}

/// The bench.
pub fn run() -> Outcome<Vec<Row>> {
    let macros = crates("audit-macros")?;
    let runtime = crates("audit-runtime")?;
    let place = trails::on_disk()?;
    alone(place.path())?;
    let mut times = Vec::new();
    for _ in 0..PAIRS {
        let ours = build(&root(), &["-p", "audit-runtime"])?;
        times.push((ours, build(place.path(), &[])?));
    }
    let ratios = || times.iter().map(|(ours, peer)| ours / peer);
    let mut row = Row::figure(
        "build",
        "clean dev build of rusqlite bundled + serde + tracing alone",
        "s",
        median(times.iter().map(|(ours, _)| *ours)),
        median(times.iter().map(|(_, peer)| *peer)),
        Mark::AtMost(1.5),
    );
    row.ratio = median(ratios());
    row.spread = (ratios().fold(f64::INFINITY, f64::min), ratios().fold(0.0, f64::max));
    row.pairs = PAIRS;
    Ok(vec![
        Row::figure("build", "5 crates for audit-macros", "crates", macros, 5.0, Mark::AtMost(1.0)),
        Row::figure("build", "45 crates for audit-runtime", "crates", runtime, 45.0, Mark::AtMost(1.0)),
        row,
    ])
}
