//! What the testkit costs where it is compiled in and nothing is planned: two programs from one source, built with and
//! without it, in turns.
//!
//! The question is of a few instructions within a call that writes two records, so all else is kept out: the trail is in
//! memory, there are eight copies of each function at as many places, and a copy's time is the quickest of its windows.

use crate::harness::{Comparison, Outcome, pairs};
use crate::row::{Mark, Row};
use crate::trails;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What is called, what it is, and how often in a window.
const CALLS: [(&str, &str, u64); 4] = [
    ("sync", "a function with a `?`, recorded at Process", 2_000),
    ("async", "a future with an await and a `?`, recorded at Process", 2_000),
    ("sync-off", "the function, no recorder", 200_000),
    ("async-off", "the future, no recorder", 200_000),
];

/// Starts of a program whose quickest counts.
const STARTS: usize = 5;

/// The bench.
pub fn run() -> Outcome<Vec<Row>> {
    let place = trails::on_disk()?;
    let programs = build(place.path())?;
    let memory = trails::in_memory()?;
    CALLS.iter().map(|call| compare(memory.path(), &programs, call)).collect()
}

fn compare(dir: &Path, programs: &[PathBuf; 2], call: &(&str, &str, u64)) -> Outcome<Row> {
    let ([plain, armed], &(call, peer, calls)) = (programs, call);
    let peer = format!("the same without the testkit: {peer}");
    let what = Comparison { bench: "disarmed", peer: &peer, unit: "ns/call", mark: Mark::AtMost(1.05) };
    // A start of a program places its stack and its code by lot: the quickest of some is the call's own.
    let best = |program: &Path| -> Outcome<f64> {
        let starts = (0..STARTS).map(|_| nanoseconds(program, call, calls, &dir.join("trail")));
        Ok(starts.collect::<Outcome<Vec<f64>>>()?.into_iter().fold(f64::INFINITY, f64::min))
    };
    pairs(&what, || best(armed), || best(plain))
}

/// Processor time of a call, as the program itself measures it.
fn nanoseconds(program: &Path, call: &str, calls: u64, trail: &Path) -> Outcome<f64> {
    let out = Command::new(program).arg(call).arg(calls.to_string()).arg(trail).output()?;
    if !out.status.success() {
        return Err(format!("{} {call}: {}", program.display(), String::from_utf8_lossy(&out.stderr)).into());
    }
    if trail.exists() {
        fs::remove_dir_all(trail)?;
    }
    Ok(String::from_utf8(out.stdout)?.trim().parse()?)
}

/// The two programs. Each is a member of its own, so that cargo builds the runtime once for each.
fn build(dir: &Path) -> Outcome<[PathBuf; 2]> {
    let root = fs::canonicalize(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))?;
    let profile = "[profile.release]\ndebug = \"line-tables-only\"\n";
    let workspace = format!("[workspace]\nresolver = \"3\"\nmembers = [\"plain\", \"armed\"]\n{profile}");
    fs::write(dir.join("Cargo.toml"), workspace)?;
    fs::copy(root.join("Cargo.lock"), dir.join("Cargo.lock"))?;
    let names = [("plain", ""), ("armed", "\"testkit\"")];
    // Both members first: cargo reads all of a workspace before it builds one of them.
    for (name, features) in names {
        let member = dir.join(name);
        fs::create_dir_all(member.join("src"))?;
        let manifest = format!(
            "[package]\nname = \"{name}\"\nversion = \"0.0.0\"\nedition = \"2024\"\n[dependencies]\n\
             audit-runtime = {{ path = {:?}, features = [{features}] }}\n\
             rustix = {{ version = \"1\", features = [\"time\"] }}\n",
            root.join("audit-runtime"),
        );
        fs::write(member.join("Cargo.toml"), manifest)?;
        fs::write(member.join("src").join("main.rs"), PROGRAM)?;
    }
    let mut programs = [PathBuf::new(), PathBuf::new()];
    for (at, (name, _)) in names.into_iter().enumerate() {
        let mut cargo = Command::new("cargo");
        cargo.args(["build", "--quiet", "--offline", "--release", "-p", name]).current_dir(dir);
        if !cargo.env("CARGO_TARGET_DIR", dir.join("target")).status()?.success() {
            return Err(format!("building the program {name} failed").into());
        }
        programs[at] = dir.join("target").join("release").join(name);
    }
    Ok(programs)
}

/// The program: so many calls of one sort, and their time.
const PROGRAM: &str = r#"#![forbid(unsafe_code)]
use audit_runtime::{Builder, audited};
use std::future::Future;
use std::hint::black_box;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

#[derive(Debug)]
pub struct Failure;
impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { f.write_str("failed") }
}
impl From<audit_runtime::Error> for Failure {
    fn from(_: audit_runtime::Error) -> Failure { Failure }
}

#[inline(never)]
fn odd(n: u64) -> Result<u64, Failure> {
    if n == u64::MAX { Err(Failure) } else { Ok(n.wrapping_mul(31)) }
}

#[inline(never)]
#[audited]
fn call<const N: u64>(n: u64) -> Result<u64, Failure> {
    let n = odd(black_box(n))?;
    Ok(n + N)
}

#[audited]
async fn later<const N: u64>(n: u64) -> Result<u64, Failure> {
    let n = odd(std::future::ready(black_box(n)).await)?;
    Ok(n + N)
}

#[inline(never)]
fn finish<const N: u64>(n: u64) -> Result<u64, Failure> {
    let mut work = pin!(later::<N>(n));
    let mut cx = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(out) = work.as_mut().poll(&mut cx) { return out; }
    }
}

type Call = fn(u64) -> Result<u64, Failure>;
macro_rules! eight {
    ($f:ident) => { [$f::<0>, $f::<1>, $f::<2>, $f::<3>, $f::<4>, $f::<5>, $f::<6>, $f::<7>] };
}

fn seconds() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

fn window(function: Call, calls: u64) -> f64 {
    let start = seconds();
    (0..calls).for_each(|n| drop(black_box(function(n))));
    (seconds() - start) * 1e9 / calls as f64
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, sort, calls, trail] = arguments.as_slice() else { return Err("SORT CALLS TRAIL".into()) };
    let calls: u64 = calls.parse()?;
    let recorder = if sort.ends_with("-off") { None } else { Some(Builder::new(trail).project(false).open()?) };
    let installed = recorder.as_ref().map(|recorder| recorder.install()).transpose()?;
    let functions: [Call; 8] = if sort.starts_with("async") { eight!(finish) } else { eight!(call) };
    let mut best = [f64::INFINITY; 8];
    for _ in 0..12 {
        for (best, function) in best.iter_mut().zip(black_box(functions)) {
            *best = best.min(window(function, calls));
        }
    }
    println!("{}", best.iter().sum::<f64>() / best.len() as f64);
    if let Some(installed) = installed { installed.close()?; }
    Ok(())
}
"#;
