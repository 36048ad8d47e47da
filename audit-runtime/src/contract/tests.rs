//! The contract model, cell by cell. The same cells are given to reconcilers with a known bug, and must catch them.

use super::*;
use crate::model::{Id, RunId, StreamId};
use std::collections::BTreeSet;
use std::time::Duration;

const STREAM: StreamId = StreamId([7; 16]);

fn at(ms: i64) -> Moment {
    Moment { stream: STREAM, mono_ns: (1_000_000 + ms).unsigned_abs() * 1_000_000, wall_ns: ms * 1_000_000 }
}

fn run(n: u64) -> RunId {
    RunId(Id::new(STREAM, n))
}

/// A case under construction.
struct Story(Case);

impl Story {
    fn new() -> Story {
        Story(Case {
            run: run(1),
            known: Known::Living,
            contracted: true,
            disabled: false,
            declared: Vec::new(),
            acks: Vec::new(),
            lossy: false,
            doubt: None,
            now: at(0),
            extent: Extent::Whole,
        })
    }

    fn declares(mut self, contract: &Contract) -> Story {
        for expectation in contract.expectations() {
            let id = Id::new(STREAM, 100 + self.0.declared.len() as u64);
            self.0.declared.push(Declared { expectation: expectation.clone(), id, at: at(0) });
        }
        self
    }

    fn ack_of(mut self, subject: Subject, ms: i64, outcome: Outcome) -> Story {
        let id = Id::new(STREAM, 200 + self.0.acks.len() as u64);
        self.0.acks.push(Ack { id, run: run(1), subject, outcome, at: at(ms), place: None });
        self
    }

    fn ack(self, action: &str, ms: i64) -> Story {
        self.ack_of(of(action), ms, success())
    }

    fn asked_at(mut self, ms: i64) -> Story {
        self.0.now = at(ms);
        self
    }

    fn over(mut self) -> Story {
        self.0.known = Known::Over;
        self
    }
}

/// `domain/action` in one text.
fn of(action: &str) -> Subject {
    let (domain, action) = action.split_once('/').unwrap_or(("d", action));
    Subject::new(domain, action)
}

fn success() -> Outcome {
    Outcome::Success { result: ResultId::new("r-1").unwrap() }
}

fn failure() -> Outcome {
    Outcome::Failure { error: "it broke".into() }
}

fn rolled_back() -> Outcome {
    Outcome::RolledBack { reason: "the customer left".into() }
}

fn expect(action: &str, ms: u64) -> Expectation {
    Expectation::within(of(action), Duration::from_millis(ms))
}

/// Two steps and a final one.
fn contract() -> Contract {
    Contract::draft("test").expect(expect("a", 5000)).expect(expect("b", 5000)).finalised_by(expect("end", 9000))
}

fn rollback_failed() -> Outcome {
    Outcome::RollbackFailed { reason: "the customer left".into(), error: "no route".into() }
}

type Expected = (&'static str, Verdict, Vec<(Standing, &'static str)>);

