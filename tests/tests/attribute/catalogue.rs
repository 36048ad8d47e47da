//! The catalogue: everything that is declared is known before any of it runs.

use crate::shapes_sync::Block;
use crate::trail::{How, Told, Trail, act};
use audit_runtime::contract::Term;
use audit_runtime::model::Durability;
use audit_runtime::site::{Form, LeftOut, OnFailure, Site};
use audit_runtime::{audited, catalogue, not_audited};

fn site(function: &str) -> &'static Site {
    let all = catalogue().sites;
    let mut found = all.into_iter().filter(|site| site.function == function && site.module.ends_with("catalogue"));
    let site = found.next().unwrap_or_else(|| panic!("{function} is registered"));
    assert!(found.next().is_none(), "{function} is registered once");
    site
}

fn left_out(function: &str) -> LeftOut {
    let all = catalogue().left_out;
    *all.iter().find(|left| left.function == function).unwrap_or_else(|| panic!("{function} is listed"))
}

const PAYMENT_SENT: Term = Term::named("bank", "payment_sent", (file!(), line!()));
const BOOKING: Term = Term::named("books", "booking", (file!(), line!()));

mod ledger {
    use super::Term;
    pub const POSTED: Term = Term::named("ledger", "posted", (file!(), line!()));
}

#[audited(
    node = "settle",
    kind = sink,
    durable = disk,
    effect = external,
    on_audit_failure = panic,
    expects(PAYMENT_SENT within 5s, "mail/sent" within 500ms),
    acknowledges(BOOKING, ledger::POSTED)
)]
async fn declares() -> Told {
    act(How::Ok)
}

const DECLARED_AT: u32 = line!() - 4;

#[audited]
#[allow(dead_code)]
fn never_called<T: Default>() -> T {
    T::default()
}

#[audited(skip)]
fn skipped() -> u32 {
    1
}

#[not_audited(reason = "only adds")]
const fn excused() -> u32 {
    2
}

#[test]
fn options_expects_acknowledges_kind_durable_effect_are_listed_as_data() {
    let site = site("declares");
    assert_eq!((site.node, site.kind, site.form), (Some("settle"), Some("sink"), Form::Async));
    assert_eq!((site.file, site.line), (file!(), DECLARED_AT));
    assert_eq!(site.options.durable, Some(Durability::Disk));
    assert_eq!(site.options.on_failure, OnFailure::Panic);
    assert!(site.options.external);
    let catalogue = catalogue();
    let expected: Vec<_> = catalogue
        .expectations()
        .filter(|(s, _)| s.function == "declares")
        .map(|(_, e)| (e.term.to_string(), e.within_ns))
        .collect();
    assert_eq!(expected, [("bank/payment_sent".to_owned(), 5_000_000_000), ("mail/sent".to_owned(), 500_000_000)]);
    let acknowledged: Vec<_> = catalogue
        .acknowledgements()
        .filter(|(s, _)| s.function == "declares")
        .map(|(_, term)| term.to_string())
        .collect();
    assert_eq!(acknowledged, ["books/booking", "ledger/posted"]);
}

#[test]
fn a_generic_function_that_nobody_calls_is_listed() {
    let site = site("never_called");
    assert_eq!((site.form, site.options.text), (Form::Sync, ""));
}

#[test]
fn option_skip_and_not_audited_are_listed_with_their_reason_and_leave_no_record() {
    assert_eq!(left_out("skipped").reason, "skip");
    assert_eq!(left_out("excused").reason, "only adds");
    assert_eq!(left_out("Block::skipped").reason, "skip");
    assert_eq!(left_out("Block::excused").reason, "nothing happens here");
    assert_eq!(left_out("Block::constant").reason, "const fn");
    let trail = Trail::new();
    let sum = trail.recorder.scope(|| {
        let block = Block(How::Ok);
        block.skipped().expect("it runs") + block.excused() + Block::constant() + skipped() + excused()
    });
    assert_eq!(sum, 10);
    assert!(trail.states().is_empty());
}

#[test]
fn names_given_by_option_node_stand_in_the_trail() {
    let trail = Trail::new();
    let run = trail.recorder.begin_run("settle").expect("a run");
    run.scope(|| crate::trail::block_on(declares())).expect("recorded");
    run.finish().expect("an end");
    let state = trail.only("declares");
    assert_eq!(state.node, "settle");
    assert_eq!(state.opened.header.durability, Durability::Disk);
}
