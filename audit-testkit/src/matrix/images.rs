//! What a power cut leaves: an image of the trail at every moment, with what no sync covered kept, dropped or torn; and the
//! last segment cut at every record, with a tail of zeros and of garbage. Each is recovered and checked.

use super::attempt::spread;
use super::build::{Check, Matrix};
use super::judge::{own_check, trail_of};
use super::lanes;
use super::report::{Outcome, Report};
use super::runner::Runner;
use crate::case::{Case, Kind, Kinds, phase_of, phase_text};
use crate::coverage;
use crate::lab::{Lab, Seen, Setup, fast_dir};
use crate::sites::site_name;
use crate::storage::{FaultyStorage, Segments, Unsynced};
use crate::story::Story;
use audit_runtime::fault::Phase;
use audit_runtime::journal::{Layout, Reader};
use audit_runtime::trail::Acknowledged;
use audit_runtime::{Durability, StreamId};
use parking_lot::Mutex;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

/// What is left of the bytes that no sync covered.
const LEFT: &[(&str, Unsynced)] = &[
    ("nothing", Unsynced::Nothing),
    ("everything", Unsynced::Everything),
    ("torn-1", Unsynced::Torn { unit: 1, seed: 0x9e37_79b9 }),
    ("torn-512", Unsynced::Torn { unit: 512, seed: 0x7f4a_7c15 }),
    ("torn-4096", Unsynced::Torn { unit: 4096, seed: 0x94d0_49bb }),
];

/// One image, and what must be in it.
struct Image {
    case: Case,
    at: Stands,
    acknowledged: Vec<Acknowledged>,
}

/// Where an image stands.
enum Stands {
    /// Here.
    Taken(PathBuf),
    /// It is, byte for byte, the one with this number: it is judged once.
    Same(usize),
    /// The whole trail, cut here.
    Cut { stream: StreamId, segment: u32, end: u64, garbage: bool },
}

pub(crate) fn all(matrix: &Matrix, until: Option<Instant>, report: &mut Report) {
    if matrix.kinds.has_any(Kinds::IMAGES) {
        let tried = run(matrix, until, report, &|_| true);
        assert!(tried > 0, "no image was taken: kinds, sites and phases leave none");
    }
}

/// One case, for a replay.
pub(crate) fn again(matrix: &Matrix, case: &Case, report: &mut Report) {
    if run(matrix, None, report, &|other| other == case) == 0 {
        report.plan(Runner::PowerCut, 1);
        report.take(case, Outcome::default());
    }
}

/// Judges the images that are wanted; returns how many they were.
fn run(matrix: &Matrix, until: Option<Instant>, report: &mut Report, wanted: &dyn Fn(&Case) -> bool) -> usize {
    let home = match fast_dir() {
        Ok(home) => home,
        Err(error) => panic!("making a directory: {error}"),
    };
    let (mut images, whole) = taken(matrix, home.path());
    images.extend(cuts(&whole));
    let source = |at: usize| match images[at].at {
        Stands::Same(first) => first,
        Stands::Taken(_) | Stands::Cut { .. } => at,
    };
    let is_asked = |case: &Case| matrix.kinds.has(case.kind) && is_chosen(matrix, case) && wanted(case);
    let asked: Vec<usize> = (0..images.len()).filter(|at| is_asked(&images[*at].case)).collect();
    let distinct: Vec<usize> = asked.iter().map(|at| source(*at)).collect::<BTreeSet<_>>().into_iter().collect();
    // In an order in which a budget leaves a fair sample.
    let distinct: Vec<usize> = spread(distinct.len()).map(|at| distinct[at]).collect();
    let check = matrix.check.as_deref();
    let judged = lanes::each(&matrix.title(), &distinct, |at| {
        let late = until.is_some_and(|until| Instant::now() > until);
        (!late).then(|| judge(&images[*at], &whole, &home.path().join(format!("cut-{at}")), check))
    });
    let judged: BTreeMap<usize, Option<(Outcome, Story)>> = distinct.iter().copied().zip(judged).collect();
    report.plan(Runner::PowerCut, asked.len());
    for at in &asked {
        match judged.get(&source(*at)) {
            Some(Some((outcome, story))) => {
                let case = &images[*at].case;
                let ends = coverage::exits(&matrix.title(), story, Some((case, None)));
                report.take(case, Outcome { ends, ..outcome.clone() });
            }
            Some(None) | None => report.leave_out(Runner::PowerCut),
        }
    }
    asked.len()
}

/// Whether a choice of sites and moments leaves this image. A cut of the whole stream is at none of them.
fn is_chosen(matrix: &Matrix, case: &Case) -> bool {
    let moment = case.phase.split(' ').next().and_then(phase_of);
    match moment.filter(|_| case.kind == Kind::PowerCut) {
        Some(phase) => matrix.wants(&case.place) && matrix.wants_phase(phase),
        None => matrix.sites.is_empty() && matrix.phases.is_none(),
    }
}

fn judge(image: &Image, whole: &Path, room: &Path, check: Option<&Check>) -> (Outcome, Story) {
    let trail = match &image.at {
        Stands::Taken(trail) => trail.clone(),
        Stands::Same(_) => return Default::default(),
        Stands::Cut { stream, segment, end, garbage } => match cut(whole, room, (*stream, *segment), *end, *garbage) {
            Ok(()) => room.to_owned(),
            Err(error) => return (Outcome::broken(format!("cutting the trail: {error}")), Story::default()),
        },
    };
    let mut checked = trail_of(&trail, image.acknowledged.clone(), true);
    checked.broke.extend(own_check(check, &image.case, &checked.story));
    drop(fs::remove_dir_all(&trail));
    (Outcome::of(&checked, true, Vec::new()), checked.story)
}

