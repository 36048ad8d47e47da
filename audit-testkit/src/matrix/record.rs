//! The clean runs: the moments that a scenario reaches, and the proof that it reaches them every time.

use super::build::Matrix;
use super::judge;
use super::scenario::Came;
use crate::case::{Case, Kind, Kinds, phase_text};
use crate::coverage::{self, Ended};
use crate::lab::{Fired, Lab, Seen, Setup, can_happen, fast_dir};
use crate::sites::site_name;
use crate::story::Story;
use audit_runtime::fault::Phase;
use audit_runtime::model::{Kind as RecordKind, Record};
use audit_runtime::{Id, catalogue};
use std::collections::{BTreeMap, BTreeSet};

/// What a scenario does when nothing goes wrong.
pub(crate) struct Recorded {
    pub(crate) seen: Vec<Seen>,
    pub(crate) polls: u32,
    pub(crate) shape: Vec<String>,
    /// Faults that the scenario asked for by itself.
    fired: Vec<Fired>,
    /// How often the two runs suspended, where that differs.
    pub(crate) suspended: Option<(u32, u32)>,
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

    /// Whether a moment of this sort was reached at a site that is wanted.
    pub(crate) fn reaches(&self, phase: Phase, wanted: impl Fn(&str) -> bool) -> bool {
        self.seen.iter().any(|seen| seen.hit.phase == phase && wanted(&site_name(seen.hit.site)))
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
    Ok((Recorded { seen, polls, shape, fired, suspended: None, ends: Vec::new() }, checked.story))
}

/// What two runs did not do equally often: moments, and where these are equal, ends.
fn wobbling(first: &Recorded, second: &Recorded) -> Vec<String> {
    let moments = |recorded: &Recorded| -> BTreeMap<String, usize> {
        let counts = recorded.counts().into_iter();
        counts.map(|((site, phase), n)| (format!("{site} {}", phase_text(phase)), n)).collect()
    };
    let mut wobbling = unequal(&moments(first), &moments(second));
    if wobbling.is_empty() {
        let ends = |recorded: &Recorded| -> BTreeMap<String, usize> {
            let mut counts = BTreeMap::new();
            recorded.shape.iter().for_each(|end| *counts.entry(format!("the end `{end}`")).or_default() += 1);
            counts
        };
        wobbling = unequal(&ends(first), &ends(second));
    }
    wobbling
}

/// What was counted twice with two answers.
fn unequal(before: &BTreeMap<String, usize>, after: &BTreeMap<String, usize>) -> Vec<String> {
    let all: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let of = |counts: &BTreeMap<String, usize>, name: &String| counts.get(name).copied().unwrap_or(0);
    let counted = all.into_iter().map(|name| (name, of(before, name), of(after, name)));
    let unequal = counted.filter(|(_, before, after)| before != after);
    unequal.map(|(name, before, after)| format!("{name}: {before} times, then {after} times")).collect()
}

/// What is said of a scenario that nothing could be done to.
fn nothing() -> String {
    let cure = match catalogue().sites.len() {
        0 => "no audited function is linked in; annotate what it calls with `#[audited]`".to_owned(),
        n => format!(
            "{n} are linked in, and it has to call one of them: on this thread, in a task of its runtime, or on a thread of `lab.thread`"
        ),
    };
    format!("the scenario reached no audited site, so nothing is tested: {cure}")
}

/// Two clean runs that must be equal.
pub(crate) fn twice(matrix: &Matrix) -> Result<Recorded, String> {
    let (mut first, story) = clean(matrix)?;
    let (second, _) = clean(matrix)?;
    let wobbling = wobbling(&first, &second);
    if !wobbling.is_empty() {
        return Err(format!(
            "the scenario does not repeat, so its faults have no address: of two runs without a fault, the second did otherwise; \
             make it start from the same state and leave time, chance and what earlier runs left out of it\n  {}",
            wobbling.join("\n  ")
        ));
    }
    let is_idle =
        |(_, record): &(Id, Record)| matches!(record.header.kind, RecordKind::StreamOpened | RecordKind::StreamClosed);
    if first.moments() == 0 && (matrix.kinds != Kinds::NONE || story.records.iter().all(is_idle)) {
        return Err(nothing());
    }
    // Who waits for other threads suspends as often as chance has it.
    first.suspended = Some((first.polls, second.polls)).filter(|(before, after)| before != after);
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
    if whole
        && recorded.suspended.is_none()
        && matrix.scenario.is_async
        && kinds.has(Kind::Cancel)
        && matrix.kinds.has(Kind::Cancel)
    {
        // What no rewrite sees is still cut: wherever the scenario suspends.
        let suspended = |nth| Case { place: "poll".into(), nth, phase: "pending".into(), kind: Kind::Cancel };
        cases.extend((1..=recorded.polls).map(suspended));
    }
    cases
}
