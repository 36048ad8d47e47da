//! One declaration: `contract!` makes the constants that annotated functions expect and acknowledge, and the trail shows
//! what became of them. Every answer is read back from disk.

use super::trail::{Told, Trail};
use audit_runtime::contract::{Contract, Expectation, NamesResult, Outcome, ResultId, Standing, Subject, Verdict};
use audit_runtime::governance::{Start, reconcile_run};
use audit_runtime::layer::ACK_TARGET;
use audit_runtime::model::record::flag;
use audit_runtime::model::{Durability, Id, Key, Kind, RunId};
use audit_runtime::{Code, Run, audited, contract};
use std::io;
use std::time::Duration;
use tracing_subscriber::prelude::*;

contract! {
    /// What every order promises.
    order {
        domain orders {
            /// Goods are set aside.
            reserve within 5s;
            book within 5s;
        }
        domain mail {
            notify within 1h;
            finally close within 2h;
        }
    }

    later(patience: Duration) {
        domain orders {
            finally close_later within (patience);
        }
    }
}

struct Reserved(u32);

impl NamesResult for Reserved {
    fn result_id(&self) -> Option<ResultId> {
        ResultId::new(format!("reservation-{}", self.0))
    }
}

#[audited(acknowledges(order::RESERVE))]
fn reserve(stock: u32) -> Result<Reserved, io::Error> {
    if stock == 0 { Err(io::Error::other("sold out, says jane@example.org")) } else { Ok(Reserved(stock)) }
}

#[audited(acknowledges(order::BOOK, order::NOTIFY))]
async fn book_and_notify() -> io::Result<u32> {
    tokio::task::yield_now().await;
    Ok(7)
}

#[audited(acknowledges(order::CLOSE))]
fn close() {}

#[audited(acknowledges(order::RESERVE))]
fn reserve_in_panic() {
    panic!("the shelf broke");
}

#[audited(expects(order::NOTIFY within 5s, "mail/print" within 1m))]
fn ask_for_a_letter() -> io::Result<()> {
    Ok(())
}

fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(future)
}

fn begun(trail: &Trail) -> Run {
    trail.recorder.begin_under("order", &order(), Start::Strict).expect("a run")
}

fn acks(trail: &Trail) -> Vec<Told> {
    trail.of(Kind::ContractAck)
}

fn named(told: &Told) -> (String, String, String) {
    let text = |key| told.text(key).to_owned();
    (format!("{}/{}", text(Key::Domain), text(Key::Action)), text(Key::Outcome), text(Key::Via))
}

fn standings(trail: &Trail, run: RunId) -> Vec<String> {
    let report = reconcile_run(trail.path(), run).expect("a readable trail");
    let name = |subject: &Option<Subject>| subject.as_ref().map_or("run".to_owned(), Subject::to_string);
    report.findings.iter().map(|finding| format!("{} {}", finding.standing, name(&finding.subject))).collect()
}

#[test]
fn one_declaration_makes_constants_contract_labels_and_catalogue() {
    assert_eq!(order::ALL, [order::RESERVE, order::BOOK, order::NOTIFY, order::CLOSE]);
    assert_eq!(order::RESERVE.labels(), [("domain", "orders"), ("action", "reserve")]);
    assert_eq!((order::NOTIFY.within(), order::CLOSE.is_finalising()), (Some(Duration::from_secs(3600)), true));
    let contract = order();
    assert!(contract.flaws().is_empty() && contract.name() == "order");
    let places: Vec<_> = contract.expectations().iter().filter_map(|e| e.place.clone()).collect();
    let (file, line) = order::RESERVE.place();
    assert_eq!(places[0], format!("{file}:{line}"));
    assert!(file.ends_with("declared.rs") && order::BOOK.place().1 == line + 1);
    let later = later(Duration::from_secs(9));
    assert_eq!(
        (later.finalising().and_then(|e| e.within), later::CLOSE_LATER.within()),
        (Some(Duration::from_secs(9)), None)
    );
    let listed =
        audit_runtime::catalogue().contracts.into_iter().find(|contract| contract.name == "order").expect("listed");
    assert_eq!((listed.terms, listed.file), (order::ALL, file!()));
    let (sites, _): (Vec<_>, Vec<_>) =
        audit_runtime::catalogue().acknowledgements().partition(|(_, t)| t.is(&order::RESERVE));
    assert!(sites.iter().any(|(site, _)| site.function == "reserve" && site.file == file!()));
}

