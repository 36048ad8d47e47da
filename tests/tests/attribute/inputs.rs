//! What is read from arguments and outputs: exactly once, before the body takes them, and never as a plain value
//! unless asked.

use crate::trail::{Fault, How, Told, Trail, act, block_on, caught};
use audit_runtime::audited;
use audit_runtime::model::cbor::Value;
use audit_runtime::model::{Exit, Key, Kind};
use std::cell::Cell;
use std::fmt;
use std::pin::Pin;

/// Kind and reason, or the hash, of a slot.
fn slot(value: Option<&Value>) -> Vec<Value> {
    value.and_then(Value::as_array).expect("a slot").to_vec()
}

#[derive(serde::Serialize, Clone)]
struct Order {
    id: u32,
    price: f64,
}

#[audited]
fn asks_nothing(_secret: &str) -> Told {
    act(How::Ok)
}

#[audited(digest(order, order.id, count as text))]
fn digests(order: Order, count: u64) -> Told {
    let Order { .. } = order;
    act(How::Ok).map(|value| value + u32::try_from(count).unwrap_or(0))
}

#[audited(digest(all))]
async fn digests_all(order: Order, names: Vec<String>) -> Told {
    drop((order, names));
    act(How::Ok)
}

#[test]
fn g1_option_digest_fills_the_input_slot_and_no_value_enters_the_trail() {
    let trail = Trail::new();
    let order = Order { id: 4711, price: 1.5 };
    trail.recorder.scope(|| {
        asks_nothing("very secret").expect("recorded");
        digests(order.clone(), 3).expect("recorded");
        digests(order.clone(), 4).expect("recorded");
        block_on(digests_all(order.clone(), vec!["very secret".into()])).expect("recorded");
    });
    let states = trail.states();
    assert_eq!(slot(states[0].opened.body.get(Key::Input))[0], Value::Uint(0), "not requested");
    let filled: Vec<_> = states[1..].iter().map(|state| slot(state.opened.body.get(Key::Input))).collect();
    assert!(filled.iter().all(|slot| slot[0] == Value::Uint(1)));
    assert_ne!(filled[0], filled[1], "another argument, another digest");
    let dump = format!("{:?}", trail.records());
    assert!(!dump.contains("very secret") && !dump.contains("4711"));
}

thread_local! {
    static READS: Cell<u32> = const { Cell::new(0) };
}

fn read() -> u32 {
    READS.set(READS.get() + 1);
    READS.get()
}

#[audited(record(times = read(), size = text.len(), text = text, "odd key" = true, missing = None::<u32>))]
fn records(text: String) -> usize {
    text.len()
}

#[test]
fn option_record_keeps_values_and_reads_them_once() {
    let trail = Trail::new();
    trail.recorder.scope(|| records("order for a@b.example".into()));
    assert_eq!(READS.get(), 1);
    let state = trail.only("records");
    let recorded = state.opened.body.get(Key::Recorded).and_then(Value::as_map).expect("a map").to_vec();
    let of = |name: &str| recorded.iter().find(|(key, _)| key.as_text() == Some(name)).map(|(_, value)| value.clone());
    assert_eq!(of("times"), Some(Value::Uint(1)));
    assert_eq!(of("size"), Some(Value::Uint(21)));
    assert_eq!(of("odd key"), Some(Value::Bool(true)));
    assert_eq!(of("missing"), Some(Value::Null));
    let text = of("text").and_then(|value| value.as_text().map(str::to_owned)).expect("a text");
    assert!(text.starts_with("order for") && !text.contains("a@b.example"), "texts are scrubbed: {text}");
}

#[audited(attempt = nth, token = format!("row-{nth}"))]
fn attempts(nth: u32) -> Told {
    act(if nth < 2 { How::Err } else { How::Ok })
}

