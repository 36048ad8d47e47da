//! What each record of an earlier process means for the run's past.

use super::{BatchPast, CheckpointPast, Fate, Past, Stage, Standing, Visit, WritePast};
use crate::ledger::{Course, Origin};
use crate::model::cbor::Value;
use crate::model::digest::{Digest, Scope, Slot, digest_bytes};
use crate::model::graph::NodeKind;
use crate::model::lifecycle::Entity;
use crate::model::record::flag;
use crate::model::{Id, Key, Kind, Outcome, Record, Status, StreamId};

/// The ids of a list.
fn ids(record: &Record, key: Key) -> Vec<Id> {
    let read = |value: &Value| {
        let bytes = value.as_bytes()?;
        Some(Id {
            stream: StreamId(bytes.get(..16)?.try_into().ok()?),
            seq: u64::from_be_bytes(bytes.get(16..24)?.try_into().ok()?),
            ord: u32::from_be_bytes(bytes.get(24..28)?.try_into().ok()?),
        })
    };
    list(record, key).iter().filter_map(read).collect()
}

fn list(record: &Record, key: Key) -> &[Value] {
    record.body.get(key).and_then(Value::as_array).unwrap_or_default()
}

fn digest(record: &Record, key: Key) -> Option<Digest> {
    match record.body.slot(key)? {
        Slot::Digest(digest) => Some(digest),
        Slot::Absent(_) => None,
    }
}

fn fate(outcome: &Outcome) -> Fate {
    match outcome {
        Outcome::ForkParent { .. } | Outcome::ExpandParent { .. } => Fate::Replaced,
        Outcome::Coalesced { .. } => Fate::Merged,
        Outcome::DefaultFlow { .. }
        | Outcome::GateRouted { .. }
        | Outcome::GateDiscarded {}
        | Outcome::FilterDropped {}
        | Outcome::OnErrorRouted { .. }
        | Outcome::Unrouted { .. }
        | Outcome::QuarantinedAtSource { .. }
        | Outcome::SinkDiscarded { .. }
        | Outcome::SinkFallback { .. }
        | Outcome::BatchConsumed { .. }
        | Outcome::Buffered { .. } => Fate::Gone,
    }
}

impl Past {
    /// Takes one record of the run, at its place.
    pub fn take(&mut self, place: Id, record: &Record) {
        let (header, body) = (&record.header, &record.body);
        self.uncontracted |= header.flags & flag::UNCONTRACTED != 0;
        match header.kind {
            Kind::RunStarted => {
                self.status = Status::Running;
                self.began.push(place);
                self.name = body.text(Key::Name).unwrap_or_default().to_owned();
            }
            Kind::RunResumed => {
                (self.status, self.attempt) = (Status::Running, header.attempt);
                self.began.push(place);
            }
            Kind::RunEnded if header.attempt == self.attempt => self.status = header.status,
            Kind::GraphSealed => self.sealed(record),
            Kind::RowRead => self.row(place, record),
            Kind::TokenForked | Kind::TokenExpanded => self.replaced(place, record),
            Kind::TokensCoalesced => self.coalesced(place, record),
            Kind::TokenOutcome => {
                if let Some(outcome) = Outcome::read(body) {
                    self.ended(header.subject, &outcome);
                }
            }
            Kind::Routed => self.routed(record),
            Kind::StateOpened => self.opened(place, record),
            Kind::StateClosed => self.closed(record),
            Kind::ActionPending => self.by_node.opened(place, record),
            Kind::ActionClosed => self.by_node.closed(record),
            Kind::Note => self.noted(record),
            Kind::BatchDrafted => self.drafted(place, record),
            Kind::BatchMember => self.joined(header.subject, body.id(Key::Token)),
            Kind::BatchExecuting => {
                if let Some(batch) = self.batches.get_mut(&header.subject) {
                    batch.status = Status::Executing;
                }
            }
            Kind::BatchClosed => self.batch_ended(place, record),
            Kind::SinkPrepared => self.prepared(place, record),
            Kind::SinkIntent => self.stage(header.subject, Stage::InDoubt),
            Kind::SinkAnswered => self.answered(record),
            Kind::SinkReceipt => self.receipt(place, record),
            Kind::Artifact => self.artifact(place, record),
            Kind::Checkpoint => self.position(place, record),
            Kind::RunEnded
            | Kind::RunJoined
            | Kind::StreamOpened
            | Kind::StreamClosed
            | Kind::StreamSettled
            | Kind::GroupCommitted
            | Kind::Site
            | Kind::StateDeferred
            | Kind::Gap
            | Kind::Uninstalled
            | Kind::Refusal
            | Kind::PanicObserved
            | Kind::Evidence
            | Kind::CallOpened
            | Kind::CallClosed
            | Kind::OperationOpened
            | Kind::OperationClosed
            | Kind::Decision
            | Kind::ActionBlocked
            | Kind::LateCompletion
            | Kind::ContractDeclared
            | Kind::ExpectationDeclared
            | Kind::ContractAck
            | Kind::ContractClosed
            | Kind::ContractAlert
            | Kind::RunPhase
            | Kind::PayloadPurge
            | Kind::PayloadsPurged
            | Kind::HoldPlaced
            | Kind::HoldLifted => {}
        }
    }

