//! What 500 annotated functions add to `cargo check` and `cargo build`, ours against `#[tracing::instrument]` on the
//! same functions.
//!
//! A crate with each attribute and one without any are compiled in turns, dependencies built beforehand, without
//! incremental state. Processor time is compared, because it hardly changes with the machine's load.

use crate::harness::{Outcome, median};
use crate::row::{Mark, Row};
use crate::trails;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const FUNCTIONS: usize = 500;
const PAIRS: usize = 5;
const VARIANTS: [(&str, &str); 3] =
    [("plain", ""), ("instrumented", "#[tracing::instrument]"), ("audited", "#[audit_runtime::audited]")];

/// The bench.
pub fn run() -> Outcome<Vec<Row>> {
    let place = trails::on_disk()?;
    let dir = place.path();
    lay_out(dir)?;
    ["check", "build"].into_iter().map(|command| compare(dir, command)).collect()
}

fn compare(dir: &Path, command: &str) -> Outcome<Row> {
    for (name, _) in VARIANTS {
        seconds(dir, command, name)?;
    }
    let mut added = Vec::new();
    for _ in 0..PAIRS {
        let plain = seconds(dir, command, "plain")?;
        let peer = seconds(dir, command, "instrumented")? - plain;
        added.push((seconds(dir, command, "audited")? - plain, peer));
    }
    let mut row = Row::figure(
        "compile",
        &format!("cargo {command} of tracing::instrument, {FUNCTIONS} functions, time added"),
        "cpu s",
        median(added.iter().map(|(ours, _)| *ours)),
        median(added.iter().map(|(_, peer)| *peer)),
        Mark::AtMost(0.7),
    );
    let ratios = || added.iter().map(|(ours, peer)| ours / peer);
    row.ratio = median(ratios());
    row.spread = (ratios().fold(f64::INFINITY, f64::min), ratios().fold(0.0, f64::max));
    row.pairs = PAIRS;
    Ok(row)
}

fn lay_out(dir: &Path) -> Outcome<()> {
    let root = fs::canonicalize(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))?;
    let members: Vec<String> = VARIANTS.iter().map(|(name, _)| format!("\"{name}\"")).collect();
    let profile = "[profile.dev]\ndebug = \"line-tables-only\"\nincremental = false\n";
    let workspace = format!("[workspace]\nresolver = \"3\"\nmembers = [{}]\n{profile}", members.join(", "));
    fs::write(dir.join("Cargo.toml"), workspace)?;
    fs::copy(root.join("Cargo.lock"), dir.join("Cargo.lock"))?;
    for (name, attribute) in VARIANTS {
        let member = dir.join(name);
        fs::create_dir_all(member.join("src"))?;
        let manifest = format!(
            "[package]\nname = \"{name}\"\nversion = \"0.0.0\"\nedition = \"2024\"\n[dependencies]\n\
             tracing = {{ version = \"0.1\", features = [\"attributes\"] }}\naudit-runtime = {{ path = {:?} }}\n",
            root.join("audit-runtime"),
        );
        fs::write(member.join("Cargo.toml"), manifest)?;
        fs::write(member.join("src").join("lib.rs"), source(attribute)?)?;
    }
    Ok(())
}

/// What the functions share.
const COMMON: &str = "#![allow(clippy::all)]
#[derive(Debug)] pub struct Failure;
impl From<audit_runtime::Error> for Failure { fn from(_: audit_runtime::Error) -> Failure { Failure } }
impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { f.write_str(\"failed\") }
}
#[derive(Debug)] pub struct Store { pub rows: Vec<String> }
";

/// The functions: two of five async, three fallible, two methods.
fn source(attribute: &str) -> Outcome<String> {
    let mut out = COMMON.to_owned();
    let body = "let mut names = vec![name.to_owned()]; for n in 0..rows { names.push(format!(\"{n}\")); }";
    let wait = "std::future::ready(()).await;";
    for i in 0..FUNCTIONS {
        let (before, signature, rest, after) = match i % 5 {
            0 => ("", "pub fn plain_# -> usize", "names.len()", ""),
            1 => (
                "",
                "pub fn fallible_# -> Result<usize, Failure>",
                "if names.is_empty() { return Err(Failure); } Ok(names.len())",
                "",
            ),
            2 => ("", "pub async fn later_# -> Result<usize, Failure>", "WAIT Ok(names.len())", ""),
            3 => ("impl Store {", "pub async fn method_&# -> usize", "WAIT names.len() + self.rows.len()", "}"),
            _ => (
                "impl Store {",
                "pub fn changes_&mut # -> Result<&mut String, Failure>",
                "self.rows.extend(names); self.rows.last_mut().ok_or(Failure)",
                "}",
            ),
        };
        let arguments = "rows: u32, name: &str)";
        let signature = signature
            .replace("&mut #", &format!("{i}(&mut self, {arguments}"))
            .replace("&#", &format!("{i}(&self, {arguments}"))
            .replace('#', &format!("{i}({arguments}"));
        writeln!(out, "{before} {attribute} {signature} {{ {body} {} }} {after}", rest.replace("WAIT", wait))?;
    }
    Ok(out)
}

/// Processor seconds that cargo and its children take to compile one crate anew.
fn seconds(dir: &Path, command: &str, name: &str) -> Outcome<f64> {
    let source: PathBuf = dir.join(name).join("src").join("lib.rs");
    fs::File::options().append(true).open(source)?.set_modified(std::time::SystemTime::now())?;
    let before = children()?;
    let mut cargo = Command::new("cargo");
    cargo.args([command, "--quiet", "--offline", "-p", name]).current_dir(dir);
    if !cargo.env("CARGO_TARGET_DIR", dir.join("target")).status()?.success() {
        return Err(format!("cargo {command} -p {name} failed").into());
    }
    Ok(children()? - before)
}

/// Processor seconds of all children that have ended.
fn children() -> Outcome<f64> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    let behind = stat.rsplit_once(") ").ok_or("no process name")?.1;
    let fields: Vec<&str> = behind.split_whitespace().collect();
    let ticks = |at: usize| -> Outcome<f64> { Ok(fields.get(at).ok_or("no such field")?.parse()?) };
    Ok((ticks(13)? + ticks(14)?) / 100.0)
}
