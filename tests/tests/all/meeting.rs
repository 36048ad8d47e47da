//! One run on several machines: processes with a trail of their own each, whose contracts meet on a Redis server.

use crate::child::{Ended, Running, nested};
use crate::redis_server::Server;
use audit_runtime::model::{Kind, RunId};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;
use workspace_tests::story::Story;

/// Ten thousand acknowledgements in all.
const ALL: (&str, &str) = ("10", "500");
const FEW: (&str, &str) = ("2", "20");

/// A server and the machines around it.
struct Place {
    dir: TempDir,
    server: Server,
    program: PathBuf,
    bug: Option<&'static str>,
    more: Vec<(&'static str, &'static str)>,
}

/// What a reader says of a run.
#[derive(Debug, PartialEq)]
struct Said {
    verdict: String,
    doubt: String,
    /// Expected, acked, missing, duplicate, drift.
    counts: [u64; 5],
}

impl Place {
    fn with(bug: Option<&'static str>) -> Option<Place> {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let server = Server::at(dir.path())?;
        let program = match bug {
            None => nested(&["--bin", "meeter", "--features", "redis"]),
            Some(_) => nested(&["--bin", "meeter-seeded", "--features", "redis,seeded-bugs"]),
        };
        Some(Place { dir, server, program, bug, more: Vec::new() })
    }

    fn started() -> Option<Place> {
        let mut place = Place::with(None)?;
        place.server.start();
        Some(place)
    }

    fn trail(&self, who: &str) -> PathBuf {
        self.dir.path().join(who)
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(words).stderr(Stdio::null());
        command.env("AUDIT_REDIS_ENABLED", "true").env("AUDIT_REDIS_URL", self.server.url());
        command.envs(self.more.iter().copied());
        command.envs(self.bug.map(|bug| ("AUDIT_SEEDED_BUG", bug)));
        command
    }

    fn ended(&self, words: &[&str]) -> Ended {
        Running::of(self.command(words)).ended()
    }

    /// Machine `a` begins the run; its child and the run's id.
    fn begin(&self, (threads, each): (&str, &str)) -> (Running, String) {
        let trail = self.trail("a");
        let child = Running::of(self.command(&["work", &trail.to_string_lossy(), "new", "a", threads, each]));
        assert!(child.ready(), "the run is begun");
        (child, std::fs::read_to_string(trail.with_extension("run")).expect("the run's id"))
    }

    fn join(&self, run: &str, (threads, each): (&str, &str)) -> Running {
        Running::of(self.command(&["work", &self.trail("b").to_string_lossy(), run, "b", threads, each]))
    }

    /// Both machines do their shares; the run's id and what they said.
    fn both(&self, size: (&str, &str)) -> (String, String) {
        let (first, run) = self.begin(size);
        let second = self.join(&run, size);
        let said = [succeeded(second), succeeded(first)].join("");
        (run, said)
    }

    /// What somebody says who reads this machine's trail and the server.
    fn read(&self, who: &str, run: &str) -> Result<Said, String> {
        let ended = self.ended(&["read", &self.trail(who).to_string_lossy(), run]);
        let words: Vec<&str> = ended.said.split_whitespace().collect();
        let word = |name: &str| words.iter().position(|word| *word == name).map(|at| words[at + 1].to_owned());
        let number = |name: &str| word(name).and_then(|text| text.parse().ok()).unwrap_or(u64::MAX);
        match (word("VERDICT"), word("DOUBT")) {
            (Some(verdict), Some(doubt)) => {
                let counts = ["EXPECTED", "ACKED", "MISSING", "DUPLICATE", "DRIFT"].map(number);
                Ok(Said { verdict, doubt, counts })
            }
            _ => Err(ended.said),
        }
    }

    fn key(&self, run: &str) -> String {
        format!("audit:run:{run}")
    }
}

#[track_caller]
fn succeeded(child: Running) -> String {
    let ended = child.ended();
    assert!(ended.status.success(), "{}", ended.said);
    println!("{}", ended.said);
    ended.said
}

fn said(verdict: &str, doubt: &str, counts: [u64; 5]) -> Said {
    Said { verdict: verdict.into(), doubt: doubt.into(), counts }
}

