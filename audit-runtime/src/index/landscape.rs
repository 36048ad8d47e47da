//! The landscape's records as rows. One record may make several entities, and each of them finds its table.

use crate::model::cbor::Value;
use crate::model::outcome::{Field, PAIRS};
use crate::model::{Id, Key, Record, Status};

use super::batch::whole;
use super::fold::{self, Place};
use super::points::Target;
use super::store::Failure;

/// The columns of `outcomes` that a record fills beside token, outcome and path.
#[derive(Default)]
struct Answer {
    sink: Option<String>,
    error: Option<String>,
    groups: [Option<String>; 3],
    batch: Option<String>,
    children: Option<i64>,
}

/// A token that a record mints.
struct Minted<'a> {
    id: Id,
    row: Option<Id>,
    fork: Option<Id>,
    expand: Option<Id>,
    join: Option<Id>,
    branch: Option<&'a str>,
}

impl<'a> Minted<'a> {
    fn of(id: Id, row: Option<Id>) -> Minted<'a> {
        Minted { id, row, fork: None, expand: None, join: None, branch: None }
    }
}

/// The ids of a list.
fn ids(record: &Record, key: Key) -> Vec<Id> {
    let read = |value: &Value| Id::from_bytes(value.as_bytes()?);
    record.body.get(key).and_then(Value::as_array).unwrap_or_default().iter().filter_map(read).collect()
}

fn items(record: &Record, key: Key) -> &[Value] {
    record.body.get(key).and_then(Value::as_array).unwrap_or_default()
}

impl Target<'_, '_> {
    pub(super) fn graph(&mut self, place: Place, record: &Record) -> Result<(), Failure> {
        let run = self.run_id(record);
        for node in items(record, Key::Nodes) {
            let facts = node.as_array().unwrap_or_default();
            let text = |at: usize| facts.get(at).and_then(Value::as_text);
            self.put(
                "INSERT INTO nodes(run_id, node_id, kind, determinism, stream, seq) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                &[&run, &text(0), &text(1), &text(2), &&*self.names.stream(place.0), &whole(place.1)],
            )?;
        }
        self.other(place, record)
    }

