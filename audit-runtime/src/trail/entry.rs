//! Node states as answers show them.

use rusqlite::{Params, Row};

use super::open::Trail;
use super::text;
use crate::error::Error;
use crate::index::json::Json;

/// One node state.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Whole id.
    pub id: String,
    /// The run that owns it.
    pub run: Option<String>,
    /// Name of its node.
    pub node: Option<String>,
    /// Ordinal of the visit.
    pub attempt: Option<u32>,
    /// OPEN, DEFERRED, COMPLETED, FAILED, ABANDONED.
    pub status: String,
    /// returned, errored, panicked, cancelled, lost.
    pub exit: Option<String>,
    /// Wall time of the opening, ns.
    pub opened_at: Option<i64>,
    /// Wall time of the end, ns.
    pub ended_at: Option<i64>,
    /// From opening to end, monotonic.
    pub duration_ns: Option<u64>,
    /// The node state it was entered from.
    pub parent: Option<String>,
    /// Scrubbed error text.
    pub error: Option<String>,
    /// `file:line` of the site.
    pub place: Option<String>,
    /// The annotated function.
    pub function: Option<String>,
    /// The resume that drives its token again.
    pub resume: Option<String>,
}

pub(super) const SELECT: &str = "SELECT s.state_id, s.run_id, s.node_id, s.attempt, s.status, s.exit_kind, s.opened_at,
  s.ended_at, s.duration_ns, s.parent, s.error, t.file || ':' || t.line, t.function, s.resume
  FROM node_states s LEFT JOIN sites t ON t.key = (SELECT n FROM streams WHERE stream = s.opened_stream) << 41 | s.site";

fn read(row: &Row<'_>) -> rusqlite::Result<Entry> {
    Ok(Entry {
        id: row.get(0)?,
        run: row.get(1)?,
        node: row.get(2)?,
        attempt: row.get(3)?,
        status: row.get(4)?,
        exit: row.get(5)?,
        opened_at: row.get(6)?,
        ended_at: row.get(7)?,
        duration_ns: row.get::<_, Option<i64>>(8)?.map(i64::unsigned_abs),
        parent: row.get(9)?,
        error: row.get(10)?,
        place: row.get(11)?,
        function: row.get(12)?,
        resume: row.get(13)?,
    })
}

impl Entry {
    /// The entry as JSON, its ids whole.
    #[must_use]
    pub fn json(&self) -> Json {
        Json::object([
            ("id", self.id.as_str().into()),
            ("run", self.run.clone().into()),
            ("node", self.node.clone().into()),
            ("attempt", self.attempt.into()),
            ("status", self.status.as_str().into()),
            ("exit", self.exit.clone().into()),
            ("opened_at", self.opened_at.map(text::time).into()),
            ("ended_at", self.ended_at.map(text::time).into()),
            ("duration_ns", self.duration_ns.into()),
            ("parent", self.parent.clone().into()),
            ("error", self.error.clone().into()),
            ("place", self.place.clone().into()),
            ("function", self.function.clone().into()),
            ("resume", self.resume.clone().into()),
        ])
    }

    /// `node`, or what stands in its place.
    #[must_use]
    pub fn node_name(&self) -> &str {
        self.node.as_deref().unwrap_or("(unnamed)")
    }
}

impl Trail {
    /// Entries that a condition selects.
    pub(super) fn entries(&self, condition: &str, values: impl Params) -> Result<Vec<Entry>, Error> {
        let conn = &self.index.store.conn;
        let mut statement = self.sql(conn.prepare(&format!("{SELECT} {condition}")))?;
        let rows = self.sql(statement.query_map(values, read))?;
        self.sql(rows.collect())
    }

    /// The entry of a node state; `None` when no node state has this id.
    pub(super) fn entry(&self, id: crate::model::Id) -> Result<Option<Entry>, Error> {
        Ok(self.entries(&format!("{AT} LIMIT 1"), (id.stream.text(), id.seq as i64))?.into_iter().next())
    }
}

/// In the order in which the processes of the run worked, the last one first or last: a stream's id and number say nothing of
/// its age.
pub(super) fn in_order(direction: Direction) -> String {
    let way = match direction {
        Direction::OldestFirst => "ASC",
        Direction::LatestFirst => "DESC",
    };
    format!(
        "ORDER BY coalesce((SELECT max(r.attempt) FROM resumes r
  WHERE r.run_id = s.run_id AND r.stream = s.opened_stream AND r.seq <= s.opened_seq), 0) {way}, s.key {way}"
    )
}

/// Which end of a story comes first.
#[derive(Clone, Copy, Debug)]
pub(super) enum Direction {
    OldestFirst,
    LatestFirst,
}

/// Finds a row by stream and sequence, through the integer key.
pub(super) const AT: &str = "WHERE s.key = ((SELECT n FROM streams WHERE stream = ?1) << 41 | ?2)";