#[test]
fn c1_annotated_functions_acknowledge_what_the_run_declared() {
    let trail = Trail::new();
    let run = begun(&trail);
    run.scope(|| {
        reserve(3).expect("in stock");
        block_on(book_and_notify()).expect("booked");
        close();
    });
    let report = reconcile_run(trail.path(), run.id()).expect("a readable trail");
    assert!(report.is_clean(), "{report}");
    let told = acks(&trail);
    let success = |name: &str| (name.to_owned(), "success".to_owned(), "attribute".to_owned());
    let expected = ["orders/reserve", "orders/book", "mail/notify", "mail/close"].map(success);
    assert_eq!(told.iter().map(named).collect::<Vec<_>>(), expected);
    assert_eq!(told[0].text(Key::Result), "reservation-3", "the value names its result");
    let opened: Vec<Told> = trail.of(Kind::StateOpened);
    assert_eq!(told[1].text(Key::Result), format!("{:#}", opened[1].id), "a value without one: its entry");
    assert!(told[0].text(Key::Location).contains("declared.rs:"));
    for (ack, at) in told.iter().zip([0, 1, 1, 2]) {
        let closed = trail.of(Kind::StateClosed);
        assert_eq!((ack.record.header.parent, ack.record.header.durability), (opened[at].id, Durability::Disk));
        assert!(opened[at].id < ack.id && ack.id < closed[at].id, "it stands before the terminal");
    }
    run.finish().expect("an end");
    assert!(trail.is_intact());
}

#[test]
fn c6_a_failing_function_acknowledges_its_error_and_a_retry_recovers() {
    let trail = Trail::new();
    let run = begun(&trail);
    run.scope(|| {
        assert!(reserve(0).is_err());
        assert!(std::panic::catch_unwind(reserve_in_panic).is_err());
    });
    let told = acks(&trail);
    assert_eq!(told.iter().map(|told| told.text(Key::Outcome)).collect::<Vec<_>>(), ["failure", "failure"]);
    assert!(told[0].text(Key::Error).starts_with("sold out") && told[1].text(Key::Error).contains("the shelf broke"));
    assert!(!trail.bytes().windows(4).any(|window| window == b"jane"));
    assert!(standings(&trail, run.id()).contains(&"FAILED orders/reserve".to_owned()));
    run.scope(|| reserve(1).map(drop)).expect("in stock again");
    assert!(standings(&trail, run.id()).contains(&"RECOVERED orders/reserve".to_owned()));
    drop(run);
}

#[test]
fn c6_a_dropped_future_acknowledges_its_cancellation_and_nothing_else() {
    let trail = Trail::new();
    let run = begun(&trail);
    let mut future = Box::pin(run.scope_async(book_and_notify()));
    let waker = std::task::Waker::noop();
    assert!(future.as_mut().poll(&mut std::task::Context::from_waker(waker)).is_pending());
    drop(future);
    let mut told = acks(&trail);
    // Whether the opening was acknowledged by then or not, the call ended without doing what it stands for.
    told.retain(|told| told.text(Key::Outcome) != "failure");
    assert!(told.is_empty(), "{told:?}");
    assert_eq!(acks(&trail).len(), 2);
    drop(run);
}

#[test]
fn c12_work_that_could_not_acknowledge_is_refused() {
    let trail = Trail::new();
    let refused = trail.recorder.scope(|| reserve(3)).err().expect("a refusal");
    let inner =
        refused.get_ref().and_then(|inner| inner.downcast_ref::<audit_runtime::Error>()).expect("an audit error");
    assert_eq!(inner.code(), Code::NoRun);
    assert!(trail.of(Kind::StateOpened).is_empty() && acks(&trail).is_empty());
    assert_eq!(trail.of(Kind::Refusal)[0].text(Key::Code), "AUD0803");
}

#[test]
fn c2_what_a_call_expects_is_declared_behind_its_opening_and_missed_when_nobody_does_it() {
    let trail = Trail::new();
    let run = trail.recorder.begin_run("letters").expect("a run");
    run.scope(ask_for_a_letter).expect("recorded");
    let told = trail.of(Kind::ExpectationDeclared);
    let opened = trail.of(Kind::StateOpened);
    assert_eq!(told.iter().map(|told| told.text(Key::Action)).collect::<Vec<_>>(), ["notify", "print"]);
    assert_eq!(
        told.iter().map(|told| told.record.body.uint(Key::WithinNs)).collect::<Vec<_>>(),
        [Some(5_000_000_000), Some(60_000_000_000)]
    );
    assert!(told.iter().all(|told| told.record.header.parent == opened[0].id && told.id > opened[0].id));
    assert!(told[0].text(Key::DeclaredAt).contains("declared.rs:"));
    let id = run.id();
    drop(run);
    assert_eq!(standings(&trail, id), ["MISSING mail/notify", "MISSING mail/print"]);
}

