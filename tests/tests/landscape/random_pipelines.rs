//! Random pipelines of 0 to 50 rows with forks, merges, batches, error routes, quarantine and nodes that fail: rows in are
//! rows accounted for, every token has one terminal, and the sweep finds nothing. `AUDIT_PIPELINES=1000` asks for more.

use super::trail::{Lab, Nodes, row, write};
use audit_runtime::landscape::{
    Arrival, Batch, CallKind, Landscape, Mode, Node, Policy, SinkFailure, Token, Trigger, WaitOver,
};
use audit_runtime::model::{Key, Kind, Record};
use audit_runtime::{Error, Id, Status};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::num::NonZeroU32;

/// What becomes of a token.
#[derive(Clone, Debug)]
enum Way {
    Deliver,
    Gate,
    Discard,
    Filter,
    /// Fails this often at a node, then goes on.
    Retry(u8),
    Fail,
    Divert,
    DiscardError,
    CallErrs,
    /// The sink refuses it; a failsink takes it, or nobody does.
    SinkRefuses(bool),
    Drop,
    DropVisit,
    Batch,
}

/// What becomes of a row.
#[derive(Clone, Debug)]
enum Start {
    Token(Way),
    Quarantine(bool),
    Fork(Way, Way),
    Expand(u8, Way),
    /// Three branches, a policy, how many of them arrive; then the source ends.
    Merge(u8, u8, Way),
}

/// How a batch ends.
#[derive(Clone, Copy, Debug)]
enum Release {
    Complete(u32),
    Retry,
    GiveUp,
    Drop,
}

fn way() -> impl Strategy<Value = Way> {
    prop_oneof![
        3 => Just(Way::Deliver),
        1 => Just(Way::Gate),
        1 => Just(Way::Discard),
        1 => Just(Way::Filter),
        1 => (1u8..3).prop_map(Way::Retry),
        1 => Just(Way::Fail),
        1 => Just(Way::Divert),
        1 => Just(Way::DiscardError),
        1 => Just(Way::CallErrs),
        1 => any::<bool>().prop_map(Way::SinkRefuses),
        1 => Just(Way::Drop),
        1 => Just(Way::DropVisit),
        3 => Just(Way::Batch),
    ]
}

fn start() -> impl Strategy<Value = Start> {
    prop_oneof![
        6 => way().prop_map(Start::Token),
        1 => any::<bool>().prop_map(Start::Quarantine),
        2 => (way(), way()).prop_map(|(left, right)| Start::Fork(left, right)),
        1 => (1u8..4, way()).prop_map(|(n, way)| Start::Expand(n, way)),
        2 => (0u8..4, 0u8..4, way()).prop_map(|(policy, arrive, way)| Start::Merge(policy, arrive, way)),
    ]
}

fn release() -> impl Strategy<Value = Release> {
    prop_oneof![
        3 => (0u32..3).prop_map(Release::Complete),
        1 => Just(Release::Retry),
        1 => Just(Release::GiveUp),
        1 => Just(Release::Drop),
    ]
}

struct Driver<'a> {
    land: &'a Landscape,
    nodes: &'a Nodes,
    releases: &'a [Release],
    released: usize,
    batch: Option<Batch>,
}

