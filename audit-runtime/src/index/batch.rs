//! The rows that one transaction touches. A state that opens and ends within a batch is written once; a row that stands
//! already is loaded, merged by `fold`, and written back whole.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt::Write as _;
use std::sync::Arc;

use rusqlite::{Row, params};

use crate::model::{Id, Status, StreamId};

use super::fold::{End, Opening, Place, RunRow, StateRow};
use super::runs;
use super::schema::SEQ_BITS;
use super::store::{Failure, Sql};

/// What the projector remembers between batches: local numbers and texts of streams, names of sites.
#[derive(Debug, Default)]
pub(super) struct Names {
    streams: HashMap<StreamId, (i64, Arc<str>)>,
    sites: HashMap<i64, Option<Arc<str>>>,
}

impl Names {
    /// The stream's local number; a stream that is only referred to gets its row here.
    pub(super) fn number(&mut self, sql: &Sql<'_>, stream: StreamId) -> Result<i64, Failure> {
        if let Some((n, _)) = self.streams.get(&stream) {
            return Ok(*n);
        }
        let text = stream.text();
        sql.run("INSERT INTO streams(stream) VALUES (?1) ON CONFLICT DO NOTHING", [&text])?;
        let n = sql.one("SELECT n FROM streams WHERE stream = ?1", [&text], |row| row.get(0))?;
        let n = n.ok_or(rusqlite::Error::QueryReturnedNoRows)?;
        self.streams.insert(stream, (n, text.into()));
        Ok(n)
    }

    /// The integer under which the record at this place has its row.
    pub(super) fn key(&mut self, sql: &Sql<'_>, (stream, seq): Place) -> Result<i64, Failure> {
        Ok(self.number(sql, stream)? << SEQ_BITS | i64::try_from(seq).unwrap_or(i64::MAX))
    }

    /// The whole stream id.
    pub(super) fn stream(&self, stream: StreamId) -> Arc<str> {
        self.streams.get(&stream).map_or_else(|| stream.text().into(), |(_, text)| Arc::clone(text))
    }

    /// The whole id, as every column shows it.
    pub(super) fn id(&self, id: Id) -> String {
        let mut text = String::with_capacity(48);
        match self.streams.get(&id.stream) {
            Some((_, stream)) => text.push_str(stream),
            None => text.push_str(&id.stream.text()),
        }
        // A text takes every write.
        let written = match id.ord {
            0 => write!(text, "-{}", id.seq),
            ord => write!(text, "-{}.{ord}", id.seq),
        };
        debug_assert!(written.is_ok());
        text
    }

    /// The node's name that a stream's site stands for.
    pub(super) fn node(&mut self, sql: &Sql<'_>, stream: StreamId, site: u32) -> Result<Option<Arc<str>>, Failure> {
        if site == 0 {
            return Ok(None);
        }
        let key = self.key(sql, (stream, u64::from(site)))?;
        if let Some(known) = self.sites.get(&key) {
            return Ok(known.clone());
        }
        let found: Option<String> = sql.one("SELECT node_id FROM sites WHERE key = ?1", [key], |row| row.get(0))?;
        let name: Option<Arc<str>> = found.map(Arc::from);
        self.sites.insert(key, name.clone());
        Ok(name)
    }

    /// A site that was just projected.
    pub(super) fn learn(&mut self, key: i64, node: &str) {
        self.sites.insert(key, Some(node.into()));
    }
}

/// Rows of one transaction.
#[derive(Debug, Default)]
pub(super) struct Batch {
    states: HashMap<i64, (Id, StateRow)>,
    runs: HashMap<i64, (Id, RunRow)>,
    /// Whether some end may be waiting for its opening: only then is a new state looked up first.
    orphans: bool,
}

impl Batch {
    pub(super) fn new(orphans: bool) -> Batch {
        Batch { orphans, ..Batch::default() }
    }

    /// The row of a state that opens here.
    pub(super) fn opening(&mut self, sql: &Sql<'_>, key: i64, id: Id) -> Result<&mut StateRow, Failure> {
        if self.orphans {
            return self.state(sql, key, id);
        }
        Ok(&mut self.states.entry(key).or_insert_with(|| (id, StateRow::default())).1)
    }

