//! What a trail must look like behind a fault. The invariants of every trail come from the runtime; here stands what only
//! somebody knows who has seen the fault: that the end fits it, that no body ran without its opening, that recovering a
//! second time changes nothing.

use super::build::{Check, Matrix};
use super::scenario::Came;
use crate::case::{Case, Kind};
use crate::coverage;
use crate::lab::{Fired, Lab, Seen, Setup, plain};
use crate::promises;
use crate::sites::site_name;
use crate::story::{Entry, Story};
use audit_runtime::fault::Phase;
use audit_runtime::journal::{Layout, owner};
use audit_runtime::trail::{Acknowledged, Known, invariants};
use audit_runtime::{Exit, StreamId};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::{Duration, Instant};

/// A trail that was looked at.
#[derive(Default)]
pub(crate) struct Checked {
    pub(crate) broke: Vec<String>,
    pub(crate) story: Story,
}

/// Closes a lab, recovers what it left, and checks. A clean run leaves nothing.
pub(crate) fn closed(lab: Lab, came: &Came, seen: &[Seen], clean: bool) -> Checked {
    let mut broke = lab.orphans();
    let (trail, acknowledged) = (lab.path().to_owned(), lab.told().all());
    let (unfinished, hung) = (lab.unfinished(), lab.script().hung());
    let (left, stream) = (lab.close(), lab.recorder().stream());
    drop(lab);
    if left {
        let_go(&trail, stream);
    }
    match clean {
        true => broke.extend(unfinished),
        false if hung => broke.push("the scenario hung: it came to no end behind this fault".to_owned()),
        false => {}
    }
    if clean && left {
        broke.push("I1 entries are open, or the recorder failed, when the scenario has ended".to_owned());
    }
    if let Came::Panicked(text) = came {
        broke.push(format!("the scenario does not tolerate the fault: where a call fails it may end, and must not panic; it panicked: {text}"));
    }
    let mut checked = trail_of(&trail, acknowledged, left);
    checked.broke.splice(0..0, broke);
    checked.broke.extend(promises::kept(seen, &checked.story));
    checked
}

