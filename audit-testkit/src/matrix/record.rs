//! The clean runs: the moments that a scenario reaches, and the proof that it reaches them every time.

use super::build::Matrix;
use super::judge;
use super::scenario::Came;
use crate::case::{Case, Kind, Kinds, phase_text};
use crate::coverage::{self, Ended};
use crate::lab::{Fired, Lab, Seen, Setup, can_happen, fast_dir, site_name};
use crate::story::Story;
use audit_runtime::fault::Phase;
use std::collections::BTreeMap;

/// What a scenario does when nothing goes wrong.
pub(crate) struct Recorded {
    pub(crate) seen: Vec<Seen>,
    pub(crate) polls: u32,
    pub(crate) shape: Vec<String>,
    /// Faults that the scenario asked for by itself.
    fired: Vec<Fired>,
    /// The ends that the clean run shows.
    pub(crate) ends: Vec<Ended>,
}

impl Recorded {
    /// How often each moment was reached.
    fn counts(&self) -> BTreeMap<(String, Phase), usize> {
        let mut counts = BTreeMap::new();
        for seen in &self.seen {
            *counts.entry((site_name(seen.hit.site), seen.hit.phase)).or_default() += 1;
        }
        counts
    }

    /// The audited functions that were reached.
    pub(crate) fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.seen.iter().map(|seen| site_name(seen.hit.site)).collect();
        names.sort();
        names.dedup();
        names
    }

    /// Calls of audited functions.
    pub(crate) fn calls(&self) -> usize {
        self.seen.iter().filter(|seen| seen.hit.phase == Phase::BeforeBegin).count()
    }

    /// Moments that a fault can be put at.
    pub(crate) fn moments(&self) -> usize {
        self.seen.iter().filter(|seen| seen.hit.phase != Phase::Entered).count()
    }
}

fn clean(matrix: &Matrix) -> Result<(Recorded, Story), String> {
    let home = fast_dir().map_err(|error| error.to_string())?;
    let setup = Setup { dir: Some(home.path().to_owned()), ..matrix.setup() };
    let lab = Lab::open(setup)?;
    let came = matrix.scenario.play(&lab);
    let (seen, polls) = (lab.script().seen(), lab.script().polls());
    let (fired, hung) = (lab.script().fired(), lab.script().hung());
    let checked = judge::closed(lab, &came, &seen, true);
    match came {
        Came::Cut if hung => {}
        Came::Back(None) => {}
        Came::Back(Some(error)) => return Err(judge::unfaithful(&error, &checked.story)),
        Came::Panicked(text) => return Err(format!("the scenario panics without any fault: {text}")),
        Came::Struck | Came::Cut => return Err("the audit refused without any fault".to_owned()),
    }
    if !checked.broke.is_empty() {
        return Err(format!("promises are broken without any fault:\n  {}", checked.broke.join("\n  ")));
    }
    let shape = checked.story.shape();
    Ok((Recorded { seen, polls, shape, fired, ends: Vec::new() }, checked.story))
}

/// Two clean runs that must be equal.
pub(crate) fn twice(matrix: &Matrix) -> Result<Recorded, String> {
    let (mut first, story) = clean(matrix)?;
    let (second, _) = clean(matrix)?;
    let (before, after) = (first.counts(), second.counts());
    let mut wobbling: Vec<String> = Vec::new();
    for (moment, n) in before.iter().chain(after.iter().filter(|(moment, _)| !before.contains_key(*moment))) {
        let counts = (before.get(moment).copied().unwrap_or(0), after.get(moment).copied().unwrap_or(0));
        if counts.0 != counts.1 {
            let (site, phase) = moment;
            wobbling.push(format!("{site} {}: {} times, then {} times", phase_text(*phase), counts.0, counts.1));
        }
        debug_assert!(*n > 0);
    }
    if !wobbling.is_empty() {
        return Err(format!(
            "the scenario does not repeat, so its faults have no address:\n  {}",
            wobbling.join("\n  ")
        ));
    }
    if first.moments() == 0 && matrix.kinds != Kinds::NONE {
        return Err("the scenario reached no audited site: nothing would be tested".to_owned());
    }
    first.ends = coverage::lab(&matrix.title(), &first.seen, &story, &first.fired);
    Ok(first)
}

/// One more clean run behind all faults: `None` when it is as the first.
pub(crate) fn once_more(matrix: &Matrix, recorded: &Recorded) -> Option<String> {
    match clean(matrix) {
        Err(why) => Some(why),
        Ok((again, _)) if again.shape != recorded.shape => {
            Some(format!("it ended otherwise than the first: {:?} against {:?}", again.shape, recorded.shape))
        }
        Ok(_) => None,
    }
}

/// The cases of one kind of runner that follow from the moments.
pub(crate) fn cases(matrix: &Matrix, recorded: &Recorded, kinds: Kinds) -> Vec<Case> {
    let mut cases = Vec::new();
    for seen in &recorded.seen {
        let hit = &seen.hit;
        if !matrix.wants_phase(hit.phase) || !matrix.wants(&site_name(hit.site)) {
            continue;
        }
        let asked = Kind::ALL.iter().filter(|kind| kinds.has(**kind) && matrix.kinds.has(**kind));
        cases.extend(asked.filter(|kind| can_happen(**kind, hit)).map(|kind| seen.case(*kind)));
    }
    let whole = matrix.sites.is_empty() && matrix.phases.is_none();
    if whole && matrix.scenario.is_async && kinds.has(Kind::Cancel) && matrix.kinds.has(Kind::Cancel) {
        // What no rewrite sees is still cut: wherever the scenario suspends.
        let suspended = |nth| Case { place: "poll".into(), nth, phase: "pending".into(), kind: Kind::Cancel };
        cases.extend((1..=recorded.polls).map(suspended));
    }
    cases
}