/// Every cell: a case, the verdict, and every standing with its action, sorted.
fn cells() -> Vec<(Case, Expected)> {
    use Standing as S;
    use Verdict as V;
    let new = || Story::new().declares(&contract());
    let done = || new().ack("a", 10).ack("b", 20).ack("end", 30).asked_at(40);
    let twice =
        || Contract::draft("t").expect(expect("a", 5000)).expect(expect("a", 5000)).finalised_by(expect("end", 9000));
    let two_domains = Contract::draft("t")
        .expect(expect("x/save", 5000))
        .expect(expect("y/save", 5000))
        .finalised_by(expect("end", 9000));
    let each = |instance: &str| Expectation::within(of("a").instance(instance), Duration::from_secs(5));
    let instances = Contract::draft("t").expect(each("1")).expect(each("2")).finalised_by(expect("end", 9000));
    let attempts = |attempt| Expectation::within(of("a").attempt(attempt), Duration::from_secs(5));
    let by_attempt = Contract::draft("t").expect(attempts(0)).expect(attempts(1)).finalised_by(expect("end", 9000));
    let undated = Contract::assembled("t", vec![Expectation::undated(of("a"))]);
    let not_final = Contract::assembled("t", vec![expect("a", 5000)]);
    let mut stranger = done().ack("a", 35).0;
    stranger.acks[3].run = run(2);
    let mut redelivered = done().ack("a", 10).0;
    redelivered.acks[3].id = redelivered.acks[0].id;
    let case = |mut story: Story, with: fn(&mut Case)| {
        with(&mut story.0);
        story.0
    };
    let all_acked = || vec![(S::Acked, "d/a"), (S::Acked, "d/b"), (S::Acked, "d/end")];
    vec![
        (done().0, ("C1 all in time", V::Pass, all_acked())),
        (
            new().asked_at(9001).0,
            (
                "C2 deadline passed with no ack",
                V::Fail,
                vec![(S::Missing, "d/a"), (S::Missing, "d/b"), (S::Missing, "d/end"), (S::Stale, "run")],
            ),
        ),
        (
            new().ack("b", 10).asked_at(9001).0,
            (
                "C2 deadline passed with some",
                V::Fail,
                vec![(S::Acked, "d/b"), (S::Missing, "d/a"), (S::Missing, "d/end"), (S::Stale, "run")],
            ),
        ),
        (
            new().ack("a", 10).ack("b", 10).asked_at(9001).0,
            (
                "C2 only the final one missing",
                V::Fail,
                vec![(S::Acked, "d/a"), (S::Acked, "d/b"), (S::Missing, "d/end"), (S::Stale, "run")],
            ),
        ),
        (
            new().ack("a", 10).over().asked_at(20).0,
            (
                "C2 the process is gone before its deadlines",
                V::Fail,
                vec![(S::Acked, "d/a"), (S::Missing, "d/b"), (S::Missing, "d/end"), (S::Stale, "run")],
            ),
        ),
        (
            Story::new().over().asked_at(9).0,
            ("C3 a contract whose declaration failed", V::Fail, vec![(S::Invalid, "run")]),
        ),
        (
            case(Story::new(), |case| case.contracted = false),
            ("C3 uncontracted", V::Inconclusive, vec![(S::NoContract, "run")]),
        ),
        (
            done().ack("a", 35).0,
            ("C4 acked twice", V::Fail, vec![(S::Acked, "d/b"), (S::Acked, "d/end"), (S::Duplicate, "d/a")]),
        ),
        (
            Story::new().declares(&twice()).ack("a", 10).ack("end", 30).over().asked_at(40).0,
            (
                "C4 expected twice, acked once",
                V::Fail,
                vec![(S::Acked, "d/a"), (S::Acked, "d/end"), (S::Missing, "d/a")],
            ),
        ),
        (
            Story::new().declares(&twice()).ack("a", 10).ack("a", 11).ack("end", 30).asked_at(40).0,
            (
                "C19 expected twice, acked twice",
                V::Pass,
                vec![(S::Acked, "d/a"), (S::Acked, "d/a"), (S::Acked, "d/end")],
            ),
        ),
        (redelivered, ("C15 one record delivered twice is one ack", V::Pass, all_acked())),
        (
            new().ack("a", 5001).ack("b", 5000).ack("end", 5002).asked_at(5003).0,
            ("C5 one millisecond late", V::Fail, vec![(S::Acked, "d/b"), (S::Acked, "d/end"), (S::Late, "d/a")]),
        ),
        (
            new().ack_of(of("a"), 1, failure()).ack("a", 2).ack("b", 3).ack("end", 4).0,
            ("C6 failed, then succeeded", V::Pass, vec![(S::Acked, "d/b"), (S::Acked, "d/end"), (S::Recovered, "d/a")]),
        ),
        (
            new().ack_of(of("a"), 1, failure()).ack_of(of("a").attempt(1), 2, success()).ack("b", 3).ack("end", 4).0,
            (
                "C6 a retry that counts its attempts",
                V::Pass,
                vec![(S::Acked, "d/b"), (S::Acked, "d/end"), (S::Recovered, "d/a")],
            ),
        ),
        (
            new().ack_of(of("a"), 1, failure()).ack_of(of("a"), 2, failure()).ack("b", 3).ack("end", 4).0,
            ("C6 failed twice", V::Fail, vec![(S::Acked, "d/b"), (S::Acked, "d/end"), (S::Failed, "d/a")]),
        ),
        (
            new().ack("a", -3).ack("b", 3).ack("end", 4).asked_at(5).0,
            ("C7 acked before it was declared", V::Pass, all_acked()),
        ),
        (
            case(new().ack("a", 10).ack("b", 20).asked_at(21), |case| case.extent = Extent::BeforeFinal),
            ("C8 governance check of a healthy run", V::Pass, vec![(S::Acked, "d/a"), (S::Acked, "d/b")]),
        ),
        (
            case(new().ack("a", 10).asked_at(21), |case| case.extent = Extent::BeforeFinal),
            (
                "C8 governance check with an open step",
                V::Inconclusive,
                vec![(S::Acked, "d/a"), (S::Inconclusive, "d/b")],
            ),
        ),
        (
            done().ack_of(of("a"), 35, rolled_back()).0,
            ("C10 rolled back", V::Fail, vec![(S::Acked, "d/b"), (S::Acked, "d/end"), (S::RolledBack, "d/a")]),
        ),
        (
            done().ack_of(of("a"), 35, rollback_failed()).0,
            (
                "C10 a rollback that fails",
                V::Fail,
                vec![(S::Acked, "d/b"), (S::Acked, "d/end"), (S::RollbackFailed, "d/a")],
            ),
        ),
        (
            done().ack_of(of("a"), 35, rollback_failed()).ack_of(of("a"), 36, rolled_back()).0,
            (
                "C10 a rollback that succeeds at last",
                V::Fail,
                vec![(S::Acked, "d/b"), (S::Acked, "d/end"), (S::RolledBack, "d/a")],
            ),
        ),
        (
            new().ack_of(of("a"), 5, rolled_back()).ack("b", 20).ack("end", 30).over().asked_at(40).0,
            (
                "C10 a rollback of what was never done",
                V::Fail,
                vec![(S::Acked, "d/b"), (S::Acked, "d/end"), (S::Invalid, "d/a")],
            ),
        ),
        (
            done().ack("surprise", 35).0,
            (
                "C11 an action that nobody declared",
                V::Fail,
                vec![(S::Acked, "d/a"), (S::Acked, "d/b"), (S::Acked, "d/end"), (S::Drift, "d/surprise")],
            ),
        ),
        (
            stranger,
            (
                "C12 an ack of another run",
                V::Fail,
                vec![(S::Acked, "d/a"), (S::Acked, "d/b"), (S::Acked, "d/end"), (S::Invalid, "d/a")],
            ),
        ),
        (
            Story::new().declares(&undated).ack("a", 10).over().0,
            ("C13 no deadline", V::Fail, vec![(S::Acked, "d/a"), (S::Invalid, "run"), (S::Invalid, "run")]),
        ),
        (
            Story::new().declares(&not_final).ack("a", 10).over().0,
            ("C13 nothing finalises", V::Fail, vec![(S::Acked, "d/a"), (S::Invalid, "run")]),
        ),
        (
            case(new().ack("a", 10).over().asked_at(9001), |case| case.lossy = true),
            (
                "C15 acks by events that a filter dropped",
                V::Inconclusive,
                vec![(S::Acked, "d/a"), (S::Inconclusive, "d/b"), (S::Inconclusive, "d/end")],
            ),
        ),
        (
            new().ack("a", 10).asked_at(20).0,
            (
                "C17 deadlines ahead",
                V::Inconclusive,
                vec![(S::Acked, "d/a"), (S::Inconclusive, "d/b"), (S::Inconclusive, "d/end")],
            ),
        ),
        (case(done(), |case| case.disabled = true), ("C18 switched off", V::Disabled, vec![(S::Disabled, "run")])),
        (
            Story::new().declares(&two_domains).ack("x/save", 10).ack("end", 30).over().asked_at(40).0,
            (
                "C19 one name in two domains",
                V::Fail,
                vec![(S::Acked, "d/end"), (S::Acked, "x/save"), (S::Missing, "y/save")],
            ),
        ),
        (
            Story::new()
                .declares(&instances)
                .ack_of(of("a").instance("2"), 10, success())
                .ack("end", 30)
                .over()
                .asked_at(40)
                .0,
            ("C19 instances", V::Fail, vec![(S::Acked, "d/a[2]"), (S::Acked, "d/end"), (S::Missing, "d/a[1]")]),
        ),
        (
            Story::new()
                .declares(&by_attempt)
                .ack_of(of("a").attempt(1), 10, success())
                .ack("end", 30)
                .over()
                .asked_at(40)
                .0,
            ("C19 attempts", V::Fail, vec![(S::Acked, "d/a (attempt 1)"), (S::Acked, "d/end"), (S::Missing, "d/a")]),
        ),
        (
            case(done(), |case| case.known = Known::Unknown),
            ("an unknown run is never clean", V::Inconclusive, vec![(S::NoContract, "run")]),
        ),
        (
            case(done(), |case| case.known = Known::Expired),
            ("an expired run is never clean", V::Inconclusive, vec![(S::Inconclusive, "run")]),
        ),
    ]
}

