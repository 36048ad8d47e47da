//! One case in this process: a fresh lab, one fault, the check.

use super::build::Matrix;
use super::judge;
use super::record::{Recorded, cases};
use super::report::{Outcome, Report};
use crate::case::{Case, Kind, Kinds};
use crate::coverage;
use crate::lab::{Lab, Setup, fast_dir};
use std::time::Instant;

/// Every in-process case, in an order in which a budget leaves a fair sample.
pub(crate) fn all(matrix: &Matrix, recorded: &Recorded, until: Option<Instant>, report: &mut Report) {
    let cases = cases(matrix, recorded, Kinds::IN_PROCESS);
    report.planned += cases.len();
    for at in spread(cases.len()) {
        if until.is_some_and(|until| Instant::now() > until) {
            report.skipped += 1;
            continue;
        }
        let outcome = one(matrix, &cases[at], recorded);
        report.take(&cases[at], outcome);
    }
}

/// Every number below `n`, once each, far from its neighbours.
pub(crate) fn spread(n: usize) -> impl Iterator<Item = usize> {
    const STRIDE: usize = 7919;
    let stride = if n.is_multiple_of(STRIDE) { 1 } else { STRIDE };
    (0..n).map(move |i| (i * stride) % n)
}

pub(crate) fn one(matrix: &Matrix, case: &Case, recorded: &Recorded) -> Outcome {
    let home = match fast_dir() {
        Ok(home) => home,
        Err(error) => return Outcome::broken(format!("making a directory: {error}")),
    };
    let lab = match Lab::open(Setup { dir: Some(home.path().to_owned()), ..matrix.setup() }) {
        Ok(lab) => lab,
        Err(why) => return Outcome::broken(why),
    };
    lab.script().arm(case.clone());
    let came = matrix.scenario.play(&lab);
    let (seen, fired) = (lab.script().seen(), lab.script().fired());
    let mut checked = judge::closed(lab, &came, &seen, false);
    if let Some(fired) = fired.first() {
        checked.broke.extend(judge::fits(fired, &seen, &checked.story));
        coverage::exits(&matrix.title(), &checked.story, Some((case, Some(fired))));
    }
    checked.broke.extend(judge::own_check(matrix.check.as_deref(), case, &checked.story));
    if case.kind == Kind::FailedClose && checked.broke.is_empty() {
        checked.broke.extend(judge::again(matrix, home.path(), &recorded.shape));
    }
    Outcome { fired: !fired.is_empty(), broke: checked.broke, last: checked.story.last(12).to_vec() }
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