    pub(super) fn row_read(&mut self, place: Place, record: &Record) -> Result<(), Failure> {
        let row = Id::new(place.0, place.1);
        self.put(
            "INSERT INTO rows(run_id, row_id, node_id, identity, digest, at, stream, seq)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            &[
                &self.run_id(record),
                &self.names.id(row),
                &record.body.text(Key::Node),
                &record.body.text(Key::Identity),
                &fold::slot(record, Key::Output),
                &record.header.wall_ns,
                &&*self.names.stream(place.0),
                &whole(place.1),
            ],
        )?;
        self.mint(record, place, &Minted::of(Id { ord: 1, ..row }, Some(row)), &[])
    }

    /// A fork or an expansion: the children, and the parent's outcome.
    pub(super) fn replaced(&mut self, place: Place, record: &Record, fork: bool) -> Result<(), Failure> {
        let (group, parent) = (Id::new(place.0, place.1), record.header.subject);
        let children = record.body.uint(Key::Children).unwrap_or(0);
        let branches = items(record, Key::Branches);
        let row = record.body.id(Key::Row);
        for ord in 1..=u32::try_from(children).unwrap_or(u32::MAX) {
            let branch = branches.get(ord as usize - 1).and_then(Value::as_text);
            let child = Minted {
                fork: fork.then_some(group),
                expand: (!fork).then_some(group),
                branch,
                ..Minted::of(Id { ord, ..group }, row)
            };
            self.mint(record, place, &child, &[parent])?;
        }
        let text = Some(self.names.id(group));
        let groups = if fork { [text, None, None] } else { [None, text, None] };
        let answer = Answer { groups, children: Some(whole(children)), ..Answer::default() };
        self.answer(record, place, parent, if fork { "fork_parent" } else { "expand_parent" }, &answer)
    }

    pub(super) fn coalesced(&mut self, place: Place, record: &Record) -> Result<(), Failure> {
        let group = Id::new(place.0, place.1);
        let parents = ids(record, Key::Parents);
        let merged = Minted { join: Some(group), ..Minted::of(Id { ord: 1, ..group }, record.body.id(Key::Row)) };
        self.mint(record, place, &merged, &parents)?;
        for parent in parents {
            let answer = Answer { groups: [None, None, Some(self.names.id(group))], ..Answer::default() };
            self.answer(record, place, parent, "coalesced", &answer)?;
        }
        self.other(place, record)
    }

    pub(super) fn outcome(&mut self, place: Place, record: &Record) -> Result<(), Failure> {
        let body = &record.body;
        let id = |field: Field| body.id(field.key()).map(|id| self.names.id(id));
        let answer = Answer {
            sink: body.text(Key::Sink).map(str::to_owned),
            error: fold::slot(record, Key::ErrorDigest),
            groups: [id(Field::Fork), id(Field::Expand), id(Field::Join)],
            batch: id(Field::Batch),
            children: body.uint(Key::Children).map(whole),
        };
        self.answer(record, place, record.header.subject, body.text(Key::Path).unwrap_or_default(), &answer)
    }

    pub(super) fn routed(&mut self, place: Place, record: &Record) -> Result<(), Failure> {
        let body = &record.body;
        self.put(
            "INSERT INTO routes(run_id, event_id, state_id, token_id, mode, edges, reason_digest, at, stream, seq)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            &[
                &self.run_id(record),
                &self.names.id(Id::new(place.0, place.1)),
                &self.names.id(record.header.parent),
                &body.id(Key::Token).map(|token| self.names.id(token)),
                &body.text(Key::Mode),
                &fold::json(record, Key::Edges),
                &fold::slot(record, Key::ReasonDigest),
                &record.header.wall_ns,
                &&*self.names.stream(place.0),
                &whole(place.1),
            ],
        )
    }

    pub(super) fn call_opened(&mut self, place: Place, record: &Record) -> Result<(), Failure> {
        let key = self.names.key(self.sql, place)?;
        let parent = self.names.id(record.header.parent);
        // An operation stands before its calls, in the same stream.
        let known = "SELECT 1 FROM operations WHERE operation_id = ?1";
        let of_operation = self.sql.one(known, [&parent], |_| Ok(()))?.is_some();
        let (state, operation) = if of_operation { (None, Some(&parent)) } else { (Some(&parent), None) };
        self.put(
            "INSERT INTO calls(key, run_id, call_id, state_id, operation_id, ordinal, kind, endpoint, status, stream, seq)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 'OPEN', ?9, ?10) ON CONFLICT(key) DO UPDATE SET
             run_id = excluded.run_id, state_id = excluded.state_id, operation_id = excluded.operation_id,
             ordinal = excluded.ordinal, kind = excluded.kind, endpoint = excluded.endpoint, stream = excluded.stream,
             seq = excluded.seq",
            &[
                &key,
                &self.run_id(record),
                &self.names.id(Id::new(place.0, place.1)),
                &state,
                &operation,
                &record.body.uint(Key::Ordinal).map(whole),
                &record.body.text(Key::CallKind),
                &record.body.text(Key::Endpoint),
                &&*self.names.stream(place.0),
                &whole(place.1),
            ],
        )
    }

    pub(super) fn call_closed(&mut self, place: Place, record: &Record) -> Result<(), Failure> {
        self.closed(
            place,
            record,
            "INSERT INTO calls(key, run_id, call_id, status, ended_stream, ended_seq, duration_ns, error)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT(key) DO UPDATE SET status = excluded.status,
             ended_stream = excluded.ended_stream, ended_seq = excluded.ended_seq, duration_ns = excluded.duration_ns,
             error = excluded.error WHERE ended_seq IS NULL
             OR (excluded.ended_stream, excluded.ended_seq) < (ended_stream, ended_seq)",
        )
    }

    pub(super) fn operation_opened(&mut self, place: Place, record: &Record) -> Result<(), Failure> {
        let key = self.names.key(self.sql, place)?;
        self.put(
            "INSERT INTO operations(key, run_id, operation_id, node_id, kind, status, stream, seq)
             VALUES (?1, ?2, ?3, ?4, ?5, 'OPEN', ?6, ?7) ON CONFLICT(key) DO UPDATE SET run_id = excluded.run_id,
             node_id = excluded.node_id, kind = excluded.kind, stream = excluded.stream, seq = excluded.seq",
            &[
                &key,
                &self.run_id(record),
                &self.names.id(Id::new(place.0, place.1)),
                &record.body.text(Key::Node),
                &record.body.text(Key::OperationKind),
                &&*self.names.stream(place.0),
                &whole(place.1),
            ],
        )
    }

    pub(super) fn operation_closed(&mut self, place: Place, record: &Record) -> Result<(), Failure> {
        self.closed(
            place,
            record,
            "INSERT INTO operations(key, run_id, operation_id, status, ended_stream, ended_seq, duration_ns, error)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT(key) DO UPDATE SET status = excluded.status,
             ended_stream = excluded.ended_stream, ended_seq = excluded.ended_seq, duration_ns = excluded.duration_ns,
             error = excluded.error WHERE ended_seq IS NULL
             OR (excluded.ended_stream, excluded.ended_seq) < (ended_stream, ended_seq)",
        )
    }

    fn closed(&mut self, place: Place, record: &Record, sql: &'static str) -> Result<(), Failure> {
        let subject = record.header.subject;
        let key = self.names.key(self.sql, (subject.stream, subject.seq))?;
        // The stream has its number now, so its text is known.
        let lost = record.header.status == Status::Abandoned;
        self.put(
            sql,
            &[
                &key,
                &self.run_id(record),
                &self.names.id(subject),
                &record.header.status.name(),
                &&*self.names.stream(place.0),
                &whole(place.1),
                &(!lost).then_some(whole(record.header.duration_ns)),
                &record.body.text(Key::Error),
            ],
        )
    }

    pub(super) fn batch_drafted(&mut self, place: Place, record: &Record) -> Result<(), Failure> {
        let key = self.names.key(self.sql, place)?;
        let batch = Id::new(place.0, place.1);
        self.put(
            "INSERT INTO batches(key, run_id, batch_id, node_id, status, attempt, retry_of, stream, seq)
             VALUES (?1, ?2, ?3, ?4, 'DRAFT', ?5, ?6, ?7, ?8) ON CONFLICT(key) DO UPDATE SET run_id = excluded.run_id,
             node_id = excluded.node_id, attempt = excluded.attempt, retry_of = excluded.retry_of,
             stream = excluded.stream, seq = excluded.seq",
            &[
                &key,
                &self.run_id(record),
                &self.names.id(batch),
                &record.body.text(Key::Node),
                &record.header.attempt,
                &record.body.id(Key::RetryOf).map(|of| self.names.id(of)),
                &&*self.names.stream(place.0),
                &whole(place.1),
            ],
        )?;
        for member in ids(record, Key::Parents) {
            self.buffered(record, place, member, batch)?;
        }
        Ok(())
    }

    pub(super) fn batch_member(&mut self, place: Place, record: &Record) -> Result<(), Failure> {
        match record.body.id(Key::Token) {
            Some(token) => self.buffered(record, place, token, record.header.subject),
            None => Ok(()),
        }
    }

    fn buffered(&mut self, record: &Record, place: Place, token: Id, batch: Id) -> Result<(), Failure> {
        let answer = Answer { batch: Some(self.names.id(batch)), ..Answer::default() };
        self.answer(record, place, token, "buffered", &answer)
    }

    pub(super) fn batch_executing(&mut self, place: Place, record: &Record) -> Result<(), Failure> {
        let subject = record.header.subject;
        let key = self.names.key(self.sql, (subject.stream, subject.seq))?;
        self.put("UPDATE batches SET status = 'EXECUTING' WHERE key = ?1 AND status = 'DRAFT'", &[&key])?;
        self.other(place, record)
    }

    /// The batch's end: COMPLETED consumes the members and mints the outputs, FAILED may give the members up.
    pub(super) fn batch_closed(&mut self, place: Place, record: &Record) -> Result<(), Failure> {
        let batch = record.header.subject;
        let key = self.names.key(self.sql, (batch.stream, batch.seq))?;
        self.put(
            "INSERT INTO batches(key, run_id, batch_id, status) VALUES (?1, ?2, ?3, ?4) ON CONFLICT(key) DO UPDATE SET
             status = excluded.status WHERE status IN ('DRAFT', 'EXECUTING')",
            &[&key, &self.run_id(record), &self.names.id(batch), &record.header.status.name()],
        )?;
        let members = ids(record, Key::Parents);
        let children = record.body.uint(Key::Children).unwrap_or(0);
        for ord in 1..=u32::try_from(children).unwrap_or(u32::MAX) {
            let output = Minted::of(Id { ord, ..Id::new(place.0, place.1) }, None);
            self.mint(record, place, &output, &members)?;
        }
        for member in members {
            let (path, answer) = match record.header.status {
                Status::Completed => {
                    ("batch_consumed", Answer { batch: Some(self.names.id(batch)), ..Answer::default() })
                }
                _ => ("unrouted", Answer { error: fold::slot(record, Key::ErrorDigest), ..Answer::default() }),
            };
            self.answer(record, place, member, path, &answer)?;
        }
        self.other(place, record)
    }

    pub(super) fn artifact(&mut self, place: Place, record: &Record) -> Result<(), Failure> {
        self.put(
            "INSERT INTO artifacts(run_id, artifact_id, state_id, digest, bytes, stream, seq)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            &[
                &self.run_id(record),
                &self.names.id(Id::new(place.0, place.1)),
                &self.names.id(record.header.parent),
                &fold::slot(record, Key::Content),
                &record.body.uint(Key::Size).map(whole),
                &&*self.names.stream(place.0),
                &whole(place.1),
            ],
        )
    }

    fn mint(&mut self, record: &Record, place: Place, token: &Minted<'_>, parents: &[Id]) -> Result<(), Failure> {
        let (run, id) = (self.run_id(record), self.names.id(token.id));
        let text = |id: Option<Id>| id.map(|id| self.names.id(id));
        self.put(
            "INSERT INTO tokens(run_id, token_id, row_id, fork_group, expand_group, join_group, branch, stream, seq)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            &[
                &run,
                &id,
                &text(token.row),
                &text(token.fork),
                &text(token.expand),
                &text(token.join),
                &token.branch,
                &&*self.names.stream(place.0),
                &whole(place.1),
            ],
        )?;
        for (ordinal, parent) in parents.iter().enumerate() {
            self.put(
                "INSERT INTO token_parents(run_id, token_id, parent_id, ordinal) VALUES (?1, ?2, ?3, ?4)",
                &[&run, &id, &self.names.id(*parent), &whole(ordinal as u64)],
            )?;
        }
        Ok(())
    }

    fn answer(&mut self, record: &Record, place: Place, token: Id, path: &str, answer: &Answer) -> Result<(), Failure> {
        let stated = record.body.text(Key::TokenOutcome);
        let known = PAIRS.iter().find(|pair| pair.path == path).and_then(|pair| pair.outcome);
        let outcome = stated.or(known);
        self.put(
            "INSERT INTO outcomes(run_id, token_id, terminal, outcome, path, sink, error_digest, fork_group,
             expand_group, join_group, batch_id, children, stream, seq)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
            &[
                &self.run_id(record),
                &self.names.id(token),
                &outcome.is_some(),
                &outcome,
                &path,
                &answer.sink,
                &answer.error,
                &answer.groups[0],
                &answer.groups[1],
                &answer.groups[2],
                &answer.batch,
                &answer.children,
                &&*self.names.stream(place.0),
                &whole(place.1),
            ],
        )
    }
}