    fn node(&mut self, name: &str) -> u32 {
        match self.nodes.iter().position(|(known, _)| known == name) {
            Some(at) => at as u32,
            None => {
                self.nodes.push((name.to_owned(), None));
                self.nodes.len() as u32 - 1
            }
        }
    }

    fn sealed(&mut self, record: &Record) {
        self.graph = digest(record, Key::Topology);
        for node in list(record, Key::Nodes) {
            let facts = node.as_array().unwrap_or_default();
            let text = |at: usize| facts.get(at).and_then(Value::as_text);
            let kind = text(1).and_then(NodeKind::from_name);
            self.nodes.push((text(0).unwrap_or_default().to_owned(), kind));
        }
    }

    fn mint(&mut self, token: Id, group: Option<Id>, standing: Standing) {
        self.book.minted(token, group);
        self.live.insert(token, standing);
    }

    fn standing(origin: Origin, row: Option<Id>, course: Course) -> Standing {
        Standing {
            origin,
            row,
            branch: None,
            fork: None,
            course,
            refused: None,
            completed: Vec::new(),
            batch: None,
            write: None,
        }
    }

    fn row(&mut self, row: Id, record: &Record) {
        let (node, identity) = (record.body.text(Key::Node), record.body.text(Key::Identity));
        let slot = record.body.slot(Key::Output).unwrap_or(Slot::NOT_REQUESTED);
        let named = (node.unwrap_or_default(), identity.unwrap_or_default());
        self.rows.read(row, named, slot, record.body.get(Key::Payload).is_some());
        self.book.row();
        self.mint(Id { ord: 1, ..row }, None, Past::standing(Origin::Row, Some(row), Course::Default));
    }

    /// A fork or an expansion: the children, and the parent's outcome.
    fn replaced(&mut self, group: Id, record: &Record) {
        let parent = record.header.subject;
        let children = record.body.uint(Key::Children).and_then(|n| u32::try_from(n).ok()).unwrap_or(0);
        let names = list(record, Key::Branches);
        let fork = record.header.kind == Kind::TokenForked;
        let (course, inherited) = match self.live.get(&parent) {
            Some(standing) => (standing.course.inherited(), standing.branch.clone()),
            None => (Course::Default, None),
        };
        let row = record.body.id(Key::Row);
        let mut branches = Vec::new();
        for ord in 1..=children {
            let name = names.get(ord as usize - 1).and_then(Value::as_text).map(str::to_owned);
            branches.extend(name.clone().map(|name| (name, Fate::Open)));
            let origin = if fork { Origin::Branch } else { Origin::Child(ord - 1) };
            let mut child = Past::standing(origin, row, course.clone());
            (child.branch, child.fork) = if fork { (name, Some(group)) } else { (inherited.clone(), None) };
            if let Some(row) = row {
                self.rows.minted(row);
            }
            self.mint(Id { ord, ..group }, Some(group), child);
        }
        let outcome = match fork {
            true => Outcome::ForkParent { fork: group, children },
            false => Outcome::ExpandParent { expand: group, children },
        };
        if fork {
            self.forks.insert(group, branches);
        }
        self.ended(parent, &outcome);
    }

