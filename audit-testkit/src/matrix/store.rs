//! Cases on a sick storage: the Nth operation of each sort fails in each way, for N = 1, 2, … until a run in which nothing
//! failed any more.

use super::build::Matrix;
use super::record::Recorded;
use super::report::{Outcome, Report};
use super::runner::Runner;
use super::scenario::Came;
use super::{judge, lanes};
use crate::case::{Case, Kind, Kinds};
use crate::coverage;
use crate::lab::{Lab, Setup, fast_dir};
use crate::storage::{Effect, Fault, FaultyStorage, Operation, Unsynced};
use crate::story::Story;
use audit_runtime::Durability;
use audit_runtime::trail::Acknowledged;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;

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

/// Every operation, every way, every N. What one case left is judged while the next one is played.
pub(crate) fn all(matrix: &Matrix, recorded: &Recorded, until: Option<Instant>, report: &mut Report) {
    if !matrix.kinds.has_any(Kinds::STORE) {
        return;
    }
    let (title, mut left_out, mut judged_any) = (matrix.title(), 0, false);
    lanes::beside(
        // A check of the test's own may look at what the scenario left elsewhere.
        matrix.check.is_some(),
        |give| {
            for (operation, kind) in ways(matrix) {
                for nth in 1..=MOST {
                    if until.is_some_and(|until| Instant::now() > until) {
                        left_out += 1;
                        break;
                    }
                    let case = Case { place: "store".into(), nth, phase: operation.into(), kind };
                    match play(matrix, &case) {
                        // Behind the first run in which nothing failed there is nothing more to fail.
                        Ok(played) if !played.fired => {
                            if let Some(ran) = played.ran {
                                ran.lab.close();
                            }
                            break;
                        }
                        played => give((case, played)),
                    }
                }
            }
        },
        |(case, played)| {
            let judged = judged(&title, &case, played);
            (case, judged)
        },
        |(case, judged)| {
            judged_any = true;
            take(matrix, &case, judged, recorded, report);
        },
    );
    (0..left_out).for_each(|_| report.pass_over(Runner::SickStore));
    if !judged_any && left_out == 0 {
        let case = Case { place: "store".into(), nth: 1, phase: "write".into(), kind: Kind::FailsOnce };
        report.plan(Runner::SickStore, 1);
        report.take(&case, Outcome::default());
    }
}

/// Each operation in each way in which it can fail.
fn ways(matrix: &Matrix) -> impl Iterator<Item = (&'static str, Kind)> {
    let asked = matrix.kinds;
    OPERATIONS.iter().flat_map(move |(operation, text)| {
        let kinds = Kind::ALL.iter().filter(move |kind| Kinds::STORE.has(**kind) && asked.has(**kind));
        // A look has no answer that could be lost, and only a write can be short.
        let idle = |kind: Kind| {
            (kind == Kind::KeptButAnswerLost && *operation == Operation::Look)
                || (kind == Kind::ShortWrite && *operation != Operation::Write)
        };
        kinds.filter(move |kind| !idle(**kind)).map(move |kind| (*text, *kind))
    })
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

/// One case, for a replay.
pub(crate) fn one(matrix: &Matrix, case: &Case, recorded: &Recorded, report: &mut Report) {
    take(matrix, case, judged(&matrix.title(), case, play(matrix, case)), recorded, report);
}

/// What a case on a sick storage left.
struct Played {
    home: TempDir,
    /// None where no trail could be opened.
    ran: Option<Ran>,
    fired: bool,
}

struct Ran {
    lab: Lab,
    came: Came,
    /// Audited calls in no lab, seen before another lab opened.
    orphans: Vec<String>,
    /// The image of a power cut and what must be in it.
    cut: Option<Result<Cut, String>>,
}

/// What its trail is like, and the trail itself.
type Judged = (Outcome, Story, Option<TempDir>);

fn play(matrix: &Matrix, case: &Case) -> Result<Played, String> {
    let fault = fault(case).ok_or_else(|| format!("{case} names no operation of a store"))?;
    let home = fast_dir().map_err(|error| format!("making a directory: {error}"))?;
    let storage = FaultyStorage::with(fault);
    let setup = Setup { dir: Some(home.path().to_owned()), storage: Some(Arc::new(storage.clone())), ..matrix.setup() };
    let ran = Lab::open(setup).ok().map(|lab| {
        let came = matrix.play(&lab);
        let orphans = lab.watched();
        // Behind a sync that failed the device holds less than the kernel shows.
        let cut = (case.phase == "sync").then(|| Cut::taken(&lab, &storage, home.path()));
        Ran { lab, came, orphans, cut }
    });
    storage.mend();
    Ok(Played { home, ran, fired: storage.fired() > 0 })
}

fn judged(title: &str, case: &Case, played: Result<Played, String>) -> Judged {
    let Played { home, ran, fired } = match played {
        Ok(played) => played,
        Err(why) => return (Outcome::broken(why), Story::default(), None),
    };
    let mut checked = match ran {
        // Nothing was recorded and nothing ran: what is left must open all the same.
        None => judge::trail_of(&home.path().join("trail"), Vec::new(), true),
        Some(Ran { lab, came, orphans, cut }) => {
            let seen = lab.script().seen();
            let mut checked = judge::closed(lab, &came, &seen, false);
            checked.broke.splice(0..0, orphans);
            checked.broke.extend(cut.into_iter().flat_map(after_a_power_cut));
            checked
        }
    };
    if !fired {
        checked
            .broke
            .insert(0, format!("the scenario asks its store less than {} times for `{}`", case.nth, case.phase));
    }
    let ends = match fired {
        true => coverage::exits(title, &checked.story, Some((case, None))),
        false => Vec::new(),
    };
    (Outcome::of(&checked, fired, ends), checked.story, Some(home))
}

/// Takes an outcome, with what only the test's own thread can ask: its own check, and the scenario once more.
fn take(matrix: &Matrix, case: &Case, judged: Judged, recorded: &Recorded, report: &mut Report) {
    let (mut outcome, story, home) = judged;
    report.plan(Runner::SickStore, 1);
    outcome.broke.extend(judge::own_check(matrix.check.as_deref(), case, &story));
    let recovers = outcome.fired && outcome.broke.is_empty() && case.kind != Kind::Slow;
    if let Some(home) = home.filter(|_| recovers) {
        outcome.broke.extend(judge::again(matrix, home.path(), &recorded.shape));
    }
    report.take(case, outcome);
}

/// What the device would hold, and what was acknowledged as being there.
struct Cut {
    trail: PathBuf,
    acknowledged: Vec<Acknowledged>,
}

impl Cut {
    fn taken(lab: &Lab, storage: &FaultyStorage, home: &Path) -> Result<Cut, String> {
        let durable = lab.told().acks().into_iter().filter(|ack| ack.durability >= Durability::Disk);
        let (trail, acknowledged) = (home.join("cut"), durable.map(|ack| ack.record).collect());
        let taken = storage.image(lab.path(), &trail, Unsynced::Nothing);
        taken.map(|()| Cut { trail, acknowledged }).map_err(|error| format!("taking an image: {error}"))
    }
}

/// What of all that was acknowledged as being on the device is not there.
fn after_a_power_cut(cut: Result<Cut, String>) -> Vec<String> {
    match cut {
        Err(why) => vec![why],
        Ok(cut) => {
            let checked = judge::trail_of(&cut.trail, cut.acknowledged, true);
            checked.broke.into_iter().map(|broke| format!("{broke} (had the power failed then)")).collect()
        }
    }
}
