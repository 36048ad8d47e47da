//! Runs with their status and counts, and one run in full.

use std::time::Duration;

use rusqlite::{Params, Row};

use super::absent::{Absence, absence};
use super::entry::{Direction, Entry, in_order};
use super::open::Trail;
use super::payloads::ReplayGrade;
use super::text;
use crate::error::{Code, Error};
use crate::index::SEQ_BITS;
use crate::index::json::Json;
use crate::model::Id;

/// One run.
#[derive(Clone, Debug, PartialEq)]
pub struct RunView {
    /// Whole id.
    pub id: String,
    /// Its name.
    pub name: Option<String>,
    /// As its records state it.
    pub status: String,
    /// For a run that has not ended: whether a process still works on it; `None` in a copy of a trail whose process lives.
    pub lives: Option<bool>,
    /// Wall time of its start, ns.
    pub started_at: Option<i64>,
    /// Wall time of its end, ns.
    pub ended_at: Option<i64>,
    /// From start to end, monotonic.
    pub duration_ns: Option<u64>,
    /// Who.
    pub actor: Option<String>,
    /// Why it ended so.
    pub reason: Option<String>,
    /// How long it may take, where its program has said so.
    pub running_timeout: Option<Duration>,
    /// How many times it was resumed.
    pub resumes: u32,
    /// What became of its entries.
    pub counts: Counts,
}

/// One resume of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct ResumeView {
    /// Its record.
    pub id: String,
    /// Its number, from 1.
    pub attempt: u32,
    /// Status of the run before it.
    pub prior_status: Option<String>,
    /// Last checkpoint of the run.
    pub checkpoint: Option<String>,
    /// Who.
    pub actor: Option<String>,
    /// How many tokens it drove again.
    pub redriven: Option<u64>,
    /// Wall time, ns.
    pub at: i64,
}

/// What became of entries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// All of them.
    pub entries: u64,
    /// Ended by returning.
    pub completed: u64,
    /// Ended by an error.
    pub errored: u64,
    /// Ended by a panic.
    pub panicked: u64,
    /// Ended by a cancellation.
    pub cancelled: u64,
    /// Ended with their process, outcome unknown.
    pub abandoned: u64,
    /// Not ended.
    pub open: u64,
}

impl Counts {
    fn add(&mut self, status: &str, exit: Option<&str>, n: u64) {
        self.entries += n;
        match (status, exit) {
            ("COMPLETED", _) => self.completed += n,
            ("FAILED", Some("panicked")) => self.panicked += n,
            ("FAILED", Some("cancelled")) => self.cancelled += n,
            ("FAILED", _) => self.errored += n,
            ("ABANDONED", _) => self.abandoned += n,
            _ => self.open += n,
        }
    }

    /// All that failed.
    #[must_use]
    pub fn failed(&self) -> u64 {
        self.errored + self.panicked + self.cancelled
    }

    /// The counts as JSON.
    #[must_use]
    pub fn json(&self) -> Json {
        Json::object([
            ("entries", self.entries.into()),
            ("completed", self.completed.into()),
            ("errored", self.errored.into()),
            ("panicked", self.panicked.into()),
            ("cancelled", self.cancelled.into()),
            ("abandoned", self.abandoned.into()),
            ("open", self.open.into()),
        ])
    }
}

/// Counts of one node.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeCounts {
    /// The node's name.
    pub node: String,
    /// What became of its entries.
    pub counts: Counts,
}

/// One run in full.
#[derive(Clone, Debug)]
pub struct RunStory {
    /// The run.
    pub run: RunView,
    /// Its resumes, in order.
    pub resumes: Vec<ResumeView>,
    /// Its nodes, in the order of their first entries.
    pub nodes: Vec<NodeCounts>,
    /// Its first entries in order of opening, at most as many as were asked for.
    pub entries: Vec<Entry>,
    /// Its first failed and abandoned entries.
    pub failures: Vec<Entry>,
    /// What it can be replayed from; `None` for a run without source rows.
    pub replay: Option<ReplayGrade>,
}

impl RunView {
    /// The status for people: a run whose process is gone and that nobody has recovered is said to be so.
    #[must_use]
    pub fn standing(&self) -> String {
        match (self.lives, self.status.as_str()) {
            (Some(false), status) => format!("{status}, process gone"),
            (None, "RUNNING") => "RUNNING when copied".to_owned(),
            (_, status) => status.to_owned(),
        }
    }

