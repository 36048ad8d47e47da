//! Crates that deny everything stay quiet with audited functions in them: both editions, clippy's pedantic and nursery
//! groups, shadowed names, no prelude, and the runtime under another name.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").to_owned()
}

/// The build directory that this test was built in: the dependencies are there already.
fn target() -> PathBuf {
    let exe = std::env::current_exe().expect("this test");
    exe.ancestors().nth(3).expect("target/debug/deps").to_owned()
}

/// A workspace outside of ours, one package an edition.
fn workspace(name: &str, source: &Path) -> PathBuf {
    let dir = target().join("quiet").join(name);
    let repository = repository();
    fs::create_dir_all(&dir).expect("a directory");
    let editions = ["2021", "2024"];
    let members: Vec<String> = editions.iter().map(|edition| format!("\"quiet{edition}\"")).collect();
    let profile = "[profile.dev]\ndebug = \"line-tables-only\"\n";
    let manifest = format!("[workspace]\nresolver = \"3\"\nmembers = [{}]\n{profile}", members.join(", "));
    fs::write(dir.join("Cargo.toml"), manifest).expect("written");
    fs::copy(repository.join("Cargo.lock"), dir.join("Cargo.lock")).expect("copied");
    for edition in editions {
        let member = dir.join(format!("quiet{edition}"));
        fs::create_dir_all(&member).expect("a directory");
        let manifest = format!(
            "[package]\nname = \"quiet{edition}\"\nversion = \"0.0.0\"\nedition = \"{edition}\"\n\
             [lib]\npath = {source:?}\n\
             [dependencies]\nledger = {{ package = \"audit-runtime\", path = {:?} }}\n",
            repository.join("audit-runtime"),
        );
        fs::write(member.join("Cargo.toml"), manifest).expect("written");
    }
    dir
}

/// What clippy says of both editions.
fn clippy(dir: &Path) -> (bool, String) {
    let output = Command::new(env!("CARGO"))
        .args(["clippy", "--quiet", "--workspace", "--keep-going", "--target-dir"])
        .arg(target())
        .current_dir(dir)
        .env_remove("RUSTFLAGS")
        .output()
        .expect("cargo runs");
    (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn crates_that_deny_everything_stay_quiet() {
    let (quiet, said) = clippy(&workspace("sound", &repository().join("tests/quiet/lib.rs")));
    assert!(quiet, "{said}");
}

/// The same with one unused variable in it: the crates do deny warnings inside annotated functions.
#[test]
fn the_quiet_crates_would_speak_up() {
    let source = fs::read_to_string(repository().join("tests/quiet/lib.rs")).expect("the source");
    let seeded = source.replacen("let more = rows + 1;", "let more = rows + 1; let idle = 1;", 1);
    assert_ne!(source, seeded);
    let dir = target().join("quiet");
    fs::create_dir_all(&dir).expect("a directory");
    let path = dir.join("seeded.rs");
    fs::write(&path, seeded).expect("written");
    let (quiet, said) = clippy(&workspace("seeded", &path));
    assert!(!quiet && said.contains("unused variable: `idle`"), "{said}");
}
