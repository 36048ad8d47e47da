//! What the testkit costs where it is compiled in and nothing is planned: two programs from one source, built with and
//! without it, in turns.

use crate::harness::{Comparison, Outcome, pairs};
use crate::row::{Mark, Row};
use crate::trails;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What is called, what it is, and how often.
const CALLS: [(&str, &str, u64); 4] = [
    ("sync", "a function with a `?`, recorded at Process", 200_000),
    ("async", "a future with an await and a `?`, recorded at Process", 200_000),
    ("sync-off", "the function, no recorder", 20_000_000),
    ("async-off", "the future, no recorder", 20_000_000),
];

/// The bench.
pub fn run() -> Outcome<Vec<Row>> {
    let place = trails::on_disk()?;
    let [plain, armed] = build(place.path())?;
    CALLS.iter().map(|(call, peer, calls)| compare(place.path(), [&plain, &armed], call, peer, *calls)).collect()
}

fn compare(dir: &Path, [plain, armed]: [&Path; 2], call: &str, peer: &str, calls: u64) -> Outcome<Row> {
    let peer = format!("the same without the testkit: {peer}");
    let what = Comparison { bench: "disarmed", peer: &peer, unit: "ns/call", mark: Mark::AtMost(1.05) };
    // A start of a program places its code and its stack by lot: the quickest of three is the call's own.
    let best = |program: &Path| -> Outcome<f64> {
        let of_three: Vec<f64> =
            (0..3).map(|_| nanoseconds(program, call, calls, &dir.join("trail"))).collect::<Outcome<_>>()?;
        Ok(of_three.into_iter().fold(f64::INFINITY, f64::min))
    };
    pairs(&what, || best(armed), || best(plain))
}

/// Processor time of a call, as the program itself measures it.
fn nanoseconds(program: &Path, call: &str, calls: u64, trail: &Path) -> Outcome<f64> {
    let out = Command::new(program).arg(call).arg(calls.to_string()).arg(trail).output()?;
    if !out.status.success() {
        return Err(format!("{} {call}: {}", program.display(), String::from_utf8_lossy(&out.stderr)).into());
    }
    drop(fs::remove_dir_all(trail));
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
fn call(n: u64) -> Result<u64, Failure> {
    let n = odd(black_box(n))?;
    Ok(n + 1)
}

#[audited]
async fn later(n: u64) -> Result<u64, Failure> {
    let n = odd(std::future::ready(black_box(n)).await)?;
    Ok(n + 1)
}

#[inline(never)]
fn finish(n: u64) -> Result<u64, Failure> {
    let mut work = pin!(later(n));
    let mut cx = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(out) = work.as_mut().poll(&mut cx) { return out; }
    }
}

fn seconds() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, sort, calls, trail] = arguments.as_slice() else { return Err("SORT CALLS TRAIL".into()) };
    let calls: u64 = calls.parse()?;
    let recorder = if sort.ends_with("-off") { None } else { Some(Builder::new(trail).project(false).open()?) };
    let installed = recorder.as_ref().map(|recorder| recorder.install()).transpose()?;
    let function: fn(u64) -> Result<u64, Failure> = if sort.starts_with("async") { finish } else { call };
    let function = black_box(function);
    let run = |calls: u64| (0..calls).for_each(|n| drop(black_box(function(n))));
    run(calls / 10);
    let start = seconds();
    run(calls);
    println!("{}", (seconds() - start) * 1e9 / calls as f64);
    if let Some(installed) = installed { installed.close()?; }
    Ok(())
}
"#;