    fn coalesced(&mut self, group: Id, record: &Record) {
        let row = record.body.id(Key::Row);
        if let Some(row) = row {
            self.rows.minted(row);
        }
        self.mint(Id { ord: 1, ..group }, None, Past::standing(Origin::Merge, row, Course::Joined(group)));
        let outcome = Outcome::Coalesced { join: group, sink: None };
        ids(record, Key::Parents).into_iter().for_each(|parent| self.ended(parent, &outcome));
    }

    fn ended(&mut self, token: Id, outcome: &Outcome) {
        let Some(standing) = self.live.remove(&token) else { return };
        self.book.ended(token, outcome);
        self.output_ended(token);
        if let Some(row) = standing.row {
            self.rows.ended(row);
        }
        if let Some(write) = standing.write {
            self.one_less(write);
        }
        if let (Some(fork), Some(branch)) = (standing.fork, &standing.branch) {
            self.branch_ended(fork, branch, fate(outcome));
        }
    }

    fn branch_ended(&mut self, fork: Id, name: &str, fate: Fate) {
        let Some(branches) = self.forks.get_mut(&fork) else { return };
        if let Some(branch) = branches.iter_mut().find(|(known, _)| known == name) {
            branch.1 = fate;
        }
        if branches.iter().all(|(_, fate)| *fate != Fate::Open) {
            self.forks.remove(&fork);
        }
    }

    fn opened(&mut self, place: Id, record: &Record) {
        self.by_node.opened(place, record);
        let Some(token) = record.body.id(Key::Token) else { return };
        let node = self.node(record.body.text(Key::Node).unwrap_or_default());
        self.book.visited(token, node);
        self.states.insert(place, Visit { token, node, turn: None });
    }

    /// A decision counts once the node state has ended: what a lost process decided is decided again.
    fn routed(&mut self, record: &Record) {
        let Some(visit) = self.states.get_mut(&record.header.parent) else { return };
        let gate = self.nodes.get(visit.node as usize).is_some_and(|(_, kind)| *kind == Some(NodeKind::Gate));
        visit.turn = match record.body.text(Key::Mode) {
            Some("divert") => digest(record, Key::ReasonDigest).map(Course::Error),
            Some("move") if gate => Some(Course::Gate),
            _ => None,
        };
    }

    fn closed(&mut self, record: &Record) {
        let status = record.header.status;
        self.by_node.closed(record);
        let Some(visit) = self.states.remove(&record.header.subject) else { return };
        let Some(standing) = self.live.get_mut(&visit.token).filter(|_| status != Status::Abandoned) else { return };
        if status == Status::Completed && !standing.completed.contains(&visit.node) {
            standing.completed.push(visit.node);
        }
        let stands = |turn: &Course| match turn {
            Course::Error(_) => status == Status::Failed,
            _ => standing.course == Course::Default,
        };
        if let Some(turn) = visit.turn.filter(stands) {
            standing.course = turn;
        }
        if status == Status::Completed {
            self.produced(visit.token, record.header.subject);
        }
    }

    /// A row that its source refused says so by a note of its token.
    fn noted(&mut self, record: &Record) {
        let error = record.body.text(Key::NoteKind) == Some("error");
        let text = record.body.text(Key::Message).filter(|_| error && record.header.subject.is_none());
        if let (Some(text), Some(standing)) = (text, self.live.get_mut(&record.header.parent)) {
            standing.course = Course::Quarantine(digest_bytes(Scope::Bytes, text.as_bytes()));
        }
    }

    fn drafted(&mut self, id: Id, record: &Record) {
        let node = self.node(record.body.text(Key::Node).unwrap_or_default());
        let first = record.body.id(Key::RetryOf).and_then(|failed| self.batches.remove(&failed));
        let drafted_ns = first.map_or(record.header.wall_ns, |first| first.drafted_ns);
        let attempt = record.header.attempt;
        self.batches.insert(id, BatchPast { node, attempt, members: Vec::new(), drafted_ns, status: Status::Draft });
        self.book.opened(id, Entity::Batch);
        ids(record, Key::Parents).into_iter().for_each(|member| self.joined(id, Some(member)));
    }

    fn joined(&mut self, batch: Id, token: Option<Id>) {
        let Some(token) = token else { return };
        if let Some(past) = self.batches.get_mut(&batch) {
            past.members.push(token);
        }
        if let Some(standing) = self.live.get_mut(&token) {
            standing.batch = Some(batch);
        }
        self.book.buffered(token);
    }

