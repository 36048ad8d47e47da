//! Decisions, actions and responses that a trace, a session or a tenant joins, in order, with what is missing.

use super::entry::Entry;
use super::explain::{Story, plural};
use super::open::Trail;
use super::runs::RunView;
use crate::error::{Code, Error};
use crate::index::json::Json;
use std::collections::BTreeMap;

/// What joins records of several places to each other.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Join {
    Trace,
    Session,
    Tenant,
}

impl Join {
    fn name(self) -> &'static str {
        match self {
            Join::Trace => "trace",
            Join::Session => "session",
            Join::Tenant => "tenant",
        }
    }

    /// The column of tables, and the member of a body, that holds it.
    fn column(self) -> &'static str {
        match self {
            Join::Trace => "trace_id",
            Join::Session => "session",
            Join::Tenant => "tenant",
        }
    }
}

/// One record of a decision, an action or a response.
pub(super) struct Step {
    stream: String,
    seq: i64,
    at: i64,
    kind: String,
    subject: Option<String>,
    what: Option<String>,
    code: Option<String>,
    trace: Option<String>,
    request: Option<String>,
}

/// How many steps one answer tells.
const MOST: usize = 1000;

/// Records that carry the id, and those that end one of them: a terminal written by recovery knows no trace.
fn question(join: Join) -> String {
    let column = join.column();
    format!(
        "WITH mine AS (SELECT stream || '-' || seq AS id FROM records WHERE json_extract(body, '$.{column}') = ?1)
  SELECT stream, seq, at, kind, subject, coalesce(json_extract(body, '$.decision'), json_extract(body, '$.action')),
    coalesce(json_extract(body, '$.error_code'), json_extract(body, '$.reason_codes[0]'),
      json_extract(body, '$.abandon_reason')), json_extract(body, '$.trace_id'), json_extract(body, '$.request')
  FROM records WHERE stream || '-' || seq IN mine OR subject IN mine
  UNION ALL SELECT stream, seq, at, 'RESPONSE', NULL, json_extract(fields, '$.status'), NULL, trace_id, request
  FROM notes WHERE note_kind = 'response' AND {column} = ?1
  ORDER BY stream, seq LIMIT {}",
        MOST + 1
    )
}

impl Trail {
    /// What a trace, a session or a tenant joins, as a story.
    pub(super) fn explain_joined(&self, join: Join, id: &str) -> Result<Story, Error> {
        let name = join.name();
        let steps = self.steps_of(join, id)?;
        let entries = match join {
            Join::Trace => self.entries("WHERE s.trace_id = ?1 ORDER BY s.opened_at, s.key LIMIT 1000", [id])?,
            Join::Session | Join::Tenant => Vec::new(),
        };
        let runs = self.select_runs(&format!("WHERE {} = ?1 ORDER BY started_at", join.column()), [id])?;
        let notes = self.notes_of(join, id)?;
        if entries.is_empty() && runs.is_empty() && notes.is_empty() && steps.is_empty() {
            return Err(Error::new(Code::UnknownId, format!("looking up {name} {id}")));
        }
        let mut told = vec![format!(
            "{} {id} joins {}, {}, {} and {} of this trail. {}",
            if join == Join::Trace {
                "Trace"
            } else if join == Join::Session {
                "Session"
            } else {
                "Tenant"
            },
            plural(runs.len(), "run", "runs"),
            plural(entries.len(), "entry", "entries"),
            plural(notes.len(), "note", "notes"),
            plural(steps.len(), "step", "steps"),
            if join == Join::Trace { "A trace id is a correlation, not evidence." } else { "" }
        )];
        told.extend(runs.iter().map(|run| {
            format!("run {} `{}` {}", self.short_text(&run.id), run.name.as_deref().unwrap_or(""), run.standing())
        }));
        told.extend(entries.iter().map(|e| format!("{} `{}` {}", self.short_text(&e.id), e.node_name(), e.status)));
        told.extend(notes.iter().map(|note| format!("note {}", self.short_text(note))));
        let missing = missing(&steps);
        told.extend(self.told_steps(join, &steps));
        told.extend(missing.iter().map(|(what, id)| format!("missing: {what} {}", self.short_text(id))));
        let lost = missing.into_iter().map(|(what, id)| Json::object([("what", what.into()), ("of", id.into())]));
        let facts = Json::object([
            ("runs", Json::List(runs.iter().map(RunView::json).collect())),
            ("entries", Json::List(entries.iter().map(Entry::json).collect())),
            ("notes", notes.into()),
            ("steps", Json::List(steps.iter().map(Step::json).collect())),
            ("missing", Json::List(lost.collect())),
        ]);
        Ok(Story { what: name, id: id.to_owned(), sentences: told, facts })
    }

