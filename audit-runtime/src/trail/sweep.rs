//! The sweep: every rule over every run, and everything that is open and should not be. Run-scoped throughout: one run's
//! fault never shows up in another's answer.

use super::absent::absence;
use super::entry::{Direction, in_order};
use super::finding::{Finding, Weight};
use super::invariants::{Known, invariants};
use super::open::Trail;
use super::rules::{AT_ANY_TIME, Exempt, Rule, rules};
use super::runs::RunView;
use crate::error::Error;
use crate::index::json::Json;
use crate::journal::owner;
use crate::model::{Id, StreamId};
use rusqlite::Statement;
use std::collections::HashSet;

/// A rule's id and what it says.
type Fault = (&'static str, &'static str);

/// The rules, each ready to be asked of one run after the other.
type Asked<'a> = Vec<(Rule, Statement<'a>)>;

/// What a sweep came to.
#[derive(Clone, Debug, Default)]
pub struct Sweep {
    /// Runs that were looked at.
    pub runs: u64,
    /// Node states that were looked at.
    pub entries: u64,
    /// Node states that are open, in living processes or not.
    pub open: u64,
    /// What is not as it should be.
    pub findings: Vec<Finding>,
}

impl Sweep {
    /// The counts as JSON.
    #[must_use]
    pub fn json(&self) -> Json {
        Json::object([("runs", self.runs.into()), ("entries", self.entries.into()), ("open", self.open.into())])
    }
}

impl Trail {
    /// Applies every rule to one run, or to all runs and to entries without a run.
    ///
    /// # Errors
    /// `AUD0601` when the run is unknown; what SQLite says.
    pub fn sweep(&self, run: Option<Id>) -> Result<Sweep, Error> {
        let mut rules = self.asked()?;
        let runs = match run {
            Some(run) => vec![self.run_view(run)?],
            None => self.select_runs("ORDER BY started_at, run_id", [])?,
        };
        let mut sweep = Sweep { runs: runs.len() as u64, ..Sweep::default() };
        for run in &runs {
            self.sweep_run(run, &mut rules, &mut sweep)?;
        }
        let only = run.map(|run| format!("{run:#}"));
        if only.is_none() {
            self.apply(None, &mut rules, |rule| AT_ANY_TIME.contains(&rule.id), &mut sweep)?;
            self.stored(&mut sweep)?;
        }
        self.open_entries(only.as_deref(), &mut sweep)?;
        if only.is_none() {
            self.must_hold(&mut sweep)?;
        }
        sweep.entries = self.entries_of(only.as_deref())?;
        Ok(sweep)
    }

