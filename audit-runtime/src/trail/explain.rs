//! `explain`: what is known of one id, as a story in sentences and as facts. What nobody knows is said to be unknown.

use rusqlite::Row;

use super::absent::absence;
use super::entry::{AT, Entry};
use super::governed::Join;
use super::open::Trail;
use super::runs::ResumeView;
use super::tail;
use super::text;
use crate::error::{Code, Error};
use crate::index::json::Json;
use crate::journal::{Reader, owner};
use crate::model::id::split;
use crate::model::trace::TraceId;
use crate::model::{Id, Key, Kind, Record};

/// An answer.
#[derive(Clone, Debug)]
pub struct Story {
    /// What the id names: `node state`, `run`, `token`, `row`, `record`, `trace`, `session`, `tenant`.
    pub what: &'static str,
    /// The id, whole.
    pub id: String,
    /// The story, a sentence or two a line.
    pub sentences: Vec<String>,
    /// The same as facts.
    pub facts: Json,
}

impl Story {
    /// The story as one JSON object.
    #[must_use]
    pub fn json(&self) -> Json {
        Json::object([
            ("what", self.what.into()),
            ("id", self.id.as_str().into()),
            ("story", self.sentences.clone().into()),
            ("facts", self.facts.clone()),
        ])
    }
}

/// Columns of a node state that only its story tells.
struct Details {
    input: Option<String>,
    output: Option<String>,
    error_type: Option<String>,
    error_code: Option<String>,
    abandon_reason: Option<String>,
    observer: Option<String>,
    ended_by: Option<String>,
    spooled: bool,
    recorded: Option<String>,
    unattributed: bool,
    trace: Option<String>,
    location: Option<String>,
    reason: Option<String>,
}

fn details(row: &Row<'_>) -> rusqlite::Result<Details> {
    Ok(Details {
        input: row.get(0)?,
        output: row.get(1)?,
        error_type: row.get(2)?,
        error_code: row.get(3)?,
        abandon_reason: row.get(4)?,
        observer: row.get(5)?,
        ended_by: row.get(6)?,
        spooled: row.get::<_, Option<i64>>(7)?.is_some(),
        recorded: row.get(8)?,
        unattributed: row.get::<_, Option<i64>>(9)?.is_some(),
        trace: row.get(10)?,
        location: row.get(11)?,
        reason: row.get(12)?,
    })
}

const DETAILS: &str = "SELECT input_slot, output_slot, error_type, error_code, abandon_reason, observer,
  ended_stream || '-' || ended_seq, spooled, recorded, unattributed, trace_id, location, reason FROM node_states s";

impl Trail {
    /// Explains a node state, a run, a token, a source row, any record, a trace id (32 hexadecimal digits or a dashed
    /// UUID), or the name of a session or a tenant. `trace:`, `session:` and `tenant:` say which is meant.
    ///
    /// # Errors
    /// `AUD0601`, `AUD0602`, `AUD0603` for ids that name nothing, too much, or are none; `AUD0301` for an id that our own
    /// records name and that leads nowhere.
    pub fn explain(&self, text: &str) -> Result<Story, Error> {
        let typed = text.trim();
        if let Some((join, name)) = joined(typed) {
            return self.explain_joined(join, &name);
        }
        let id = match self.resolve(typed) {
            Ok(id) => id,
            // What is no id of ours may be the name of a session or a tenant.
            Err(error) if matches!(error.code(), Code::BadId | Code::UnknownId) => {
                let sought = [Join::Session, Join::Tenant];
                let story = sought.into_iter().find_map(|join| self.explain_joined(join, typed).ok());
                return story.ok_or_else(|| match split(typed) {
                    None => error.detail("nor the name of a session or a tenant"),
                    Some(_) => error,
                });
            }
            Err(error) => return Err(error),
        };
        if let Some(entry) = self.entry(id)? {
            return self.explain_entry(id, entry);
        }
        if !self.select_runs("WHERE run_id = ?1", [format!("{id:#}")])?.is_empty() {
            return self.explain_run(id);
        }
        match self.explain_journey(id)? {
            Some(story) => Ok(story),
            None => self.explain_record(id),
        }
    }