    /// Notes that carry the id; responses are steps.
    fn notes_of(&self, join: Join, id: &str) -> Result<Vec<String>, Error> {
        let conn = &self.index.store.conn;
        let sql = format!(
            "SELECT stream || '-' || seq FROM notes WHERE {} = ?1 AND note_kind <> 'response' ORDER BY stream, seq LIMIT 1000",
            join.column()
        );
        let mut statement = self.sql(conn.prepare(&sql))?;
        let notes = self.sql(statement.query_map([id], |row| row.get::<_, String>(0)))?;
        self.sql(notes.collect())
    }

    /// The steps that are joined, in the order of sequence; streams are put beside each other by wall time, which never
    /// decreases within one of them here.
    fn steps_of(&self, join: Join, id: &str) -> Result<Vec<Step>, Error> {
        let mut statement = self.sql(self.index.store.conn.prepare(&question(join)))?;
        let rows = self.sql(statement.query_map([id], |row| {
            Ok(Step {
                stream: row.get(0)?,
                seq: row.get(1)?,
                at: row.get::<_, Option<i64>>(2)?.unwrap_or_default(),
                kind: row.get(3)?,
                subject: row.get(4)?,
                what: row.get(5)?,
                code: row.get(6)?,
                trace: row.get(7)?,
                request: row.get(8)?,
            })
        }))?;
        let mut steps: Vec<Step> = self.sql(rows.collect())?;
        for at in 1..steps.len() {
            if steps[at].stream == steps[at - 1].stream {
                steps[at].at = steps[at].at.max(steps[at - 1].at);
            }
        }
        steps.sort_by_key(|step| step.at);
        adopt(&mut steps);
        Ok(steps)
    }

    /// The steps as sentences. A session or a tenant has many traces: each step names its own.
    fn told_steps(&self, join: Join, steps: &[Step]) -> Vec<String> {
        let mut told: Vec<String> = steps.iter().take(MOST).map(|step| self.told_step(join, step)).collect();
        if steps.len() > MOST {
            told.push(format!("and more: the first {MOST} steps are told; ask for one trace"));
        }
        told
    }

    fn told_step(&self, join: Join, step: &Step) -> String {
        let words: Vec<&str> = [step.what.as_deref(), step.code.as_deref()].into_iter().flatten().collect();
        let trace = step.trace.as_deref().filter(|_| join != Join::Trace).and_then(|trace| trace.get(..8));
        let trace = trace.map_or_else(String::new, |trace| format!(" (trace {trace}…)"));
        format!("{} {} {}{trace}", self.short_text(&step.id()), step.kind, words.join(": "))
    }
}

/// A terminal that recovery wrote belongs to the trace of what it ends.
fn adopt(steps: &mut [Step]) {
    let traces: BTreeMap<String, Option<String>> =
        steps.iter().filter(|step| step.trace.is_some()).map(|step| (step.id(), step.trace.clone())).collect();
    for step in steps.iter_mut().filter(|step| step.trace.is_none()) {
        step.trace = step.subject.as_ref().and_then(|subject| traces.get(subject)).cloned().flatten();
    }
}

/// What each trace among the steps lacks: the end of an attempt, what an ALLOW allowed, the response to a request.
fn missing(steps: &[Step]) -> Vec<(&'static str, String)> {
    let mut found = Vec::new();
    let is = |step: &Step, kinds: &[&str]| kinds.contains(&step.kind.as_str());
    for (at, step) in steps.iter().enumerate() {
        let mine = |other: &&Step| other.trace == step.trace;
        let behind = || steps[at..].iter().filter(mine);
        let ended =
            || behind().any(|other| is(other, &["EXECUTION_RESULT"]) && other.subject.as_ref() == Some(&step.id()));
        if is(step, &["EXECUTION_ATTEMPT"]) && !ended() {
            found.push(("the end of", step.id()));
        }
        let allowed = is(step, &["DECISION"]) && step.what.as_deref() == Some("ALLOW");
        if allowed && !behind().any(|other| is(other, &["EXECUTION_ATTEMPT", "EXECUTION_BLOCKED"])) {
            found.push(("what was allowed by", step.id()));
        }
        let asked = is(step, &["DECISION"]) && step.request.is_some();
        if asked && !behind().any(|other| is(other, &["RESPONSE"])) {
            found.push(("the response to the request of", step.id()));
        }
    }
    found
}

impl Step {
    fn id(&self) -> String {
        format!("{}-{}", self.stream, self.seq)
    }

    /// The step as JSON.
    fn json(&self) -> Json {
        Json::object([
            ("id", self.id().into()),
            ("event_type", self.kind.clone().into()),
            ("subject", self.subject.clone().into()),
            ("what", self.what.clone().into()),
            ("code", self.code.clone().into()),
            ("trace_id", self.trace.clone().into()),
            ("request", self.request.clone().into()),
        ])
    }
}
