//! "From zero to a crash-tested function in five minutes", done as it stands in `docs/testkit.md`: its three files make a
//! crate outside of this workspace, and its tests pass. Only the versions become paths.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the workspace")
}

/// The build directory that this test was built in.
fn target() -> PathBuf {
    let own = std::env::current_exe().expect("this test's own path");
    own.ancestors().nth(3).expect("a target directory").to_owned()
}

/// The block of the page whose first line names this file.
fn block(page: &str, file: &str) -> String {
    let blocks = page.split("\n```").filter_map(|block| block.split_once('\n').map(|(_, text)| text));
    let mut named = blocks.filter_map(|text| {
        let (first, rest) = text.split_once('\n')?;
        (first.trim_start_matches(['#', '/', ' ']) == file).then_some(rest)
    });
    named.next().unwrap_or_else(|| panic!("docs/testkit.md has no block for {file}")).to_owned()
}

/// Writes the files of the page into a crate of their own.
fn shop() -> PathBuf {
    let repository = repository();
    let page = fs::read_to_string(repository.join("docs/testkit.md")).expect("the page");
    let dir = target().join("newcomer");
    for folder in ["src", "tests"] {
        fs::create_dir_all(dir.join(folder)).expect("a directory");
    }
    let by_path = |manifest: String, name: &str| {
        let path = format!("path = {:?}", repository.join(name));
        manifest
            .replace(&format!("{name} = \"0.1\""), &format!("{name} = {{ {path} }}"))
            .replace(&format!("{name} = {{ version = \"0.1\""), &format!("{name} = {{ {path}"))
    };
    let manifest = by_path(by_path(block(&page, "Cargo.toml"), "audit-runtime"), "audit-testkit");
    assert_eq!(manifest.matches("path = ").count(), 2, "{manifest}");
    let profile = "\n[workspace]\n[profile.dev]\ndebug = \"line-tables-only\"\n";
    fs::write(dir.join("Cargo.toml"), manifest + profile).expect("written");
    for file in ["src/lib.rs", "tests/refund.rs"] {
        fs::write(dir.join(file), block(&page, file)).expect("written");
    }
    // The versions that are built already.
    fs::copy(repository.join("Cargo.lock"), dir.join("Cargo.lock")).expect("copied");
    dir
}

#[test]
fn the_page_works_as_it_stands() {
    let dir = shop();
    let output = Command::new(env!("CARGO"))
        .args(["test", "--quiet", "--", "--nocapture", "--test-threads=1"])
        .current_dir(&dir)
        .env("CARGO_TARGET_DIR", target())
        .env_remove("RUSTFLAGS")
        .output()
        .expect("cargo runs");
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("4 passed"), "{said}");
    for test in ["refund_survives", "refund_is_killed", "refund_survives_its_disk"] {
        let line = said.lines().find(|line| line.contains(&format!("audit matrix {test}:"))).unwrap_or_default();
        assert!(line.contains(": 0 of ") && line.contains(", 0 inert;"), "{test} says what it did: {said}");
    }
}
