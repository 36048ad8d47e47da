//! Tables, indexes and views. `docs/index.md` explains every column; a test compares the two. A change of any of them is
//! a new [`VERSION`], and an index of another version is rebuilt, never migrated.
//!
//! Ids are texts, so that any SQLite tool reads them. `key` columns are local locators (stream number and sequence); they
//! differ between two indexes of one journal and stand in no dump.

/// Version of the schema; stands in `PRAGMA user_version`.
pub const VERSION: i64 = 4;

/// Marks the file as ours: `PRAGMA application_id`, "AUDX".
pub(super) const APPLICATION: i64 = 0x4155_4458;

/// How the stream's local number and the sequence share one integer key.
pub(crate) const SEQ_BITS: u32 = 41;

/// SQL for the key of what has this id, for the tables that have one: the ids themselves stand in no index, and a query
/// that compares them alone reads the whole table.
pub(crate) fn key_of(id: &str) -> String {
    format!(
        "(SELECT n << {SEQ_BITS} | CAST(substr({id}, instr({id}, '-') + 1) AS INTEGER) FROM streams
         WHERE stream = substr({id}, 1, instr({id}, '-') - 1))"
    )
}

/// Tables that the projector fills, with the columns that order their rows in a canonical dump.
pub(super) const DUMPED: &[(&str, &str)] = &[
    ("streams", "stream"),
    ("sites", "stream, site"),
    ("runs", "run_id"),
    ("resumes", "run_id, attempt"),
    ("run_ends", "run_id, attempt"),
    ("node_states", "state_id"),
    ("notes", "stream, seq"),
    ("evidence", "stream, seq"),
    ("refusals", "stream, seq"),
    ("gaps", "stream, seq"),
    ("settlements", "stream, seq"),
    ("records", "stream, seq"),
    ("contradictions", "stream, seq"),
    ("unread", "stream, seq"),
    ("nodes", "run_id, node_id"),
    ("rows", "run_id, row_id"),
    ("tokens", "run_id, token_id"),
    ("token_parents", "run_id, token_id, ordinal"),
    ("outcomes", "run_id, token_id, stream, seq"),
    ("routes", "run_id, event_id"),
    ("operations", "run_id, operation_id"),
    ("batches", "run_id, batch_id"),
    ("calls", "run_id, call_id"),
    ("artifacts", "run_id, artifact_id"),
    ("payloads", "stream, seq"),
    ("purged", "run_id, digest, stream, seq"),
];

/// Columns that say how far the projector has read, not what the journal states.
pub(super) const LOCAL: &[&str] = &["key", "n", "at_segment", "at_offset", "next_seq", "done"];

/// What the spine's records fill.
pub(super) const TABLES: &str = "
CREATE TABLE streams(
  n INTEGER PRIMARY KEY, stream TEXT NOT NULL UNIQUE, opened_at INTEGER, pid INTEGER, boot_id TEXT, process_start INTEGER,
  program TEXT, name TEXT, actor TEXT, host TEXT, code_version TEXT, build TEXT, canonical_version INTEGER,
  testkit INTEGER, not_durable INTEGER, payload_policy TEXT, closed_seq INTEGER, closed_at INTEGER, records INTEGER, torn_bytes INTEGER, root TEXT,
  at_segment INTEGER NOT NULL DEFAULT 0, at_offset INTEGER NOT NULL DEFAULT 0, next_seq INTEGER NOT NULL DEFAULT 0,
  done INTEGER NOT NULL DEFAULT 0);
CREATE TABLE marks(n INTEGER NOT NULL, seq INTEGER NOT NULL, segment INTEGER NOT NULL, offset INTEGER NOT NULL,
  PRIMARY KEY(n, seq)) WITHOUT ROWID;
CREATE TABLE sites(
  key INTEGER PRIMARY KEY, stream TEXT NOT NULL, site INTEGER NOT NULL, seq INTEGER NOT NULL, node_id TEXT NOT NULL,
  node_kind TEXT, function TEXT NOT NULL, module TEXT NOT NULL, file TEXT NOT NULL, line INTEGER NOT NULL,
  column_no INTEGER, options TEXT);
CREATE TABLE runs(
  key INTEGER PRIMARY KEY, run_id TEXT NOT NULL UNIQUE, name TEXT, status TEXT NOT NULL,
  started_stream TEXT, started_seq INTEGER, started_at INTEGER, ended_stream TEXT, ended_seq INTEGER, ended_at INTEGER,
  duration_ns INTEGER, actor TEXT, tenant TEXT, session TEXT, request TEXT, trace_id TEXT, fields TEXT, input_slot TEXT,
  canonical_version INTEGER, reason TEXT, counts TEXT, findings TEXT, abandon_reason TEXT, observer TEXT, error TEXT,
  running_timeout_ms INTEGER, attempt INTEGER NOT NULL DEFAULT 0);
