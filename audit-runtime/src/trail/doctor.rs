//! `doctor`: whether the parts that a trail relies on are in order.

use rusqlite::Row;

use super::absent::{Absence, absence};
use super::finding::{Finding, Weight};
use super::open::Trail;
use super::text;
use crate::config::{self, SETTINGS, Word};
use crate::error::Error;
use crate::index::json::Json;
use crate::index::{Access, journal_mode, sqlite_version};
use crate::journal::layout::FORMAT_LINE;
use crate::journal::owner;
use crate::meeting::Meeting;
use crate::model::StreamId;
use std::time::Duration;

/// Less free space than this is worth a warning.
const LITTLE_SPACE: u64 = 256 << 20;

/// What a check-up came to.
#[derive(Clone, Debug, Default)]
pub struct Checkup {
    /// Named values, in order.
    pub facts: Vec<(&'static str, Json)>,
    /// What is not as it should be.
    pub findings: Vec<Finding>,
}

impl Checkup {
    /// The facts as JSON.
    #[must_use]
    pub fn json(&self) -> Json {
        Json::Object(self.facts.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect())
    }

    fn fact(&mut self, name: &'static str, value: impl Into<Json>) {
        self.facts.push((name, value.into()));
    }

    fn find(&mut self, rule: &'static str, weight: Weight, id: impl Into<String>, message: impl Into<String>) {
        self.findings.push(Finding::new(rule, weight, id, message));
    }
}

/// What the index knows of one stream.
struct StreamRow {
    stream: String,
    closed: bool,
    settled: bool,
    testkit: bool,
    not_durable: bool,
    opened_at: Option<i64>,
    closed_at: Option<i64>,
    torn: u64,
}

fn read(row: &Row<'_>) -> rusqlite::Result<StreamRow> {
    let yes = |at| row.get::<_, Option<i64>>(at).map(|n| n == Some(1));
    Ok(StreamRow {
        stream: row.get(0)?,
        closed: yes(1)?,
        settled: yes(2)?,
        testkit: yes(3)?,
        not_durable: yes(4)?,
        opened_at: row.get(5)?,
        closed_at: row.get(6)?,
        torn: row.get::<_, Option<i64>>(7)?.unwrap_or(0).unsigned_abs(),
    })
}

const STREAMS: &str =
    "SELECT stream, closed_seq IS NOT NULL, EXISTS (SELECT 1 FROM settlements t WHERE t.settled = s.stream),
  testkit, not_durable, opened_at, closed_at,
  (SELECT max(torn_bytes) FROM settlements t WHERE t.settled = s.stream) FROM streams s ORDER BY stream";

/// Every setting as the environment of whoever asks has it.
fn settings(checkup: &mut Checkup) {
    for setting in SETTINGS {
        let value = match setting.word() {
            Word::Silent if setting.default.is_empty() => "(none)".to_owned(),
            Word::Silent => format!("{} (default)", setting.default),
            Word::Said(text) => text,
            Word::Bad => "(cannot be read)".to_owned(),
        };
        checkup.fact(setting.name, value);
    }
    for (setting, why) in config::faults() {
        checkup.find("SETTING", Weight::Problem, setting.name, why);
    }
}

/// Whether the server at which contracts meet answers, where there is to be one.
fn met(checkup: &mut Checkup) {
    let found = match Meeting::configured(Duration::ZERO) {
        Ok(None) => return,
        Ok(Some(meeting)) => meeting.connect().and_then(|mut table| table.ping()),
        Err(error) => Err(error),
    };
    checkup.fact("redis", if found.is_ok() { "answers" } else { "does not answer" });
    if let Err(error) = found {
        checkup.find("REDIS", Weight::Problem, "redis", error.to_string());
    }
}

impl Trail {
    /// Looks at SQLite, format, streams, index, spool, gaps, space, clocks, and the settings of the environment, and
    /// the server that they name.
    ///
    /// # Errors
    /// What SQLite or the journal's files say.
    pub fn doctor(&self) -> Result<Checkup, Error> {
        let mut checkup = Checkup::default();
        checkup.fact("version", env!("CARGO_PKG_VERSION"));
        checkup.fact("format", FORMAT_LINE.trim_end());
        self.streams_checked(&mut checkup)?;
        self.index_checked(&mut checkup);
        self.runs_checked(&mut checkup)?;
        self.payloads_checked(&mut checkup)?;
        self.counted(&mut checkup)?;
        self.disk_checked(&mut checkup);
        settings(&mut checkup);
        met(&mut checkup);
        checkup.findings.sort_by_key(|finding| std::cmp::Reverse(finding.weight));
        Ok(checkup)
    }

