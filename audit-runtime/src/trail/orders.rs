//! What must stand behind what in a pipeline, whatever killed it: one outcome for a token, sink states completed behind
//! their receipt, checkpoints behind the outcomes that they count on, and on the device what may be acknowledged from
//! there alone. Read in the order of the journal; records of different streams have no order.

use std::collections::BTreeMap;

use crate::model::record::flag;
use crate::model::{Durability, Id, Key, Kind, Record};

/// What is wrong: the rule, the place, the sentence.
pub(super) type Wrong = (&'static str, Id, String);

/// What was read of pipelines.
#[derive(Clone, Debug, Default)]
pub(super) struct Orders {
    /// Every terminal outcome of each token.
    outcomes: BTreeMap<Id, Vec<Id>>,
    /// The outcomes that name a receipt, by the receipt's place.
    delivered: BTreeMap<Id, Vec<Id>>,
    /// The node states that a receipt completes, by the receipt's place.
    receipts: Vec<(Id, Vec<Id>)>,
    /// The receipt that a checkpoint names, by the checkpoint's place.
    checkpoints: Vec<(Id, Id)>,
    shallow: Vec<Wrong>,
}

impl Orders {
    /// Takes one record that counts.
    pub(super) fn take(&mut self, id: Id, record: &Record) {
        let header = &record.header;
        match header.kind {
            Kind::TokenOutcome => {
                self.outcomes.entry(header.subject).or_default().push(id);
                if let Some(receipt) = record.body.id(Key::Receipt) {
                    self.delivered.entry(receipt).or_default().push(id);
                }
            }
            Kind::TokenForked | Kind::TokenExpanded => self.outcomes.entry(header.subject).or_default().push(id),
            Kind::SinkReceipt => {
                let listed = record.body.get(Key::States).and_then(|states| states.as_array()).unwrap_or_default();
                let states = listed.iter().filter_map(|state| Id::from_bytes(state.as_bytes()?)).collect();
                self.receipts.push((id, states));
            }
            Kind::Checkpoint => {
                self.checkpoints.extend(record.body.id(Key::Receipt).map(|receipt| (id, receipt)));
            }
            _ => {}
        }
        // What recovery writes in the name of a dead process stands or falls with its group.
        let deep = on_the_device(header.kind) && header.flags & flag::GROUPED == 0;
        if deep && header.durability < Durability::Disk {
            let (kind, kept) = (header.kind.name(), header.durability.name());
            self.shallow.push(("I6", id, format!("{kind} was acknowledged at `{kept}`, before it was on the device")));
        }
    }

    /// What is wrong, given where each node state has its first terminal.
    pub(super) fn judge(&mut self, end_of: impl Fn(Id) -> Option<Id>) -> Vec<Wrong> {
        let mut wrong = std::mem::take(&mut self.shallow);
        for (token, ends) in self.outcomes.iter().filter(|(_, ends)| ends.len() > 1) {
            let places: Vec<String> = ends.iter().map(ToString::to_string).collect();
            let places = places.join(", ");
            wrong.push(("I1", *token, format!("the token has {} terminal outcomes: {places}", ends.len())));
        }
        let before = |first: Id, second: Id| first.stream == second.stream && first.seq < second.seq;
        for (receipt, states) in &self.receipts {
            let early = states.iter().filter(|state| end_of(**state).is_some_and(|end| before(end, *receipt)));
            wrong.extend(
                early.map(|state| ("I3", *state, format!("was completed before its sink's receipt {receipt}"))),
            );
        }
        for (checkpoint, receipt) in &self.checkpoints {
            let delivered = self.delivered.get(receipt).into_iter().flatten();
            let late = delivered.filter(|outcome| before(*checkpoint, **outcome));
            wrong.extend(late.map(|outcome| {
                (
                    "I3",
                    *checkpoint,
                    format!("the checkpoint stands before {outcome}, an outcome of its receipt {receipt}"),
                )
            }));
        }
        wrong
    }
}

/// Records that nobody may count on before a sync.
fn on_the_device(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::RunStarted
            | Kind::Decision
            | Kind::ActionPending
            | Kind::SinkIntent
            | Kind::SinkReceipt
            | Kind::Checkpoint
    )
}