    fn explain_entry(&self, id: Id, entry: Entry) -> Result<Story, Error> {
        if entry.opened_at.is_none() {
            let what = format!("explaining {}", self.short(id));
            return Err(Error::new(Code::Corrupt, what).detail("its end is recorded, its opening is not"));
        }
        let conn = &self.index.store.conn;
        let place = (id.stream.text(), id.seq as i64);
        let details = self.sql(conn.query_row(&format!("{DETAILS} {AT}"), place, details))?;
        let mut told = vec![self.beginning(id, &entry, &details)];
        told.extend(self.ancestry(&entry)?);
        told.push(self.ending(id, &entry, &details));
        told.extend(self.inside(&entry)?);
        let evidence = self.evidence(&entry.id)?;
        told.extend(evidence.iter().map(|(text, _)| text.clone()));
        told.push(digests(&details));
        let mut facts = entry.json();
        if let Json::Object(members) = &mut facts {
            let more = Json::object([
                ("input", details.input.into()),
                ("output", details.output.into()),
                ("error_type", details.error_type.into()),
                ("error_code", details.error_code.into()),
                ("abandon_reason", details.abandon_reason.into()),
                ("observer", details.observer.into()),
                ("ended_by", details.ended_by.into()),
                ("spooled", details.spooled.into()),
                ("recorded", details.recorded.into()),
                ("unattributed", details.unattributed.into()),
                ("trace_id", details.trace.into()),
                ("evidence", Json::List(evidence.into_iter().map(|(_, facts)| facts).collect())),
            ]);
            if let Json::Object(more) = more {
                members.extend(more);
            }
            // Nothing is known of what an abandoned body did: its answer holds no result and says so.
            let outcome = match entry.status.as_str() {
                "ABANDONED" => "unknown",
                "OPEN" | "DEFERRED" => "pending",
                _ => "known",
            };
            members.push(("outcome".to_owned(), outcome.into()));
        }
        Ok(Story { what: "node state", id: entry.id, sentences: told, facts })
    }

    fn beginning(&self, id: Id, entry: &Entry, details: &Details) -> String {
        let attempt = match entry.attempt.unwrap_or(0) {
            0 => String::new(),
            n => format!(", attempt {n}"),
        };
        let again = entry.resume.as_deref().map_or_else(String::new, |resume| {
            format!(" It was driven again by the resume {}.", self.short_text(resume))
        });
        let place = entry.place.as_deref().map_or_else(String::new, |place| format!(" at {place}"));
        let run = match &entry.run {
            Some(run) => format!(" in run {}{}", self.short_text(run), self.run_name(run)),
            None => " outside of any run".to_owned(),
        };
        let when = text::time(entry.opened_at.unwrap_or_default());
        let lost = if details.unattributed { " It carried no context: who called it is unknown." } else { "" };
        format!(
            "{} is one entry of `{}`{place}{attempt},{run}. It began {when}, written by {}.{again}{lost}",
            self.short(id),
            entry.node_name(),
            self.writer(id)
        )
    }

    fn run_name(&self, run: &str) -> String {
        let sql = "SELECT name FROM runs WHERE run_id = ?1";
        let name = self.index.store.conn.query_row(sql, [run], |row| row.get::<_, Option<String>>(0));
        name.ok().flatten().map_or_else(String::new, |name| format!(" `{name}`"))
    }

