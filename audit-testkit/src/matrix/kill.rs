//! Cases that end a child process. The parent starts the test's own binary again for each of them, wants it dead of
//! signal 9, recovers what it left, checks, and recovers once more. At depth 2 recovery is killed at each of its
//! operations before that.

use super::build::Matrix;
use super::judge::{self, Checked, trail_of};
use super::mortal::{CASE, PLACE};
use super::record::{Recorded, cases};
use super::report::{Outcome, Report};
use crate::case::{Case, Kind, Kinds};
use crate::coverage;
use crate::lab::{ACKNOWLEDGED, STRUCK, Told, fast_dir};
use crate::storage::FaultyStorage;
use audit_runtime::Id;
use audit_runtime::fault::Phase;
use audit_runtime::trail::Acknowledged;
use parking_lot::Mutex;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Kills are counted until a child comes to its end; more than this is no scenario for a test.
const MOST: u32 = 10_000;

/// What every child of a matrix has in common.
struct Lane {
    test: String,
    title: String,
    deadline: Duration,
    depth: u32,
    /// Shapes of trails whose recovery was killed already: the same work is not killed twice.
    shapes: Mutex<BTreeSet<Vec<String>>>,
}

/// Every moment, then every operation of the store.
pub(crate) fn all(matrix: &Matrix, recorded: &Recorded, until: Option<Instant>, report: &mut Report) {
    if !matrix.kinds.has(Kind::Kill) {
        return;
    }
    let lane = lane(matrix);
    let cases = cases(matrix, recorded, Kinds::KILL);
    in_lanes(&lane, &cases, until, report);
    if matrix.sites.is_empty() && matrix.phases.is_none() {
        for phase in ["before", "torn"] {
            for nth in 1..=MOST {
                let case = Case { place: "store".into(), nth, phase: phase.into(), kind: Kind::Kill };
                let (outcomes, came_to_its_end) = lane.one(&case);
                if came_to_its_end || until.is_some_and(|until| Instant::now() > until) {
                    break;
                }
                take(report, outcomes);
            }
        }
    }
}

/// One case, for a replay.
pub(crate) fn one(matrix: &Matrix, case: &Case) -> Outcome {
    let (outcomes, _) = lane(matrix).one(case);
    outcomes.into_iter().next().map_or_else(Outcome::default, |(_, outcome)| outcome)
}

fn lane(matrix: &Matrix) -> Lane {
    let test = matrix.test().unwrap_or_else(|| {
        panic!("a child is started by its test's name, which is not known here: `.named(concat!(module_path!(), \"::NAME\"))`")
    });
    let (title, deadline, depth) = (matrix.title(), matrix.deadline, matrix.depth);
    Lane { test, title, deadline, depth, shapes: Mutex::default() }
}

fn take(report: &mut Report, outcomes: Vec<(Case, Outcome)>) {
    for (case, outcome) in outcomes {
        report.planned += 1;
        report.take(&case, outcome);
    }
}

/// As many children at a time as the machine has processors.
fn in_lanes(lane: &Lane, cases: &[Case], until: Option<Instant>, report: &mut Report) {
    let lanes = std::thread::available_parallelism().map_or(1, usize::from).min(4);
    let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..lanes {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(case) = cases.get(at) else { return };
                    let late = until.is_some_and(|until| Instant::now() > until);
                    let outcomes = (!late).then(|| lane.one(case).0);
                    done.lock().push((at, outcomes));
                }
            });
        }
    });
    let mut done = done.into_inner();
    done.sort_by_key(|(at, _)| *at);
    for (_, outcomes) in done {
        match outcomes {
            Some(outcomes) => take(report, outcomes),
            None => {
                report.planned += 1;
                report.skipped += 1;
            }
        }
    }
}

/// How a child ended.
enum Ended {
    Killed,
    ByItself(ExitStatus),
    Hung,
    NotStarted(String),
}

impl Lane {
    /// One child, and at depth 2 the recoveries that are killed behind it. Also says whether the child was not killed.
    fn one(&self, case: &Case) -> (Vec<(Case, Outcome)>, bool) {
        let home = match fast_dir() {
            Ok(home) => home,
            Err(error) => return (vec![(case.clone(), Outcome::broken(error.to_string()))], false),
        };
        let dir = home.path();
        let ended = self.child(case, dir);
        let struck = fs::read_to_string(dir.join(STRUCK)).ok();
        coverage::case(&self.title, case, struck.is_some());
        let mut outcome = Outcome { fired: struck.is_some(), ..Outcome::default() };
        match &ended {
            Ended::Killed if struck.is_some() => {}
            Ended::Killed => outcome.broke.push("the child was killed by somebody else".to_owned()),
            Ended::ByItself(status) => {
                outcome.broke.push(format!("the child ended by itself ({status})\n{}", said(dir)))
            }
            Ended::Hung => {
                outcome.fired = true;
                outcome.broke.push(format!("the child hung: no end within {:?}\n{}", self.deadline, said(dir)));
            }
            Ended::NotStarted(why) => outcome.broke.push(format!("the child cannot be started: {why}")),
        }
        if !matches!(ended, Ended::Killed) {
            return (vec![(case.clone(), outcome)], matches!(ended, Ended::ByItself(_)));
        }
        let acknowledged = Told::read(&dir.join(ACKNOWLEDGED));
        let mut outcomes = Vec::new();
        if self.depth > 1 {
            outcomes.extend(self.recoveries(case, dir, &acknowledged));
        }
        let checked = trail_of(&dir.join("trail"), acknowledged, true);
        outcome.broke.extend(checked.broke.iter().cloned());
        outcome.broke.extend(end_of(case, struck.as_deref(), &checked));
        outcome.last = checked.story.last(12).to_vec();
        coverage::exits(&self.title, &checked.story, Some((case, None)));
        outcomes.insert(0, (case.clone(), outcome));
        (outcomes, false)
    }