    /// The row of a state, as it stands so far.
    pub(super) fn state(&mut self, sql: &Sql<'_>, key: i64, id: Id) -> Result<&mut StateRow, Failure> {
        match self.states.entry(key) {
            Entry::Occupied(known) => Ok(&mut known.into_mut().1),
            Entry::Vacant(new) => {
                let row = sql.one(LOAD_STATE, [key], read_state)?.unwrap_or_default();
                self.orphans |= row.opening.is_none();
                Ok(&mut new.insert((id, row)).1)
            }
        }
    }

    /// The row of a run, as it stands so far.
    pub(super) fn run(&mut self, sql: &Sql<'_>, key: i64, id: Id) -> Result<&mut RunRow, Failure> {
        match self.runs.entry(key) {
            Entry::Occupied(known) => Ok(&mut known.into_mut().1),
            Entry::Vacant(new) => Ok(&mut new.insert((id, runs::load(sql, key)?)).1),
        }
    }

    /// Writes every touched row, in order of key, and forgets them.
    pub(super) fn flush(&mut self, sql: &Sql<'_>, names: &Names) -> Result<(), Failure> {
        let mut states: Vec<_> = self.states.drain().collect();
        states.sort_unstable_by_key(|(key, _)| *key);
        for (key, (id, row)) in &states {
            store_state(sql, names, *key, *id, row)?;
        }
        let mut runs: Vec<_> = self.runs.drain().collect();
        runs.sort_unstable_by_key(|(key, _)| *key);
        for (key, (id, row)) in &runs {
            runs::store(sql, names, *key, *id, row)?;
        }
        Ok(())
    }
}

const STORE_STATE: &str =
    "INSERT OR REPLACE INTO node_states(key, run_id, state_id, node_id, attempt, status, exit_kind,
  input_slot, output_slot, opened_stream, opened_seq, opened_at, ended_stream, ended_seq, ended_at, duration_ns,
  context_after, error, error_type, error_code, success_reason, abandon_reason, observer, reason, location, spooled,
  deferred_stream, deferred_seq, parent, site, trace_id, recorded, unattributed, durability, token_id, resume) VALUES
  (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25,
  ?26, ?27, ?28, ?29, ?30, ?31, ?32, ?33, ?34, ?35, ?36)";

const LOAD_STATE: &str = "SELECT run_id, node_id, attempt, status, exit_kind, input_slot, output_slot, opened_stream,
  opened_seq, opened_at, ended_stream, ended_seq, ended_at, duration_ns, context_after, error, error_type, error_code,
  success_reason, abandon_reason, observer, reason, location, spooled, deferred_stream, deferred_seq, parent, site,
  trace_id, recorded, unattributed, durability, token_id, resume FROM node_states WHERE key = ?1";

fn store_state(sql: &Sql<'_>, names: &Names, key: i64, id: Id, row: &StateRow) -> Result<(), Failure> {
    let (open, end) = (row.opening.as_ref(), row.end.as_ref());
    let run = match open {
        Some(open) => open.run,
        None => end.and_then(|end| end.run),
    };
    let input = open.and_then(|o| o.input.as_deref()).or(end.and_then(|e| e.input.as_deref()));
    let text = |get: fn(&End) -> Option<&String>| end.and_then(get).map(String::as_str);
    sql.run(
        STORE_STATE,
        params![
            key,
            run.map(|run| names.id(run)),
            names.id(id),
            open.and_then(|o| o.node.as_deref()),
            open.map(|o| o.attempt),
            row.status().name(),
            end.and_then(|e| e.exit),
            input,
            text(|e| e.output.as_ref()),
            open.map(|o| names.stream(o.place.0)).as_deref(),
            open.map(|o| whole(o.place.1)),
            open.map(|o| o.at),
            end.map(|e| names.stream(e.place.0)).as_deref(),
            end.map(|e| whole(e.place.1)),
            end.map(|e| e.at),
            end.and_then(|e| e.duration).map(whole),
            text(|e| e.context.as_ref()),
            text(|e| e.error.as_ref()),
            text(|e| e.error_type.as_ref()),
            text(|e| e.error_code.as_ref()),
            text(|e| e.success_reason.as_ref()),
            text(|e| e.abandon_reason.as_ref()),
            text(|e| e.observer.as_ref()),
            text(|e| e.reason.as_ref()),
            text(|e| e.location.as_ref()),
            end.filter(|e| e.spooled).map(|_| 1),
            row.deferred.map(|d| names.stream(d.0)).as_deref(),
            row.deferred.map(|d| whole(d.1)),
            open.and_then(|o| o.parent).map(|parent| names.id(parent)),
            open.map(|o| o.site).filter(|site| *site != 0),
            open.and_then(|o| o.trace.as_deref()),
            open.and_then(|o| o.recorded.as_deref()),
            open.filter(|o| o.unattributed).map(|_| 1),
            open.map(|o| o.durability),
            open.and_then(|o| o.token).map(|token| names.id(token)),
            open.and_then(|o| o.resume).map(|resume| names.id(resume)),
        ],
    )?;
    Ok(())
}

