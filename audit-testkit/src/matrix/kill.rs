//! Cases that end a child process. The parent starts the test's own binary again for each of them, wants it dead of
//! signal 9, recovers what it left, checks, and recovers once more. At depth 2 recovery is killed at each of its
//! operations before that; at depth 3 also inside of them, and the recovery behind it as well.

use super::attempt::spread;
use super::build::{Check, Matrix};
use super::judge::{self, Checked, trail_of};
use super::lanes;
use super::mortal::{CASE, OF, PLACE};
use super::record::{Recorded, cases};
use super::report::{Outcome, Report};
use super::runner::Runner;
use crate::case::{Case, Kind, Kinds};
use crate::coverage;
use crate::lab::{ACKNOWLEDGED, STRUCK, Told, fast_dir};
use crate::storage::FaultyStorage;
use crate::story::Story;
use audit_runtime::Id;
use audit_runtime::fault::Phase;
use audit_runtime::trail::Acknowledged;
use parking_lot::Mutex;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// Between two looks at a child.
const PAUSE: Duration = Duration::from_micros(200);

/// Kills are counted until a child comes to its end; more than this is no scenario for a test.
const MOST: u32 = 10_000;

/// Between how a recovery was killed and the kill in front of it.
const BEHIND: &str = " behind ";

/// What every child of a matrix has in common.
struct Lane<'a> {
    test: String,
    title: String,
    nth: u32,
    deadline: Duration,
    depth: u32,
    check: Option<&'a Check>,
    /// Children that hung.
    hung: AtomicU32,
    /// What was open in trails whose recovery was killed already: the same work is not killed twice.
    shapes: Mutex<BTreeSet<Vec<String>>>,
}

/// Behind so many children that hung the rest is left out.
const HUNG: u32 = 3;

/// Operations that are killed at the same time: how many there are shows only where a child comes to its end.
const AT_ONCE: u32 = 8;

/// Every moment, then every operation of the store.
pub(crate) fn all(matrix: &Matrix, recorded: &Recorded, until: Option<Instant>, report: &mut Report) {
    if !matrix.kinds.has(Kind::Kill) {
        return;
    }
    let lane = lane(matrix);
    let is_time = || until.is_none_or(|until| Instant::now() <= until);
    // Whoever hangs a few times hangs every time, and each time takes as long as the deadline.
    let one = |case: &Case| (is_time() && lane.hung.load(Ordering::Relaxed) < HUNG).then(|| lane.one(case));
    let cases = cases(matrix, recorded, Kinds::KILL);
    // In an order in which a budget leaves a fair sample; told of in their own.
    let order: Vec<usize> = spread(cases.len()).collect();
    let killed = lanes::each(&lane.test, &order, |at| one(&cases[*at]));
    for (_, killed) in order.iter().zip(killed).collect::<BTreeMap<_, _>>() {
        match killed {
            Some((outcomes, _)) => take(report, outcomes),
            None => report.pass_over(Runner::Killed),
        }
    }
    if matrix.sites.is_empty() && matrix.phases.is_none() {
        for phase in ["before", "torn"] {
            let ended = (1..=MOST).step_by(AT_ONCE as usize).any(|first| {
                let at = |nth| Case { place: "store".into(), nth, phase: phase.into(), kind: Kind::Kill };
                let cases: Vec<Case> = (first..first + AT_ONCE).map(at).collect();
                let killed = lanes::each(&lane.test, &cases, one);
                let (counts, is_late) = counting(&killed);
                killed.into_iter().take(counts).flatten().for_each(|(outcomes, _)| take(report, outcomes));
                if is_late {
                    // Nobody knows how many there would have been: one stands for all of them.
                    report.pass_over(Runner::Killed);
                }
                counts < cases.len() || lane.hung.load(Ordering::Relaxed) >= HUNG
            });
            debug_assert!(ended);
        }
    }
}

/// What a case came to with what was killed behind it, and what became of its child; `None` where there was no time for it.
type Killed = Option<(Vec<(Case, Outcome)>, Child)>;

/// What became of a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Child {
    /// It was killed.
    Killed,
    /// It came to its end: there was no such operation.
    CameToItsEnd,
    /// Neither: it hung, failed or was never there. So would those behind it.
    Failed,
}

/// How many of some operations of the store count, and whether time ran out behind them. Behind the first child that was not
/// killed nothing counts.
fn counting(killed: &[Killed]) -> (usize, bool) {
    let counts = killed.iter().take_while(|killed| matches!(killed, Some((_, Child::Killed)))).count();
    match killed.get(counts) {
        Some(Some((_, Child::Failed))) => (counts + 1, false),
        next => (counts, matches!(next, Some(None))),
    }
}

