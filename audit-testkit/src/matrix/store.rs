//! Cases on a sick storage: the Nth operation of each sort fails in each way, for N = 1, 2, … until a run in which nothing
//! failed any more.

use super::build::Matrix;
use super::judge;
use super::record::Recorded;
use super::report::{Outcome, Report};
use crate::case::{Case, Kind, Kinds};
use crate::coverage;
use crate::lab::{Lab, Setup, fast_dir};
use crate::storage::{Effect, Fault, FaultyStorage, Operation, Unsynced};
use audit_runtime::Durability;
use std::io::ErrorKind;
use std::path::Path;
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
pub(crate) fn all(matrix: &Matrix, recorded: &Recorded, until: Option<Instant>, report: &mut Report) {
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
                let outcome = one(matrix, &case, recorded);
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

pub(crate) fn one(matrix: &Matrix, case: &Case, recorded: &Recorded) -> Outcome {
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
            let seen = lab.script().seen();
            // Behind a sync that failed the device holds less than the kernel shows.
            let cut = (case.phase == "sync").then(|| after_a_power_cut(&lab, &storage, home.path()));
            storage.mend();
            let mut checked = judge::closed(lab, &came, &seen, false);
            checked.broke.extend(cut.into_iter().flatten());
            checked
        }
    };
    let fired = storage.fired() > 0;
    if fired {
        coverage::exits(&matrix.title(), &checked.story, Some((case, None)));
    }
    let mut broke = checked.broke;
    broke.extend(judge::own_check(matrix.check.as_deref(), case, &checked.story));
    if fired && broke.is_empty() && case.kind != Kind::Slow {
        broke.extend(judge::again(matrix, home.path(), &recorded.shape));
    }
    Outcome { fired, broke, last: checked.story.last(12).to_vec() }
}

/// What of all that was acknowledged as being on the device is not there.
fn after_a_power_cut(lab: &Lab, storage: &FaultyStorage, home: &Path) -> Vec<String> {
    let durable = lab.told().acks().into_iter().filter(|ack| ack.durability >= Durability::Disk);
    let acknowledged = durable.map(|ack| ack.record).collect();
    let into = home.join("cut");
    if let Err(error) = storage.image(lab.path(), &into, Unsynced::Nothing) {
        return vec![format!("taking an image: {error}")];
    }
    let checked = judge::trail_of(&into, acknowledged, true);
    checked.broke.into_iter().map(|broke| format!("{broke} (had the power failed then)")).collect()
}