    /// The run as JSON.
    #[must_use]
    pub fn json(&self) -> Json {
        let owner = self.lives.map(|lives| if lives { "alive" } else { "gone" });
        Json::object([
            ("id", self.id.as_str().into()),
            ("name", self.name.clone().into()),
            ("status", self.status.as_str().into()),
            ("process", owner.into()),
            ("started_at", self.started_at.map(text::time).into()),
            ("ended_at", self.ended_at.map(text::time).into()),
            ("duration_ns", self.duration_ns.into()),
            ("actor", self.actor.clone().into()),
            ("reason", self.reason.clone().into()),
            ("resumes", u64::from(self.resumes).into()),
            ("counts", self.counts.json()),
        ])
    }
}

impl ResumeView {
    /// The resume as JSON.
    #[must_use]
    pub fn json(&self) -> Json {
        Json::object([
            ("id", self.id.as_str().into()),
            ("attempt", u64::from(self.attempt).into()),
            ("prior_status", self.prior_status.clone().into()),
            ("checkpoint", self.checkpoint.clone().into()),
            ("actor", self.actor.clone().into()),
            ("redriven", self.redriven.into()),
            ("at", text::time(self.at).into()),
        ])
    }
}

impl RunStory {
    /// The story as one JSON object.
    #[must_use]
    pub fn json(&self) -> Json {
        let Json::Object(mut members) = self.run.json() else { return Json::Null };
        let node = |n: &NodeCounts| Json::object([("node", n.node.as_str().into()), ("counts", n.counts.json())]);
        members.push(("resumed".into(), Json::List(self.resumes.iter().map(ResumeView::json).collect())));
        members.push(("nodes".into(), Json::List(self.nodes.iter().map(node).collect())));
        members.push(("entries".into(), Json::List(self.entries.iter().map(Entry::json).collect())));
        members.push(("failures".into(), Json::List(self.failures.iter().map(Entry::json).collect())));
        members.push(("replay_grade".into(), self.replay.map(ReplayGrade::name).into()));
        Json::Object(members)
    }
}

const SELECT: &str = "SELECT run_id, name, status, started_at, ended_at, duration_ns, actor,
  coalesce(reason, abandon_reason, error), running_timeout_ms, (SELECT count(*) FROM resumes r WHERE r.key = runs.key) FROM runs";

const RESUMES: &str = "SELECT stream || '-' || seq, attempt, prior_status, checkpoint, actor, redriven, at FROM resumes
  WHERE run_id = ?1 ORDER BY attempt";

/// Keys of the places at which the processes of a run began, in their order.
const BEGAN: &str = "SELECT (SELECT n FROM streams t WHERE t.stream = p.stream) << 41 | p.seq FROM
  (SELECT 0 AS attempt, started_stream AS stream, started_seq AS seq FROM runs WHERE run_id = ?1
   UNION ALL SELECT attempt, stream, seq FROM resumes WHERE run_id = ?1) p
  WHERE p.stream IS NOT NULL ORDER BY p.attempt";

fn numbers(conn: &rusqlite::Connection, sql: &str, values: impl rusqlite::Params) -> rusqlite::Result<Vec<i64>> {
    conn.prepare(sql)?.query_map(values, |row| row.get(0))?.collect()
}

