//! Contracts found broken before production: what is declared and what fulfils it are both known at link time.

use audit_runtime::contract::Term;
use audit_runtime::{Catalogue, catalogue};

/// What is wrong with the declarations of a program, each with file and line.
#[must_use]
pub fn uncovered(catalogue: &Catalogue) -> Vec<String> {
    let mut findings = expected_by_calls(catalogue);
    findings.extend(promised_by_contracts(catalogue));
    findings.extend(never_declared(catalogue));
    findings
}

/// Whether something that is linked in acknowledges this action.
fn is_acknowledged(catalogue: &Catalogue, term: &Term) -> bool {
    catalogue.acknowledgements().any(|(_, other)| other.is(term)) || catalogue.by_hand.iter().any(|by| by.term.is(term))
}

fn expected_by_calls(catalogue: &Catalogue) -> Vec<String> {
    let missing = catalogue.expectations().filter(|(_, expects)| !is_acknowledged(catalogue, &expects.term));
    missing
        .map(|(site, expects)| {
            let (seconds, term) = (expects.within_ns as f64 / 1e9, expects.term);
            format!(
                "{}:{}: `{}` expects {term} within {seconds} s, and no linked function acknowledges it\n  = help: put `#[audited(acknowledges(..))]` on the function that does it",
                site.file, site.line, site.function
            )
        })
        .collect()
}

/// Actions of contracts. The one that ends a run is acknowledged by the run itself. A contract that this library offers is
/// in use once one of its actions is acknowledged here.
fn promised_by_contracts(catalogue: &Catalogue) -> Vec<String> {
    let offered = |module: &str| module.starts_with("audit_runtime::");
    let in_use = catalogue.contracts.iter().filter(|contract| {
        !offered(contract.module) || contract.terms.iter().any(|term| is_acknowledged(catalogue, term))
    });
    in_use
        .flat_map(|contract| contract.terms)
        .filter(|term| !term.is_finalising() && !is_acknowledged(catalogue, term))
        .map(|term| {
            let (file, line) = term.place();
            format!(
                "{file}:{line}: contract `{}` promises {term}, and nothing that is linked acknowledges it\n  = help: put `#[audited(acknowledges(..))]` on the function that does it, or acknowledge it with `audit_runtime::acknowledge!`",
                term.contract()
            )
        })
        .collect()
}

fn never_declared(catalogue: &Catalogue) -> Vec<String> {
    let declared = |term: &Term| {
        catalogue.expectations().any(|(_, expects)| expects.term.is(term))
            || catalogue.contracts.iter().any(|contract| contract.terms.iter().any(|other| other.is(term)))
    };
    let by_sites = catalogue
        .acknowledgements()
        .filter(|(_, term)| !declared(term))
        .map(|(site, term)| (site.file, site.line, format!("`{}` acknowledges {term}", site.function)));
    let by_hand = catalogue.by_hand.iter().filter(|by| !declared(&by.term));
    let by_hand = by_hand.map(|by| (by.file, by.line, format!("{} is acknowledged", by.term)));
    by_sites
        .chain(by_hand)
        .map(|(file, line, what)| {
            format!(
                "{file}:{line}: {what}, and nothing that is linked declares it\n  = help: declare it in a `contract!`, or put `#[audited(expects(.. within 5s))]` on the function that asks for it"
            )
        })
        .collect()
}

/// Fails when a declared action is acknowledged by nothing that is linked in, or an acknowledged one was never declared.
/// One line in a test of the program: `audit_testkit::assert_contracts_covered()`.
///
/// # Panics
/// With each finding's file, line and cure.
pub fn assert_contracts_covered() {
    let findings = uncovered(&catalogue());
    assert!(findings.is_empty(), "contracts are not covered:\n{}", findings.join("\n"));
}
