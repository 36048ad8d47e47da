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
    assert_eq!(findings.len(), 2);
    assert!(
        findings[0]
            .starts_with(&format!("{}:{}: `accept` expects bank/payment_sent within 5 s", accept.file, accept.line))
    );
    assert!(accept.file.ends_with("settlement.rs") && accept.line > 1);
    let (file, line) = settlement::settlement::PAYMENT_SENT.place();
    let promised = format!("{file}:{line}: contract `settlement` promises bank/payment_sent, and nothing");
    assert!(file.ends_with("settlement.rs") && findings[1].starts_with(&promised), "{}", findings[1]);
}

#[test]
fn an_acknowledged_action_that_nobody_declares_is_told() {
    let mut catalogue = catalogue();
    catalogue.sites.retain(|site| site.function != "accept");
    catalogue.contracts.clear();
    let findings = uncovered(&catalogue);
    assert_eq!(findings.len(), 2);
    assert!(findings[0].contains("`pay` acknowledges bank/payment_sent, and nothing that is linked declares it"));
}

/// What the library offers is checked once it is used: one acknowledged action of `standard_run` calls for the others.
#[test]
fn c13_a_contract_of_the_library_is_checked_once_it_is_in_use() {
    use audit_runtime::contract::standard_run;
    use audit_runtime::site::ByHand;
    let mut catalogue = catalogue();
    assert!(uncovered(&catalogue).is_empty());
    catalogue.by_hand.push(ByHand { term: standard_run::START_TRACE, file: "a.rs", line: 3 });
    let findings = uncovered(&catalogue);
    assert_eq!(findings.len(), 3, "{findings:?}");
    assert!(findings.iter().all(|finding| finding.contains("standard.rs") && !finding.contains("finalize_run")));
    let rest = [standard_run::CREATE_INCIDENT, standard_run::EVALUATE_POLICY, standard_run::COMPLETE_TRACE];
    catalogue.by_hand.extend(rest.map(|term| ByHand { term, file: "a.rs", line: 4 }));
    assert!(uncovered(&catalogue).is_empty());
}
