//! Every record finds its row: entities go through `fold`, the rest becomes a row of its own under its place, so that
//! reading a record twice changes nothing.

use rusqlite::ToSql;

use crate::model::{Id, Key, Kind, Record, Status, StreamId};

use super::batch::{Batch, Names, whole};
use super::fold::{self, End, Place};
use super::json::{Json, hex};
use super::store::{Failure, Sql};

/// What one record is projected into.
pub(super) struct Target<'t, 'c> {
    pub(super) sql: &'t Sql<'c>,
    pub(super) names: &'t mut Names,
    pub(super) batch: &'t mut Batch,
    pub(super) stream: StreamId,
}

/// A record that cannot stand beside one that does.
struct Faulty {
    place: Place,
    at: i64,
    status: Status,
    duration: Option<u64>,
    error: Option<String>,
    reason: Option<String>,
}

impl Faulty {
    fn of(place: Place, at: i64, status: Status) -> Faulty {
        Faulty { place, at, status, duration: None, error: None, reason: None }
    }
}

impl Target<'_, '_> {
    /// Projects one record that counts.
    pub(super) fn take(&mut self, record: &Record) -> Result<(), Failure> {
        let place = (self.stream, record.header.seq);
        self.payload(place, record)?;
        match record.header.kind {
            Kind::StateOpened => self.opened(place, record),
            Kind::StateDeferred | Kind::StateClosed => self.ended(place, record),
            Kind::RunStarted | Kind::RunResumed | Kind::RunEnded => self.run(place, record),
            Kind::StreamOpened => self.stream_opened(record),
            Kind::StreamClosed => self.stream_closed(record),
            Kind::StreamSettled => self.settled(place, record),
            Kind::Site => self.site(record),
            Kind::Note => self.note(place, record),
            Kind::PanicObserved | Kind::Evidence => self.evidence(place, record),
            Kind::Refusal => self.refusal(place, record),
            Kind::Gap | Kind::Uninstalled => self.gap(place, record),
            Kind::GraphSealed => self.graph(place, record),
            Kind::RowRead => self.row_read(place, record),
            Kind::TokenForked => self.replaced(place, record, true),
            Kind::TokenExpanded => self.replaced(place, record, false),
            Kind::TokensCoalesced => self.coalesced(place, record),
            Kind::TokenOutcome => self.outcome(place, record),
            Kind::Routed => self.routed(place, record),
            Kind::CallOpened => self.call_opened(place, record),
            Kind::CallClosed => self.call_closed(place, record),
            Kind::OperationOpened => self.operation_opened(place, record),
            Kind::OperationClosed => self.operation_closed(place, record),
            Kind::BatchDrafted => self.batch_drafted(place, record),
            Kind::BatchMember => self.batch_member(place, record),
            Kind::BatchExecuting => self.batch_executing(place, record),
            Kind::BatchClosed => self.batch_closed(place, record),
            Kind::Artifact => self.artifact(place, record),
            Kind::PayloadsPurged => self.purged(place, record),
            Kind::GroupCommitted
            | Kind::RunJoined
            | Kind::Decision
            | Kind::ActionPending
            | Kind::ActionClosed
            | Kind::ActionBlocked
            | Kind::LateCompletion
            | Kind::ContractDeclared
            | Kind::ExpectationDeclared
            | Kind::ContractAck
            | Kind::ContractClosed
            | Kind::ContractAlert
            | Kind::RunPhase
            | Kind::PayloadPurge
            | Kind::HoldPlaced
            | Kind::HoldLifted
            | Kind::SinkPrepared
            | Kind::SinkIntent
            | Kind::SinkAnswered
            | Kind::SinkReceipt
            | Kind::Checkpoint => self.other(place, record),
        }
    }

    fn opened(&mut self, place: Place, record: &Record) -> Result<(), Failure> {
        let node = self.names.node(self.sql, self.stream, record.header.site)?;
        let key = self.names.key(self.sql, place)?;
        let id = Id::new(place.0, place.1);
        self.batch.opening(self.sql, key, id)?.opening = Some(fold::opening(place, record, node));
        Ok(())
    }

