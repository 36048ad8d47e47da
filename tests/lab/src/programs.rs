//! Programs that Cargo built beside these tests.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

/// `target/debug/deps/THIS`.
fn own() -> PathBuf {
    std::env::current_exe().expect("this test's own path")
}

/// The newest time of change below a directory.
fn newest(dir: &Path) -> SystemTime {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let times = entries.map(|entry| match entry.path() {
        path if path.is_dir() => newest(&path),
        path => path.metadata().and_then(|facts| facts.modified()).unwrap_or(SystemTime::UNIX_EPOCH),
    });
    times.max().unwrap_or(SystemTime::UNIX_EPOCH)
}

/// `audited`: a test of the whole workspace has built it; where it is missing, or older than its sources, it is built here.
///
/// # Panics
/// When Cargo cannot build it.
#[must_use]
pub fn audited() -> Command {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let own = own();
    let target = own.ancestors().nth(3).expect("a target directory");
    let program = own.ancestors().nth(2).expect("a profile's directory").join("audited");
    let built = program.metadata().and_then(|facts| facts.modified());
    if built.is_err() || built.is_ok_and(|built| built < newest(&root.join("audited-cli/src"))) {
        let cargo = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "-p", "audited-cli"])
            .current_dir(&root)
            .env("CARGO_TARGET_DIR", target)
            .status();
        assert!(cargo.is_ok_and(|status| status.success()), "audited is built");
    }
    let mut command = Command::new(program);
    for name in ["AUDIT_COVERAGE", "AUDIT_TRAIL", "CARGO_TARGET_DIR", "COLUMNS"] {
        command.env_remove(name);
    }
    command
}

/// Another test program of this package, its newest build.
///
/// # Panics
/// When it is not there and Cargo cannot build it.
#[must_use]
pub fn sibling(name: &str) -> PathBuf {
    let dir = own().parent().expect("a directory").to_owned();
    let find = || {
        let files = fs::read_dir(&dir).expect("the directory can be read").flatten().map(|entry| entry.path());
        let built = |path: &PathBuf| path.metadata().and_then(|facts| facts.modified()).ok();
        files.filter(|path| path.extension().is_none() && is_build_of(path, name)).max_by_key(built)
    };
    find().unwrap_or_else(|| {
        let target = dir.ancestors().nth(2).expect("a target directory").to_owned();
        let cargo = Command::new(env!("CARGO"))
            .args(["test", "--quiet", "--no-run", "-p", "lab-tests", "--test", name])
            .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."))
            .env("CARGO_TARGET_DIR", target)
            .status();
        assert!(cargo.is_ok_and(|status| status.success()), "{name} is built");
        find().unwrap_or_else(|| panic!("Cargo leaves no program {name}"))
    })
}

fn is_build_of(path: &Path, name: &str) -> bool {
    let file = path.file_name().and_then(|file| file.to_str()).unwrap_or_default();
    let hash = file.strip_prefix(name).and_then(|rest| rest.strip_prefix('-'));
    hash.is_some_and(|hash| hash.len() == 16 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()))
}