/// One case, for a replay. A recovery is killed behind the kill that it was killed behind.
pub(crate) fn one(matrix: &Matrix, case: &Case, report: &mut Report) {
    let lane = lane(matrix);
    let (outcomes, _) = match behind(case) {
        Some((first, depth)) => Lane { depth, ..lane }.one(&first),
        None => Lane { depth: 1, ..lane }.one(case),
    };
    let asked = outcomes.into_iter().find(|(done, _)| done == case);
    report.plan(Runner::Killed, 1);
    report.take(case, asked.map_or_else(Outcome::default, |(_, outcome)| outcome));
}

/// The kill that this recovery was killed behind, and the depth that does so.
fn behind(case: &Case) -> Option<(Case, u32)> {
    let (how, first) = case.phase.split_once(BEHIND).filter(|_| case.place == "recovery")?;
    let first = Case::parse(&first.replace(',', ";")).ok()?;
    Some((first, if how == "before" { 2 } else { 3 }))
}

fn lane(matrix: &Matrix) -> Lane<'_> {
    let test = matrix.test().unwrap_or_else(|| {
        panic!("a child is started by its test's name, which is not known here: `.named(concat!(module_path!(), \"::NAME\"))`")
    });
    let (title, nth, deadline, depth) = (matrix.title(), matrix.nth, matrix.deadline, matrix.depth);
    Lane {
        test,
        title,
        nth,
        deadline,
        depth,
        check: matrix.check.as_deref(),
        hung: AtomicU32::new(0),
        shapes: Mutex::default(),
    }
}

fn take(report: &mut Report, outcomes: Vec<(Case, Outcome)>) {
    for (case, outcome) in outcomes {
        report.plan(Runner::Killed, 1);
        report.take(&case, outcome);
    }
}

/// How a child ended.
enum Ended {
    Killed,
    ByItself(ExitStatus),
    Hung,
    NotStarted(String),
}

impl Lane<'_> {
    /// One child, and at depth 2 the recoveries that are killed behind it. Also says what became of the child.
    fn one(&self, case: &Case) -> (Vec<(Case, Outcome)>, Child) {
        let home = match fast_dir() {
            Ok(home) => home,
            Err(error) => return (vec![(case.clone(), Outcome::broken(error.to_string()))], Child::Failed),
        };
        let dir = home.path();
        let ended = self.child(case, dir);
        let struck = fs::read_to_string(dir.join(STRUCK)).ok();
        let child = match &ended {
            Ended::Killed => Child::Killed,
            Ended::ByItself(status) if status.success() => Child::CameToItsEnd,
            Ended::ByItself(_) | Ended::Hung | Ended::NotStarted(_) => Child::Failed,
        };
        let mut outcome = Outcome { fired: struck.is_some(), ..Outcome::default() };
        match &ended {
            Ended::Killed if struck.is_some() => {}
            Ended::Killed => outcome.broke.push("the child was killed by somebody else".to_owned()),
            Ended::ByItself(status) => outcome.broke.push(format!(
                "the child was to be killed at this moment, never came to it and ended by itself ({status})\n{}",
                said(case, dir)
            )),
            Ended::Hung => {
                self.hung.fetch_add(1, Ordering::Relaxed);
                outcome.fired = true;
                outcome.broke.push(format!(
                    "the child hung: no end within {:?}; where it is slow and nothing worse, `.deadline(..)` gives it more; behind {HUNG} of them the rest is left out\n{}",
                    self.deadline,
                    said(case, dir)
                ));
            }
            Ended::NotStarted(why) => outcome.broke.push(format!("the child cannot be started: {why}")),
        }
        if !matches!(ended, Ended::Killed) {
            return (vec![(case.clone(), outcome)], child);
        }
        let acknowledged = Told::read(&dir.join(ACKNOWLEDGED));
        let mut outcomes = Vec::new();
        if self.depth > 1 {
            outcomes.extend(self.recoveries(case, dir, &acknowledged));
        }
        let checked = trail_of(&dir.join("trail"), acknowledged, true);
        outcome.broke.extend(checked.broke.iter().cloned());
        outcome.broke.extend(end_of(case, struck.as_deref(), &checked));
        outcome.broke.extend(judge::own_check(self.check, case, &checked.story));
        outcome.last = checked.story.last(12).to_vec();
        outcome.ends = coverage::exits(&self.title, &checked.story, Some((case, None)));
        outcomes.insert(0, (case.clone(), outcome));
        (outcomes, child)
    }

    /// Starts this test again, alone, with one case in its environment.
    fn child(&self, case: &Case, dir: &Path) -> Ended {
        let start = || -> std::io::Result<std::process::Child> {
            let said = File::create(dir.join(words(case)))?;
            Command::new(std::env::current_exe()?)
                .args(alone(&self.test))
                .env(CASE, case.to_string())
                .env(PLACE, dir)
                .env(OF, self.nth.to_string())
                // A scenario that panics by itself does so in every child, and a trace of it costs more than its run.
                .env("RUST_BACKTRACE", "0")
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
                Ok(None) if Instant::now() < until => std::thread::sleep(PAUSE),
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
        if let Ok(story) = Story::read(&dir.join("trail"))
            && !self.shapes.lock().insert(if self.check.is_some() { story.shape() } else { open(&story) })
        {
            return outcomes;
        }
        // At depth 3 it also dies in the middle of each, and with its successor, which dies one operation further on.
        let ways: &[&str] = if self.depth > 2 { &["before", "torn", "again"] } else { &["before"] };
        for how in ways {
            for nth in 1..=MOST {
                let phase = format!("{how}{BEHIND}{first}").replace(';', ",");
                let case = Case { place: "recovery".into(), nth, phase, kind: Kind::Kill };
                let Some(outcome) = self.recovery(&case, how, dir, acknowledged) else { break };
                let last = !outcome.fired;
                outcomes.push((case, Outcome { fired: true, ..outcome }));
                if last {
                    break;
                }
            }
        }
        outcomes
    }

    /// One recovery that is killed, on a copy; `None` when it came to its end. One that did neither has not fired.
    fn recovery(&self, case: &Case, how: &str, dir: &Path, acknowledged: &[Acknowledged]) -> Option<Outcome> {
        let failed = |why: String| Some(Outcome { fired: false, ..Outcome::broken(why) });
        let copy = match fast_dir() {
            Ok(copy) => copy,
            Err(error) => return failed(error.to_string()),
        };
        let trail = copy.path().join("trail");
        if let Err(error) = FaultyStorage::copy(dir, copy.path()) {
            return failed(format!("copying the trail: {error}"));
        }
        let phase = if how == "torn" { "torn" } else { "before" };
        let asked = Case { phase: phase.into(), ..case.clone() };
        match self.child(&asked, copy.path()) {
            // Every operation has been killed once.
            Ended::ByItself(status) if status.success() => return None,
            Ended::Killed => {}
            Ended::ByItself(status) => {
                return failed(format!("recovery ended by itself ({status})\n{}", said(case, copy.path())));
            }
            Ended::Hung => return failed(format!("recovery hung: no end within {:?}", self.deadline)),
            Ended::NotStarted(why) => return failed(format!("recovery cannot be started: {why}")),
        }
        if how == "again" {
            // It may come to its end: what it had to do is less than what its predecessor had.
            let further = Case { nth: case.nth + 1, ..asked };
            match self.child(&further, copy.path()) {
                Ended::Killed | Ended::ByItself(_) => {}
                Ended::Hung => return failed(format!("the second recovery hung: no end within {:?}", self.deadline)),
                Ended::NotStarted(why) => return failed(format!("the second recovery cannot be started: {why}")),
            }
        }
        let mut checked = trail_of(&trail, acknowledged.to_vec(), true);
        checked.broke.extend(judge::own_check(self.check, case, &checked.story));
        Some(Outcome::of(&checked, true, Vec::new()))
    }
}