    fn asked(&self) -> Result<Asked<'_>, Error> {
        let ready = |rule: Rule| self.index.store.conn.prepare(&rule.sql).map(|statement| (rule, statement));
        self.sql(rules().into_iter().map(ready).collect())
    }

    fn sweep_run(&self, run: &RunView, rules: &mut Asked<'_>, sweep: &mut Sweep) -> Result<(), Error> {
        let status = run.status.as_str();
        let applies = |rule: &Rule| match (status, rule.exempt) {
            ("RUNNING", _) => AT_ANY_TIME.contains(&rule.id),
            ("INTERRUPTED", Exempt::Interrupted | Exempt::InterruptedAndAbandoned) => false,
            ("ABANDONED", Exempt::InterruptedAndAbandoned) => false,
            _ => true,
        };
        self.apply(Some(&run.id), rules, applies, sweep)?;
        sweep.findings.extend(self.overdue(run));
        if run.lives == Some(false) {
            let message = self.run_absence(run).of_open();
            sweep.findings.push(Finding::new("UNRECOVERED", Weight::Problem, run.id.as_str(), message));
        }
        Ok(())
    }

    fn apply(
        &self,
        run: Option<&str>,
        rules: &mut Asked<'_>,
        applies: impl Fn(&Rule) -> bool,
        sweep: &mut Sweep,
    ) -> Result<(), Error> {
        for (rule, statement) in rules.iter_mut().filter(|(rule, _)| applies(rule)) {
            let ids = self.sql(statement.query_map([run], |row| row.get::<_, Option<String>>(0)))?;
            for id in ids {
                let id = self.sql(id)?.unwrap_or_else(|| "(no id)".to_owned());
                let place = self.place_of(run, &id)?;
                sweep.findings.push(Finding { place, ..Finding::new(rule.id, Weight::Problem, id, rule.says) });
            }
        }
        Ok(())
    }

    /// `file:line` of the site at which a state, or a token last, was.
    fn place_of(&self, run: Option<&str>, id: &str) -> Result<Option<String>, Error> {
        let found = match Id::parse(id) {
            Some(state) => self.entry(state)?.and_then(|entry| entry.place),
            None => None,
        };
        if found.is_some() {
            return Ok(found);
        }
        let of_token = "WHERE s.run_id = ?1 AND s.token_id = ?2";
        let last = format!("{of_token} {} LIMIT 1", in_order(Direction::LatestFirst));
        Ok(self.entries(&last, (run, id))?.into_iter().next().and_then(|entry| entry.place))
    }

    /// Entries that are open although nothing can end them any more: those of ended runs are S9's.
    fn open_entries(&self, run: Option<&str>, sweep: &mut Sweep) -> Result<(), Error> {
        let condition = "WHERE s.status IN ('OPEN', 'DEFERRED') AND (?1 IS NULL OR s.run_id = ?1) ORDER BY s.state_id";
        let mut known: Option<(StreamId, Option<Fault>)> = None;
        let told = sweep.findings.iter().filter(|finding| finding.rule == "S9").map(|finding| finding.id.clone());
        let told: HashSet<String> = told.collect();
        for entry in self.entries(condition, [run])? {
            sweep.open += 1;
            let Some(id) = Id::parse(&entry.id) else { continue };
            if told.contains(&entry.id) {
                continue;
            }
            let verdict = match known {
                Some((stream, verdict)) if stream == id.stream => verdict,
                _ => self.why_open(id.stream)?,
            };
            known = Some((id.stream, verdict));
            if let Some((rule, message)) = verdict {
                let place = entry.place.clone();
                sweep.findings.push(Finding { place, ..Finding::new(rule, Weight::Problem, entry.id, message) });
            }
        }
        Ok(())
    }

    /// Why an open entry of this stream is a fault; `None` while its process lives.
    fn why_open(&self, stream: StreamId) -> Result<Option<Fault>, Error> {
        let sql = "SELECT closed_seq IS NOT NULL OR EXISTS (SELECT 1 FROM settlements t WHERE t.settled = s.stream)
          FROM streams s WHERE stream = ?1";
        let ended: bool = self.sql(self.index.store.conn.query_row(sql, [stream.text()], |row| row.get(0)))?;
        Ok(match (ended, owner::is_alive(&self.layout, stream)) {
            (true, _) => Some(("S9", "work still open in a stream that has ended")),
            (false, true) => None,
            (false, false) => Some(("UNRECOVERED", absence(&self.layout, stream).of_open())),
        })
    }

    /// What the index had to take although it cannot be: contradictions, unreadable records, and counted gaps.
    fn stored(&self, sweep: &mut Sweep) -> Result<(), Error> {
        let queries = [
            (
                "CONTRADICTION",
                Weight::Integrity,
                "SELECT stream || '-' || seq, what || ': ' || entity_id || ' ' || coalesce(status, '') FROM contradictions ORDER BY 1",
            ),
            (
                "LOAD",
                Weight::Integrity,
                "SELECT stream || '-' || seq, why FROM unread WHERE what = 'invalid' ORDER BY 1",
            ),
            (
                "UNKNOWN_KIND",
                Weight::Note,
                "SELECT stream || '-' || seq, why FROM unread WHERE what = 'unknown' ORDER BY 1",
            ),
            (
                "GAP",
                Weight::Problem,
                "SELECT stream || '-' || seq, count || ' entries ran without a record' FROM gaps WHERE kind = 'GAP' ORDER BY 1",
            ),
            (
                "UNOPENED",
                Weight::Integrity,
                "SELECT state_id, 'an end without an opening record' FROM node_states WHERE opened_seq IS NULL ORDER BY 1",
            ),
        ];
        for (rule, weight, sql) in queries {
            let mut statement = self.sql(self.index.store.conn.prepare(sql))?;
            let rows =
                self.sql(statement.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))))?;
            for row in rows {
                let (id, message) = self.sql(row)?;
                sweep.findings.push(Finding::new(rule, weight, id, message));
            }
        }
        Ok(())
    }

    /// What the journal itself says, where no rule over the index has said it: the index is a projection.
    fn must_hold(&self, sweep: &mut Sweep) -> Result<(), Error> {
        let census = match invariants(&self.layout, &Known::default()) {
            Ok(census) => census,
            // A journal that cannot be read through is told of by LOAD above and by `verify`.
            Err(error) if error.is_integrity() => return Ok(()),
            Err(error) => return Err(error),
        };
        let told: HashSet<String> = sweep.findings.iter().map(|finding| finding.id.clone()).collect();
        let news = census.findings.into_iter().filter(|finding| {
            // A child that outlives its parent is a fault in a test; in a program it may be meant.
            matches!(finding.rule, "I1" | "I2" | "I3") && !told.contains(&finding.id)
        });
        sweep.findings.extend(news);
        Ok(())
    }

    fn entries_of(&self, run: Option<&str>) -> Result<u64, Error> {
        let sql = match run {
            Some(_) => "SELECT count(*) FROM node_states WHERE run_id = ?1",
            None => "SELECT count(*) FROM node_states WHERE ?1 IS NULL",
        };
        self.sql(self.index.store.conn.query_row(sql, [run], |row| row.get::<_, i64>(0))).map(i64::unsigned_abs)
    }
}