    /// Starts this test again, alone, with one case in its environment.
    fn child(&self, case: &Case, dir: &Path) -> Ended {
        let start = || -> std::io::Result<std::process::Child> {
            let said = File::create(dir.join("said"))?;
            Command::new(std::env::current_exe()?)
                .args([self.test.as_str(), "--exact", "--nocapture", "--test-threads=1"])
                .env(CASE, case.to_string())
                .env(PLACE, dir)
                .stdin(Stdio::null())
                .stdout(said.try_clone()?)
                .stderr(said)
                .spawn()
        };
        let mut child = match start() {
            Ok(child) => child,
            Err(error) => return Ended::NotStarted(error.to_string()),
        };
        let until = Instant::now() + self.deadline;
        loop {
            match child.try_wait() {
                Ok(Some(status)) if status.signal() == Some(9) => return Ended::Killed,
                Ok(Some(status)) => return Ended::ByItself(status),
                Ok(None) if Instant::now() < until => std::thread::sleep(Duration::from_millis(1)),
                Ok(None) => {
                    drop(child.kill());
                    drop(child.wait());
                    return Ended::Hung;
                }
                Err(error) => return Ended::NotStarted(error.to_string()),
            }
        }
    }

    /// Kills recovery at each of its operations, on copies of what the first kill left.
    fn recoveries(&self, first: &Case, dir: &Path, acknowledged: &[Acknowledged]) -> Vec<(Case, Outcome)> {
        let mut outcomes = Vec::new();
        if let Ok(story) = crate::story::Story::read(&dir.join("trail"))
            && !self.shapes.lock().insert(story.shape())
        {
            return outcomes;
        }
        for nth in 1..=MOST {
            let case = Case {
                place: "recovery".into(),
                nth,
                phase: format!("before behind {first}").replace(';', ","),
                kind: Kind::Kill,
            };
            let asked = Case { phase: "before".into(), ..case.clone() };
            let copy = match fast_dir() {
                Ok(copy) => copy,
                Err(error) => {
                    outcomes.push((case, Outcome::broken(error.to_string())));
                    break;
                }
            };
            if let Err(error) = FaultyStorage::copy(&dir.join("trail"), &copy.path().join("trail")) {
                outcomes.push((case, Outcome::broken(format!("copying the trail: {error}"))));
                break;
            }
            match self.child(&asked, copy.path()) {
                // Every operation has been killed once.
                Ended::ByItself(status) if status.success() => break,
                Ended::Killed => {}
                Ended::ByItself(status) => {
                    outcomes.push((
                        case,
                        Outcome::broken(format!("recovery ended by itself ({status})\n{}", said(copy.path()))),
                    ));
                    break;
                }
                Ended::Hung | Ended::NotStarted(_) => {
                    outcomes.push((case, Outcome::broken("recovery did not come to an end".to_owned())));
                    break;
                }
            }
            let checked = trail_of(&copy.path().join("trail"), acknowledged.to_vec(), true);
            let last = checked.story.last(12).to_vec();
            outcomes.push((case, Outcome { fired: true, broke: checked.broke, last }));
        }
        outcomes
    }
}

/// Whether the entry that the kill struck has the end that fits.
fn end_of(case: &Case, struck: Option<&str>, checked: &Checked) -> Option<String> {
    let (phase, state) = (case.moment()?, Id::parse(struck?)?);
    let Some(entry) = checked.story.entries.get(&state) else {
        // At these moments the state is the site's own, and its opening has been acknowledged.
        let own =
            matches!(phase, Phase::AfterBegin | Phase::BeforeComplete | Phase::AfterComplete) && state != Id::NONE;
        return own.then(|| format!("I5 {} had begun when it was killed, and has no opening", case.place));
    };
    judge::end_fits(entry, phase, Kind::Kill).filter(|_| entry.site == case.place)
}

/// What a child wrote, its last lines.
fn said(dir: &Path) -> String {
    let text = fs::read_to_string(dir.join("said")).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(12)..].join("\n")
}