/// What a test's program is asked for to run this test and no other. Nothing is handed on of how it was started itself: a
/// runner that starts a process for each test asks in other words.
fn alone(test: &str) -> [&str; 4] {
    [test, "--exact", "--nocapture", "--test-threads=1"]
}

/// The entries that recovery finds open.
fn open(story: &Story) -> Vec<String> {
    let mut open: Vec<String> =
        story.entries.values().filter(|entry| entry.ends.is_empty()).map(|entry| entry.node.clone()).collect();
    open.sort();
    open
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

/// The file with what a child wrote; a recovery leaves that of the child before it alone.
fn words(case: &Case) -> &'static str {
    if case.place == "recovery" { "said-by-recovery" } else { "said" }
}

/// What a child wrote, its last lines.
fn said(case: &Case, dir: &Path) -> String {
    let text = fs::read_to_string(dir.join(words(case))).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(12)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::{Child, Killed, alone, counting};

    #[test]
    fn operations_behind_the_end_do_not_count_and_one_that_there_was_no_time_for_is_told() {
        let killed = || -> Killed { Some((Vec::new(), Child::Killed)) };
        let came_to_its_end = || -> Killed { Some((Vec::new(), Child::CameToItsEnd)) };
        let failed = || -> Killed { Some((Vec::new(), Child::Failed)) };
        assert_eq!(counting(&[killed(), failed(), killed(), failed()]), (2, false));
        assert_eq!(counting(&[killed(), killed(), came_to_its_end(), killed()]), (2, false));
        assert_eq!(counting(&[killed(), came_to_its_end(), None]), (1, false));
        assert_eq!(counting(&[killed(), None, None]), (1, true));
        assert_eq!(counting(&[None, killed()]), (0, true));
        assert_eq!(counting(&[killed(), killed()]), (2, false));
    }

    #[test]
    fn a_child_is_asked_for_one_test_whoever_started_its_parent() {
        assert_eq!(alone("crash::a_test"), ["crash::a_test", "--exact", "--nocapture", "--test-threads=1"]);
    }
}
