//! The governed runs: one clean verdict, four that name what is wrong.

use super::example;

#[test]
fn c8_c9_one_run_is_healthy_and_four_are_sick_each_in_its_own_way() {
    let dir = tempfile::tempdir().expect("a directory");
    let output =
        example("governed_run").arg("--trail").arg(dir.path().join("trail")).output().expect("the example starts");
    let out = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{out}{}", String::from_utf8_lossy(&output.stderr));
    let rows = [
        ("healthy", "COMPLETED  PASS          COMPLETE"),
        ("over-the-limit", "FAILED     FAIL          INCOMPLETE"),
        ("bank-says-no", "FAILED     FAIL          INCOMPLETE"),
        ("nobody-notified", "FAILED     FAIL          INCOMPLETE"),
        ("too-slow", "FAILED     FAIL          LATE"),
    ];
    for (name, row) in rows {
        let line = out.lines().find(|line| line.starts_with(name)).unwrap_or_default();
        assert!(line.contains(row), "{name}: {line}");
    }
    assert!(out.contains("OVER_LIMIT") && out.contains("the bank is closed"), "{out}");
    let verdict =
        audit_runtime::trail::verify(&audit_runtime::journal::Layout::at(dir.path().join("trail")), &mut |_| {});
    assert!(verdict.expect("a readable trail").is_intact());
}
