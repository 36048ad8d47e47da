//! Tests that need a process of their own, and what a test says that must not pass.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Command;

const ALONE: &str = "LAB_TESTS_ALONE";

/// Whether this process has this one test alone. If not, one that has is started and must pass: a stray call belongs to
/// every lab that is open.
pub fn alone(module: &str, test: &str) -> bool {
    if std::env::var_os(ALONE).is_some() {
        return true;
    }
    let (_, inside) = module.split_once("::").expect("a module of this program");
    let own = std::env::current_exe().expect("this test's own path");
    let name = format!("{inside}::{test}");
    let output = Command::new(own).args([&name, "--exact", "--nocapture"]).env(ALONE, "1").output().expect("starts");
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
    false
}

/// What work that must not pass panics with.
pub fn said(work: impl FnOnce()) -> String {
    let payload = catch_unwind(AssertUnwindSafe(work)).expect_err("it must not pass");
    let text = payload.downcast_ref::<String>().cloned();
    text.or_else(|| payload.downcast_ref::<&'static str>().map(|text| (*text).to_owned())).unwrap_or_default()
}
