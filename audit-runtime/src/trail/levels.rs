//! A few numbers of the whole trail, for whoever keeps a dashboard.

use super::open::Trail;
use crate::error::Error;

/// How the trail stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Levels {
    /// Node states that have begun and not ended.
    pub open: u64,
    /// Wall time at which the oldest of them began, ns.
    pub oldest_open_at: Option<i64>,
    /// Entries that were refused because a record could not be written.
    pub failures: u64,
    /// Entries that ran without a record.
    pub gaps: u64,
    /// Notes of the kind that was asked for.
    pub missed: u64,
}

impl Trail {
    /// Counts open states, refusals of the storage, gaps, and notes of one kind.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn levels(&self, note_kind: &str) -> Result<Levels, Error> {
        let number = |sql: &str, values: &[&dyn rusqlite::ToSql]| {
            let found = self.index.store.conn.query_row(sql, values, |row| row.get::<_, Option<i64>>(0));
            self.sql(found)
        };
        let count = |sql: &str, values: &[&dyn rusqlite::ToSql]| {
            number(sql, values).map(|n| n.unwrap_or_default().unsigned_abs())
        };
        let open = "FROM node_states WHERE status IN ('OPEN', 'DEFERRED')";
        Ok(Levels {
            open: count(&format!("SELECT count(*) {open}"), &[])?,
            oldest_open_at: number(&format!("SELECT min(opened_at) {open}"), &[])?,
            failures: count("SELECT count(*) FROM refusals WHERE code LIKE 'AUD02%'", &[])?,
            gaps: count("SELECT sum(count) FROM gaps WHERE kind = 'GAP'", &[])?,
            missed: count("SELECT count(*) FROM notes WHERE note_kind = ?1", &[&note_kind])?,
        })
    }
}
