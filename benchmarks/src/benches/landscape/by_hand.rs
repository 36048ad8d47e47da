//! The peer: a recorder as people write it, with a table for each noun and a transaction for each call.

use super::{BATCH, Flight, Out, STEPS};
use crate::harness::Outcome;
use rusqlite::{Connection, Params, params};
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::cell::Cell;
use std::path::Path;
use std::time::SystemTime;

/// Tables and indexes for the facts that our index has of these records.
const SCHEMA: &str = "
CREATE TABLE rows(row_id INTEGER PRIMARY KEY, run_id TEXT NOT NULL, node_id TEXT NOT NULL, identity TEXT NOT NULL,
  digest TEXT NOT NULL, at INTEGER NOT NULL);
CREATE TABLE tokens(token_id INTEGER PRIMARY KEY, run_id TEXT NOT NULL, row_id INTEGER NOT NULL);
CREATE TABLE node_states(state_id INTEGER PRIMARY KEY, run_id TEXT NOT NULL, token_id INTEGER NOT NULL,
  node_id TEXT NOT NULL, attempt INTEGER NOT NULL, status TEXT NOT NULL, input TEXT NOT NULL, output TEXT,
  opened_at INTEGER NOT NULL, ended_at INTEGER, duration_ns INTEGER);
CREATE TABLE outcomes(token_id INTEGER NOT NULL, run_id TEXT NOT NULL, outcome TEXT NOT NULL, path TEXT NOT NULL,
  sink TEXT, at INTEGER NOT NULL);
CREATE TABLE sink_writes(write_id INTEGER PRIMARY KEY, run_id TEXT NOT NULL, sink TEXT NOT NULL, key TEXT NOT NULL,
  content TEXT NOT NULL, status TEXT NOT NULL, at INTEGER NOT NULL);
CREATE INDEX tokens_by_row ON tokens(row_id);
CREATE INDEX states_by_run ON node_states(run_id, node_id, status);
CREATE INDEX states_by_token ON node_states(run_id, token_id);
CREATE UNIQUE INDEX outcomes_by_token ON outcomes(run_id, token_id);
";

/// The run's id, as long as such ids are.
const RUN: &str = "7k3q9d-1041";

/// A recorder over one connection.
pub struct ByHand {
    db: Connection,
    last: Cell<i64>,
}

fn now() -> i64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_nanos() as i64)
}

fn digest<T: Serialize>(value: &T) -> Outcome<String> {
    let hash = Sha256::digest(serde_json_canonicalizer::to_vec(value)?);
    Ok(hash.iter().map(|byte| format!("{byte:02x}")).collect())
}

impl ByHand {
    /// An empty file with the tables, in WAL mode, synchronous as named.
    pub fn open(path: &Path, synchronous: &str) -> Outcome<ByHand> {
        let db = Connection::open(path)?;
        db.pragma_update(None, "journal_mode", "WAL")?;
        db.pragma_update(None, "synchronous", synchronous)?;
        db.execute_batch(SCHEMA)?;
        db.set_prepared_statement_cache_capacity(32);
        Ok(ByHand { db, last: Cell::new(0) })
    }

    /// One write: a statement outside any transaction is a transaction of its own.
    fn write(&self, sql: &str, params: impl Params) -> Outcome<()> {
        self.db.prepare_cached(sql)?.execute(params)?;
        Ok(())
    }

    fn id(&self) -> i64 {
        self.last.set(self.last.get() + 1);
        self.last.get()
    }

    fn row(&self, identity: u64, flight: &Flight) -> Outcome<i64> {
        let (row, token) = (self.id(), self.id());
        let digest = digest(flight)?;
        self.write(
            "INSERT INTO rows VALUES (?1, ?2, 'flights.csv', ?3, ?4, ?5)",
            params![row, RUN, identity.to_string(), digest, now()],
        )?;
        self.write("INSERT INTO tokens VALUES (?1, ?2, ?3)", params![token, RUN, row])?;
        let state = self.begin(token, "flights.csv", &digest)?;
        self.complete(state, &digest, now())?;
        Ok(token)
    }

    fn begin(&self, token: i64, node: &str, input: &str) -> Outcome<i64> {
        let state = self.id();
        self.write(
            "INSERT INTO node_states VALUES (?1, ?2, ?3, ?4, 0, 'OPEN', ?5, NULL, ?6, NULL, NULL)",
            params![state, RUN, token, node, input, now()],
        )?;
        Ok(state)
    }

    fn complete(&self, state: i64, output: &str, since: i64) -> Outcome<()> {
        let at = now();
        self.write(
            "UPDATE node_states SET status = 'COMPLETED', output = ?2, ended_at = ?3, duration_ns = ?4 WHERE state_id = ?1",
            params![state, output, at, at - since],
        )
    }

    fn outcome(&self, token: i64, path: &str, sink: Option<&str>) -> Outcome<()> {
        self.write(
            "INSERT INTO outcomes VALUES (?1, ?2, 'SUCCESS', ?3, ?4, ?5)",
            params![token, RUN, path, sink, now()],
        )
    }

    /// One row through the three steps, with a digest of what goes into each and of what comes out.
    fn through(&self, line: u64) -> Outcome<(i64, Flight)> {
        let mut flight = Flight::of(line);
        let token = self.row(line, &flight)?;
        for step in STEPS {
            let since = now();
            let state = self.begin(token, step, &digest(&flight)?)?;
            flight = flight.next();
            self.complete(state, &digest(&flight)?, since)?;
        }
        Ok((token, flight))
    }

    /// Five nodes, the last of which ends the token.
    pub fn without_sink(&self, tokens: u64) -> Outcome<()> {
        for line in 0..tokens {
            let (token, flight) = self.through(line)?;
            let since = now();
            let state = self.begin(token, "last", &digest(&flight)?)?;
            self.complete(state, &digest(&flight)?, since)?;
            self.outcome(token, "filter_dropped", None)?;
        }
        Ok(())
    }

    /// Five nodes, the last of which is a sink that is written and synced every [`BATCH`] tokens.
    pub fn with_sink(&self, tokens: u64, out: &Out) -> Outcome<()> {
        let (mut visits, mut content) = (Vec::new(), String::new());
        for line in 0..tokens {
            let (token, flight) = self.through(line)?;
            visits.push((token, self.begin(token, "last", &digest(&flight)?)?, now()));
            content.push_str(&flight.line());
            if visits.len() == BATCH || line + 1 == tokens {
                self.deliver(&visits, line, &content, out)?;
                visits.clear();
                content.clear();
            }
        }
        Ok(())
    }

    fn deliver(&self, visits: &[(i64, i64, i64)], line: u64, content: &str, out: &Out) -> Outcome<()> {
        let write = self.id();
        let digest = digest(&content)?;
        self.write(
            "INSERT INTO sink_writes VALUES (?1, ?2, 'last', ?3, ?4, 'INTENT', ?5)",
            params![write, RUN, format!("row {line}"), digest, now()],
        )?;
        out.append(content)?;
        out.sync()?;
        self.write("UPDATE sink_writes SET status = 'FINALIZED', at = ?2 WHERE write_id = ?1", params![write, now()])?;
        for (token, state, since) in visits {
            self.complete(*state, &digest, *since)?;
            self.outcome(*token, "default_flow", Some("last"))?;
        }
        Ok(())
    }
}
