//! Cases on a sick storage: the Nth operation of each sort fails in each way, for N = 1, 2, … until a run in which nothing
//! failed any more.

use super::build::Matrix;
use super::judge;
use super::report::{Outcome, Report};
use crate::case::{Case, Kind, Kinds};
use crate::coverage;
use crate::lab::{Lab, Setup, fast_dir};
use crate::storage::{Effect, Fault, FaultyStorage, Operation};
use std::io::ErrorKind;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A scenario with more operations of one sort than this is none for a test.
const MOST: u32 = 10_000;

const OPERATIONS: &[(Operation, &str)] = &[
    (Operation::Create, "create"),
    (Operation::Write, "write"),
    (Operation::Sync, "sync"),
    (Operation::Truncate, "truncate"),
    (Operation::Look, "look"),
    (Operation::Remove, "remove"),
];

/// Every operation, every way, every N.
pub(crate) fn all(matrix: &Matrix, until: Option<Instant>, report: &mut Report) {
    if !matrix.kinds.has_any(Kinds::STORE) {
        return;
    }
    let before = report.fired;
    for (operation, text) in OPERATIONS {
        for kind in Kind::ALL.iter().filter(|kind| Kinds::STORE.has(**kind) && matrix.kinds.has(**kind)) {
            // A look has no answer that could be lost, and only a write can be short.
            let idle = (*kind == Kind::KeptButAnswerLost && *operation == Operation::Look)
                || (*kind == Kind::ShortWrite && *operation != Operation::Write);
            for nth in (1..=MOST).take_while(|_| !idle) {
                if until.is_some_and(|until| Instant::now() > until) {
                    report.skipped += 1;
                    break;
                }
                let case = Case { place: "store".into(), nth, phase: (*text).into(), kind: *kind };
                let outcome = one(matrix, &case);
                if !outcome.fired {
                    break;
                }
                report.planned += 1;
                report.take(&case, outcome);
            }
        }
    }
    if report.fired == before && report.skipped == 0 {
        let case = Case { place: "store".into(), nth: 1, phase: "write".into(), kind: Kind::FailsOnce };
        report.planned += 1;
        report.take(&case, Outcome::default());
    }
}

fn fault(case: &Case) -> Option<Fault> {
    let (operation, _) = OPERATIONS.iter().find(|(_, text)| *text == case.phase)?;
    let nth = usize::try_from(case.nth).ok()?;
    Some(match case.kind {
        Kind::FailsForEver => Fault::from(*operation, nth, Effect::Failed(ErrorKind::Other)),
        Kind::Full => Fault::from(*operation, nth, Effect::Failed(ErrorKind::StorageFull)),
        Kind::ShortWrite => Fault::once(*operation, nth, Effect::Short),
        Kind::Slow => Fault::once(*operation, nth, Effect::Slow(Duration::from_millis(2))),
        Kind::KeptButAnswerLost => Fault::once(*operation, nth, Effect::FailedButKept(ErrorKind::Other)),
        _ => Fault::once(*operation, nth, Effect::Failed(ErrorKind::Other)),
    })
}

pub(crate) fn one(matrix: &Matrix, case: &Case) -> Outcome {
    let Some(fault) = fault(case) else { return Outcome::broken(format!("{case} names no operation of a store")) };
    let home = match fast_dir() {
        Ok(home) => home,
        Err(error) => return Outcome::broken(error.to_string()),
    };
    let storage = FaultyStorage::with(fault);
    let setup = Setup { dir: Some(home.path().to_owned()), storage: Some(Arc::new(storage.clone())), ..matrix.setup() };
    let checked = match Lab::open(setup) {
        // Nothing was recorded and nothing ran: what is left must open all the same.
        Err(_) => {
            storage.mend();
            judge::trail_of(&home.path().join("trail"), Vec::new(), true)
        }
        Ok(lab) => {
            let came = matrix.scenario.play(&lab);
            storage.mend();
            let seen = lab.script().seen();
            judge::closed(lab, &came, &seen, false)
        }
    };
    let fired = storage.fired() > 0;
    if fired {
        coverage::case(&matrix.title(), case, true);
        coverage::exits(&matrix.title(), &checked.story, Some((case, None)));
    }
    let mut broke = checked.broke;
    broke.extend(judge::own_check(matrix, case, &checked.story));
    Outcome { fired, broke, last: checked.story.last(12).to_vec() }
}