impl Trail {
    /// Every run, oldest first.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn runs(&self) -> Result<Vec<RunView>, Error> {
        let mut runs = self.select_runs("ORDER BY started_at, run_id", [])?;
        for run in &mut runs {
            run.counts = total(&self.nodes(Some(&run.id))?);
        }
        Ok(runs)
    }

    /// The run that began last.
    ///
    /// # Errors
    /// `AUD0601` in a trail without runs.
    pub fn latest_run(&self) -> Result<Id, Error> {
        let latest = self.select_runs("ORDER BY started_at DESC, run_id DESC LIMIT 1", [])?;
        let id = latest.first().and_then(|run| Id::parse(&run.id));
        id.ok_or_else(|| {
            let why = "no run has begun in this trail; `audited stats` tells of entries outside of runs";
            Error::new(Code::UnknownId, "looking for the latest run").detail(why)
        })
    }

    /// The run that a typed id names. Who types a run's name is told which ids the latest runs of this name have.
    ///
    /// # Errors
    /// As [`resolve`](Trail::resolve).
    pub fn resolve_run(&self, text: &str) -> Result<Id, Error> {
        let error = match self.resolve(text) {
            Err(error) if error.code() == Code::BadId => error,
            other => return other,
        };
        let named = "WHERE name = ?1 ORDER BY started_at DESC, run_id DESC LIMIT 5";
        let ids: Vec<String> =
            self.select_runs(named, [text.trim()])?.iter().map(|run| self.short_text(&run.id)).collect();
        Err(if ids.is_empty() { error } else { error.detail(format!("it is the name of {}", ids.join(", "))) })
    }

    /// One run with its nodes, its first `limit` entries and its first failures.
    ///
    /// # Errors
    /// `AUD0601` when no run has this id.
    pub fn show(&self, run: Id, limit: u32) -> Result<RunStory, Error> {
        let mut view = self.run_view(run)?;
        let id = view.id.clone();
        let nodes = self.nodes(Some(&id))?;
        view.counts = total(&nodes);
        Ok(RunStory {
            resumes: self.resumes(&id)?,
            nodes,
            replay: self.replay_grade(run)?,
            entries: self.first_entries(&id, "", limit)?,
            failures: self.first_entries(&id, "AND status IN ('FAILED', 'ABANDONED')", limit.min(10))?,
            run: view,
        })
    }

    /// The first entries of a run: those of its first process, then of the next. Chosen by the index alone, then read: a
    /// run may have millions of them.
    fn first_entries(&self, run: &str, what: &str, limit: u32) -> Result<Vec<Entry>, Error> {
        let began = self.sql(numbers(&self.index.store.conn, BEGAN, (run,)))?;
        let of_run = format!("SELECT key FROM node_states WHERE run_id = ?1 {what}");
        let between = format!("{of_run} AND key >= ?2 AND key < ?3 ORDER BY key LIMIT ?4");
        let any = format!("{of_run} ORDER BY key LIMIT ?2");
        let mut first: Vec<i64> = Vec::new();
        for from in &began {
            let stream_ends = ((from >> SEQ_BITS) + 1) << SEQ_BITS;
            let until = began.iter().copied().filter(|next| next > from).fold(stream_ends, i64::min);
            let left = i64::from(limit) - first.len() as i64;
            first.extend(self.sql(numbers(&self.index.store.conn, &between, (run, from, until, left)))?);
        }
        // Processes that have only joined it stand behind those that began it or went on with it.
        for key in self.sql(numbers(&self.index.store.conn, &any, (run, limit)))? {
            if first.len() < limit as usize && !first.contains(&key) {
                first.push(key);
            }
        }
        let list: Vec<String> = first.iter().map(i64::to_string).collect();
        self.entries(&format!("WHERE s.key IN ({}) {}", list.join(", "), in_order(Direction::OldestFirst)), [])
    }

    /// The resumes of a run, in order.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn resumes(&self, run: &str) -> Result<Vec<ResumeView>, Error> {
        let mut statement = self.sql(self.index.store.conn.prepare(RESUMES))?;
        let rows = self.sql(statement.query_map([run], |row| {
            Ok(ResumeView {
                id: row.get(0)?,
                attempt: row.get(1)?,
                prior_status: row.get(2)?,
                checkpoint: row.get(3)?,
                actor: row.get(4)?,
                redriven: row.get::<_, Option<i64>>(5)?.map(i64::unsigned_abs),
                at: row.get(6)?,
            })
        }))?;
        self.sql(rows.collect())
    }

    /// One run without its counts.
    pub(super) fn run_view(&self, run: Id) -> Result<RunView, Error> {
        let found = self.select_runs("WHERE run_id = ?1", [format!("{run:#}")])?.into_iter().next();
        found.ok_or_else(|| self.no_run(run))
    }

    /// Says what stands where somebody looks for a run.
    fn no_run(&self, id: Id) -> Error {
        let short = self.short(id);
        let error = Error::new(Code::UnknownId, format!("looking for run {short}"));
        match self.record_at(id) {
            Ok(Some(Ok(record))) => error
                .detail(format!("a {} record stands there: ask `audited explain {short}`", record.header.kind.name())),
            Ok(None) => error.detail("its stream is here, and has no record of this number"),
            Ok(Some(Err(_))) | Err(_) => error,
        }
    }

    /// Counts by node and exit, of one run or of all entries.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn nodes(&self, run: Option<&str>) -> Result<Vec<NodeCounts>, Error> {
        let sql = "SELECT coalesce(node_id, '(unnamed)'), status, exit_kind, count(*), min(key) FROM node_states
          WHERE ?1 IS NULL OR run_id = ?1 GROUP BY node_id, status, exit_kind";
        let of_run = "SELECT coalesce(node_id, '(unnamed)'), status, exit_kind, count(*), min(key) FROM node_states
          WHERE run_id = ?1 GROUP BY node_id, status, exit_kind";
        let conn = &self.index.store.conn;
        let mut statement = self.sql(conn.prepare(if run.is_some() { of_run } else { sql }))?;
        let mut rows = self.sql(statement.query([run]))?;
        let mut nodes: Vec<(i64, NodeCounts)> = Vec::new();
        while let Some(row) = self.sql(rows.next())? {
            let (name, status, exit, n, first) = self.sql(counted(row))?;
            let at = nodes.iter().position(|(_, node)| node.node == name).unwrap_or(nodes.len());
            if at == nodes.len() {
                nodes.push((first, NodeCounts { node: name, counts: Counts::default() }));
            }
            nodes[at].0 = nodes[at].0.min(first);
            nodes[at].1.counts.add(&status, exit.as_deref(), n);
        }
        nodes.sort_by(|a, b| (a.0, &a.1.node).cmp(&(b.0, &b.1.node)));
        Ok(nodes.into_iter().map(|(_, node)| node).collect())
    }

    /// Runs that a condition selects, without their counts.
    pub(super) fn select_runs(&self, condition: &str, values: impl Params) -> Result<Vec<RunView>, Error> {
        let conn = &self.index.store.conn;
        let mut statement = self.sql(conn.prepare(&format!("{SELECT} {condition}")))?;
        let rows = self.sql(statement.query_map(values, read))?;
        let mut runs: Vec<RunView> = self.sql(rows.collect())?;
        for run in runs.iter_mut().filter(|run| run.status == "RUNNING") {
            // A resumed run lives with whoever holds its seat; one that was not, with the process that began it.
            let lives = Id::parse(&run.id).is_some_and(|id| self.run_lives(id, run.resumes > 0));
            run.lives = (lives || self.run_absence(run) != Absence::Elsewhere).then_some(lives);
        }
        Ok(runs)
    }

    /// Where the process that began the run is, when it does not hold it. Who has resumed it is known by the seat alone.
    pub(super) fn run_absence(&self, run: &RunView) -> Absence {
        match Id::parse(&run.id).filter(|_| run.resumes == 0) {
            Some(id) => absence(&self.layout, id.stream),
            None => Absence::Gone,
        }
    }
}