/// A subscriber with the layer outermost; the filter inside it lets nothing of these targets pass.
fn with_filter<R>(trail: &Trail, off: Option<&str>, work: impl FnOnce() -> R) -> R {
    let directives = off.map_or("trace".to_owned(), |target| format!("trace,{target}=off"));
    let filter = tracing_subscriber::EnvFilter::new(directives);
    let subscriber = tracing_subscriber::registry().with(filter).with(trail.recorder.layer());
    tracing::subscriber::with_default(subscriber, work)
}

fn tell(action: &str) {
    tracing::info!(target: ACK_TARGET, domain = "orders", action, result = "r-1");
}

#[test]
fn c15_attribute_recorder_and_event_leave_one_record_shape() {
    let mut trail = Trail::new();
    let run = begun(&trail);
    let done = Outcome::Success { result: ResultId::new("r-1").expect("a result") };
    run.scope(|| reserve(3).map(drop)).expect("in stock");
    with_filter(&trail, None, || run.scope(|| tell("book")));
    audit_runtime::acknowledge!(trail.recorder, run.id(), order::NOTIFY, &done).expect("recorded");
    let told = acks(&trail);
    let via: Vec<String> = told.iter().map(|told| named(told).2).collect();
    assert_eq!(via, ["attribute", "event", "recorder"]);
    let shape = |told: &Told| told.record.body.fields.iter().map(|(key, _)| *key).collect::<Vec<_>>();
    assert!(told.iter().all(|ack| shape(ack) == shape(&told[0])), "{told:?}");
    assert!(told.iter().all(|ack| ack.text(Key::Location).contains("declared.rs:")));
    let before = standings(&trail, run.id());
    assert_eq!(before[..3], ["ACKED orders/reserve", "ACKED orders/book", "ACKED mail/notify"]);
    let id = run.id();
    run.interrupt("a restart").expect("an end");
    trail.restart();
    assert_eq!(standings(&trail, id)[..3], before[..3], "as before the restart");
}

#[test]
fn c15_a_dropped_event_is_counted_and_the_verdict_is_inconclusive() {
    let trail = Trail::new();
    let run = begun(&trail);
    let done = Outcome::Success { result: ResultId::new("r-1").expect("a result") };
    trail.recorder.acknowledge(run.id(), &order::RESERVE.into(), &done).expect("recorded");
    with_filter(&trail, Some(ACK_TARGET), || run.scope(|| tell("book")));
    let report = trail.recorder.close_contract(run.id()).expect("reconciled");
    assert_eq!(report.verdict, Verdict::Inconclusive, "{report}");
    assert_eq!(report.of(Standing::Missing).count(), 0);
    let closed = &trail.of(Kind::ContractClosed)[0];
    assert_eq!(closed.record.body.uint(Key::AcksDropped), Some(1));
    let again = reconcile_run(trail.path(), run.id()).expect("a readable trail");
    assert_eq!(again.verdict, Verdict::Inconclusive);
    drop(run);
}

/// The control: the same run without a dropped event has missed what it did not do.
#[test]
fn c15_without_a_dropped_event_what_is_not_there_is_missing() {
    let trail = Trail::new();
    let run = begun(&trail);
    let done = Outcome::Success { result: ResultId::new("r-1").expect("a result") };
    trail.recorder.acknowledge(run.id(), &Subject::new("orders", "reserve"), &done).expect("recorded");
    let report = trail.recorder.close_contract(run.id()).expect("reconciled");
    assert_eq!((report.verdict, report.of(Standing::Missing).count()), (Verdict::Fail, 3));
    drop(run);
}

#[test]
fn c15_a_run_that_acknowledges_by_events_only_is_never_said_to_have_missed() {
    let trail = Trail::new();
    let run = begun(&trail);
    with_filter(&trail, None, || run.scope(|| tell("reserve")));
    let by_chance = run.id();
    drop(run);
    let said = order().acked_by_events();
    let declared = trail.recorder.begin_under("order", &said, Start::Strict).expect("a run");
    let by_word = declared.id();
    drop(declared);
    for run in [by_chance, by_word] {
        let report = reconcile_run(trail.path(), run).expect("a readable trail");
        assert_eq!((report.verdict, report.of(Standing::Missing).count()), (Verdict::Inconclusive, 0), "{report}");
    }
}

#[test]
fn c15_an_event_without_a_result_is_no_acknowledgement_and_stays_owed() {
    let trail = Trail::new();
    let run = begun(&trail);
    with_filter(&trail, None, || {
        run.scope(|| tracing::info!(target: ACK_TARGET, domain = "orders", action = "reserve", result = " "));
    });
    assert!(acks(&trail).is_empty());
    assert_eq!(trail.recorder.close_contract(run.id()).expect("reconciled").verdict, Verdict::Inconclusive);
    drop(run);
}

