//! The crates' sources: fetched by cargo, copied beside the build, annotated by a script.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::surface::Surface;

pub const CRATES: &[(&str, &str)] = &[("bb8", "0.9.1"), ("tokio-retry", "0.3.2")];
const ATTRIBUTE: &str = "#[::audit_runtime::audited(on_audit_failure = degrade)] ";

pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").to_owned()
}

/// The build directory that this test was built in.
pub fn target() -> PathBuf {
    let exe = std::env::current_exe().expect("this test");
    exe.ancestors().nth(3).expect("target/debug/deps").to_owned()
}

pub fn cargo(dir: &Path, arguments: &[&str]) -> (bool, String) {
    let output = Command::new(env!("CARGO"))
        .args(arguments)
        .current_dir(dir)
        .env("CARGO_TARGET_DIR", target())
        .env_remove("RUSTFLAGS")
        .output()
        .expect("cargo runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (output.status.success(), text)
}

/// The sources of the crates, as cargo unpacked them.
pub fn fetched() -> &'static [PathBuf] {
    static FETCHED: OnceLock<Vec<PathBuf>> = OnceLock::new();
    FETCHED.get_or_init(fetch)
}

fn fetch() -> Vec<PathBuf> {
    let dir = target().join("adoption").join("fetch");
    fs::create_dir_all(dir.join("src")).expect("a directory");
    fs::write(dir.join("src/lib.rs"), "").expect("written");
    let wanted: String = CRATES.iter().map(|(name, version)| format!("{name} = \"={version}\"\n")).collect();
    let manifest = format!("[package]\nname = \"fetch\"\nversion = \"0.0.0\"\n[workspace]\n[dependencies]\n{wanted}");
    fs::write(dir.join("Cargo.toml"), manifest).expect("written");
    let (fetched, said) = cargo(&dir, &["metadata", "--format-version", "1", "--quiet"]);
    assert!(fetched, "{said}");
    let metadata: serde_json::Value = serde_json::from_str(said.lines().next().expect("a line")).expect("metadata");
    let packages = metadata["packages"].as_array().expect("packages");
    CRATES
        .iter()
        .map(|(name, _)| {
            let package = packages.iter().find(|package| package["name"] == *name).expect("it was fetched");
            let manifest = Path::new(package["manifest_path"].as_str().expect("a path"));
            manifest.parent().expect("a directory").to_owned()
        })
        .collect()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a directory");
    for entry in fs::read_dir(from).expect("a directory") {
        let entry = entry.expect("an entry");
        let place = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &place);
        } else if entry.file_name() != "Cargo.lock" {
            fs::copy(entry.path(), place).expect("copied");
        }
    }
}

/// What the script did.
#[derive(Debug, Default)]
pub struct Script {
    pub annotated: usize,
    /// Functions that cannot be audited by themselves, with their reasons.
    pub left_out: Vec<&'static str>,
    /// Functions that only tests compile.
    pub test_code: usize,
}

/// Where the words in front of a function's name begin: visibility and qualifiers.
pub fn start(before: &str) -> usize {
    let mut head = before.trim_end();
    loop {
        let cut = ["fn", "async", "unsafe", "pub", "default"].iter().find_map(|word| head.strip_suffix(word));
        let group = head.ends_with(')').then(|| head.rfind("pub(").map(|at| &head[..at])).flatten();
        match cut.or(group) {
            Some(rest) => {
                head = if rest.trim_end().ends_with(['n', 'c', 'e', 'b', 't', ')']) {
                    rest.trim_end()
                } else {
                    return rest.len();
                }
            }
            None => return before.len() - before[head.len()..].trim_start().len(),
        }
    }
}

/// Puts the attribute on every function below `src`.
pub fn annotate(package: &Path) -> Script {
    let surface = Surface::read(&[package.join("src")]).expect("readable sources");
    assert!(surface.unread.is_empty(), "{:?}", surface.unread);
    let mut script = Script::default();
    // From the end, so that the places of what comes before stay right.
    for function in surface.functions.iter().rev() {
        if function.conditions.iter().any(|condition| condition == "test") {
            script.test_code += 1;
            continue;
        }
        if let Some(why) = function.hindrance {
            script.left_out.push(why);
            continue;
        }
        let text = fs::read_to_string(&function.file).expect("a source");
        let line_start: usize = text.split_inclusive('\n').take(function.line - 1).map(str::len).sum();
        let name_at = line_start + function.column - 1;
        let at = line_start + start(&text[line_start..name_at]);
        fs::write(&function.file, format!("{}{ATTRIBUTE}{}", &text[..at], &text[at..])).expect("written");
        script.annotated += 1;
    }
    script
}

/// Tests that ran: passed, failed, ignored.
pub fn results(said: &str) -> (usize, usize, usize) {
    let of = |line: &str, word: &str| -> usize {
        line.split([';', '.']).find_map(|part| part.trim().strip_suffix(word)?.trim().parse().ok()).unwrap_or(0)
    };
    said.lines().filter(|line| line.starts_with("test result:")).fold((0, 0, 0), |sum, line| {
        (sum.0 + of(line, "passed"), sum.1 + of(line, "failed"), sum.2 + of(line, "ignored"))
    })
}

/// Copies a crate and gives it a workspace of its own, with more in its manifest.
pub fn lay_out(source: &Path, place: &Path, more: &str) {
    copy(source, place);
    let path = place.join("Cargo.toml");
    let text = fs::read_to_string(&path).expect("a manifest");
    // The profile of our own workspace: what is built of the same crates there is not built again.
    let profile = "[profile.dev]\ndebug = \"line-tables-only\"\n[profile.test]\ndebug = \"line-tables-only\"";
    fs::write(&path, format!("{text}\n{more}\n[workspace]\n{profile}\n")).expect("written");
    // The versions that are built already; cargo adds what is missing.
    fs::copy(repository().join("Cargo.lock"), place.join("Cargo.lock")).expect("copied");
}

/// The dependency of an annotated copy.
pub fn runtime() -> String {
    format!("[dependencies.audit-runtime]\npath = {:?}", repository().join("audit-runtime"))
}