/// Counts of all nodes together.
fn total(nodes: &[NodeCounts]) -> Counts {
    let mut total = Counts::default();
    for Counts { entries, completed, errored, panicked, cancelled, abandoned, open } in nodes.iter().map(|n| n.counts) {
        total.entries += entries;
        total.completed += completed;
        total.errored += errored;
        total.panicked += panicked;
        total.cancelled += cancelled;
        total.abandoned += abandoned;
        total.open += open;
    }
    total
}

type Counted = (String, String, Option<String>, u64, i64);

fn counted(row: &Row<'_>) -> rusqlite::Result<Counted> {
    Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get::<_, i64>(3)?.unsigned_abs(), row.get(4)?))
}

fn read(row: &Row<'_>) -> rusqlite::Result<RunView> {
    Ok(RunView {
        id: row.get(0)?,
        name: row.get(1)?,
        status: row.get(2)?,
        lives: None,
        started_at: row.get(3)?,
        ended_at: row.get(4)?,
        duration_ns: row.get::<_, Option<i64>>(5)?.map(i64::unsigned_abs),
        actor: row.get(6)?,
        reason: row.get(7)?,
        running_timeout: row.get::<_, Option<i64>>(8)?.map(|ms| Duration::from_millis(ms.unsigned_abs())),
        resumes: row.get(9)?,
        counts: Counts::default(),
    })
}