    /// The process that wrote a stream.
    fn writer(&self, id: Id) -> String {
        let sql = "SELECT program, pid, host FROM streams WHERE stream = ?1";
        let read = |row: &Row<'_>| {
            Ok((row.get::<_, Option<String>>(0)?, row.get::<_, Option<i64>>(1)?, row.get::<_, Option<String>>(2)?))
        };
        match self.index.store.conn.query_row(sql, [id.stream.text()], read) {
            Ok((Some(program), Some(pid), host)) => {
                let host = host.map_or_else(String::new, |host| format!(" on {host}"));
                format!("process {pid} ({program}{host})")
            }
            _ => "an unknown process".to_owned(),
        }
    }

    fn ancestry(&self, entry: &Entry) -> Result<Option<String>, Error> {
        let mut chain = Vec::new();
        let mut parent = entry.parent.clone();
        // A parent stands before its child, so the chain ends; the bound guards against an edited index.
        while let Some(id) = parent.take().filter(|_| chain.len() < 64) {
            let found = match Id::parse(&id) {
                Some(place) => self.entry(place)?,
                None => None,
            };
            match found {
                Some(up) => {
                    let place = up.place.as_deref().map_or_else(String::new, |place| format!(" at {place}"));
                    chain.push(format!("`{}`{place} ({})", up.node_name(), self.short_text(&id)));
                    parent = up.parent;
                }
                None => chain.push(format!("{}, which this trail does not hold", self.short_text(&id))),
            }
        }
        Ok((!chain.is_empty()).then(|| format!("It was entered from {}.", chain.join(", from "))))
    }

    fn ending(&self, id: Id, entry: &Entry, details: &Details) -> String {
        let took = entry.duration_ns.map_or_else(String::new, |ns| format!(" after {}", text::duration(ns)));
        let spooled =
            if details.spooled { " (its terminal went to the second sink and was placed by recovery)" } else { "" };
        match (entry.status.as_str(), entry.exit.as_deref()) {
            ("COMPLETED", _) => format!("It returned{took}: COMPLETED{spooled}."),
            ("FAILED", exit) => {
                let how = match exit {
                    Some("panicked") => "panicked",
                    Some("cancelled") => "was cancelled",
                    _ => "returned an error",
                };
                let kind = details.error_type.as_deref().map_or_else(String::new, |kind| format!(", type `{kind}`"));
                let code = details.error_code.as_deref().map_or_else(String::new, |code| format!(", code {code}"));
                let at = details.location.as_deref().map_or_else(String::new, |at| format!(", at {at}"));
                let error = entry.error.as_deref().unwrap_or("no text");
                format!("It {how}{took}: FAILED{spooled}. The error: {error}{kind}{code}{at}.")
            }
            ("ABANDONED", _) => {
                let by = details.ended_by.as_deref().and_then(Id::parse);
                let observer = match (&details.observer, by) {
                    (Some(observer), _) => observer.clone(),
                    (None, Some(by)) => self.writer(by),
                    (None, None) => "a later process".to_owned(),
                };
                let when = text::time(entry.ended_at.unwrap_or_default());
                let reason = details.abandon_reason.as_deref().unwrap_or("its process is gone");
                format!(
                    "Its end was never recorded: ABANDONED, outcome unknown. {observer} observed that {when}: {reason}. \
                     Whether its effects happened can only be learned where they would show."
                )
            }
            ("DEFERRED", _) => format!(
                "It handed its work over{took}{}; the answer is still to come.",
                details.reason.as_deref().map_or_else(String::new, |reason| format!(" ({reason})"))
            ),
            _ if owner::is_alive(&self.layout, id.stream) => "It is still open: its process lives.".to_owned(),
            _ => format!("Outcome unknown: {}.", absence(&self.layout, id.stream).of_open()),
        }
    }

    fn inside(&self, entry: &Entry) -> Result<Option<String>, Error> {
        let children = self.entries("WHERE s.parent = ?1 ORDER BY s.key LIMIT 1000", [&entry.id])?;
        if children.is_empty() {
            return Ok(None);
        }
        let mut told = format!("Inside it began {}", plural(children.len(), "entry", "entries"));
        let amiss: Vec<&Entry> = children.iter().filter(|child| child.status != "COMPLETED").collect();
        if amiss.is_empty() {
            told.push_str(", all COMPLETED.");
        } else {
            let list: Vec<String> = amiss
                .iter()
                .take(5)
                .map(|child| format!("{} `{}` {}", self.short_text(&child.id), child.node_name(), child.status))
                .collect();
            let more = if amiss.len() > 5 { format!(" and {} more", amiss.len() - 5) } else { String::new() };
            told.push_str(&format!(", of which not COMPLETED: {}{more}.", list.join(", ")));
        }
        Ok(Some(told))
    }

    /// Observed panics and events, as sentences and facts.
    fn evidence(&self, state: &str) -> Result<Vec<(String, Json)>, Error> {
        let sql =
            "SELECT kind, at, level, target, message, location FROM evidence WHERE state_id = ?1 ORDER BY key LIMIT 50";
        let conn = &self.index.store.conn;
        let mut statement = self.sql(conn.prepare(sql))?;
        let rows = self.sql(statement.query_map([state], |row| {
            let text = |at| row.get::<_, Option<String>>(at);
            Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?, text(2)?, text(3)?, text(4)?, text(5)?))
        }))?;
        let mut evidence = Vec::new();
        for row in rows {
            let (kind, at, level, target, message, location) = self.sql(row)?;
            let when = text::time(at);
            let words = message.clone().unwrap_or_default();
            let spot = location.clone().map_or_else(String::new, |location| format!(" at {location}"));
            let told = match kind.as_str() {
                "PANIC_OBSERVED" => format!("A panic was observed {when}{spot}: {words}"),
                _ => format!(
                    "Evidence {when}, {} {}: {words}",
                    level.as_deref().unwrap_or(""),
                    target.as_deref().unwrap_or("")
                ),
            };
            let facts = Json::object([
                ("kind", kind.into()),
                ("at", when.into()),
                ("level", level.into()),
                ("target", target.into()),
                ("message", message.into()),
                ("location", location.into()),
            ]);
            evidence.push((told, facts));
        }
        Ok(evidence)
    }

    fn explain_run(&self, run: Id) -> Result<Story, Error> {
        let story = self.show(run, 10)?;
        let view = &story.run;
        let name = view.name.as_deref().map_or_else(String::new, |name| format!(" `{name}`"));
        let mut told = vec![match view.started_at {
            Some(at) => format!("{} is run{name}, begun {} by {}.", self.short(run), text::time(at), self.writer(run)),
            None => format!("{} is a run whose start this trail does not hold.", self.short(run)),
        }];
        let took = view.duration_ns.map_or_else(String::new, |ns| format!(" after {}", text::duration(ns)));
        let reason = view.reason.as_deref().map_or_else(String::new, |reason| format!(": {reason}"));
        told.push(match (view.status.as_str(), view.lives) {
            ("RUNNING", Some(true)) => "It is under way.".to_owned(),
            ("RUNNING", _) => format!("Outcome unknown: {}.", self.run_absence(view).of_open()),
            ("ABANDONED", _) => {
                let when = text::time(view.ended_at.unwrap_or_default());
                format!("Its process was lost: ABANDONED, outcome unknown, observed {when}{reason}.")
            }
            (status, _) => format!("It ended {status}{took}{reason}."),
        });
        told.extend(story.resumes.iter().map(|resume| self.resumed(resume)));
        let counts = &view.counts;
        told.push(format!(
            "{}: {} completed, {} failed, {} abandoned, {} open.",
            plural(counts.entries as usize, "entry", "entries"),
            counts.completed,
            counts.failed(),
            counts.abandoned,
            counts.open
        ));
        told.extend(story.failures.iter().map(|entry| {
            let error = entry.error.as_deref().unwrap_or("outcome unknown");
            format!("{} `{}` {}: {error}", self.short_text(&entry.id), entry.node_name(), entry.status)
        }));
        Ok(Story { what: "run", id: view.id.clone(), sentences: told, facts: story.json() })
    }

    /// One resume of a run, in a sentence.
    fn resumed(&self, resume: &ResumeView) -> String {
        let by = resume.actor.as_deref().map_or_else(String::new, |actor| format!(" by {actor}"));
        let behind = resume.checkpoint.as_deref().map_or_else(
            || "without a checkpoint".to_owned(),
            |checkpoint| format!("its last checkpoint was {}", self.short_text(checkpoint)),
        );
        format!(
            "It was {} and was resumed {}{by} ({}): {} driven again, {behind}.",
            resume.prior_status.as_deref().unwrap_or("left"),
            text::time(resume.at),
            self.short_text(&resume.id),
            plural(resume.redriven.unwrap_or(0) as usize, "token", "tokens"),
        )
    }

    fn explain_record(&self, id: Id) -> Result<Story, Error> {
        let unknown = |why: &str| Error::new(Code::UnknownId, format!("looking up {}", self.short(id))).detail(why);
        let record = match self.record_at(id)? {
            Some(Ok(record)) if id.ord == 0 => record,
            Some(Ok(_)) => return Err(unknown("its record made nothing of this ordinal")),
            Some(Err(why)) => {
                let what = format!("reading record {}", self.short(id));
                return Err(Error::new(Code::Corrupt, what).detail(why.to_string()));
            }
            None => return Err(unknown("its stream is here, and has no record of this number")),
        };
        let kind = record.header.kind.name();
        let when = text::time(record.header.wall_ns);
        let mut told = vec![format!("{} is a {kind} record, written {when} by {}.", self.short(id), self.writer(id))];
        if let Some(subject) = record.header.subject.some() {
            told.push(format!("It is about {}; ask for that id to learn what became of it.", self.short(subject)));
        }
        if let Some(run) = record.header.run.0.some() {
            told.push(format!("It belongs to run {}{}.", self.short(run), self.run_name(&format!("{run:#}"))));
        }
        let fields = crate::index::body_json(&record);
        if let Json::Object(members) = &fields {
            told.extend(members.iter().map(|(name, value)| match value {
                Json::Text(text) => format!("{name}: {text}"),
                other => format!("{name}: {other}"),
            }));
        }
        let mut facts = tail::record_json(id.stream, &record);
        if matches!(record.header.kind, Kind::CallOpened | Kind::CallClosed) || record.body.get(Key::Payload).is_some()
        {
            let views = self.payloads(id)?;
            told.extend(views.iter().map(super::payloads::PayloadView::sentence));
            if let Json::Object(members) = &mut facts {
                members.push(("payloads".into(), Json::List(views.iter().map(|view| view.json()).collect())));
            }
        }
        Ok(Story { what: "record", id: format!("{id:#}"), sentences: told, facts })
    }

    /// One record, read from the journal.
    pub(super) fn record_at(&self, id: Id) -> Result<Option<Result<Record, crate::model::record::Invalid>>, Error> {
        let near = self.sql(crate::index::nearest(&self.index.store.conn, id.stream, id.seq))?;
        let mut reader = match near {
            Some((segment, offset, seq)) => Reader::from(&self.layout, id.stream, segment, offset, seq)?,
            None => Reader::open(&self.layout, id.stream)?,
        };
        while let Some(frame) = reader.next()? {
            if frame.seq == id.seq {
                return Ok(Some(Record::decode(frame.bytes)));
            }
        }
        Ok(None)
    }

    /// Looks a trace id up: ids of the node states that carry it.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn states_of_trace(&self, trace: &[u8; 16]) -> Result<Vec<String>, Error> {
        let conn = &self.index.store.conn;
        let sql = "SELECT state_id FROM node_states WHERE trace_id = ?1";
        let mut statement = self.sql(conn.prepare(sql))?;
        let rows = self.sql(statement.query_map([crate::index::json::hex(trace)], |row| row.get(0)))?;
        self.sql(rows.collect())
    }
}