#[test]
fn g18_option_attempt_counts_the_visits() {
    let trail = Trail::new();
    trail.recorder.scope(|| (0..3).map(attempts).find(Result::is_ok)).expect("the third succeeds").expect("it does");
    let seen: Vec<_> = trail.states().iter().map(|state| (state.attempt, state.exit())).collect();
    assert_eq!(seen, [(0, Exit::Errored), (1, Exit::Errored), (2, Exit::Returned)]);
    assert!(format!("{:?}", trail.states()[1].opened.body).contains("row-1"));
}

struct Explodes;

impl serde::Serialize for Explodes {
    fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        panic!("inside Serialize")
    }
}

#[audited(digest(value))]
fn explosive(value: Explodes, ran: &Cell<bool>) -> Told {
    let Explodes = value;
    ran.set(true);
    act(How::Ok)
}

#[audited(record(value = bomb()))]
fn bombed(ran: &Cell<bool>) -> Told {
    ran.set(true);
    act(How::Ok)
}

fn bomb() -> u32 {
    panic!("inside record")
}

#[test]
fn a_panic_while_reading_an_argument_is_recorded_and_the_body_does_not_run() {
    let trail = Trail::new();
    let ran = Cell::new(false);
    let both = trail.recorder.scope(|| caught(|| (explosive(Explodes, &ran), bombed(&ran)))).expect("no panic escapes");
    for refused in [both.0, both.1] {
        let Err(Fault::Audit(error)) = refused else { panic!("it is refused") };
        assert_eq!(error.code().text(), "AUD0502");
        assert!(error.is_refused() && !error.is_in_doubt());
    }
    assert!(!ran.get());
    assert!(trail.states().is_empty());
    assert_eq!(trail.of_kind(Kind::Refusal).len(), 2);
}

#[audited(digest(price))]
fn priced(price: f64, ran: &Cell<bool>) -> Told {
    ran.set(true);
    act(if price > 0.0 { How::Ok } else { How::Err })
}

#[test]
fn g20_an_input_without_canonical_form_is_refused_with_its_reason() {
    let trail = Trail::new();
    let ran = Cell::new(false);
    let refused = trail.recorder.scope(|| priced(f64::NAN, &ran));
    assert!(matches!(&refused, Err(Fault::Audit(error)) if error.code().text() == "AUD0501"), "{refused:?}");
    assert!(!ran.get());
    let refusals = trail.of_kind(Kind::Refusal);
    assert_eq!(slot(refusals[0].body.get(Key::Input))[0], Value::Uint(0), "no digest, and why");
    trail.recorder.scope(|| priced(1.0, &ran)).expect("a number is digested");
    assert!(ran.get());
}

#[audited(digest_output)]
fn measured(value: f64) -> Result<f64, Fault> {
    Ok(value)
}

#[audited(digest_output)]
async fn measured_later(value: f64) -> f64 {
    value
}

#[test]
fn g19_an_output_without_canonical_form_is_never_completed() {
    let trail = Trail::new();
    let refused = trail.recorder.scope(|| measured(f64::NAN));
    let Err(Fault::Audit(error)) = refused else { panic!("the caller is in doubt") };
    assert!(error.is_in_doubt());
    let state = trail.only("measured");
    assert_eq!(state.exit(), Exit::Errored);
    assert_eq!(state.text(Key::ErrorCode), Some("AUD0503"));
    assert_eq!(slot(state.terminals[0].body.get(Key::Output))[0], Value::Uint(0));
    trail.recorder.scope(|| block_on(measured_later(2.0)));
    let state = trail.only("measured_later");
    assert_eq!(
        (state.exit(), slot(state.terminals[0].body.get(Key::Output))[0].clone()),
        (Exit::Returned, Value::Uint(1))
    );
}

/// An error whose text cannot be taken.
#[derive(Debug)]
struct Mute;

impl fmt::Display for Mute {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        panic!("inside Display")
    }
}

