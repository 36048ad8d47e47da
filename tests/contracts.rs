//! Contracts that would be broken in production are found before: every declared action of the example is acknowledged
//! by a function that is linked in.

use audit_runtime::catalogue;
use audit_testkit::{assert_contracts_covered, contracts::uncovered};

#[path = "../examples/examples/settlement.rs"]
#[allow(dead_code)]
mod settlement;

#[test]
fn the_example_covers_its_contracts() {
    assert_eq!(catalogue().expectations().count(), 2);
    assert_contracts_covered();
}

/// The function that acknowledges is taken away, as if its annotation had been deleted.
#[test]
fn a_deleted_acknowledges_is_told_with_file_and_line() {
    let mut catalogue = catalogue();
    catalogue.sites.retain(|site| site.function != "pay");
    let findings = uncovered(&catalogue);
    let accept = catalogue.sites.iter().find(|site| site.function == "accept").expect("it is linked");
    assert_eq!(findings.len(), 1);
    assert!(
        findings[0].starts_with(&format!("{}:{}: `accept` expects PAYMENT_SENT within 5 s", accept.file, accept.line))
    );
    assert!(accept.file.ends_with("settlement.rs") && accept.line > 1);
}

#[test]
fn an_acknowledged_action_that_nobody_declares_is_told() {
    let mut catalogue = catalogue();
    catalogue.sites.retain(|site| site.function != "accept");
    let findings = uncovered(&catalogue);
    assert_eq!(findings.len(), 2);
    assert!(findings[0].contains("`pay` acknowledges PAYMENT_SENT, and nothing that is linked declares it"));
}
