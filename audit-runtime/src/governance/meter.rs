//! What happens live, counted through the `metrics` facade for whatever recorder the program has installed. The trail holds
//! the same facts: `audited metrics` computes them from it. Nothing that is recorded depends on this.

use crate::contract::{Report, Standing, Subject};
use metrics::{counter, histogram};
use std::time::Duration;

/// A deadline has passed and was told.
pub(super) fn overdue(subject: &Subject, standing: Standing) {
    let (domain, action) = (subject.domain.clone(), subject.action.clone());
    counter!("rac_alerts_total", "domain" => domain, "action" => action, "standing" => standing.name()).increment(1);
}

/// A contract was reconciled for the last time.
pub(super) fn reconciled(report: &Report, took: Duration) {
    counter!("rac_reconciliation_total", "status" => report.label()).increment(1);
    histogram!("rac_reconciliation_duration_seconds").record(took.as_secs_f64());
    if report.of(Standing::Stale).next().is_some() {
        counter!("rac_stale_runs_total").increment(1);
    }
    for finding in &report.findings {
        let (name, Some(subject)) = (name_of(finding.standing), &finding.subject) else { continue };
        if let Some(name) = name {
            counter!(name, "domain" => subject.domain.clone(), "action" => subject.action.clone()).increment(1);
        }
    }
}

/// Whoever watches deadlines gave no sign of life.
pub(super) fn watcher_missed() {
    counter!("rac_missed_reconciliations_total").increment(1);
}

fn name_of(standing: Standing) -> Option<&'static str> {
    super::metrics::ACTION_METRICS.iter().find(|(of, ..)| *of == standing).map(|(_, name, _)| *name)
}
