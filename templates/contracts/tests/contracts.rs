//! What breaks a contract does not compile; what no compiler can see is found at link time. Copy this file and the cases
//! beside it, and write a file for each mistake that must stay impossible: its name is its sentence.

use audit_runtime::catalogue;
use audit_testkit::contracts::uncovered;

// The library has to be linked in, for its declarations to be seen.
use contracts_template as _;

/// `TRYBUILD=overwrite cargo test` writes the compiler's words beside a new case; read them before you commit them.
#[test]
fn p6_what_breaks_a_contract_does_not_compile() {
    audit_testkit::compile_fail("tests/ui/*.rs");
}

/// Every declared action is acknowledged by something that is linked in, and every acknowledged one is declared.
#[test]
fn p7_every_promise_is_kept_by_somebody() {
    audit_testkit::assert_contracts_covered();
}

/// The check can fail: without the function that sends, somebody is told.
#[test]
fn a_promise_that_nobody_keeps_is_found() {
    let mut catalogue = catalogue();
    catalogue.sites.retain(|site| site.function != "send");
    let findings = uncovered(&catalogue);
    assert!(findings.iter().any(|finding| finding.contains("`take` expects post/parcel_sent")), "{findings:?}");
}

/// A pattern that names nothing is a mistake of the test.
#[test]
#[should_panic(expected = "`tests/ui/*.nothing` names no file")]
fn a_test_without_cases_does_not_pass() {
    audit_testkit::compile_fail("tests/ui/*.nothing");
}
