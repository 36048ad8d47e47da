//! An acknowledgement that is taken out of a program is missed twice: by a test of the program, and by the surface
//! without a build. Both name the place of the promise that nobody keeps any more.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const COVERAGE: &str = r#"
#[path = "../examples/settlement.rs"]
#[allow(dead_code)]
mod settlement;

#[test]
fn contracts_are_covered() {
    audit_testkit::assert_contracts_covered();
}
"#;

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").to_owned()
}

/// The build directory that this test was built in: the dependencies are there already.
fn target() -> PathBuf {
    let exe = std::env::current_exe().expect("this test");
    exe.ancestors().nth(3).expect("target/debug/deps").to_owned()
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a directory");
    for entry in fs::read_dir(from).expect("a folder of sources") {
        let entry = entry.expect("an entry");
        let place = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_folder(&entry.path(), &place);
        } else {
            fs::copy(entry.path(), place).expect("copied");
        }
    }
}

/// The examples' sources in a package of their own, with a test of their contracts.
fn copy_of_the_examples() -> PathBuf {
    let repository = repository();
    let copy = target().join("contracts").join("copy");
    drop(fs::remove_dir_all(&copy));
    fs::create_dir_all(copy.join("tests")).expect("a directory");
    for folder in ["examples", "src"] {
        copy_folder(&repository.join("examples").join(folder), &copy.join(folder));
    }
    fs::copy(repository.join("examples/audit-surface.lock"), copy.join("audit-surface.lock")).expect("copied");
    fs::copy(repository.join("Cargo.lock"), copy.join("Cargo.lock")).expect("copied");
    fs::write(copy.join("tests/coverage.rs"), COVERAGE).expect("written");
    fs::write(copy.join("nothing.rs"), "").expect("written");
    let manifest = format!(
        "[workspace]\nresolver = \"3\"\n[package]\nname = \"copied-examples\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\
         autoexamples = false\n[lib]\npath = \"nothing.rs\"\n[dependencies]\naudit-runtime = {{ path = {:?} }}\n\
         audit-testkit = {{ path = {:?} }}\n[profile.dev]\ndebug = \"line-tables-only\"\n",
        repository.join("audit-runtime"),
        repository.join("audit-testkit"),
    );
    fs::write(copy.join("Cargo.toml"), manifest).expect("written");
    copy
}

/// Whether the program's own test of its contracts passes, and what it says.
fn covered(copy: &Path) -> (bool, String) {
    let output = Command::new(env!("CARGO"))
        .args(["test", "--quiet", "--offline", "--test", "coverage"])
        .current_dir(copy)
        .env("CARGO_TARGET_DIR", target())
        .env_remove("RUSTFLAGS")
        .output()
        .expect("cargo runs");
    let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    (output.status.success(), said)
}

/// `audited surface --check` where no compiler can be found.
fn checked(dir: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_audited"))
        .args(["surface", "examples", "src", "--check", "audit-surface.lock"])
        .current_dir(dir)
        .env_clear()
        .output()
        .expect("audited runs")
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn the_examples_are_as_their_lock_file_says() {
    let output = checked(&repository().join("examples"));
    let told = text(&output);
    let cure = "after a look at the change: cd examples && audited surface examples src > audit-surface.lock";
    assert!(output.status.success(), "{told}{cure}");
}

#[test]
fn a_deleted_acknowledges_fails_the_test_and_the_surface_with_one_place() {
    let copy = copy_of_the_examples();
    let (passes, said) = covered(&copy);
    assert!(passes && checked(&copy).status.success(), "the copy is sound: {said}{}", text(&checked(&copy)));

    let example = copy.join("examples/settlement.rs");
    let source = fs::read_to_string(&example).expect("the example");
    let broken = source.replacen(", acknowledges(settlement::PAYMENT_SENT)", "", 1);
    assert_ne!(source, broken);
    fs::write(&example, &broken).expect("written");
    let line = |function: &str| {
        let at = broken.lines().position(|line| line.contains(&format!("fn {function}("))).expect("it stands there");
        format!("examples/settlement.rs:{}", at + 1)
    };

    let (passes, said) = covered(&copy);
    assert!(!passes && said.contains(&format!("{}: `accept` expects bank/payment_sent", line("accept"))), "{said}");
    let output = checked(&copy);
    let told = text(&output);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains(&line("accept")) && told.contains("expects settlement::PAYMENT_SENT"), "{told}");
    assert!(told.contains(&line("pay")) && told.contains("acknowledges(settlement::PAYMENT_SENT)"), "{told}");
}