/// Ids of this run's acknowledgements in a trail.
fn acks(trail: &Path, run: &str) -> Vec<String> {
    let story = Story::read(trail).expect("the trail");
    let of = |id: &RunId| format!("{id:#}") == run;
    story
        .points
        .iter()
        .filter(|(_, record)| record.header.kind == Kind::ContractAck && of(&record.header.run))
        .map(|(id, _)| format!("{id:#}"))
        .collect()
}

/// Notes of this kind in a trail.
fn notes(trail: &Path, kind: &str) -> usize {
    let story = Story::read(trail).expect("the trail");
    let named =
        |record: &&audit_runtime::model::Record| record.body.text(audit_runtime::model::Key::NoteKind) == Some(kind);
    story.of_kind(Kind::Note).into_iter().filter(named).count()
}

/// Every acknowledgement of both trails stands on the server, once, and a third machine that never wrote reads them all.
fn union(place: &Place, run: &str, all: usize) -> Result<(), String> {
    let there: Vec<String> = place.server.ask(&["HKEYS", &place.key(run)]).lines().map(str::to_owned).collect();
    let there: BTreeSet<String> = there.into_iter().collect();
    let here: Vec<String> = ["a", "b"].iter().flat_map(|who| acks(&place.trail(who), run)).collect();
    let lost = here.iter().filter(|id| !there.contains(*id)).count();
    if (here.len(), lost) != (all, 0) {
        return Err(format!("{} recorded, {lost} of them not on the server", here.len()));
    }
    place.ended(&["open", &place.trail("c").to_string_lossy()]);
    let third = place.read("c", run)?;
    let all = all as u64;
    if third.counts == [all, all, 0, 0, 0] { Ok(()) } else { Err(format!("{third:?}")) }
}

#[test]
fn j8_two_machines_ten_thousand_acks_none_lost_none_doubled_and_a_third_reads_the_union() {
    let Some(place) = Place::started() else { return };
    let (run, _said) = place.both(ALL);
    union(&place, &run, 10_001).unwrap();
    for who in ["a", "b", "c"] {
        assert_eq!(place.read(who, &run).unwrap(), said("PASS", "none", [10_001, 10_001, 0, 0, 0]), "{who}");
    }
}

/// The negative control: a last writer that wins loses what the other machine has sent.
#[test]
fn j8_lists_that_are_overwritten_are_caught() {
    let Some(mut place) = Place::with(Some("redis_overwrites")) else { return };
    place.server.start();
    let (run, _said) = place.both(FEW);
    let lost = union(&place, &run, 81).expect_err("the last writer wins");
    assert!(lost.contains("not on the server"), "{lost}");
}

#[test]
fn j8_a_server_that_is_killed_and_started_again_in_the_middle_never_makes_a_pass_by_absence() {
    let Some(mut place) = Place::started() else { return };
    place.more.push(("MEETER_PAUSE", "2000"));
    let (first, run) = place.begin(ALL);
    let second = place.join(&run, ALL);
    let held = |server: &Server| server.ask(&["HLEN", &format!("audit:run:{run}")]).parse::<u64>().unwrap_or(0);
    place.server.until("a part is sent", |server| held(server) > 1000);
    place.server.kill();
    place.server.start();
    place.server.until("all is sent again", |server| held(server) > 10_000);
    drop((succeeded(second), succeeded(first)));
    union(&place, &run, 10_001).unwrap();
    for who in ["a", "b", "c"] {
        let read = place.read(who, &run).unwrap();
        assert_eq!(read, said("INCONCLUSIVE", "RESTARTED", [10_001, 10_001, 0, 0, 0]), "{who}");
    }
    for who in ["a", "b"] {
        assert_eq!(notes(&place.trail(who), "redis_outage"), notes(&place.trail(who), "redis_back"), "{who}");
    }
}

/// Without a server nothing that is missing is called so, and nothing passes because it is not seen.
fn unseen(place: &Place, run: &str) -> Result<(), Said> {
    let read = place.read("a", run).expect("a verdict");
    if read.verdict == "INCONCLUSIVE" && read.doubt == "UNREACHABLE" && read.counts[2] == 0 {
        Ok(())
    } else {
        Err(read)
    }
}