impl Driver<'_> {
    fn start(&mut self, n: u32, start: &Start) -> Result<(), Error> {
        let read = || row(self.land, self.nodes, n);
        match start {
            Start::Token(way) => self.go(read(), way),
            Start::Quarantine(to_sink) => {
                let token = self.land.quarantine(self.nodes.source, &n.to_string(), &f64::NAN, "not a number")?;
                if *to_sink { self.reach(self.nodes.bad, token) } else { Ok(token.quarantined()?) }
            }
            Start::Fork(left, right) => {
                let [one, two] = read().fork(["left", "right"])?;
                self.go(one, left)?;
                self.go(two, right)
            }
            Start::Expand(n, way) => {
                let children = read().expand(NonZeroU32::new(u32::from(*n)).expect("not zero"))?;
                children.into_iter().try_for_each(|child| self.go(child, way))
            }
            Start::Merge(policy, arrive, way) => self.merge(read(), *policy, *arrive, way),
        }
    }

    fn merge(&mut self, token: Token, policy: u8, arrive: u8, way: &Way) -> Result<(), Error> {
        let branches = ["a", "b", "c"];
        let policy = [Policy::RequireAll, Policy::Quorum(2), Policy::First, Policy::BestEffort][usize::from(policy)];
        let mut join = self.land.join(self.nodes.merge, policy, &branches)?;
        let mut merged = Vec::new();
        for (at, token) in token.fork(branches)?.into_iter().enumerate() {
            if at >= usize::from(arrive) {
                token.fail("lost")?;
                merged.extend(join.lose(branches[at])?);
                continue;
            }
            match join.arrive(token)? {
                Arrival::Merged(token) => merged.push(token),
                Arrival::Held | Arrival::Late => {}
            }
        }
        merged.extend(join.end(WaitOver::EndOfSource)?);
        merged.into_iter().try_for_each(|token| self.go(token, way))
    }

    fn go(&mut self, token: Token, way: &Way) -> Result<(), Error> {
        let Nodes { gate, clean, agg, out, bad, .. } = *self.nodes;
        match way {
            Way::Deliver => self.reach(out, token.enter(clean)?.complete()?),
            Way::Gate => {
                let mut visit = token.enter(gate)?;
                visit.route(Mode::Move, &["out"], &"cheap")?;
                self.reach(out, visit.complete()?)
            }
            Way::Discard => token.discarded(),
            Way::Filter => token.enter(clean)?.complete()?.filtered(),
            Way::Retry(times) => {
                let mut token = token;
                for _ in 0..*times {
                    token = token.enter(clean)?.fail("busy")?;
                }
                self.reach(out, token.enter(clean)?.complete()?)
            }
            Way::Fail => token.enter(clean)?.fail("broken")?.fail("broken"),
            Way::Divert => {
                let token = token.enter(clean)?.divert("error", "broken")?;
                self.reach(bad, token)
            }
            Way::DiscardError => token.enter(clean)?.discard_error("broken"),
            Way::CallErrs => {
                let visit = token.enter(clean)?;
                visit.call(CallKind::Http, "example.org", &1)?.failed("503")?;
                visit.call(CallKind::Http, "example.org", &2)?.answered(&3)?;
                visit.complete()?.filtered()
            }
            Way::SinkRefuses(fallback) => match write(self.land, out, vec![token], Ok(()), Err("full".to_owned())) {
                Err(SinkFailure::Sink { tokens, .. }) if *fallback => {
                    tokens.into_iter().try_for_each(|token| self.reach(bad, token))
                }
                Err(SinkFailure::Sink { tokens, .. }) => {
                    tokens.into_iter().try_for_each(|token| Ok(token.sink_discarded()?))
                }
                other => panic!("{other:?}"),
            },
            Way::Drop => {
                drop(token);
                Ok(())
            }
            Way::DropVisit => {
                drop(token.enter(clean)?);
                Ok(())
            }
            Way::Batch => {
                let mut batch = match self.batch.take() {
                    Some(batch) => batch,
                    None => self.land.batch(agg)?,
                };
                batch.add(token)?;
                if batch.len() < 3 {
                    self.batch = Some(batch);
                    return Ok(());
                }
                self.release(batch, Trigger::Count)
            }
        }
    }

    fn reach(&self, sink: Node, token: Token) -> Result<(), Error> {
        match write(self.land, sink, vec![token], Ok(()), Ok(())) {
            Ok(receipt) => receipt.deliver().map(drop),
            Err(failure) => panic!("{failure:?}"),
        }
    }

    fn release(&mut self, batch: Batch, trigger: Trigger) -> Result<(), Error> {
        let how = self.releases[self.released % self.releases.len()];
        self.released += 1;
        let executing = batch.release(trigger)?;
        let outputs = match how {
            Release::Complete(outputs) => executing.complete(outputs, &"sum")?,
            Release::Retry => {
                let again = executing.fail("busy")?.retry().map_err(|rejected| rejected.error)?;
                again.release(trigger)?.complete(1, &"sum")?
            }
            Release::GiveUp => {
                executing.fail("broken")?.give_up()?;
                Vec::new()
            }
            Release::Drop => {
                drop(executing);
                Vec::new()
            }
        };
        outputs.into_iter().try_for_each(|token| self.reach(self.nodes.out, token))
    }

    fn end_of_source(mut self) -> Result<(), Error> {
        match self.batch.take() {
            Some(batch) => self.release(batch, Trigger::EndOfSource),
            None => Ok(()),
        }
    }
}