/// A trace id, or what a prefix names.
fn joined(typed: &str) -> Option<(Join, String)> {
    let named = |prefix: &str| typed.strip_prefix(prefix).map(str::trim).filter(|name| !name.is_empty());
    if let Some(name) = named("session:") {
        return Some((Join::Session, name.to_owned()));
    }
    if let Some(name) = named("tenant:") {
        return Some((Join::Tenant, name.to_owned()));
    }
    let typed = named("trace:").unwrap_or(typed).to_ascii_lowercase();
    if typed.len() == 32 && typed.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Some((Join::Trace, typed));
    }
    let trace = TraceId::parse(&typed).ok()?;
    Some((Join::Trace, trace.to_string()))
}

fn digests(details: &Details) -> String {
    let slot = |name: &str, slot: &Option<String>| match slot.as_deref() {
        None => format!("{name} none"),
        Some(slot) => format!("{name} {slot}"),
    };
    let recorded = details.recorded.as_deref().map_or_else(String::new, |map| format!(" Recorded values: {map}."));
    format!("Digests: {}; {}.{recorded}", slot("input", &details.input), slot("output", &details.output))
}

pub(super) fn plural(n: usize, one: &str, many: &str) -> String {
    if n == 1 { format!("1 {one}") } else { format!("{n} {many}") }
}
