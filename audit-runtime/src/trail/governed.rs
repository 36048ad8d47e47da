//! Decisions and actions of one trace, in order, with what is missing.

use super::open::Trail;
use crate::error::Error;
use crate::index::json::Json;

/// One record of a decision or an action.
pub(super) struct Step {
    id: String,
    kind: String,
    subject: Option<String>,
    what: Option<String>,
    code: Option<String>,
}

/// Records that carry the trace, and those that end one of them: a terminal written by recovery knows no trace.
const STEPS: &str = "WITH mine AS (SELECT stream || '-' || seq AS id FROM records WHERE json_extract(body, '$.trace_id') = ?1)
  SELECT stream || '-' || seq, kind, subject, coalesce(json_extract(body, '$.decision'), json_extract(body, '$.action')),
    coalesce(json_extract(body, '$.error_code'), json_extract(body, '$.reason_codes[0]'),
      json_extract(body, '$.abandon_reason'))
  FROM records WHERE stream || '-' || seq IN mine OR subject IN mine ORDER BY at, stream, seq LIMIT 1000";

impl Trail {
    /// Decisions and actions that a trace joins, in order.
    pub(super) fn steps_of(&self, trace: &str) -> Result<Vec<Step>, Error> {
        let mut statement = self.sql(self.index.store.conn.prepare(STEPS))?;
        let rows = self.sql(statement.query_map([trace], |row| {
            Ok(Step { id: row.get(0)?, kind: row.get(1)?, subject: row.get(2)?, what: row.get(3)?, code: row.get(4)? })
        }))?;
        self.sql(rows.collect())
    }

    /// The steps as sentences; an attempt without its end, and an ALLOW that nothing followed, are said to be missing.
    pub(super) fn told_steps(&self, steps: &[Step]) -> Vec<String> {
        let mut told: Vec<String> = steps
            .iter()
            .map(|step| {
                let words = [step.what.as_deref(), step.code.as_deref()];
                let words: Vec<&str> = words.into_iter().flatten().collect();
                format!("{} {} {}", self.short_text(&step.id), step.kind, words.join(": "))
            })
            .collect();
        let ended = |id: &String| steps.iter().any(|s| s.kind == "EXECUTION_RESULT" && s.subject.as_ref() == Some(id));
        let open = steps.iter().filter(|step| step.kind == "EXECUTION_ATTEMPT" && !ended(&step.id));
        told.extend(open.map(|step| format!("missing: the end of {}", self.short_text(&step.id))));
        let followed = steps.iter().any(|step| step.kind == "EXECUTION_ATTEMPT" || step.kind == "EXECUTION_BLOCKED");
        let allowed = steps.iter().filter(|step| step.kind == "DECISION" && step.what.as_deref() == Some("ALLOW"));
        if !followed {
            told.extend(allowed.map(|step| format!("missing: what {} allowed", self.short_text(&step.id))));
        }
        told
    }
}

impl Step {
    /// The step as JSON.
    pub(super) fn json(&self) -> Json {
        Json::object([
            ("id", self.id.clone().into()),
            ("event_type", self.kind.clone().into()),
            ("subject", self.subject.clone().into()),
            ("what", self.what.clone().into()),
            ("code", self.code.clone().into()),
        ])
    }
}