CREATE TABLE resumes(
  key INTEGER NOT NULL, run_id TEXT NOT NULL, attempt INTEGER NOT NULL, prior_status TEXT, checkpoint TEXT, actor TEXT,
  redriven INTEGER, at INTEGER, stream TEXT NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY(key, attempt)) WITHOUT ROWID;
CREATE TABLE run_ends(
  key INTEGER NOT NULL, run_id TEXT NOT NULL, attempt INTEGER NOT NULL, status TEXT NOT NULL, at INTEGER,
  duration_ns INTEGER, reason TEXT, counts TEXT, findings TEXT, abandon_reason TEXT, observer TEXT, error TEXT,
  stream TEXT NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY(key, attempt)) WITHOUT ROWID;
CREATE TABLE node_states(
  key INTEGER PRIMARY KEY, run_id TEXT, state_id TEXT NOT NULL, token_id TEXT, node_id TEXT, attempt INTEGER,
  status TEXT NOT NULL, exit_kind TEXT, input_slot TEXT, output_slot TEXT, opened_stream TEXT, opened_seq INTEGER,
  opened_at INTEGER, ended_stream TEXT, ended_seq INTEGER, ended_at INTEGER, duration_ns INTEGER, context_after TEXT,
  error TEXT, error_type TEXT, error_code TEXT, success_reason TEXT, abandon_reason TEXT, observer TEXT, reason TEXT,
  location TEXT, spooled INTEGER, deferred_stream TEXT, deferred_seq INTEGER, parent TEXT, site INTEGER, trace_id TEXT,
  recorded TEXT, unattributed INTEGER, durability TEXT, resume TEXT);
CREATE TABLE notes(
  key INTEGER PRIMARY KEY, stream TEXT NOT NULL, seq INTEGER NOT NULL, at INTEGER, run_id TEXT, state_id TEXT,
  note_kind TEXT, severity TEXT, message TEXT, fields TEXT, trace_id TEXT, tenant TEXT, session TEXT, request TEXT,
  actor TEXT);
CREATE TABLE evidence(
  key INTEGER PRIMARY KEY, stream TEXT NOT NULL, seq INTEGER NOT NULL, at INTEGER, kind TEXT NOT NULL, run_id TEXT,
  state_id TEXT, level TEXT, target TEXT, message TEXT, fields TEXT, location TEXT, thread TEXT);
CREATE TABLE refusals(
  key INTEGER PRIMARY KEY, stream TEXT NOT NULL, seq INTEGER NOT NULL, at INTEGER, run_id TEXT, parent TEXT, site INTEGER,
  function TEXT, code TEXT, reason TEXT, input_slot TEXT, recorded TEXT, unattributed INTEGER);
CREATE TABLE gaps(
  key INTEGER PRIMARY KEY, stream TEXT NOT NULL, seq INTEGER NOT NULL, at INTEGER, kind TEXT NOT NULL, run_id TEXT,
  count INTEGER, reason TEXT, code TEXT, sites TEXT);
CREATE TABLE settlements(
  key INTEGER PRIMARY KEY, stream TEXT NOT NULL, seq INTEGER NOT NULL, at INTEGER, settled TEXT NOT NULL,
  records INTEGER, segment INTEGER, offset INTEGER, root TEXT, torn_bytes INTEGER, stray_frames INTEGER, observer TEXT,
  reason TEXT);
CREATE TABLE records(
  key INTEGER PRIMARY KEY, stream TEXT NOT NULL, seq INTEGER NOT NULL, at INTEGER, kind TEXT NOT NULL, run_id TEXT,
  subject TEXT, body TEXT);
CREATE TABLE contradictions(
  key INTEGER PRIMARY KEY, stream TEXT NOT NULL, seq INTEGER NOT NULL, at INTEGER, what TEXT NOT NULL, run_id TEXT,
  entity_id TEXT NOT NULL, status TEXT, exit_kind TEXT, duration_ns INTEGER, output_slot TEXT, error TEXT, reason TEXT);
CREATE TABLE unread(
  key INTEGER PRIMARY KEY, stream TEXT NOT NULL, seq INTEGER NOT NULL, what TEXT NOT NULL, why TEXT NOT NULL);
