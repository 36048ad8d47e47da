//! Contracts found broken before production: what is declared and what fulfils it are both known at link time.

use audit_runtime::{Catalogue, catalogue};

/// What is wrong with the declarations of a program, each with file and line.
#[must_use]
pub fn uncovered(catalogue: &Catalogue) -> Vec<String> {
    let mut findings = Vec::new();
    for (site, expects) in catalogue.expectations() {
        if !catalogue.acknowledgements().any(|(_, action)| action == expects.action) {
            let seconds = expects.within_ns as f64 / 1e9;
            findings.push(format!(
                "{}:{}: `{}` expects {} within {seconds} s, and no linked function acknowledges it\n  = help: put `#[audited(acknowledges({}))]` on the function that does it",
                site.file, site.line, site.function, expects.action, expects.action
            ));
        }
    }
    for (site, action) in catalogue.acknowledgements() {
        if !catalogue.expectations().any(|(_, expects)| expects.action == action) {
            findings.push(format!(
                "{}:{}: `{}` acknowledges {action}, and nothing that is linked declares it\n  = help: put `#[audited(expects({action} within 5s))]` on the function that asks for it, or mend the name",
                site.file, site.line, site.function
            ));
        }
    }
    findings
}

/// Fails when a declared action is acknowledged by no function that is linked in, or an acknowledged one was never
/// declared. One line in a test of the program: `audit_testkit::assert_contracts_covered()`.
///
/// # Panics
/// With each finding's file, line and cure.
pub fn assert_contracts_covered() {
    let findings = uncovered(&catalogue());
    assert!(findings.is_empty(), "contracts are not covered:\n{}", findings.join("\n"));
}
