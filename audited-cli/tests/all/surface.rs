//! The surface: what stands in the sources, without building them.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

const SOURCE: &str = r#"
mod pay {
    #[audited(expects(PAID within 5s))]
    pub fn order() {}

    #[audited(node = "settle", acknowledges(PAID))]
    #[cfg(feature = "bank")]
    pub async fn settle() {}
}

#[audit_runtime::audited(kind = transform)]
impl Store {
    fn load(&self) {}
    const fn new() -> Store { Store }
    #[not_audited(reason = "trivial")]
    fn len(&self) -> usize { 0 }
}

#[gate(profile = PAYMENTS)]
fn may(amount: &u64) -> Decision { judge(amount) }
fn plain() { fn nested() {} }
generate!();
macro_rules! generate { () => { fn hidden() {} } }
"#;

fn audited(dir: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_audited")).args(arguments).current_dir(dir).output().expect("audited runs")
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn every_function_is_listed_with_its_options_and_conditions() {
    let dir = tempfile::tempdir().expect("a directory");
    fs::create_dir(dir.path().join("src")).expect("a directory");
    fs::write(dir.path().join("src/lib.rs"), SOURCE).expect("written");
    let listed = text(&audited(dir.path(), &["surface", "src"]));
    let expected = [
        "src/lib.rs pay::order audited(expects(PAID within 5s))",
        "src/lib.rs pay::settle audited(node = \"settle\", acknowledges(PAID)) cfg(feature = \"bank\")",
        "src/lib.rs Store::load audited(kind = transform)",
        "src/lib.rs Store::new left out: const fn",
        "src/lib.rs Store::len left out: trivial",
        "src/lib.rs may audited(gate(profile = PAYMENTS))",
        "src/lib.rs plain -",
        "src/lib.rs plain::nested -",
        "# 8 functions, 4 audited",
        "# not seen into: generate! at src/lib.rs:22",
        "# not seen into: generate! at src/lib.rs:23",
    ];
    assert_eq!(listed.lines().collect::<Vec<_>>(), expected);
}

#[test]
fn a_lock_file_tells_who_removed_an_audit_call() {
    let dir = tempfile::tempdir().expect("a directory");
    let source = dir.path().join("lib.rs");
    fs::write(&source, SOURCE).expect("written");
    fs::write(dir.path().join("audit.lock"), audited(dir.path(), &["surface", "lib.rs"]).stdout).expect("written");
    let same = audited(dir.path(), &["surface", "lib.rs", "--check", "audit.lock"]);
    assert_eq!((same.status.code(), text(&same).as_str()), (Some(0), "8 functions, as locked\n"));
    fs::write(&source, SOURCE.replace(", acknowledges(PAID)", "")).expect("written");
    let changed = audited(dir.path(), &["surface", "lib.rs", "--check", "audit.lock"]);
    assert_eq!(changed.status.code(), Some(1));
    let told = text(&changed);
    assert!(told.contains("pay::settle  lib.rs:8") && told.contains("acknowledges(PAID)"), "{told}");
    fs::write(&source, SOURCE.replace("\nmod pay", "\n\n\nmod pay")).expect("written");
    assert!(
        audited(dir.path(), &["surface", "lib.rs", "--check", "audit.lock"]).status.success(),
        "moved code is the same"
    );
}

#[test]
fn sources_that_are_no_rust_or_are_not_there_are_told() {
    let dir = tempfile::tempdir().expect("a directory");
    fs::write(dir.path().join("lib.rs"), "fn (").expect("written");
    let broken = audited(dir.path(), &["surface", "lib.rs"]);
    assert_eq!(broken.status.code(), Some(1));
    assert!(text(&broken).contains("UNREAD"));
    for (words, next) in [
        (&["surface", "missing.rs"][..], "missing.rs: No such file or directory (os error 2); next: name files"),
        (
            &["surface", "--check", "missing.lock"],
            "missing.lock: No such file or directory (os error 2); next: write the",
        ),
    ] {
        let said = audited(dir.path(), words);
        let told = String::from_utf8_lossy(&said.stderr).into_owned();
        assert!(said.status.code() == Some(3) && told.contains(next), "{told}");
        let object = audited(dir.path(), &[words, &["--json"]].concat()).stdout;
        assert!(String::from_utf8_lossy(&object).contains(r#""rule":"UNREADABLE""#), "{words:?}");
    }
}
