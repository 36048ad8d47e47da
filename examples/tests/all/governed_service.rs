//! The governed service over real HTTP: one id everywhere, exactly one decision and one pair for each request, whether the
//! service lives or is killed.

use super::example;
use audit_runtime::governance::sweep_actions;
use audit_runtime::journal::{Committed, Layout, Reader};
use audit_runtime::model::{Key, Kind};
use audit_runtime::trail::{Trail, verify};
use audited_examples::http::{Client, Reply};
use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Barrier, Mutex};
use std::time::Duration;

const CALLERS: u64 = 30;

/// A number from the environment: how much is asked of this machine.
fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// A service that listens; killed when it goes out of scope.
struct Service {
    child: Child,
    address: String,
}

impl Service {
    fn start(trail: &Path) -> Service {
        let mut command = example("governed_service");
        // Nothing here is about time: a machine that is busy must not make an action late.
        command
            .args(["--serve", "--patience", "600000", "--trail"])
            .arg(trail)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut child = command.spawn().expect("the service starts");
        let mut line = String::new();
        let mut said = BufReader::new(child.stdout.take().expect("its output"));
        said.read_line(&mut line).expect("a line");
        let address = line.trim().strip_prefix("listening on ").unwrap_or_else(|| panic!("{line:?}")).to_owned();
        // What it says at its end must find a reader.
        std::thread::spawn(move || drop(std::io::copy(&mut said, &mut std::io::sink())));
        Service { child, address }
    }

    /// Closes its standard input and waits for a clean end.
    fn stop(mut self) {
        drop(self.child.stdin.take());
        assert!(self.child.wait().expect("its end").success());
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn trace(n: u64) -> String {
    format!("{:032x}", n + 1)
}

fn ask(client: &mut Client, trace: &str) -> std::io::Result<Reply> {
    let parent = format!("00-{trace}-00f067aa0ba902b7-01");
    client.post("/transfers", &[("traceparent", &parent), ("x-request-id", trace)], r#"{"amount":50,"to":"acc-7"}"#)
}

/// The one id stands in the answer's body and in its header.
fn names_its_trace(reply: &Reply, trace: &str) -> bool {
    reply.body.contains(&format!("\"trace_id\":\"{trace}\""))
        && reply.header("traceparent").is_some_and(|parent| parent.starts_with(&format!("00-{trace}-")))
}

/// What the trail holds of each trace: decisions, attempts, ends, responses. Sequences are found to be without a gap.
fn by_trace(path: &Path) -> BTreeMap<String, [u32; 4]> {
    let layout = Layout::at(path);
    let (mut found, mut attempts): (BTreeMap<String, [u32; 4]>, BTreeMap<_, String>) = Default::default();
    let mut ends = Vec::new();
    for stream in layout.streams().expect("streams") {
        let mut committed = Committed::new(Reader::open(&layout, stream).expect("a readable stream"));
        let mut next = 0;
        while let Some(counted) = committed.next().expect("sound records") {
            assert!(counted.seq >= next, "sequence {} behind {next}", counted.seq);
            next = counted.seq + 1;
            let record = &counted.record;
            let trace = record.body.bytes(Key::Trace).map(|bytes| bytes.iter().map(|b| format!("{b:02x}")).collect());
            let at = match record.header.kind {
                Kind::Decision => 0,
                Kind::ActionPending => 1,
                Kind::ActionClosed => 2,
                Kind::Note if record.body.text(Key::NoteKind) == Some("response") => 3,
                _ => continue,
            };
            match (trace, at) {
                // A terminal that recovery wrote knows its attempt alone.
                (None, 2) => ends.push(record.header.subject),
                (trace, _) => {
                    let trace: String = trace.expect("a trace id in every record");
                    if at == 1 {
                        attempts.insert(audit_runtime::Id::new(stream, counted.seq), trace.clone());
                    }
                    found.entry(trace).or_default()[at] += 1;
                }
            }
        }
    }
    for subject in ends {
        let trace = attempts.get(&subject).expect("the attempt that was abandoned");
        found.get_mut(trace).expect("its trace")[2] += 1;
    }
    found
}

#[test]
fn a2_a14_thirty_callers_over_http_leave_one_decision_and_one_pair_each_under_one_id() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("trail");
    let service = Service::start(&path);
    let rounds = number("AUDIT_ROUNDS", 10);
    let barrier = Barrier::new(CALLERS as usize);
    let wrong: Mutex<Vec<String>> = Mutex::default();
    std::thread::scope(|scope| {
        for caller in 0..CALLERS {
            let (service, barrier, wrong) = (&service, &barrier, &wrong);
            scope.spawn(move || {
                let mut client = Client::connect(&service.address).expect("a connection");
                for round in 0..rounds {
                    barrier.wait();
                    let trace = trace(round * CALLERS + caller);
                    // Nobody leaves before the last round: the others would wait at the barrier for ever.
                    match ask(&mut client, &trace) {
                        Ok(reply) if reply.status == 200 && names_its_trace(&reply, &trace) => {}
                        other => wrong.lock().expect("a list").push(format!("{trace}: {other:?}")),
                    }
                }
            });
        }
    });
    service.stop();
    let wrong = wrong.into_inner().expect("a list");
    assert!(wrong.is_empty(), "{wrong:#?}");
    let found = by_trace(&path);
    assert_eq!(found.len() as u64, CALLERS * rounds);
    let odd: Vec<_> = found.iter().filter(|(_, counts)| **counts != [1, 1, 1, 1]).collect();
    assert!(odd.is_empty(), "{odd:?}");
    let verdict = verify(&Layout::at(&path), &mut |_| {}).expect("a readable trail");
    assert!(verdict.is_intact() && verdict.findings.is_empty(), "{:?}", verdict.findings);
    println!("{} requests by {CALLERS} callers, one decision, one pair and one response each", CALLERS * rounds);
}

#[test]
fn a2_j1_a_service_that_is_killed_at_any_moment_keeps_what_it_answered_and_doubles_nothing() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("trail");
    let (kills, next) = (number("AUDIT_SERVICE_KILLS", 4), AtomicU64::new(0));
    let answered: Mutex<Vec<String>> = Mutex::default();
    for kill in 0..kills {
        let mut service = Service::start(&path);
        let over = AtomicBool::new(false);
        let address = service.address.clone();
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let Ok(mut client) = Client::connect(&address) else { return };
                    while !over.load(Ordering::SeqCst) {
                        let trace = trace(next.fetch_add(1, Ordering::SeqCst));
                        match ask(&mut client, &trace) {
                            Ok(reply) if reply.status == 200 => answered.lock().expect("a list").push(trace),
                            Ok(_) => {}
                            Err(_) => return,
                        }
                    }
                });
            }
            // Moments that differ from kill to kill, and from what the service does.
            std::thread::sleep(Duration::from_millis(40 + 37 * kill));
            service.child.kill().expect("a kill");
            over.store(true, Ordering::SeqCst);
        });
    }
    // The last one recovers what the others left, and ends cleanly.
    Service::start(&path).stop();
    let (found, answered) = (by_trace(&path), answered.into_inner().expect("a list"));
    for trace in &answered {
        assert_eq!(found.get(trace), Some(&[1, 1, 1, 1]), "what was answered is whole: {trace}");
    }
    for (trace, [decisions, attempts, ends, responses]) in &found {
        assert!(
            *decisions == 1 && *attempts <= 1 && ends == attempts && *responses <= 1,
            "{trace}: {:?}",
            found[trace]
        );
    }
    let contradictions = sweep_actions(&path, None, i64::MAX, Duration::from_secs(1)).expect("a readable trail");
    assert!(contradictions.is_empty(), "{contradictions:?}");
    assert!(verify(&Layout::at(&path), &mut |_| {}).expect("a readable trail").is_intact());
    println!("{kills} kills: {} requests answered, {} begun, none lost or doubled", answered.len(), found.len());
}

