//! What a power cut leaves: an image of the trail at every moment, with what no sync covered kept, dropped or torn; and the
//! last segment cut at every record, with a tail of zeros and of garbage. Each is recovered and checked.

use super::build::Matrix;
use super::judge::{own_check, trail_of};
use super::report::{Outcome, Report};
use crate::case::{Case, Kind, Kinds, phase_text};
use crate::coverage;
use crate::lab::{Lab, Seen, Setup, fast_dir, site_name};
use crate::storage::{FaultyStorage, Unsynced};
use audit_runtime::Durability;
use audit_runtime::fault::Phase;
use audit_runtime::journal::{Layout, Reader};
use audit_runtime::trail::Acknowledged;
use parking_lot::Mutex;
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
    trail: PathBuf,
    acknowledged: Vec<Acknowledged>,
}

pub(crate) fn all(matrix: &Matrix, until: Option<Instant>, report: &mut Report) {
    if matrix.kinds.has_any(Kinds::IMAGES) {
        run(matrix, until, report, &|_| true);
    }
}

/// One case, for a replay.
pub(crate) fn again(matrix: &Matrix, case: &Case, report: &mut Report) {
    report.planned -= 1;
    run(matrix, None, report, &|other| other == case);
    if report.planned == 0 {
        report.planned += 1;
        report.take(case, Outcome::default());
    }
}

fn run(matrix: &Matrix, until: Option<Instant>, report: &mut Report, wanted: &dyn Fn(&Case) -> bool) {
    let home = match fast_dir() {
        Ok(home) => home,
        Err(error) => panic!("making a directory: {error}"),
    };
    let (images, whole) = taken(matrix, home.path());
    let before = report.planned;
    let cut = cuts(&whole, home.path());
    for image in images.into_iter().chain(cut).filter(|image| wanted(&image.case)) {
        report.planned += 1;
        if until.is_some_and(|until| Instant::now() > until) {
            report.skipped += 1;
            continue;
        }
        let mut checked = trail_of(&image.trail, image.acknowledged, true);
        checked.broke.extend(own_check(matrix.check.as_deref(), &image.case, &checked.story));
        let last = checked.story.last(12).to_vec();
        coverage::exits(&matrix.title(), &checked.story, Some((&image.case, None)));
        report.take(&image.case, Outcome { fired: true, broke: checked.broke, last });
        drop(fs::remove_dir_all(&image.trail));
    }
    assert!(report.planned > before || report.planned == 0, "no image was taken: the scenario reaches no moment");
}

/// The recorder is open when the hook of its own plan needs what it has told: the lab comes later.
type Late = Arc<Mutex<Option<Lab>>>;

/// An image at every moment of one clean run, and a copy of the trail as the process alone would leave it.
fn taken(matrix: &Matrix, home: &Path) -> (Vec<Image>, PathBuf) {
    let storage = FaultyStorage::new();
    let trail = home.join("trail");
    let images: Arc<Mutex<Vec<Image>>> = Arc::default();
    let late: Late = Arc::default();
    let on_hit = {
        let (storage, trail, home) = (storage.clone(), trail.clone(), home.to_owned());
        let (images, late) = (Arc::clone(&images), Arc::clone(&late));
        move |seen: &Seen| {
            if let Some(lab) = late.lock().as_ref().filter(|_| seen.hit.phase != Phase::Entered) {
                images.lock().extend(at(seen, lab, &storage, &trail, &home));
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
    let images = std::mem::take(&mut *images.lock());
    (images, whole)
}

/// The images of one moment.
fn at(seen: &Seen, lab: &Lab, storage: &FaultyStorage, trail: &Path, home: &Path) -> Vec<Image> {
    let acks = lab.told().acks();
    let durable = || acks.iter().filter(|ack| ack.durability >= Durability::Disk).map(|ack| ack.record).collect();
    LEFT.iter()
        .map(|(text, left)| {
            let phase = format!("{} {text}", phase_text(seen.hit.phase));
            let case = Case { place: site_name(seen.hit.site), nth: seen.nth, phase, kind: Kind::PowerCut };
            let into = home.join(case.to_string().replace(['/', ':', ';', ' ', '#'], "_"));
            storage.image(trail, &into, *left).unwrap_or_else(|error| panic!("taking an image: {error}"));
            let acknowledged = match left {
                Unsynced::Everything => acks.iter().map(|ack| ack.record).collect(),
                Unsynced::Nothing | Unsynced::Torn { .. } => durable(),
            };
            Image { case, trail: into, acknowledged }
        })
        .collect()
}

/// The stream of a trail that nobody closed, cut behind, inside and before the end of every record. Records in front of the
/// cut are all that can be asked for.
fn cuts<'a>(whole: &'a Path, home: &'a Path) -> impl Iterator<Item = Image> + 'a {
    let layout = Layout::at(whole);
    let stream = layout.streams().ok().and_then(|streams| streams.first().copied());
    let mut ends: Vec<(u32, u64)> = Vec::new();
    if let Some(mut reader) = stream.and_then(|stream| Reader::open(&layout, stream).ok()) {
        while let Ok(Some(_)) = reader.next() {
            ends.push((reader.end().segment, reader.end().offset));
        }
    }
    // The head has to be whole: without it there is no stream to recover.
    let places = ends.into_iter().filter(|(segment, _)| *segment == 0).enumerate().skip(1);
    places.flat_map(move |(n, (_, end))| {
        [("at", 0u64), ("inside", 9), ("short", 1)].into_iter().flat_map(move |(text, back)| {
            ["zeros", "garbage"].into_iter().filter_map(move |tail| {
                let phase = format!("{text} {tail}");
                let case = Case { place: "image".into(), nth: u32::try_from(n).ok()? + 1, phase, kind: Kind::TornTail };
                let into = home.join(format!("cut-{n}-{text}-{tail}"));
                cut(whole, &into, stream?, end - back, tail == "garbage").ok()?;
                Some(Image { case, trail: into, acknowledged: Vec::new() })
            })
        })
    })
}

fn cut(whole: &Path, into: &Path, stream: audit_runtime::StreamId, at: u64, garbage: bool) -> std::io::Result<()> {
    FaultyStorage::copy(whole, into)?;
    let file = Layout::at(into).segment(stream, 0);
    let mut bytes = fs::read(&file)?;
    let at = usize::try_from(at).unwrap_or(usize::MAX).min(bytes.len());
    let tail = bytes.len().min(at + 64);
    bytes[at..].fill(0);
    if garbage {
        bytes[at..tail].fill(0xa5);
    }
    fs::write(&file, bytes)
}
