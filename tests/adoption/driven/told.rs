//! What a matrix over a published crate came to, in lines for the test that started it.

use audit_testkit::Report;

/// How the scenario's own complaint begins: a promise of the crate, none of ours.
pub const OWN: &str = "OF ITS OWN:";

pub fn tell(report: Option<Report>) {
    let report = report.expect("no child");
    // The harness has begun a line.
    println!();
    let of_its_own = |broke: &[String]| broke.iter().all(|text| text.contains(OWN));
    let (own, ours): (Vec<_>, Vec<_>) = report.failures.iter().partition(|failure| of_its_own(&failure.broke));
    for failure in &ours {
        println!("OURS {} {}", failure.case, failure.broke.join(" / ").replace('\n', " "));
    }
    for failure in &own {
        println!("FOUND {}", failure.case);
    }
    println!(
        "DRIVEN {} functions, {} calls, {} cases, {} fired, {} of ours, {} of its own, {} mute",
        report.sites,
        report.calls,
        report.planned,
        report.fired,
        ours.len() + usize::from(report.last_clean.is_some()),
        own.len(),
        report.mute.len()
    );
}