    fn ended(&mut self, place: Place, record: &Record) -> Result<(), Failure> {
        let subject = record.subject(self.stream);
        let key = self.names.key(self.sql, (subject.stream, subject.seq))?;
        let row = self.batch.state(self.sql, key, subject)?;
        match row.offer(subject, fold::ending(place, record)) {
            Some(second) => self.contradiction(subject, &second),
            None => Ok(()),
        }
    }

    fn run(&mut self, place: Place, record: &Record) -> Result<(), Failure> {
        let run = fold::run_subject(self.stream, record);
        let key = self.names.key(self.sql, (run.stream, run.seq))?;
        let row = self.batch.run(self.sql, key, run)?;
        let attempt = record.header.attempt;
        match record.header.kind {
            Kind::RunStarted => row.start = Some(fold::run_start(place, record)),
            Kind::RunResumed => {
                if let Some(second) = row.resume(attempt, fold::resumed(place, record)) {
                    let faulty = Faulty::of(second.place, second.at, Status::Running);
                    return self.run_contradiction(run, "a second resume within an epoch", &faulty);
                }
            }
            _ => {
                if let Some(second) = row.offer(run, attempt, fold::run_end(place, record)) {
                    let reason = second.reason.or(second.abandon_reason);
                    let faulty = Faulty::of(second.place, second.at, second.status);
                    let faulty = Faulty { duration: second.duration, error: second.error, reason, ..faulty };
                    return self.run_contradiction(run, "a second end of a run", &faulty);
                }
            }
        }
        Ok(())
    }