    /// COMPLETED consumes the members and mints the outputs, FAILED may give the members up; those that still wait go
    /// into a retry.
    fn batch_ended(&mut self, place: Id, record: &Record) {
        let batch = record.header.subject;
        let members = ids(record, Key::Parents);
        self.book.closed(batch);
        let children = record.body.uint(Key::Children).and_then(|n| u32::try_from(n).ok()).unwrap_or(0);
        for ord in 1..=children {
            self.mint(Id { ord, ..place }, None, Past::standing(Origin::Batch, None, Course::Default));
        }
        let outcome = match (record.header.status, digest(record, Key::ErrorDigest)) {
            (Status::Completed, _) => Outcome::BatchConsumed { batch },
            (_, Some(error)) if !members.is_empty() => Outcome::Unrouted { error },
            (status, _) => {
                if let Some(past) = self.batches.get_mut(&batch) {
                    past.status = status;
                }
                return;
            }
        };
        self.batches.remove(&batch);
        if record.header.status == Status::Completed {
            self.consumed(batch, &members, (1..=children).map(|ord| Id { ord, ..place }));
        }
        members.into_iter().for_each(|member| self.ended(member, &outcome));
    }

    fn prepared(&mut self, id: Id, record: &Record) {
        let text = |key| record.body.text(key).unwrap_or_default().to_owned();
        let Some(content) = digest(record, Key::Content) else { return };
        let states = ids(record, Key::States);
        let tokens: Vec<Id> = states.iter().filter_map(|state| Some(self.states.get(state)?.token)).collect();
        for token in &tokens {
            if let Some(standing) = self.live.get_mut(token) {
                standing.write = Some(id);
            }
        }
        let (sink, key) = (text(Key::Sink), text(Key::IdempotencyKey));
        let (stage, open) = (Stage::Prepared, tokens.len());
        self.writes.insert(id, WritePast { sink, key, content, stage, tokens, open, producer: None, durable_in: 0 });
        self.book.opened(id, Entity::SinkWrite);
    }

    fn stage(&mut self, write: Id, stage: Stage) {
        if let Some(write) = self.writes.get_mut(&write) {
            write.stage = stage;
        }
    }

    fn answered(&mut self, record: &Record) {
        let id = record.header.subject;
        if record.header.status == Status::Returned {
            self.stage(id, Stage::Answered);
        } else if record.header.status == Status::Error {
            let refused = self.writes.get(&id).map(|write| (write.sink.clone(), write.tokens.clone()));
            self.let_go(id);
            let by_sink = record.body.get(Key::ReadBack).is_none();
            let (Some((sink, tokens)), true) = (refused, by_sink) else { return };
            for token in tokens {
                if let (Some(standing), Some(error)) = (self.live.get_mut(&token), digest(record, Key::ErrorDigest)) {
                    standing.refused_by(&sink, error);
                }
            }
        }
    }

    fn receipt(&mut self, place: Id, record: &Record) {
        let id = record.header.subject;
        self.receipts.insert(place);
        self.book.closed(id);
        let text = |key| record.body.text(key).unwrap_or_default().to_owned();
        self.last_writes.insert(text(Key::Sink), text(Key::IdempotencyKey));
        let durable_in = self.began.len();
        if let Some(write) = self.writes.get_mut(&id) {
            (write.stage, write.durable_in) = (Stage::Durable(place), durable_in);
        }
    }

    fn artifact(&mut self, id: Id, record: &Record) {
        let key = record.body.text(Key::IdempotencyKey).unwrap_or_default().to_owned();
        if let (Some(content), Some(size)) = (digest(record, Key::Content), record.body.uint(Key::Size)) {
            self.artifacts.entry(key).or_insert((id, content, size));
        }
    }

    /// A checkpoint counts with the receipt that it names and the graph that it was made under.
    fn position(&mut self, id: Id, record: &Record) {
        let receipt = record.body.id(Key::Receipt);
        self.owed.clear();
        let flaw = match receipt.filter(|receipt| self.receipts.contains(receipt)) {
            None => Some("its receipt is none of this run's"),
            Some(_) if digest(record, Key::Topology) != self.graph => Some("it was made under another graph"),
            Some(_) => None,
        };
        let position = record.body.text(Key::Position).unwrap_or_default().to_owned();
        self.checkpoint = Some(CheckpointPast { id, position, flaw });
    }
}