/// The recorder is open when the hook of its own plan needs what it has told: the lab comes later.
type Late = Arc<Mutex<Option<Lab>>>;

/// An image at every moment of one clean run, and a copy of the trail as the process alone would leave it.
fn taken(matrix: &Matrix, home: &Path) -> (Vec<Image>, PathBuf) {
    let storage = FaultyStorage::new();
    let trail = home.join("trail");
    let images: Arc<Mutex<(Vec<Image>, Last)>> = Arc::default();
    let late: Late = Arc::default();
    // A check of the test's own is told the case: it is asked behind each of them.
    let once = matrix.check.is_none();
    let is_cut = matrix.kinds.has(Kind::PowerCut);
    let on_hit = {
        let (storage, trail, home) = (storage.clone(), trail.clone(), home.to_owned());
        let (images, late) = (Arc::clone(&images), Arc::clone(&late));
        move |seen: &Seen| {
            if let Some(lab) = late.lock().as_ref().filter(|_| is_cut && seen.hit.phase != Phase::Entered) {
                of_moment(seen, lab, &storage, &trail, &home, once, &mut images.lock());
            }
        }
    };
    let setup = Setup {
        dir: Some(home.to_owned()),
        storage: Some(Arc::new(storage)),
        on_hit: Some(Box::new(on_hit)),
        ..matrix.setup()
    };
    let lab = Lab::open(setup).unwrap_or_else(|why| panic!("{}: {why}", matrix.title()));
    *late.lock() = Some(lab.clone());
    let _came = matrix.scenario.play(&lab);
    // The plan must not keep its own lab.
    drop(late.lock().take());
    let whole = home.join("whole");
    FaultyStorage::copy(&trail, &whole).unwrap_or_else(|error| panic!("copying the trail: {error}"));
    lab.close();
    let images = std::mem::take(&mut images.lock().0);
    (images, whole)
}

/// The image that was taken last of each sort: its number, its segments, and how much was acknowledged.
type Last = HashMap<&'static str, (usize, Segments, usize)>;

/// The images of one moment.
fn of_moment(
    seen: &Seen,
    lab: &Lab,
    storage: &FaultyStorage,
    trail: &Path,
    home: &Path,
    once: bool,
    taken: &mut (Vec<Image>, Last),
) {
    let acks = lab.told().acks();
    for (text, left) in LEFT {
        let phase = format!("{} {text}", phase_text(seen.hit.phase));
        let case = Case { place: site_name(seen.hit.site), nth: seen.nth, phase, kind: Kind::PowerCut };
        let acknowledged: Vec<Acknowledged> = match left {
            Unsynced::Everything => acks.iter().map(|ack| ack.record).collect(),
            Unsynced::Nothing | Unsynced::Torn { .. } => {
                acks.iter().filter(|ack| ack.durability >= Durability::Disk).map(|ack| ack.record).collect()
            }
        };
        let (images, last) = (&mut taken.0, &mut taken.1);
        let segments = storage.segments(*left);
        let known = last
            .get(text)
            .filter(|_| once)
            .filter(|(_, before, told)| *before == segments && *told == acknowledged.len());
        let at = match known {
            Some((first, ..)) => Stands::Same(*first),
            None => {
                let into = home.join(format!("image-{}", images.len()));
                FaultyStorage::place(trail, &into, &segments)
                    .unwrap_or_else(|error| panic!("taking an image: {error}"));
                last.insert(text, (images.len(), segments, acknowledged.len()));
                Stands::Taken(into)
            }
        };
        images.push(Image { case, at, acknowledged });
    }
}

/// The stream of a trail that nobody closed, cut behind, inside and before the end of every record. Records in front of the
/// cut are all that can be asked for.
fn cuts(whole: &Path) -> Vec<Image> {
    let layout = Layout::at(whole);
    let Some(stream) = layout.streams().ok().and_then(|streams| streams.first().copied()) else { return Vec::new() };
    let mut ends: Vec<(u32, u64)> = Vec::new();
    if let Ok(mut reader) = Reader::open(&layout, stream) {
        while let Ok(Some(_)) = reader.next() {
            ends.push((reader.end().segment, reader.end().offset));
        }
    }
    // The head has to be whole: without it there is no stream to recover.
    let places = ends.into_iter().enumerate().skip(1);
    let mut images = Vec::new();
    for (n, (segment, end)) in places {
        for (text, back) in [("at", 0u64), ("inside", 9), ("short", 1)] {
            for (tail, garbage) in [("zeros", false), ("garbage", true)] {
                let (nth, phase) = (u32::try_from(n).unwrap_or(u32::MAX).saturating_add(1), format!("{text} {tail}"));
                let case = Case { place: "image".into(), nth, phase, kind: Kind::TornTail };
                let at = Stands::Cut { stream, segment, end: end - back, garbage };
                images.push(Image { case, at, acknowledged: Vec::new() });
            }
        }
    }
    images
}

/// Segments behind the one that is cut were never made.
fn cut(whole: &Path, into: &Path, place: (StreamId, u32), at: u64, garbage: bool) -> std::io::Result<()> {
    FaultyStorage::copy(whole, into)?;
    let (layout, (stream, segment)) = (Layout::at(into), place);
    for behind in layout.segments(stream)?.into_iter().filter(|other| *other > segment) {
        fs::remove_file(layout.segment(stream, behind))?;
    }
    let file = layout.segment(stream, segment);
    let mut bytes = fs::read(&file)?;
    let at = usize::try_from(at).unwrap_or(usize::MAX).min(bytes.len());
    let tail = bytes.len().min(at + 64);
    bytes[at..].fill(0);
    if garbage {
        bytes[at..tail].fill(0xa5);
    }
    fs::write(&file, bytes)
}