/// Whether every record of this run but the first says that it has no contract.
fn says_uncontracted(trail: &Trail, run: RunId) -> bool {
    let later = trail.records().into_iter().filter(|told| told.record.header.run == run);
    let flagged: Vec<bool> = later.map(|told| told.record.header.flags & flag::UNCONTRACTED != 0).collect();
    !flagged.is_empty() && flagged.into_iter().all(|flagged| flagged)
}

#[test]
fn c3_strict_does_not_start_and_lenient_says_uncontracted_in_every_later_record() {
    let trail = Trail::new();
    let flawed = Contract::assembled("order", vec![Expectation::undated(Subject::new("orders", "reserve"))]);
    let refused = trail.recorder.begin_under("order", &flawed, Start::Strict).expect_err("it does not start");
    assert_eq!(refused.code(), Code::ContractFlawed);
    assert!(trail.of(Kind::RunStarted).is_empty());
    let run = trail.recorder.begin_under("order", &flawed, Start::Lenient).expect("it goes on");
    run.scope(|| {
        reserve(3).map(drop).expect("in stock");
        trail.recorder.note("discovery", audit_runtime::Severity::Info, &[("what", "a shelf")]).expect("a note");
    });
    let id = run.id();
    run.finish().expect("an end");
    assert!(says_uncontracted(&trail, id));
    assert!(trail.of(Kind::ContractDeclared).is_empty());
    assert_eq!(trail.of(Kind::Note)[0].text(Key::NoteKind), "uncontracted");
    let report = reconcile_run(trail.path(), id).expect("a readable trail");
    assert_eq!(report.verdict, Verdict::Inconclusive);
    let layout = audit_runtime::journal::Layout::at(trail.path());
    let stream = layout.streams().expect("streams")[0];
    let ended = &trail.of(Kind::RunEnded)[0];
    let line = audit_runtime::trail::record_json(stream, &ended.record).to_string();
    assert!(line.contains("\"uncontracted\":true"), "{line}");
    // The control: a run that has its contract says nothing of the kind.
    let sound = begun(&trail);
    let sound_id = sound.id();
    drop(sound);
    assert!(!says_uncontracted(&trail, sound_id));
}

#[test]
fn c3_what_recovery_and_a_resumed_run_write_says_uncontracted_too() {
    let trail = Trail::new();
    let flawed = Contract::assembled("order", vec![Expectation::undated(Subject::new("orders", "reserve"))]);
    let run = trail.recorder.begin_under("order", &flawed, Start::Lenient).expect("it goes on");
    let id = run.id();
    // The trail as the death of this process would leave it, opened by another recorder.
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("trail");
    audit_testkit::FaultyStorage::copy(&trail.path(), &path).expect("a copy");
    let recorder = audit_runtime::open(&path).expect("it opens");
    let resumed = recorder.resume_run(id).expect("it was abandoned");
    let mut graph = resumed.pipeline();
    graph.node("orders.csv", audit_runtime::landscape::NodeKind::Source, audit_runtime::landscape::Determinism::IoRead);
    drop(graph.seal().expect("a sound graph"));
    resumed.finish().expect("an end");
    let told: Vec<Told> =
        super::trail::records(&path).into_iter().filter(|told| told.record.header.run == id).collect();
    let kinds: Vec<Kind> = told.iter().map(|told| told.record.header.kind).collect();
    assert!(
        kinds.contains(&Kind::RunResumed) && kinds.iter().filter(|kind| **kind == Kind::RunEnded).count() == 2,
        "{kinds:?}"
    );
    assert!(told.iter().all(|told| told.record.header.flags & flag::UNCONTRACTED != 0), "{kinds:?}");
    drop(run);
}

#[test]
fn c14_a_declared_contract_does_not_change_when_its_owner_does() {
    let trail = Trail::new();
    let mut owned = Contract::assembled("order", order().expectations().to_vec());
    let run = trail.recorder.begin_under("order", &owned, Start::Strict).expect("a run");
    let stored = trail.of(Kind::ContractDeclared)[0].record.clone();
    owned = Contract::assembled("order", vec![Expectation::undated(Subject::new("orders", "other"))]);
    let again = trail.recorder.declare(run.id(), &owned).expect_err("declared before");
    assert_eq!(again.code(), Code::ContractClosed);
    let now = trail.of(Kind::ContractDeclared);
    assert_eq!((now.len(), &now[0].record.body), (1, &stored.body));
    assert_ne!(Id::NONE, now[0].id);
    drop(run);
}
