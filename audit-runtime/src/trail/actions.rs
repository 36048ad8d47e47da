//! What became of decisions and actions, counted from the trail and never from a counter in memory.

use std::collections::BTreeMap;

use super::open::Trail;
use crate::error::Error;
use crate::index::json::Json;
use crate::model::Id;

/// What became of one action.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ActionCounts {
    /// Its name.
    pub action: String,
    /// Executions that began.
    pub attempts: u64,
    /// Those that succeeded.
    pub succeeded: u64,
    /// Those of them whose answer came out of a cache.
    pub cached: u64,
    /// Those that failed, by code.
    pub failed: BTreeMap<String, u64>,
    /// Those whose end nobody knows: their process was gone.
    pub abandoned: u64,
    /// Those without an end.
    pub open: u64,
    /// Executions that a check refused, by code; none of them began.
    pub blocked: BTreeMap<String, u64>,
    /// Workers that ended behind their time-out.
    pub late: u64,
}

/// What gates and actions came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Governance {
    /// Decisions that were a yes.
    pub allowed: u64,
    /// Decisions that were a no, by their first reason.
    pub denied: BTreeMap<String, u64>,
    /// Notes by kind.
    pub notes: BTreeMap<String, u64>,
    /// By name.
    pub actions: Vec<ActionCounts>,
}

impl ActionCounts {
    fn json(&self) -> Json {
        Json::object([
            ("action", self.action.as_str().into()),
            ("attempts", self.attempts.into()),
            ("succeeded", self.succeeded.into()),
            ("cached", self.cached.into()),
            ("failed", counts(&self.failed)),
            ("abandoned", self.abandoned.into()),
            ("open", self.open.into()),
            ("blocked", counts(&self.blocked)),
            ("late", self.late.into()),
        ])
    }

    fn take(&mut self, what: &str, code: &str, n: u64) {
        match what {
            "success" => self.succeeded += n,
            "cached" => (self.succeeded, self.cached) = (self.succeeded + n, self.cached + n),
            "failed" => *self.failed.entry(code.to_owned()).or_default() += n,
            "abandoned" => self.abandoned += n,
            "open" => self.open += n,
            "blocked" => *self.blocked.entry(code.to_owned()).or_default() += n,
            _ => self.late += n,
        }
        if !matches!(what, "blocked" | "late") {
            self.attempts += n;
        }
    }
}

impl Governance {
    /// Whether there is nothing to tell.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Governance::default()
    }

    /// The answer as one JSON object.
    #[must_use]
    pub fn json(&self) -> Json {
        Json::object([
            ("allowed", self.allowed.into()),
            ("denied", counts(&self.denied)),
            ("notes", counts(&self.notes)),
            ("actions", Json::List(self.actions.iter().map(ActionCounts::json).collect())),
        ])
    }
}

fn counts(counts: &BTreeMap<String, u64>) -> Json {
    Json::Object(counts.iter().map(|(name, n)| (name.clone(), (*n).into())).collect())
}

/// Each attempt once, by what became of it; then what a check refused, and what came late.
const ACTIONS: &str = "
  WITH ended AS (
    SELECT subject, CASE WHEN json_extract(body, '$.links.cached_from') IS NOT NULL THEN 'cached'
      WHEN json_extract(body, '$.output_digest') IS NOT NULL THEN 'success'
      WHEN json_extract(body, '$.abandon_reason') IS NOT NULL THEN 'abandoned' ELSE 'failed' END AS what,
      coalesce(json_extract(body, '$.error_code'), '') AS code
    FROM records WHERE kind = 'EXECUTION_RESULT')
  SELECT json_extract(p.body, '$.action'), coalesce(e.what, 'open'), coalesce(e.code, ''), count(*)
    FROM records p LEFT JOIN ended e ON e.subject = p.stream || '-' || p.seq
    WHERE p.kind = 'EXECUTION_ATTEMPT' AND (?1 IS NULL OR p.run_id = ?1) GROUP BY 1, 2, 3
  UNION ALL SELECT json_extract(body, '$.action'), 'blocked', json_extract(body, '$.error_code'), count(*)
    FROM records WHERE kind = 'EXECUTION_BLOCKED' AND (?1 IS NULL OR run_id = ?1) GROUP BY 1, 3
  UNION ALL SELECT coalesce(json_extract(body, '$.action'), '(unnamed)'), 'late', '', count(*)
    FROM records WHERE kind = 'LATE_COMPLETION' AND (?1 IS NULL OR run_id = ?1) GROUP BY 1";

const DECISIONS: &str = "
  SELECT 'decision', coalesce(json_extract(body, '$.reason_codes[0]'), ''), count(*) FROM records
    WHERE kind = 'DECISION' AND (?1 IS NULL OR run_id = ?1) GROUP BY 2
  UNION ALL SELECT 'note', note_kind, count(*) FROM notes WHERE ?1 IS NULL OR run_id = ?1 GROUP BY 2";

impl Trail {
    /// What gates and actions of one run, or of all, came to.
    ///
    /// # Errors
    /// `AUD0601` when the run is unknown; what SQLite says.
    pub fn governance(&self, run: Option<Id>) -> Result<Governance, Error> {
        let run = match run {
            Some(run) => Some(self.run_view(run)?.id),
            None => None,
        };
        let conn = &self.index.store.conn;
        let mut governance = Governance::default();
        let mut statement = self.sql(conn.prepare(DECISIONS))?;
        let mut rows = self.sql(statement.query([&run]))?;
        while let Some(row) = self.sql(rows.next())? {
            let (what, code): (String, String) = (self.sql(row.get(0))?, self.sql(row.get(1))?);
            let n = self.sql(row.get::<_, i64>(2))?.unsigned_abs();
            match (what.as_str(), code.as_str()) {
                ("decision", "") => governance.allowed += n,
                ("decision", _) => *governance.denied.entry(code).or_default() += n,
                _ => *governance.notes.entry(code).or_default() += n,
            }
        }
        let mut actions: BTreeMap<String, ActionCounts> = BTreeMap::new();
        let mut statement = self.sql(conn.prepare(ACTIONS))?;
        let mut rows = self.sql(statement.query([&run]))?;
        while let Some(row) = self.sql(rows.next())? {
            let (action, what): (String, String) = (self.sql(row.get(0))?, self.sql(row.get(1))?);
            let code: String = self.sql(row.get(2))?;
            let n = self.sql(row.get::<_, i64>(3))?.unsigned_abs();
            let counts =
                actions.entry(action.clone()).or_insert_with(|| ActionCounts { action, ..ActionCounts::default() });
            counts.take(&what, &code, n);
        }
        governance.actions = actions.into_values().collect();
        Ok(governance)
    }
}
