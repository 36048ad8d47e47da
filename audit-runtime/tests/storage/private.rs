//! Values that could be guessed are digested under a key, and what goes wrong with the audit is told without the host's paths, without statements, without values: to the caller and
//! in the trail.

use super::story::{builder, scratch};
use audit_runtime::journal::Layout;
use audit_runtime::model::digest::{DigestKey, KeyId, Scope, Slot, digest_args, digest_of};
use audit_runtime::model::{Key, Kind};
use audit_runtime::trail::{Trail, verify};
use audit_runtime::{Builder, Error, Recorder, audited};
use audit_testkit::{Effect, Fault, FaultyStorage, Operation};
use std::error::Error as _;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// A folder whose name no text may hold, and a value that none may hold either.
const HOST: &str = "canary-host-folder";
const VALUE: &str = "canary-value";

/// The error with everything that it carries.
fn whole(error: &Error) -> String {
    let mut text = format!("{error} {error:?} {}", error.attempted());
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(&format!(" {inner} {inner:?}"));
        cause = inner.source();
    }
    text
}

fn gives_away(text: &str) -> Vec<&'static str> {
    let words = [HOST, VALUE, "SELECT", "INSERT", "select ", "insert "];
    words.into_iter().filter(|word| text.contains(word)).collect()
}

#[audited(node = "keeps", record(customer = "c-1"))]
fn keeps(_value: &str) -> Result<(), Error> {
    Ok(())
}

fn place() -> (tempfile::TempDir, PathBuf) {
    let dir = scratch();
    let path = dir.path().join(HOST);
    fs::create_dir(&path).expect("a folder");
    (dir, path)
}

/// A trail with one entry, closed.
fn trail(path: &Path) -> PathBuf {
    let trail = path.join("trail");
    let recorder: Recorder = audit_runtime::open(&trail).expect("a trail");
    recorder.scope(|| keeps(VALUE)).expect("an entry");
    recorder.close().expect("a clean end");
    trail
}

#[audited(node = "pin", digest(all), digest_output)]
fn checks(pin: &str) -> Result<String, Error> {
    Ok(pin.to_owned())
}

/// Slots of the input and output of the one entry of a trail, as texts and as bytes, after its recorder is gone.
fn slots(options: impl FnOnce(Builder) -> Builder) -> Vec<(String, [u8; 32])> {
    let (_dir, path) = place();
    let trail = path.join("trail");
    let recorder = options(Builder::new(&trail)).open().expect("a trail");
    recorder.scope(|| checks(PIN)).expect("an entry");
    recorder.close().expect("a clean end");
    drop(recorder);
    assert!(verify(&Layout::at(&trail), &mut |_| {}).expect("a verdict").is_intact(), "it verifies without any key");
    let mut found = Vec::new();
    for told in crate::governance::records(&trail) {
        for key in [Key::Input, Key::Output] {
            if let Some(Slot::Digest(digest)) = told.record.body.slot(key) {
                found.push((digest.to_string(), *digest.bytes()));
            }
        }
    }
    found
}

const PIN: &str = "4711";

/// Whether trying every PIN, as input and as output, finds one of the digests.
fn is_found_by_trying(slots: &[(String, [u8; 32])]) -> bool {
    (0..10_000).map(|pin| format!("{pin:04}")).any(|pin| {
        let input = digest_args(None, &[("pin", &pin)]).expect("a digest");
        let output = digest_of(Scope::Output, &pin).expect("a digest");
        slots.iter().any(|(_, bytes)| bytes == input.bytes() || bytes == output.bytes())
    })
}

#[test]
fn p15_without_its_key_no_candidate_matches_and_the_trail_verifies_when_the_key_is_gone() {
    let key = DigestKey::new(KeyId::new("2026-a").expect("an id"), b"a secret of some bytes").expect("long enough");
    let keyed = slots(|builder| builder.digest_key(key));
    assert!(keyed.len() >= 2, "input and output: {keyed:?}");
    assert!(keyed.iter().all(|(text, _)| text.contains("2026-a")), "the key's id is in the record: {keyed:?}");
    assert!(!is_found_by_trying(&keyed));
    let plain = slots(|builder| builder);
    assert!(is_found_by_trying(&plain), "without a key the value is found at once: {plain:?}");
}