/// Waits until a stream that was not closed has no owner: a thread that looks after its recorder for a moment keeps it as
/// long. Recovery would take it for the stream of a living process.
fn let_go(trail: &Path, stream: StreamId) {
    let until = Instant::now() + Duration::from_secs(5);
    while owner::is_alive(&Layout::at(trail), stream) && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Checks a trail that nobody writes any more; recovers it before where that is due.
pub(crate) fn trail_of(trail: &Path, acknowledged: Vec<Acknowledged>, recover: bool) -> Checked {
    let mut known = Known { acknowledged, roots: true };
    let mut checked = Checked::default();
    let look = |checked: &mut Checked, known: &Known| match invariants(&Layout::at(trail), known) {
        Ok(census) => {
            checked.broke.extend(census.findings.iter().map(ToString::to_string));
            Some(census.endings())
        }
        Err(error) => {
            checked.broke.push(format!("I8 the trail cannot be read: {error}"));
            None
        }
    };
    if recover && let Err(why) = settle(trail) {
        checked.broke.push(format!("the trail cannot be opened again: {why}"));
    }
    let first = look(&mut checked, &known);
    if recover && checked.broke.is_empty() {
        if let Err(why) = settle(trail) {
            checked.broke.push(format!("the trail cannot be opened a second time: {why}"));
        }
        known.roots = false;
        let second = look(&mut checked, &known);
        if first != second {
            checked.broke.push("I7 a second recovery changed what the first had settled".to_owned());
        }
    }
    match Story::read(trail) {
        Ok(story) => checked.story = story,
        Err(error) => checked.broke.push(error.to_string()),
    }
    checked
}

/// How often a trail is opened again where a stream looked as if its writer lived. A process that was started while its
/// lock was held keeps that lock until it has become another program, and the tests beside this one start such processes.
const AGAIN: u32 = 3;

/// Opens and closes a trail, as the next program would.
pub(crate) fn settle(trail: &Path) -> Result<(), String> {
    let layout = Layout::at(trail);
    for once_more in (0..=AGAIN).rev() {
        let recorder = plain(trail).open().map_err(|error| error.to_string())?;
        recorder.close().map(drop).map_err(|error| error.to_string())?;
        let streams = layout.streams().unwrap_or_default();
        if once_more == 0 || streams.into_iter().all(|stream| layout.ended(stream).exists()) {
            break;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}

/// What is said of a scenario that fails although nothing was done to it. Where the trail says that every call gave its
/// value, the audit itself has put something else in its place (I12).
pub(crate) fn unfaithful(error: &str, story: &Story) -> String {
    let all_returned = story.entries.values().all(|entry| entry.exit() == Some(Exit::Returned));
    match all_returned && !story.entries.is_empty() {
        true => format!(
            "I12 every call returned its value, says the trail, and the scenario fails without any fault: {error}"
        ),
        false => format!("the scenario fails without any fault: {error}"),
    }
}

/// The same scenario on the same trail, once nothing fails any more: it does what it did without a fault (I13).
pub(crate) fn again(matrix: &Matrix, home: &Path, clean: &[String]) -> Option<String> {
    let says =
        |why: String| Some(format!("I13 behind the fault the scenario does not succeed on the same trail: {why}"));
    let setup = Setup { dir: Some(home.to_owned()), ..matrix.setup() };
    let lab = match Lab::open(setup) {
        Ok(lab) => lab,
        Err(why) => return says(why),
    };
    let came = matrix.play(&lab);
    let left = lab.close();
    let story = match Story::read(lab.path()) {
        Ok(story) => story,
        Err(error) => return says(error.to_string()),
    };
    let shape = story.shape_of(lab.recorder().stream());
    match came {
        Came::Back(None) if left => says("it leaves entries open".to_owned()),
        Came::Back(None) if shape != clean => says(format!("it ended as {shape:?}, not as {clean:?}")),
        Came::Back(None) => None,
        Came::Back(Some(error)) => says(error),
        Came::Panicked(text) => says(text),
        Came::Struck | Came::Cut => says("the audit refuses".to_owned()),
    }
}

/// Whether the end in the trail fits the fault (I4).
pub(crate) fn fits(fired: &Fired, seen: &[Seen], story: &Story) -> Vec<String> {
    let Some(hit) = fired.at else { return Vec::new() };
    let (site, kind) = (site_name(hit.site), fired.case.kind);
    if hit.phase == Phase::BeforeBegin {
        if kind == Kind::Delay {
            return Vec::new();
        }
        let begun = seen.iter().filter(|s| s.hit.phase == Phase::BeforeBegin && site_name(s.hit.site) == site).count();
        let opened = story.entries.values().filter(|entry| entry.site == site).count();
        let wrong = opened >= begun;
        return wrong
            .then(|| format!("I4 {site} was struck before it began, and has an opening"))
            .into_iter()
            .collect();
    }
    // Inside a task of its own the current entry is another one: what it says is checked where it stands.
    let Some(entry) = story.entries.get(&hit.state).filter(|entry| entry.site == site) else { return Vec::new() };
    end_fits(entry, hit.phase, kind).into_iter().collect()
}

/// What is wrong with the end of an entry that a fault struck.
pub(crate) fn end_fits(entry: &Entry, phase: Phase, kind: Kind) -> Option<String> {
    let inside = matches!(phase, Phase::BeforeAwait(_) | Phase::AfterAwait(_) | Phase::Question(_));
    let own = [Exit::Returned, Exit::Errored];
    let allowed: &[Exit] = match (phase, kind) {
        (Phase::AfterComplete, _) | (Phase::BeforeComplete, Kind::FailedClose) => &own,
        (_, Kind::Kill) => &[Exit::Lost],
        (_, Kind::Cancel) => &[Exit::Cancelled],
        // A body may catch what strikes inside it.
        (_, Kind::Panic) if inside => &[Exit::Panicked, Exit::Returned, Exit::Errored],
        (_, Kind::Panic) => &[Exit::Panicked],
        (_, Kind::Error) if inside => &[Exit::Returned, Exit::Errored, Exit::Panicked],
        (_, Kind::Error) => &[Exit::Errored],
        _ => return None,
    };
    let exit = entry.exit();
    let fits = exit.is_some_and(|exit| allowed.contains(&exit));
    (!fits).then(|| {
        let is = exit.map_or("no single end", |exit| exit.name());
        let names: Vec<&str> = allowed.iter().map(|exit| exit.name()).collect();
        format!("I4 {} {} ended as `{is}`; behind this fault it is {}", entry.id, entry.node, names.join(" or "))
    })
}

/// What the test's own check has against a trail.
pub(crate) fn own_check(check: Option<&Check>, case: &Case, story: &Story) -> Option<String> {
    let check = check?;
    let payload = coverage::judging(case.kind, || catch_unwind(AssertUnwindSafe(|| check(case, story)))).err()?;
    let text = payload.downcast_ref::<String>().cloned();
    let text = text.or_else(|| payload.downcast_ref::<&'static str>().map(|text| (*text).to_owned()));
    Some(format!("the test's own check: {}", text.unwrap_or_default()))
}