/// Tokens as the journal alone tells them: how often each was minted, and how many terminals it has.
fn tokens_of(records: &[(Id, Record)]) -> BTreeMap<Id, (u32, u32)> {
    let mut tokens: BTreeMap<Id, (u32, u32)> = BTreeMap::new();
    for (place, record) in records {
        let (body, header) = (&record.body, &record.header);
        let children = u32::try_from(body.uint(Key::Children).unwrap_or(0)).unwrap();
        let parents = || -> Vec<Id> {
            let list = body.get(Key::Parents).and_then(|list| list.as_array()).unwrap_or_default();
            list.iter().filter_map(|item| Id::from_bytes(item.as_bytes()?)).collect()
        };
        let (minted, ended) = match header.kind {
            Kind::RowRead => (1, vec![]),
            Kind::TokenForked | Kind::TokenExpanded => (children, vec![header.subject]),
            Kind::TokensCoalesced => (1, parents()),
            Kind::BatchClosed => (children, parents()),
            Kind::TokenOutcome => (0, vec![header.subject]),
            _ => continue,
        };
        (1..=minted).for_each(|ord| tokens.entry(Id { ord, ..*place }).or_default().0 += 1);
        ended.into_iter().for_each(|token| tokens.entry(token).or_default().1 += 1);
    }
    tokens
}

/// Tokens that were not minted once, or have not one terminal.
fn unaccounted(records: &[(Id, Record)]) -> Vec<Id> {
    tokens_of(records).into_iter().filter(|(_, counts)| *counts != (1, 1)).map(|(token, _)| token).collect()
}

fn whole_run(rows: &[Start], releases: &[Release]) -> Result<(), TestCaseError> {
    let lab = Lab::with(|builder| builder.project(false));
    let (run, land, nodes) = lab.begin();
    let mut driver = Driver { land: &land, nodes: &nodes, releases, released: 0, batch: None };
    for (n, start) in rows.iter().enumerate() {
        driver.start(n as u32, start).unwrap();
    }
    driver.end_of_source().unwrap();
    let summary = run.finish().expect("nothing is open");
    let stream = lab.recorder.stream();
    let mut records: Vec<(Id, Record)> =
        lab.records().into_iter().map(|(seq, record)| (Id::new(stream, seq), record)).collect();
    let read = records.iter().filter(|(_, record)| record.header.kind == Kind::RowRead).count();
    prop_assert_eq!(read, rows.len(), "rows in");
    prop_assert_eq!(unaccounted(&records), vec![], "rows accounted for");
    prop_assert_eq!(rows.is_empty(), summary.status == Status::Empty);
    prop_assert!(matches!(
        lab.end().0,
        Status::Completed | Status::CompletedWithFailures | Status::Failed | Status::Empty
    ));
    prop_assert_eq!(lab.end().1, Vec::<String>::new());
    prop_assert_eq!(lab.sweep(), Vec::<String>::new());
    // The account is not blind: one outcome less, and it is short of one.
    if let Some(at) = records.iter().position(|(_, record)| record.header.kind == Kind::TokenOutcome) {
        records.remove(at);
        prop_assert_eq!(unaccounted(&records).len(), 1);
    }
    lab.recorder.close().unwrap();
    Ok(())
}

fn cases() -> u32 {
    std::env::var("AUDIT_PIPELINES").ok().and_then(|text| text.parse().ok()).unwrap_or(12)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn l7_random_pipelines_account_for_every_row(
        rows in prop::collection::vec(start(), 0..=50),
        releases in prop::collection::vec(release(), 1..4),
    ) {
        whole_run(&rows, &releases)?;
    }
}
