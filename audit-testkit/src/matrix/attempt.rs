//! One case in this process: a fresh lab, one fault, the check.

use super::build::Matrix;
use super::record::{Recorded, cases};
use super::report::{Outcome, Report};
use super::runner::Runner;
use super::scenario::Came;
use super::{judge, lanes};
use crate::case::{Case, Kind, Kinds};
use crate::coverage;
use crate::lab::{Lab, Setup, fast_dir};
use crate::story::Story;
use std::time::Instant;
use tempfile::TempDir;

/// Every in-process case, in an order in which a budget leaves a fair sample. What one case left is judged while the next
/// one is played.
pub(crate) fn all(matrix: &Matrix, recorded: &Recorded, until: Option<Instant>, report: &mut Report) {
    let cases = cases(matrix, recorded, Kinds::IN_PROCESS);
    report.plan(Runner::InProcess, cases.len());
    let (title, mut left_out) = (matrix.title(), 0);
    lanes::beside(
        // A check of the test's own may look at what the scenario left elsewhere.
        matrix.check.is_some(),
        |give| {
            for at in spread(cases.len()) {
                if until.is_some_and(|until| Instant::now() > until) {
                    left_out += 1;
                } else {
                    give((at, play(matrix, &cases[at])));
                }
            }
        },
        |(at, played)| (at, judged(&title, &cases[at], played)),
        |(at, judged)| take(matrix, &cases[at], judged, recorded, report),
    );
    (0..left_out).for_each(|_| report.leave_out(Runner::InProcess));
}

/// Every number below `n`, once each, far from its neighbours.
pub(crate) fn spread(n: usize) -> impl Iterator<Item = usize> {
    const STRIDE: usize = 7919;
    let stride = if n.is_multiple_of(STRIDE) { 1 } else { STRIDE };
    (0..n).map(move |i| (i * stride) % n)
}

/// One case, for a replay.
pub(crate) fn one(matrix: &Matrix, case: &Case, recorded: &Recorded, report: &mut Report) {
    report.plan(Runner::InProcess, 1);
    take(matrix, case, judged(&matrix.title(), case, play(matrix, case)), recorded, report);
}

/// A lab in which a case was played.
struct Played {
    home: TempDir,
    lab: Lab,
    came: Came,
    /// Audited calls in no lab, seen before another lab opened.
    orphans: Vec<String>,
}

/// What its trail is like, and the trail itself.
type Judged = (Outcome, Story, Option<TempDir>);

/// How often a cancel between two polls is tried: who waits for another thread suspends less often where that was fast.
const TRIES: u32 = 3;

fn play(matrix: &Matrix, case: &Case) -> Result<Played, String> {
    let tries = if case.place == "poll" { TRIES } else { 1 };
    for _ in 1..tries {
        let played = played(matrix, case)?;
        if !played.lab.script().fired().is_empty() {
            return Ok(played);
        }
        played.lab.close();
    }
    played(matrix, case)
}

fn played(matrix: &Matrix, case: &Case) -> Result<Played, String> {
    let home = fast_dir().map_err(|error| format!("making a directory: {error}"))?;
    let lab = Lab::open(Setup { dir: Some(home.path().to_owned()), ..matrix.setup() })?;
    lab.script().arm(case.clone());
    let came = matrix.play(&lab);
    let orphans = lab.watched();
    Ok(Played { home, lab, came, orphans })
}

fn judged(title: &str, case: &Case, played: Result<Played, String>) -> Judged {
    let Played { home, lab, came, orphans } = match played {
        Ok(played) => played,
        Err(why) => return (Outcome::broken(why), Story::default(), None),
    };
    let (seen, fired) = (lab.script().seen(), lab.script().fired());
    let inert = fired.is_empty().then(|| lab.script().why_inert(case));
    let mut checked = judge::closed(lab, &came, &seen, false);
    checked.broke.splice(0..0, inert.into_iter().chain(orphans));
    let mut ends = Vec::new();
    if let Some(fired) = fired.first() {
        checked.broke.extend(judge::fits(fired, &seen, &checked.story));
        ends = coverage::exits(title, &checked.story, Some((case, Some(fired))));
    }
    (Outcome::of(&checked, !fired.is_empty(), ends), checked.story, Some(home))
}

/// Takes an outcome, with what only the test's own thread can ask: its own check, and the scenario once more.
fn take(matrix: &Matrix, case: &Case, judged: Judged, recorded: &Recorded, report: &mut Report) {
    let (mut outcome, story, home) = judged;
    outcome.broke.extend(judge::own_check(matrix.check.as_deref(), case, &story));
    if let Some(home) = home.filter(|_| case.kind == Kind::FailedClose && outcome.broke.is_empty()) {
        outcome.broke.extend(judge::again(matrix, home.path(), &recorded.shape));
    }
    report.take(case, outcome);
}

#[cfg(test)]
mod tests {
    use super::spread;

    #[test]
    fn a_spread_names_each_number_once() {
        for n in [0, 1, 2, 611, 7919, 15838] {
            let mut all: Vec<usize> = spread(n).collect();
            all.sort_unstable();
            assert_eq!(all, (0..n).collect::<Vec<_>>());
        }
    }
}