#[test]
fn j8_a_server_that_is_gone_leaves_the_verdict_inconclusive() {
    let Some(mut place) = Place::started() else { return };
    let (run, _said) = place.both(FEW);
    assert_eq!(place.read("a", &run).unwrap().verdict, "PASS");
    place.server.kill();
    unseen(&place, &run).unwrap();
    assert_eq!(place.read("a", &run).unwrap().counts[1], 41, "its own share is in hand");
}

/// The negative control: whoever takes what he does not see for what need not be passes the run.
#[test]
fn j8_absence_that_passes_is_caught() {
    let Some(mut place) = Place::with(Some("redis_absence_is_pass")) else { return };
    place.server.start();
    let (run, _said) = place.both(FEW);
    place.server.kill();
    assert_eq!(unseen(&place, &run).expect_err("a pass by absence").verdict, "PASS");
}

#[test]
fn j8_what_the_server_forgot_is_expired_and_never_missing() {
    let Some(mut place) = Place::started() else { return };
    place.more.push(("MEETER_TTL", "3000000"));
    let (first, run) = place.begin(FEW);
    drop(succeeded(first));
    place.server.until("it expires", |server| server.ask(&["EXISTS", &place.key(&run)]) == "0");
    assert_eq!(place.read("a", &run).unwrap(), said("INCONCLUSIVE", "EXPIRED", [81, 41, 0, 0, 0]));
    place.ended(&["open", &place.trail("c").to_string_lossy()]);
    assert_eq!(place.read("c", &run).unwrap().verdict, "INCONCLUSIVE", "who knows nothing of a run passes nothing");
}

#[test]
fn j8_an_outage_at_open_fails_no_caller_is_told_once_and_the_next_process_sends_what_waits() {
    let Some(mut place) = Place::with(None) else { return };
    let (first, run) = place.begin(FEW);
    let said = succeeded(first);
    assert!(said.contains("OUTAGES 1") && !said.contains("WAITING 0"), "{said}");
    assert_eq!(notes(&place.trail("a"), "redis_outage"), 1);
    assert_eq!(acks(&place.trail("a"), &run).len(), 41);
    place.server.start();
    let opened = place.ended(&["open", &place.trail("a").to_string_lossy()]);
    assert!(opened.said.contains("WAITING 0"), "{}", opened.said);
    let key = place.key(&run);
    let there = place.server.ask(&["HKEYS", &key]);
    assert!(acks(&place.trail("a"), &run).iter().all(|id| there.contains(id)), "{there}");
}

#[test]
fn j8_what_is_no_record_of_the_run_is_refused_by_name() {
    let Some(place) = Place::started() else { return };
    let (run, _said) = place.both(FEW);
    let key = place.key(&run);
    let field = acks(&place.trail("b"), &run).remove(0);
    let refused = |what: &str| {
        let error = place.read("a", &run).expect_err(what);
        assert!(error.contains("AUD0821") && error.contains(what), "{what}: {error}");
    };
    let value = format!(
        "return redis.call('HSET', KEYS[1], ARGV[1], string.sub(redis.call('HGET', KEYS[1], '{field}'), 1, ARGV[2]))"
    );
    // Cut bytes under a place that nobody wrote; a record under the place of another; a name that is no place.
    let free = format!("{}-999999", field.split('-').next().expect("a stream"));
    for (name, bytes, what) in
        [(free.as_str(), "40", "no record"), (&free, "9999", "record of sequence"), ("junk", "9", "no place")]
    {
        place.server.ask(&["EVAL", &value, "1", &key, name, bytes]);
        refused(what);
        place.server.ask(&["HDEL", &key, name]);
    }
    assert_eq!(place.read("a", &run).unwrap().verdict, "PASS", "the garbage was all that was amiss");
    // What another run is made of, under this run's name.
    let foreign = format!("{run}9");
    place.server.ask(&["COPY", &key, &place.key(&foreign)]);
    let error = place.read("a", &foreign).expect_err("a foreign run");
    assert!(error.contains("AUD0821") && error.contains("record of run"), "{error}");
    place.server.ask(&["DEL", &key]);
    place.server.ask(&["SET", &key, "no hash"]);
    refused("no hash");
}