impl From<audit_runtime::Error> for Mute {
    fn from(_: audit_runtime::Error) -> Mute {
        Mute
    }
}

struct Silent;

impl From<audit_runtime::Error> for Silent {
    fn from(_: audit_runtime::Error) -> Silent {
        Silent
    }
}

#[audited]
fn mute() -> Result<(), Mute> {
    Err(Mute)
}

#[audited]
fn silent() -> Result<(), Silent> {
    Err(Silent)
}

#[audited(err = type)]
fn by_type() -> Told {
    act(How::Err)
}

#[audited]
fn long(text: &str) -> Result<(), std::io::Error> {
    Err(std::io::Error::other(text.to_owned()))
}

#[test]
fn g2_error_texts_are_scrubbed_cut_or_replaced_by_the_type() {
    let trail = Trail::new();
    let text = format!("mail to someone@example.org: {}", "x".repeat(4000));
    trail.recorder.scope(|| {
        mute().expect_err("told");
        assert!(silent().is_err());
        by_type().expect_err("told");
        long(&text).expect_err("told");
    });
    let states = trail.states();
    assert!(states[0].text(Key::Error).expect("a text").contains("its Display panicked: inside Display"));
    assert_eq!(states[0].exit(), Exit::Errored);
    assert!(states[1].text(Key::Error).expect("a text").ends_with("::Silent"));
    assert!(states[2].text(Key::Error).expect("a text").ends_with("::Fault"));
    assert_eq!(states[2].text(Key::Error), states[2].text(Key::ErrorType));
    let cut = states[3].text(Key::Error).expect("a text");
    assert!(cut.len() <= 1024 && !cut.contains("someone@example.org"), "{cut}");
}

#[audited(digest(order), record(nth = nth), attempt = nth)]
fn made_ahead(order: Order, nth: u32) -> Pin<Box<dyn Future<Output = Told> + Send>> {
    Box::pin(async move {
        let Order { .. } = order;
        act(How::Ok).map(|value| value + nth)
    })
}

#[audited(on_audit_failure = degrade, digest(order))]
fn made_ahead_and_degrading(order: Order) -> impl Future<Output = u32> {
    async move { order.id }
}

/// What was declared and is not known is not told as something that nobody asked for.
#[test]
fn g20_a_future_that_is_made_before_its_recorder_is_refused_and_nothing_is_made_up() {
    let trail = Trail::new();
    let order = Order { id: 4711, price: 1.5 };
    let ahead = made_ahead(order.clone(), 3);
    let degrading = made_ahead_and_degrading(order.clone());
    let refused = trail.recorder.scope(|| block_on(ahead)).expect_err("its arguments are gone");
    let Fault::Audit(error) = refused else { panic!("{refused:?}") };
    assert_eq!((error.code().text(), error.is_refused()), ("AUD0504", true), "{error}");
    assert_eq!(trail.states().len(), 0, "the body was not entered");
    let told = trail.of_kind(Kind::Refusal);
    assert_eq!(told.len(), 1);
    assert_eq!((told[0].body.text(Key::Code), told[0].body.get(Key::Input)), (Some("AUD0504"), None));
    assert_eq!(trail.recorder.scope(|| block_on(degrading)), 4711, "under `degrade` the body runs");
    // The control: made where it is polled, everything is read.
    assert_eq!(trail.recorder.scope(|| block_on(made_ahead(order, 3))).expect("recorded"), 10);
    assert_eq!(trail.of_kind(Kind::Gap).len(), 1, "and that was told as a gap");
    let state = trail.only("made_ahead");
    assert_eq!((state.attempt, slot(state.opened.body.get(Key::Input))[0].clone()), (3, Value::Uint(1)));
}

#[test]
fn g20_a_future_that_is_made_and_polled_without_a_recorder_runs() {
    let order = Order { id: 4711, price: 1.5 };
    assert_eq!(block_on(made_ahead(order, 3)).expect("nobody records"), 10);
}