    fn streams_checked(&self, checkup: &mut Checkup) -> Result<(), Error> {
        let conn = &self.index.store.conn;
        let mut statement = self.sql(conn.prepare(STREAMS))?;
        let rows = self.sql(statement.query_map([], read))?;
        let rows: Vec<StreamRow> = self.sql(rows.collect())?;
        let (mut closed, mut settled, mut alive, mut torn) = (0u64, 0u64, 0u64, 0u64);
        let mut unsettled: Vec<String> = Vec::new();
        for row in &rows {
            let Some(stream) = StreamId::parse(&row.stream) else { continue };
            if !self.streams().contains(&stream) {
                checkup.find(
                    "MISSING_STREAM",
                    Weight::Integrity,
                    &row.stream,
                    "records refer to a stream that is missing",
                );
            } else if row.closed {
                closed += 1;
            } else if row.settled {
                settled += 1;
            } else if owner::is_alive(&self.layout, stream) {
                alive += 1;
            } else {
                unsettled.push(row.stream.clone());
            }
            torn += u64::from(row.torn > 0);
            if row.testkit {
                checkup.find("TESTKIT", Weight::Note, &row.stream, "written with the testkit in it");
            }
            if row.not_durable {
                checkup.find("NOT_DURABLE", Weight::Problem, &row.stream, "its storage did not survive the process");
            }
            if let (Some(opened), Some(closed)) = (row.opened_at, row.closed_at)
                && closed < opened
            {
                let message =
                    format!("the wall clock went back: opened {}, closed {}", text::time(opened), text::time(closed));
                checkup.find("CLOCK", Weight::Note, &row.stream, message);
            }
        }
        checkup.fact("streams", rows.len() as u64);
        checkup.fact("streams_closed", closed);
        checkup.fact("streams_settled", settled);
        checkup.fact("streams_alive", alive);
        checkup.fact("streams_unsettled", unsettled.len() as u64);
        checkup.fact("streams_with_torn_tail", torn);
        for stream in unsettled {
            let message =
                StreamId::parse(&stream).map_or(Absence::Gone, |stream| absence(&self.layout, stream)).of_stream();
            checkup.find("UNRECOVERED", Weight::Problem, stream, message);
        }
        Ok(())
    }

    fn runs_checked(&self, checkup: &mut Checkup) -> Result<(), Error> {
        let running = self.select_runs("WHERE status = 'RUNNING' ORDER BY started_at, run_id", [])?;
        checkup.fact("runs_under_way", running.iter().filter(|run| run.lives == Some(true)).count() as u64);
        checkup.findings.extend(running.iter().filter_map(|run| self.overdue(run)));
        Ok(())
    }

    fn payloads_checked(&self, checkup: &mut Checkup) -> Result<(), Error> {
        let named = self.named_payloads()?;
        let missing = named.iter().filter(|hash| !self.store().has(hash)).count() as u64;
        checkup.fact("payloads", named.len() as u64);
        checkup.fact("holds", self.holds()?.len() as u64);
        if missing > 0 {
            let message = format!("{missing} payloads that records name are not there, and no purge has removed them");
            checkup.find("PAYLOAD", Weight::Integrity, "payloads", message);
        }
        Ok(())
    }

    fn index_checked(&self, checkup: &mut Checkup) {
        checkup.fact("sqlite", sqlite_version());
        checkup.fact("index_journal_mode", journal_mode());
        checkup.fact("index_schema", crate::index::VERSION);
        if journal_mode() != "wal" {
            let message = "this SQLite can lose a WAL reset, so the index uses a rollback journal; recording does not depend on it";
            checkup.find("SQLITE", Weight::Note, sqlite_version(), message);
        }
        let access = match self.access() {
            Access::Settled => "the trail's own, complete",
            Access::Copied => "a private copy of the trail's, completed from the journal",
            Access::Projected => "projected in private from the journal",
        };
        checkup.fact("index", access);
        checkup.fact("index_lag_records", self.index.lag());
    }

    fn counted(&self, checkup: &mut Checkup) -> Result<(), Error> {
        let count = |sql: &str| {
            let n = self.index.store.conn.query_row(sql, [], |row| row.get::<_, i64>(0));
            self.sql(n).map(i64::unsigned_abs)
        };
        let gaps = count("SELECT coalesce(sum(count), 0) FROM gaps WHERE kind = 'GAP'")?;
        let before = count("SELECT coalesce(sum(count), 0) FROM gaps WHERE kind = 'UNINSTALLED'")?;
        let refusals = count("SELECT count(*) FROM refusals")?;
        let unknown = count("SELECT count(*) FROM unread WHERE what = 'unknown'")?;
        let invalid = count("SELECT count(*) FROM unread WHERE what = 'invalid'")?;
        let contradictions = count("SELECT count(*) FROM contradictions")?;
        for (name, n) in [
            ("entries_without_record", gaps),
            ("entries_before_install", before),
            ("refusals", refusals),
            ("unknown_kinds", unknown),
        ] {
            checkup.fact(name, n);
        }
        if gaps > 0 {
            checkup.find("GAP", Weight::Problem, "gaps", format!("{gaps} entries ran without a record"));
        }
        if unknown > 0 {
            let message = format!("{unknown} records were written by a later version; they are kept and skipped");
            checkup.find("UNKNOWN_KIND", Weight::Note, "records", message);
        }
        if invalid + contradictions > 0 {
            let message =
                format!("{invalid} records cannot be read, {contradictions} contradict others; see `audited verify`");
            checkup.find("INTEGRITY", Weight::Integrity, "records", message);
        }
        Ok(())
    }

    fn disk_checked(&self, checkup: &mut Checkup) {
        let spooled = std::fs::read_dir(self.layout.spool_dir()).map_or(0, |dir| dir.flatten().count() as u64);
        checkup.fact("spooled_files", spooled);
        if spooled > 0 {
            let message = "terminals wait in the second sink; the next program that opens the trail places them";
            checkup.find("SPOOL", Weight::Problem, "spool", message);
        }
        if let Ok(space) = rustix::fs::statvfs(self.path()) {
            let free = space.f_bavail.saturating_mul(space.f_frsize);
            checkup.fact("free_bytes", free);
            if free < LITTLE_SPACE {
                checkup.find("SPACE", Weight::Problem, "disk", format!("only {} MiB are free", free >> 20));
            }
        }
    }
}
