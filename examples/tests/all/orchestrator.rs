//! The orchestrator: each early exit has an end of its own, and the trail shows all of them.

use super::example;
use audit_runtime::trail::Trail;
use std::collections::BTreeMap;

#[test]
fn each_exit_of_the_orchestrator_has_its_own_end_in_the_trail() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("trail");
    let output = example("orchestrator").arg("--trail").arg(&path).output().expect("the example starts");
    let out = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{out}{}", String::from_utf8_lossy(&output.stderr));
    for (name, answer) in [("a sum", "3"), ("the same again", "3"), ("no tool", "denied: NO_TOOLS_FOUND")] {
        let line = out.lines().find(|line| line.starts_with(name)).unwrap_or_default();
        assert!(line.ends_with(answer), "{name}: {line}");
    }
    let told = Trail::open(&path).expect("the trail opens").governance(None).expect("an answer");
    let one = |code: &str| (code.to_owned(), 1);
    assert_eq!(told.denied, BTreeMap::from([one("NO_TOOLS_FOUND"), one("APPROVAL_NEEDED")]));
    assert_eq!(told.allowed, 14, "two sums, a mistake, one without end, and ten at one time");
    let [action] = told.actions.as_slice() else { panic!("one action: {:?}", told.actions) };
    assert_eq!((action.attempts, action.succeeded, action.cached, action.open), (14, 12, 1, 0));
    assert_eq!(action.failed, BTreeMap::from([one("EXECUTOR_EXCEPTION"), one("EXECUTOR_TIMEOUT")]));
    let notes = BTreeMap::from([("discovery".to_owned(), 16), ("error".to_owned(), 2), ("security".to_owned(), 2)]);
    assert_eq!(told.notes, notes);
    let verdict = audit_runtime::trail::verify(&audit_runtime::journal::Layout::at(&path), &mut |_| {});
    assert!(verdict.expect("a readable trail").is_intact());
    assert!(out.contains("look further:") && out.contains("stats "), "{out}");
}