    fn contradiction(&mut self, subject: Id, second: &End) -> Result<(), Failure> {
        let key = self.names.key(self.sql, second.place)?;
        self.put(
            "INSERT OR REPLACE INTO contradictions(key, stream, seq, at, what, run_id, entity_id, status, exit_kind,
             duration_ns, output_slot, error, reason) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
            &[
                &key,
                &&*self.names.stream(second.place.0),
                &whole(second.place.1),
                &second.at,
                &"a second end of a node state",
                &second.run.map(|run| self.names.id(run)),
                &self.names.id(subject),
                &second.status.name(),
                &second.exit,
                &second.duration.map(whole),
                &second.output,
                &second.error,
                &second.abandon_reason,
            ],
        )
    }

    fn run_contradiction(&mut self, run: Id, what: &str, second: &Faulty) -> Result<(), Failure> {
        let key = self.names.key(self.sql, second.place)?;
        let run = self.names.id(run);
        self.put(
            "INSERT OR REPLACE INTO contradictions(key, stream, seq, at, what, run_id, entity_id, status, duration_ns,
             error, reason) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
            &[
                &key,
                &&*self.names.stream(second.place.0),
                &whole(second.place.1),
                &second.at,
                &what,
                &run,
                &run,
                &second.status.name(),
                &second.duration.map(whole),
                &second.error,
                &second.reason,
            ],
        )
    }

    fn stream_opened(&mut self, record: &Record) -> Result<(), Failure> {
        let n = self.names.number(self.sql, self.stream)?;
        let body = &record.body;
        self.put(
            "UPDATE streams SET opened_at = ?2, pid = ?3, boot_id = ?4, process_start = ?5, program = ?6, name = ?7,
             actor = ?8, host = ?9, code_version = ?10, build = ?11, canonical_version = ?12, testkit = ?13,
             not_durable = ?14, payload_policy = ?15 WHERE n = ?1",
            &[
                &n,
                &record.header.wall_ns,
                &body.uint(Key::Pid).map(whole),
                &body.text(Key::BootId),
                &body.uint(Key::ProcessStart).map(whole),
                &body.text(Key::Program),
                &body.text(Key::Name),
                &body.text(Key::Actor),
                &body.text(Key::Host),
                &body.text(Key::CodeVersion),
                &body.text(Key::Build),
                &body.uint(Key::CanonicalVersion).map(whole),
                &body.is(Key::Testkit),
                &body.is(Key::NotDurable),
                &body.text(Key::PayloadPolicy),
            ],
        )
    }

    fn stream_closed(&mut self, record: &Record) -> Result<(), Failure> {
        let n = self.names.number(self.sql, self.stream)?;
        let body = &record.body;
        self.put(
            "UPDATE streams SET closed_seq = ?2, closed_at = ?3, records = ?4, torn_bytes = ?5, root = ?6 WHERE n = ?1",
            &[
                &n,
                &whole(record.header.seq),
                &record.header.wall_ns,
                &body.uint(Key::Records).map(whole),
                &body.uint(Key::TornBytes).map(whole),
                &body.bytes(Key::Root).map(hex),
            ],
        )
    }

    fn settled(&mut self, place: Place, record: &Record) -> Result<(), Failure> {
        let (key, body) = (self.names.key(self.sql, place)?, &record.body);
        self.put(
            "INSERT OR REPLACE INTO settlements(key, stream, seq, at, settled, records, segment, offset, root, torn_bytes,
             stray_frames, observer, reason) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
            &[
                &key,
                &&*self.names.stream(place.0),
                &whole(place.1),
                &record.header.wall_ns,
                &body.stream(Key::Stream).unwrap_or_default().text(),
                &body.uint(Key::Records).map(whole),
                &body.uint(Key::Segment).map(whole),
                &body.uint(Key::Offset).map(whole),
                &body.bytes(Key::Root).map(hex),
                &body.uint(Key::TornBytes).map(whole),
                &body.uint(Key::StrayFrames).map(whole),
                &body.text(Key::Observer),
                &body.text(Key::Reason),
            ],
        )
    }

    fn site(&mut self, record: &Record) -> Result<(), Failure> {
        let (body, number) = (&record.body, record.header.site);
        let key = self.names.key(self.sql, (self.stream, u64::from(number)))?;
        let text = |key| body.text(key).unwrap_or_default();
        let node = match body.text(Key::Node) {
            Some(node) => node.to_owned(),
            None => format!("{}::{}", text(Key::Module), text(Key::Function)),
        };
        self.names.learn(key, &node);
        self.put(
            "INSERT OR REPLACE INTO sites(key, stream, site, seq, node_id, node_kind, function, module, file, line,
             column_no, options) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
            &[
                &key,
                &&*self.names.stream(self.stream),
                &number,
                &whole(record.header.seq),
                &node,
                &body.text(Key::NodeKind),
                &text(Key::Function),
                &text(Key::Module),
                &text(Key::File),
                &body.uint(Key::Line).map(whole),
                &body.uint(Key::Column).map(whole),
                &body.text(Key::Options),
            ],
        )
    }

    fn note(&mut self, place: Place, record: &Record) -> Result<(), Failure> {
        let (key, body) = (self.names.key(self.sql, place)?, &record.body);
        self.put(
            "INSERT OR REPLACE INTO notes(key, stream, seq, at, run_id, state_id, note_kind, severity, message, fields,
             trace_id, tenant, session, request, actor)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
            &[
                &key,
                &&*self.names.stream(place.0),
                &whole(place.1),
                &record.header.wall_ns,
                &self.run_id(record),
                &self.state_of(record),
                &body.text(Key::NoteKind),
                &body.text(Key::Severity),
                &body.text(Key::Message),
                &fold::json(record, Key::Fields),
                &body.bytes(Key::Trace).map(hex),
                &body.text(Key::Tenant),
                &body.text(Key::Session),
                &body.text(Key::Request),
                &body.text(Key::Actor),
            ],
        )
    }

    fn evidence(&mut self, place: Place, record: &Record) -> Result<(), Failure> {
        let (key, body) = (self.names.key(self.sql, place)?, &record.body);
        self.put(
            "INSERT OR REPLACE INTO evidence(key, stream, seq, at, kind, run_id, state_id, level, target, message, fields,
             location, thread) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
            &[
                &key,
                &&*self.names.stream(place.0),
                &whole(place.1),
                &record.header.wall_ns,
                &record.header.kind.name(),
                &self.run_id(record),
                &self.state_of(record),
                &body.text(Key::Level),
                &body.text(Key::Target),
                &body.text(Key::Message),
                &fold::json(record, Key::Fields),
                &body.text(Key::Location),
                &body.text(Key::Thread),
            ],
        )
    }

    fn refusal(&mut self, place: Place, record: &Record) -> Result<(), Failure> {
        let (key, body) = (self.names.key(self.sql, place)?, &record.body);
        self.put(
            "INSERT OR REPLACE INTO refusals(key, stream, seq, at, run_id, parent, site, function, code, reason,
             input_slot, recorded, unattributed) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
            &[
                &key,
                &&*self.names.stream(place.0),
                &whole(place.1),
                &record.header.wall_ns,
                &self.run_id(record),
                &record.header.parent.some().map(|parent| self.names.id(parent)),
                &Some(record.header.site).filter(|site| *site != 0),
                &body.text(Key::Function),
                &body.text(Key::Code),
                &body.text(Key::Reason),
                &fold::slot(record, Key::Input),
                &fold::json(record, Key::Recorded),
                &body.is(Key::Unattributed),
            ],
        )
    }

    fn gap(&mut self, place: Place, record: &Record) -> Result<(), Failure> {
        let (key, body) = (self.names.key(self.sql, place)?, &record.body);
        self.put(
            "INSERT OR REPLACE INTO gaps(key, stream, seq, at, kind, run_id, count, reason, code, sites)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            &[
                &key,
                &&*self.names.stream(place.0),
                &whole(place.1),
                &record.header.wall_ns,
                &record.header.kind.name(),
                &self.run_id(record),
                &body.uint(Key::Count).map(whole),
                &body.text(Key::Reason),
                &body.text(Key::Code),
                &fold::json(record, Key::Sites),
            ],
        )
    }

    pub(super) fn other(&mut self, place: Place, record: &Record) -> Result<(), Failure> {
        let key = self.names.key(self.sql, place)?;
        self.put(
            "INSERT OR REPLACE INTO records(key, stream, seq, at, kind, run_id, subject, body)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            &[
                &key,
                &&*self.names.stream(place.0),
                &whole(place.1),
                &record.header.wall_ns,
                &record.header.kind.name(),
                &self.run_id(record),
                &record.header.subject.some().map(|subject| self.names.id(subject)),
                &body_json(record).to_string(),
            ],
        )
    }

    /// A record that this build cannot read: it stays visible, and projecting goes on.
    pub(super) fn unread(&mut self, seq: u64, what: &str, why: &str) -> Result<(), Failure> {
        let key = self.names.key(self.sql, (self.stream, seq))?;
        self.put(
            "INSERT OR REPLACE INTO unread(key, stream, seq, what, why) VALUES (?1, ?2, ?3, ?4, ?5)",
            &[&key, &&*self.names.stream(self.stream), &whole(seq), &what, &why],
        )
    }

    pub(super) fn put(&self, sql: &'static str, values: &[&dyn ToSql]) -> Result<(), Failure> {
        self.sql.run(sql, values)
    }

    pub(super) fn run_id(&self, record: &Record) -> Option<String> {
        fold::run_of(record.header.run).map(|run| self.names.id(run))
    }

    /// The node state that a point record belongs to: its subject, or the one it happened in.
    fn state_of(&self, record: &Record) -> Option<String> {
        let header = &record.header;
        let state = header.subject.some().or(header.parent.some()).filter(|id| *id != header.run.0);
        state.map(|id| self.names.id(id))
    }
}

/// All fields of a body, by name.
pub(crate) fn body_json(record: &Record) -> Json {
    let field = |key: Key, value| match fold::slot_field(record, key) {
        Some(slot) => Json::Text(slot),
        None => Json::from(value),
    };
    Json::Object(record.body.fields.iter().map(|(key, value)| (key.name().to_owned(), field(*key, value))).collect())
}