";

/// What the landscape's records fill.
pub(super) const LANDSCAPE: &str = "
CREATE TABLE nodes(run_id TEXT, node_id TEXT, kind TEXT, determinism TEXT, stream TEXT, seq INTEGER);
CREATE TABLE rows(run_id TEXT, row_id TEXT, node_id TEXT, identity TEXT, digest TEXT, at INTEGER, stream TEXT, seq INTEGER);
CREATE TABLE routes(run_id TEXT, event_id TEXT, state_id TEXT, token_id TEXT, mode TEXT, edges TEXT, reason_digest TEXT,
  at INTEGER, stream TEXT, seq INTEGER);
CREATE TABLE tokens(run_id TEXT, token_id TEXT, row_id TEXT, fork_group TEXT, expand_group TEXT, join_group TEXT,
  branch TEXT, stream TEXT, seq INTEGER);
CREATE TABLE token_parents(run_id TEXT, token_id TEXT, parent_id TEXT, ordinal INTEGER);
CREATE TABLE outcomes(run_id TEXT, token_id TEXT, terminal INTEGER, outcome TEXT, path TEXT, sink TEXT, error_digest TEXT,
  fork_group TEXT, expand_group TEXT, join_group TEXT, batch_id TEXT, children INTEGER, stream TEXT, seq INTEGER);
CREATE TABLE operations(key INTEGER PRIMARY KEY, run_id TEXT, operation_id TEXT, node_id TEXT, kind TEXT, status TEXT, stream TEXT, seq INTEGER,
  ended_stream TEXT, ended_seq INTEGER, duration_ns INTEGER, error TEXT);
CREATE TABLE batches(key INTEGER PRIMARY KEY, run_id TEXT, batch_id TEXT, node_id TEXT, status TEXT, attempt INTEGER, retry_of TEXT, stream TEXT,
  seq INTEGER);
CREATE TABLE calls(key INTEGER PRIMARY KEY, run_id TEXT, call_id TEXT, state_id TEXT, operation_id TEXT, ordinal INTEGER, kind TEXT, endpoint TEXT,
  status TEXT, stream TEXT, seq INTEGER, ended_stream TEXT, ended_seq INTEGER, duration_ns INTEGER, error TEXT);
CREATE TABLE artifacts(run_id TEXT, artifact_id TEXT, state_id TEXT, digest TEXT, bytes INTEGER, stream TEXT, seq INTEGER);
CREATE TABLE payloads(key INTEGER PRIMARY KEY, run_id TEXT, entity_id TEXT, kind TEXT, scope TEXT, digest TEXT, at INTEGER,
  stream TEXT, seq INTEGER);
CREATE TABLE purged(run_id TEXT, digest TEXT, stream TEXT, seq INTEGER, at INTEGER, purge_id TEXT,
  PRIMARY KEY(run_id, digest, stream, seq)) WITHOUT ROWID;
";

/// What projecting itself asks.
pub(super) const EAGER_INDEXES: &str = "
CREATE INDEX states_unopened ON node_states(key) WHERE opened_seq IS NULL;
CREATE INDEX settlements_by_stream ON settlements(settled);
";

/// One index a question; each of them costs every insert, so there are few, and a projection from nothing makes them last.
pub(super) const INDEXES: &str = "
CREATE INDEX states_by_run ON node_states(run_id, node_id, status, exit_kind);
CREATE INDEX states_by_trace ON node_states(trace_id) WHERE trace_id IS NOT NULL;
CREATE INDEX states_by_parent ON node_states(parent) WHERE parent IS NOT NULL;
CREATE INDEX states_by_token ON node_states(run_id, token_id) WHERE token_id IS NOT NULL;
CREATE INDEX states_open ON node_states(status) WHERE status IN ('OPEN', 'DEFERRED');
CREATE INDEX runs_by_trace ON runs(trace_id) WHERE trace_id IS NOT NULL;
CREATE INDEX notes_by_trace ON notes(trace_id) WHERE trace_id IS NOT NULL;
CREATE INDEX evidence_by_state ON evidence(state_id);
CREATE INDEX tokens_by_id ON tokens(run_id, token_id);
CREATE INDEX tokens_alone ON tokens(token_id);
CREATE INDEX tokens_by_row ON tokens(row_id);
CREATE INDEX rows_by_id ON rows(row_id);
CREATE INDEX operations_by_id ON operations(operation_id);
CREATE INDEX routes_by_token ON routes(token_id);
CREATE INDEX parents_by_token ON token_parents(run_id, token_id);
CREATE INDEX parents_by_parent ON token_parents(run_id, parent_id);
CREATE INDEX outcomes_by_token ON outcomes(run_id, token_id);
CREATE INDEX payloads_by_entity ON payloads(run_id, entity_id);
CREATE INDEX records_of_retention ON records(kind, subject) WHERE kind IN ('HOLD_PLACED', 'HOLD_LIFTED');
CREATE INDEX calls_by_parent ON calls(run_id, state_id, operation_id);
CREATE INDEX nodes_by_run ON nodes(run_id, node_id);
CREATE INDEX batches_by_run ON batches(run_id, batch_id);
CREATE INDEX operations_by_run ON operations(run_id, operation_id);
CREATE INDEX artifacts_by_run ON artifacts(run_id);
";