fn read_state(row: &Row<'_>) -> rusqlite::Result<StateRow> {
    let run = id_at(row, 0)?;
    let input: Option<String> = row.get(5)?;
    let opening = match place_at(row, 7)? {
        None => None,
        Some(place) => Some(Opening {
            place,
            at: row.get(9)?,
            run,
            parent: id_at(row, 26)?,
            token: id_at(row, 32)?,
            resume: id_at(row, 33)?,
            node: row.get::<_, Option<String>>(1)?.map(Arc::from),
            site: row.get::<_, Option<u32>>(27)?.unwrap_or(0),
            attempt: row.get(2)?,
            input: input.clone(),
            recorded: row.get(29)?,
            trace: row.get(28)?,
            unattributed: row.get::<_, Option<i64>>(30)?.is_some(),
            durability: durability(row.get::<_, String>(31)?.as_str()),
        }),
    };
    let end = match place_at(row, 10)? {
        None => None,
        Some(place) => Some(End {
            place,
            at: row.get(12)?,
            run: if opening.is_some() { None } else { run },
            status: status(&row.get::<_, String>(3)?),
            exit: row
                .get::<_, Option<String>>(4)?
                .and_then(|text| crate::model::Exit::from_name(&text))
                .map(|e| e.name()),
            duration: row.get::<_, Option<i64>>(13)?.map(i64::unsigned_abs),
            input: if opening.is_some() { None } else { input },
            output: row.get(6)?,
            context: row.get(14)?,
            error: row.get(15)?,
            error_type: row.get(16)?,
            error_code: row.get(17)?,
            success_reason: row.get(18)?,
            abandon_reason: row.get(19)?,
            observer: row.get(20)?,
            reason: row.get(21)?,
            location: row.get(22)?,
            spooled: row.get::<_, Option<i64>>(23)?.is_some(),
        }),
    };
    Ok(StateRow { opening, deferred: place_at(row, 24)?, end })
}

/// A number of ours as SQLite holds it; sequences and durations stay far below the limit.
pub(super) fn whole(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

pub(super) fn place_at(row: &Row<'_>, at: usize) -> rusqlite::Result<Option<Place>> {
    let stream: Option<String> = row.get(at)?;
    let seq: Option<i64> = row.get(at + 1)?;
    match (stream.map(|text| StreamId::parse(&text)), seq) {
        (None, _) | (_, None) => Ok(None),
        (Some(Some(stream)), Some(seq)) => Ok(Some((stream, seq.unsigned_abs()))),
        (Some(None), _) => Err(rusqlite::Error::InvalidColumnType(at, "stream".into(), rusqlite::types::Type::Text)),
    }
}

pub(super) fn id_at(row: &Row<'_>, at: usize) -> rusqlite::Result<Option<Id>> {
    let text: Option<String> = row.get(at)?;
    let wrong = || rusqlite::Error::InvalidColumnType(at, "id".into(), rusqlite::types::Type::Text);
    text.map(|text| Id::parse(&text).ok_or_else(wrong)).transpose()
}

pub(super) fn status(name: &str) -> Status {
    Status::from_name(name).unwrap_or(Status::None)
}

fn durability(name: &str) -> &'static str {
    crate::model::Durability::from_name(name).map_or("", crate::model::Durability::name)
}