#[test]
fn a1_a15_a18_a21_each_way_to_end_is_answered_and_explained_under_the_same_session() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("trail");
    let output = example("governed_service").arg("--trail").arg(&path).output().expect("the example starts");
    let out = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{out}{}", String::from_utf8_lossy(&output.stderr));
    let expected = [
        ("too late", "504", "EXECUTOR_TIMEOUT"),
        ("healthy", "200", "SUCCESS"),
        ("over the limit", "403", "OVER_LIMIT"),
        ("no transfer", "403", "NON_JSON_PAYLOAD"),
        ("odd trace id", "200", "SUCCESS"),
        ("broken", "502", "EXECUTOR_EXCEPTION"),
        ("three steps", "200", "SUCCESS"),
        ("second fails", "502", "EXECUTOR_EXCEPTION"),
        ("no such route", "404", "trace_id"),
    ];
    for (name, status, word) in expected {
        let line = out.lines().find(|line| line.starts_with(&format!("{name} "))).unwrap_or_default();
        assert!(line.contains(&format!(" {status} ")) && line.contains(word), "{name}: {line:?}");
        assert!(line.contains("trace_id"), "{line}");
    }
    let story = Trail::scan(&path).expect("the trail").explain("session:demo").expect("its story");
    let missing: Vec<_> = story.sentences.iter().filter(|line| line.starts_with("missing")).collect();
    assert!(missing.is_empty(), "{missing:?}");
    let count = |word: &str| story.sentences.iter().filter(|line| line.contains(word)).count();
    assert_eq!((count(" DECISION ALLOW"), count(" DECISION DENY"), count(" RESPONSE ")), (6, 2, 9));
    assert_eq!(count(" LATE_COMPLETION"), 1, "{:#?}", story.sentences);
    // The negative control of the counts above: an id that several requests share is seen to be shared.
    assert_eq!(by_trace(&path)["4bf92f3577b34da6a3ce929d0e0e4736"], [7, 10, 10, 8]);
}