#[test]
fn p16_errors_of_opening_name_no_path() {
    let (_dir, path) = place();
    fs::write(path.join("file"), "no trail").expect("a file");
    let newer = trail(&path);
    fs::write(newer.join("format"), "audit-trail 99\n").expect("another format");
    let places = [path.join("file"), path.join("file/below"), path.clone(), newer];
    for place in places {
        for error in
            [audit_runtime::open(&place).map(drop), Trail::open(&place).map(drop)].into_iter().filter_map(Result::err)
        {
            assert_eq!(gives_away(&whole(&error)), Vec::<&str>::new(), "{}", whole(&error));
        }
    }
    assert!(
        audit_runtime::open(path.join("file")).is_err() && Trail::open(&path).is_err(),
        "there was something to say"
    );
}

#[test]
fn p16_errors_of_the_journal_name_no_path_and_no_value_to_the_caller_or_in_the_trail() {
    for kind in [ErrorKind::Other, ErrorKind::StorageFull, ErrorKind::ReadOnlyFilesystem] {
        let (_dir, path) = place();
        let trail = path.join("trail");
        let storage = FaultyStorage::with(Fault::from(Operation::Write, 2, Effect::Failed(kind)));
        let said: Vec<Error> = match builder(&trail, storage).open() {
            Err(error) => vec![error],
            Ok(recorder) => (0..4).filter_map(|_| recorder.scope(|| keeps(VALUE)).err()).collect(),
        };
        assert!(!said.is_empty(), "{kind:?}: something was refused");
        for error in said {
            assert_eq!(gives_away(&whole(&error)), Vec::<&str>::new(), "{}", whole(&error));
        }
        for told in refusals(&trail) {
            assert_eq!(gives_away(&told), Vec::<&str>::new(), "{told}");
        }
    }
}

/// Refusal and gap records, as the command line prints them.
fn refusals(trail: &Path) -> Vec<String> {
    let Ok(mut tail) = audit_runtime::trail::Tail::open(trail) else { return Vec::new() };
    let told = tail.poll(&[Kind::Refusal, Kind::Gap], usize::MAX).unwrap_or_default();
    told.into_iter().map(|told| told.line.to_string()).collect()
}

#[test]
fn p16_a_damaged_index_and_a_damaged_segment_are_told_without_path_statement_or_value() {
    let (_dir, path) = place();
    let trail = trail(&path);
    drop(audit_runtime::index::rebuild(&Layout::at(&trail), &mut |_| {}));
    let index = trail.join("index.sqlite");
    let mut bytes = fs::read(&index).expect("an index");
    let (half, whole_of_it) = (bytes.len() / 2, bytes.len());
    bytes[100..half].fill(0x5a);
    fs::write(&index, &bytes).expect("a damaged index");
    let asked = Trail::open(&trail).and_then(|trail| {
        let runs = trail.runs().map(drop);
        let stats = trail.stats(None).map(drop);
        let doctor = trail.doctor().map(drop);
        runs.and(stats).and(doctor)
    });
    if let Err(error) = asked {
        assert_eq!(gives_away(&whole(&error)), Vec::<&str>::new(), "{}", whole(&error));
    }
    assert!(whole_of_it > 4096);
    for stream in fs::read_dir(trail.join("streams")).expect("streams").flatten() {
        for segment in fs::read_dir(stream.path()).expect("segments").flatten() {
            if segment.path().extension().is_some_and(|ending| ending == "seg") {
                let mut bytes = fs::read(segment.path()).expect("a segment");
                let middle = bytes.len() / 3;
                bytes[middle] ^= 0x40;
                fs::write(segment.path(), bytes).expect("a damaged segment");
            }
        }
    }
    let verdict = verify(&Layout::at(&trail), &mut |_| {}).expect("a verdict");
    assert!(!verdict.is_intact(), "the damage is found");
    for finding in &verdict.findings {
        assert_eq!(gives_away(&finding.to_string()), Vec::<&str>::new(), "{finding}");
    }
    assert_eq!(gives_away(&format!("cannot open /srv/{HOST}/trail")), [HOST], "this test would see it");
}