/// For people: times as text, places as `file:line`, durations in milliseconds.
pub(super) const VIEWS: &str = "
CREATE VIEW run_list AS SELECT run_id, name, status,
  strftime('%Y-%m-%dT%H:%M:%fZ', started_at / 1e9, 'unixepoch') AS started,
  strftime('%Y-%m-%dT%H:%M:%fZ', ended_at / 1e9, 'unixepoch') AS ended, duration_ns / 1e6 AS ms, actor, reason,
  (SELECT count(*) FROM node_states s WHERE s.run_id = r.run_id) AS entries,
  (SELECT count(*) FROM node_states s WHERE s.run_id = r.run_id AND s.status = 'FAILED') AS failed,
  (SELECT count(*) FROM node_states s WHERE s.run_id = r.run_id AND s.status = 'ABANDONED') AS abandoned,
  (SELECT count(*) FROM node_states s WHERE s.run_id = r.run_id AND s.status IN ('OPEN', 'DEFERRED')) AS open
  FROM runs r;
CREATE VIEW entries AS SELECT s.run_id, s.state_id, s.node_id, s.attempt, s.status, s.exit_kind,
  strftime('%Y-%m-%dT%H:%M:%fZ', s.opened_at / 1e9, 'unixepoch') AS opened, s.duration_ns / 1e6 AS ms, s.error, s.parent,
  t.file || ':' || t.line AS place, t.function
  FROM node_states s LEFT JOIN sites t ON t.stream = s.opened_stream AND t.site = s.site;
CREATE VIEW failures AS SELECT * FROM entries WHERE status IN ('FAILED', 'ABANDONED');
CREATE VIEW open_entries AS SELECT * FROM entries WHERE status IN ('OPEN', 'DEFERRED');
CREATE VIEW node_summary AS SELECT run_id, node_id, count(*) AS entries, sum(status = 'COMPLETED') AS completed,
  sum(exit_kind = 'errored') AS errored, sum(exit_kind = 'panicked') AS panicked, sum(exit_kind = 'cancelled') AS cancelled,
  sum(status = 'ABANDONED') AS abandoned, sum(status IN ('OPEN', 'DEFERRED')) AS open, avg(duration_ns) / 1e6 AS mean_ms
  FROM node_states GROUP BY run_id, node_id;
CREATE VIEW stream_ends AS SELECT s.stream, s.program, s.pid, s.closed_seq IS NOT NULL AS closed,
  EXISTS (SELECT 1 FROM settlements t WHERE t.settled = s.stream) AS settled, s.next_seq AS records FROM streams s;
";

/// Everything, in the order in which it is made.
pub(super) fn statements() -> [&'static str; 5] {
    [TABLES, LANDSCAPE, EAGER_INDEXES, INDEXES, VIEWS]
}

/// Every table and view with its columns, in the order in which they are made.
#[must_use]
pub fn tables() -> Vec<(String, Vec<String>)> {
    described().unwrap_or_default()
}

fn described() -> rusqlite::Result<Vec<(String, Vec<String>)>> {
    let conn = rusqlite::Connection::open_in_memory()?;
    conn.execute_batch(&statements().concat())?;
    let mut names = conn.prepare("SELECT name FROM sqlite_schema WHERE type IN ('table', 'view') ORDER BY rowid")?;
    let mut columns = conn.prepare("SELECT name FROM pragma_table_info(?1) ORDER BY cid")?;
    let names: Vec<String> = names.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    names
        .into_iter()
        .map(|name| {
            let columns = columns.query_map([&name], |row| row.get(0))?.collect::<Result<_, _>>()?;
            Ok((name, columns))
        })
        .collect()
}