fn said(report: &Report) -> Vec<(Standing, String)> {
    let name = |finding: &Finding| finding.subject.as_ref().map_or("run".to_owned(), Subject::to_string);
    let mut said: Vec<_> = report.findings.iter().map(|finding| (finding.standing, name(finding))).collect();
    said.sort();
    said
}

/// The names of the cells that this reconciler gets wrong.
fn wrong(reconciler: impl Fn(&Case) -> Report) -> Vec<String> {
    let mut wrong = Vec::new();
    for (case, (name, verdict, mut standings)) in cells() {
        let report = reconciler(&case);
        standings.sort();
        let expected: Vec<(Standing, String)> = standings.into_iter().map(|(s, n)| (s, n.to_owned())).collect();
        if report.verdict != verdict || said(&report) != expected {
            wrong.push(format!("{name}: {} {:?}", report.verdict, said(&report)));
        }
    }
    wrong
}

#[test]
fn c1_to_c19_every_cell_of_the_contract_model() {
    let wrong = wrong(reconcile);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The seeded bug: what was declared and what was acknowledged are compared as sets.
fn over_sets(case: &Case) -> Report {
    let mut case = case.clone();
    let (mut declared, mut acked) = (BTreeSet::new(), BTreeSet::new());
    case.declared.retain(|d| declared.insert(d.expectation.subject.clone()));
    case.acks.retain(|ack| acked.insert((ack.subject.clone(), ack.outcome.name())));
    reconcile(&case)
}

/// The seeded bug: what counts as drift is listed a second time, by another hand.
fn drift_from_a_second_list(case: &Case) -> Report {
    let mut report = reconcile(case);
    let listed = |subject: &Subject| subject.action == "a" || subject.action == "end";
    for finding in &mut report.findings {
        if finding.subject.as_ref().is_some_and(|subject| !listed(subject)) {
            finding.standing = Standing::Drift;
        }
    }
    report
}

#[test]
fn t18_a_reconciler_over_sets_and_a_second_drift_list_are_caught() {
    let caught = wrong(over_sets);
    assert!(caught.iter().any(|cell| cell.starts_with("C4 expected twice, acked once")), "{caught:?}");
    assert!(caught.iter().any(|cell| cell.starts_with("C4 acked twice")), "{caught:?}");
    assert!(wrong(drift_from_a_second_list).iter().any(|cell| cell.starts_with("C1 ")), "false drift goes unnoticed");
}

#[test]
fn c4_a_duplicate_names_both_acks() {
    let story = Story::new().declares(&contract()).ack("a", 10).ack("b", 20).ack("end", 30).ack("a", 35);
    let report = reconcile(&story.0);
    let ids: Vec<u64> = report.of(Standing::Duplicate).flat_map(|finding| &finding.acks).map(|id| id.seq).collect();
    assert_eq!(ids, [200, 203]);
    assert_eq!((report.counts.duplicate, report.counts.missing), (1, 0));
}

#[test]
fn c5_the_lateness_is_the_same_now_and_ever_after() {
    let story = Story::new().declares(&contract()).ack("a", 5001).ack("b", 1).ack("end", 2);
    for asked in [5001, 6000, 900_000] {
        let report = reconcile(&Case { now: at(asked), ..story.0.clone() });
        let late: Vec<_> = report.of(Standing::Late).filter_map(|finding| finding.lateness).collect();
        assert_eq!(late, [Duration::from_millis(1)]);
    }
}

#[test]
fn c5_a_wall_clock_that_steps_changes_no_deadline_within_a_process() {
    let mut story = Story::new().declares(&contract()).ack("a", 10).ack("b", 20).ack("end", 30);
    story.0.acks[0].at.wall_ns += 3_600_000_000_000;
    assert!(reconcile(&story.0).is_clean());
    story.0.acks[0].at.stream = StreamId([8; 16]);
    assert_eq!(reconcile(&story.0).verdict, Verdict::Fail, "another process has only its wall clock");
}

#[test]
fn c6_c10_all_acks_are_kept_in_order_with_the_reason() {
    let done = || Story::new().declares(&contract()).ack("b", 20).ack("end", 30);
    let recovered = reconcile(&done().ack_of(of("a"), 31, failure()).ack("a", 32).0);
    let back = reconcile(&done().ack("a", 31).ack_of(of("a"), 32, rolled_back()).0);
    let ids = |report: &Report, standing| {
        report.of(standing).flat_map(|f| f.acks.clone()).map(|id| id.seq).collect::<Vec<_>>()
    };
    assert_eq!(ids(&recovered, Standing::Recovered), [202, 203]);
    assert_eq!(ids(&back, Standing::RolledBack), [202, 203]);
    assert!(back.of(Standing::RolledBack).all(|finding| finding.detail == "the customer left"));
}

#[test]
fn c8_the_check_before_the_end_counts_neither_missing_nor_stale() {
    let story = Story::new().declares(&contract()).ack("a", 10).ack("b", 20).asked_at(20);
    let report = reconcile(&Case { extent: Extent::BeforeFinal, ..story.0 });
    assert!(report.is_clean());
    assert_eq!((report.counts.missing, report.of(Standing::Stale).count()), (0, 0));
}

#[test]
fn c11_the_standard_flow_has_no_drift_and_nothing_missing() {
    let contract = standard_run(Duration::from_secs(60), Duration::from_secs(10));
    assert!(contract.flaws().is_empty());
    let names: Vec<String> = contract.expectations().iter().map(|e| e.subject.to_string()).collect();
    assert_eq!(
        names,
        [
            "incidents/create_incident",
            "policies/evaluate_policy",
            "logs/start_trace",
            "logs/complete_trace",
            "orchestrator/finalize_run"
        ]
    );
    assert_eq!(contract.finalising().and_then(|e| e.within), Some(Duration::from_secs(70)));
    let healthy = names.iter().fold(Story::new().declares(&contract), |story, name| story.ack(name, 10));
    let report = reconcile(&healthy.0);
    assert_eq!((report.verdict, report.counts.expected, report.counts.acked), (Verdict::Pass, 5, 5));
    assert_eq!(report.label(), "COMPLETE");
}

#[test]
fn c14_a_result_is_never_blank() {
    assert_eq!(ResultId::new("  "), None);
    assert_eq!(ResultId::new("inc-1").map(|result| result.as_str().to_owned()), Some("inc-1".to_owned()));
}

#[test]
fn c17_open_expectations_are_listed_with_the_time_left() {
    let report = reconcile(&Story::new().declares(&contract()).ack("a", 10).asked_at(2000).0);
    let left: Vec<_> = report.of(Standing::Inconclusive).filter_map(|finding| finding.left).collect();
    assert_eq!(left, [Duration::from_secs(3), Duration::from_secs(7)]);
    assert!(report.to_string().contains("3.000 s left"), "{report}");
}

#[test]
fn every_standing_is_reached_and_has_a_label() {
    let mut reached: BTreeSet<Standing> = BTreeSet::new();
    let mut labels: BTreeSet<&'static str> = BTreeSet::new();
    for (case, _) in cells() {
        let report = reconcile(&case);
        labels.insert(report.label());
        reached.extend(report.findings.iter().map(|finding| finding.standing));
        assert_eq!(report.is_clean(), report.amiss().next().is_none());
    }
    assert_eq!(reached, Standing::ALL.iter().copied().collect());
    assert!(["COMPLETE", "INCOMPLETE", "STALE", "INVALID", "NO_CONTRACT"].iter().all(|label| labels.contains(label)));
}

#[test]
fn verdicts_are_ordered_fail_inconclusive_pass() {
    assert!(Verdict::Fail > Verdict::Inconclusive && Verdict::Inconclusive > Verdict::Pass);
    assert!(Verdict::Disabled > Verdict::Pass && Verdict::Disabled < Verdict::Inconclusive);
}
