//! How long entries took, which were slowest, and which never ended.

use std::collections::HashMap;

use super::entry::Entry;
use super::open::Trail;
use crate::error::Error;
use crate::index::json::Json;
use crate::model::Id;

/// Latency of one node, from opening to end, ns.
#[derive(Clone, Debug, PartialEq)]
pub struct Latency {
    /// The node's name.
    pub node: String,
    /// Entries that ended.
    pub ended: u64,
    /// Half of them took at most this.
    pub p50: u64,
    /// 95 of 100.
    pub p95: u64,
    /// 99 of 100.
    pub p99: u64,
    /// The slowest.
    pub max: u64,
    /// How many took less than 2^n ns and at least half of that, by n; trailing zeros are left out.
    pub histogram: Vec<u64>,
}

/// What `stats` answers.
#[derive(Clone, Debug)]
pub struct Stats {
    /// By node, the most time in total first.
    pub nodes: Vec<Latency>,
    /// The slowest entries.
    pub slowest: Vec<Entry>,
    /// Entries without an end, and those whose end nobody knows.
    pub unended: Vec<Entry>,
    /// How many there are of those.
    pub unended_count: u64,
}

impl Latency {
    fn of(node: String, mut took: Vec<u64>) -> Latency {
        took.sort_unstable();
        // The smallest value that at least q of 100 entries do not exceed.
        let at = |q: usize| took[(took.len() * q).div_ceil(100).saturating_sub(1)];
        let mut histogram = vec![0; 65];
        took.iter().for_each(|ns| histogram[(64 - ns.leading_zeros()) as usize] += 1);
        histogram.truncate(histogram.iter().rposition(|n| *n > 0).map_or(0, |last| last + 1));
        let max = took[took.len() - 1];
        Latency { node, ended: took.len() as u64, p50: at(50), p95: at(95), p99: at(99), max, histogram }
    }

    /// The latency as JSON.
    #[must_use]
    pub fn json(&self) -> Json {
        Json::object([
            ("node", self.node.as_str().into()),
            ("ended", self.ended.into()),
            ("p50_ns", self.p50.into()),
            ("p95_ns", self.p95.into()),
            ("p99_ns", self.p99.into()),
            ("max_ns", self.max.into()),
            ("histogram_log2", self.histogram.clone().into()),
        ])
    }
}

impl Stats {
    /// The answer as one JSON object.
    #[must_use]
    pub fn json(&self) -> Json {
        let entries = |list: &[Entry]| Json::List(list.iter().map(Entry::json).collect());
        Json::object([
            ("nodes", Json::List(self.nodes.iter().map(Latency::json).collect())),
            ("slowest", entries(&self.slowest)),
            ("unended", entries(&self.unended)),
            ("unended_count", self.unended_count.into()),
        ])
    }
}

impl Trail {
    /// Latencies of one run or of all entries.
    ///
    /// # Errors
    /// `AUD0601` when the run is unknown; what SQLite says.
    pub fn stats(&self, run: Option<Id>) -> Result<Stats, Error> {
        let run = match run {
            Some(run) => Some(self.run_view(run)?.id),
            None => None,
        };
        let conn = &self.index.store.conn;
        let sql = "SELECT coalesce(node_id, '(unnamed)'), duration_ns FROM node_states
          WHERE duration_ns IS NOT NULL AND (?1 IS NULL OR run_id = ?1)";
        let mut statement = self.sql(conn.prepare(sql))?;
        let mut rows = self.sql(statement.query([&run]))?;
        let mut took: HashMap<String, Vec<u64>> = HashMap::new();
        while let Some(row) = self.sql(rows.next())? {
            let name = self.sql(row.get_ref(0).and_then(|name| Ok(name.as_str()?)))?;
            let ns = self.sql(row.get::<_, i64>(1))?.unsigned_abs();
            match took.get_mut(name) {
                Some(took) => took.push(ns),
                None => drop(took.insert(name.to_owned(), vec![ns])),
            }
        }
        let mut nodes: Vec<(u64, Latency)> =
            took.into_iter().map(|(node, took)| (took.iter().sum(), Latency::of(node, took))).collect();
        nodes.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.node.cmp(&b.1.node)));
        let of_run = "(?1 IS NULL OR s.run_id = ?1)";
        let without_end = "s.status IN ('OPEN', 'DEFERRED', 'ABANDONED')";
        let count = format!("SELECT count(*) FROM node_states s WHERE {of_run} AND {without_end}");
        let unended_count = self.sql(conn.query_row(&count, [&run], |row| row.get::<_, i64>(0)))?.unsigned_abs();
        Ok(Stats {
            nodes: nodes.into_iter().map(|(_, latency)| latency).collect(),
            slowest: self.entries(
                &format!(
                    "WHERE {of_run} AND s.duration_ns IS NOT NULL ORDER BY s.duration_ns DESC, s.state_id LIMIT 10"
                ),
                [&run],
            )?,
            unended: self
                .entries(&format!("WHERE {of_run} AND {without_end} ORDER BY s.state_id LIMIT 100"), [&run])?,
            unended_count,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn q9_percentiles_are_values_that_occurred() {
        let latency = Latency::of("n".into(), (1..=100).rev().collect());
        assert_eq!((latency.p50, latency.p95, latency.p99, latency.max), (50, 95, 99, 100));
        let one = Latency::of("n".into(), vec![7]);
        assert_eq!((one.p50, one.p99, one.max), (7, 7, 7));
        assert_eq!(one.histogram, [0, 0, 0, 1]);
    }
}
