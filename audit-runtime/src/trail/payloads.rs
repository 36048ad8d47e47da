//! Which payloads records name, and what became of the bytes. Data that is gone has a reason: purged, digest only, never
//! stored, no store configured. Bytes that should be there and are not, or are others, are an integrity error.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::open::Trail;
use super::text;
use crate::error::{Code, Error};
use crate::index::json::Json;
use crate::index::key_of;
use crate::model::digest::{Digest, Scope, Slot};
use crate::model::{Id, Key, Record};
use crate::payload::{DiskFiles, Store};

/// What became of the bytes of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PayloadStanding {
    /// They are in the payload store, and have their digest.
    Available,
    /// A purge has removed them.
    Purged {
        /// The record of the purge.
        purge: String,
        /// Its wall time, ns.
        at: i64,
        /// The rule it followed.
        policy: String,
        /// On whose authority.
        authority: String,
    },
    /// The program had a payload store and did not opt this value in; its digest is recorded.
    DigestOnly,
    /// The program had a payload store, and there was not even a digest to keep.
    NeverStored,
    /// The program had no payload store.
    NoStore,
}

impl PayloadStanding {
    /// Its name in JSON.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            PayloadStanding::Available => "available",
            PayloadStanding::Purged { .. } => "purged",
            PayloadStanding::DigestOnly => "digest_only",
            PayloadStanding::NeverStored => "never_stored",
            PayloadStanding::NoStore => "no_store",
        }
    }
}

/// One value of a record, and what became of its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PayloadView {
    /// The record.
    pub record: String,
    /// Its event type.
    pub event_type: &'static str,
    /// The digest of the bytes, or of the value; `None` where there is none.
    pub digest: Option<String>,
    /// What became of the bytes.
    pub standing: PayloadStanding,
}

impl PayloadView {
    /// The view as JSON.
    #[must_use]
    pub fn json(&self) -> Json {
        let mut members = vec![
            ("record".to_owned(), self.record.as_str().into()),
            ("event_type".to_owned(), self.event_type.into()),
            ("digest".to_owned(), self.digest.clone().into()),
            ("payload_available".to_owned(), (self.standing == PayloadStanding::Available).into()),
            ("standing".to_owned(), self.standing.name().into()),
        ];
        if let PayloadStanding::Purged { purge, at, policy, authority } = &self.standing {
            members.extend([
                ("purge".to_owned(), purge.as_str().into()),
                ("purged_at".to_owned(), text::time(*at).into()),
                ("policy".to_owned(), policy.as_str().into()),
                ("authority".to_owned(), authority.as_str().into()),
            ]);
        }
        members.retain(|(_, value)| *value != Json::Null);
        Json::Object(members)
    }

    /// The view as a sentence.
    #[must_use]
    pub fn sentence(&self) -> String {
        match &self.standing {
            PayloadStanding::Available => "Its payload is in the payload store and has its digest.".to_owned(),
            PayloadStanding::Purged { purge, at, policy, authority } => format!(
                "Its payload was purged {} by {purge}: {policy}, on the authority of {authority}. The digest stays.",
                text::time(*at)
            ),
            PayloadStanding::DigestOnly => "Its payload was not kept, only its digest.".to_owned(),
            PayloadStanding::NeverStored => "Its payload was never stored, and it has no digest.".to_owned(),
            PayloadStanding::NoStore => "Its program had no payload store.".to_owned(),
        }
    }
}

/// A view with the bytes, where they are.
type Viewed = (PayloadView, Option<Vec<u8>>);

/// A standing with the bytes, where they are.
type Found = (PayloadStanding, Option<Vec<u8>>);

/// What a run can be replayed from. It falls when payloads are purged and never rises.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ReplayGrade {
    /// A row has neither payload nor digest: nobody can tell whether it is the same row.
    Impossible,
    /// A row has to be read again at its source, and is known by its identity and digest.
    FromSource,
    /// Every row is in the payload store.
    Complete,
}

impl ReplayGrade {
    /// Its name in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            ReplayGrade::Impossible => "impossible",
            ReplayGrade::FromSource => "from_source",
            ReplayGrade::Complete => "complete",
        }
    }
}

/// A run that no purge touches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// The hold's id, by which it is lifted.
    pub id: String,
    /// The run.
    pub run: String,
    /// When it was placed, wall time in ns.
    pub at: i64,
    /// On whose authority.
    pub authority: String,
    /// Why.
    pub reason: String,
}

impl Hold {
    /// The hold as JSON.
    #[must_use]
    pub fn json(&self) -> Json {
        Json::object([
            ("id", self.id.as_str().into()),
            ("run", self.run.as_str().into()),
            ("at", text::time(self.at).into()),
            ("authority", self.authority.as_str().into()),
            ("reason", self.reason.as_str().into()),
        ])
    }
}

/// What a purge would take.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PurgePlan {
    /// Payloads by the run that loses them.
    pub runs: BTreeMap<Id, Vec<[u8; 32]>>,
    /// How many payloads of expired runs stay because another run names them.
    pub shared: u64,
    /// How many runs stay because they are held.
    pub held: u64,
    /// Payloads that records still name behind the purge.
    pub stays: BTreeSet<[u8; 32]>,
}

impl PurgePlan {
    /// The payloads that are removed, each once.
    #[must_use]
    pub fn removed(&self) -> BTreeSet<[u8; 32]> {
        self.runs.values().flatten().copied().collect()
    }
}

/// The slots that may stand for a value, the most telling first.
const SLOTS: [Key; 5] = [Key::Output, Key::Input, Key::ReasonDigest, Key::OutputDigest, Key::InputDigest];

/// A payload that no purge took from the run whose record names it.
const STANDING: &str = "NOT EXISTS (SELECT 1 FROM purged g WHERE g.run_id = p.run_id AND g.digest = p.digest)";

impl Trail {
    pub(super) fn store(&self) -> Store {
        Store::at(self.layout.payloads_dir(), Arc::new(DiskFiles), Duration::ZERO)
    }

    /// The values of an entity, and what became of their bytes, which are verified. A call has two records, and so two
    /// values.
    ///
    /// # Errors
    /// `AUD0601` when no record has this id; `AUD0721` for bytes that are missing, `AUD0722` for altered ones.
    pub fn payloads(&self, id: Id) -> Result<Vec<PayloadView>, Error> {
        let mut views = Vec::new();
        for place in self.places_of(id)? {
            let record = self.known_record(place)?;
            views.extend(self.payload_view(place, &record)?.map(|(view, _)| view));
        }
        Ok(views)
    }

    /// The bytes that the record with this id names, verified; `None` when they are gone, and [`payloads`](Self::payloads)
    /// says why.
    ///
    /// # Errors
    /// As [`payloads`](Self::payloads).
    pub fn payload(&self, id: Id) -> Result<Option<Vec<u8>>, Error> {
        let record = self.known_record(id)?;
        Ok(self.payload_view(id, &record)?.and_then(|(_, bytes)| bytes))
    }

    pub(super) fn known_record(&self, id: Id) -> Result<Record, Error> {
        match self.record_at(id)? {
            Some(Ok(record)) => Ok(record),
            Some(Err(why)) => {
                let what = format!("reading record {}", self.short(id));
                Err(Error::new(Code::Corrupt, what).detail(why.to_string()))
            }
            None => Err(Error::new(Code::UnknownId, format!("looking up {}", self.short(id)))),
        }
    }

    fn places_of(&self, id: Id) -> Result<Vec<Id>, Error> {
        let key = key_of("?1");
        let sql = format!(
            "SELECT ended_stream || '-' || ended_seq FROM calls WHERE key = {key} AND call_id = ?1 AND ended_seq IS NOT NULL
             UNION ALL SELECT ended_stream || '-' || ended_seq FROM node_states
             WHERE key = {key} AND state_id = ?1 AND ended_seq IS NOT NULL"
        );
        let mut statement = self.sql(self.index.store.conn.prepare(&sql))?;
        let ends = self.sql(statement.query_map([format!("{id:#}")], |row| row.get::<_, String>(0)))?;
        let ends: Vec<String> = self.sql(ends.collect())?;
        Ok([id].into_iter().chain(ends.iter().filter_map(|end| Id::parse(end))).collect())
    }

    /// The value of one record; `None` for a record that stands for no value.
    fn payload_view(&self, id: Id, record: &Record) -> Result<Option<Viewed>, Error> {
        let named = record.body.slot(Key::Payload);
        let Some(slot) = named.clone().or_else(|| SLOTS.iter().find_map(|key| record.body.slot(*key))) else {
            return Ok(None);
        };
        let digest = match &slot {
            Slot::Digest(digest) => Some(digest.clone()),
            Slot::Absent(_) => None,
        };
        let (standing, bytes) = match (named.is_some(), &digest) {
            (true, Some(digest)) => self.standing_of(id, record, digest)?,
            (_, _) if !self.had_store(id)? => (PayloadStanding::NoStore, None),
            (_, Some(_)) => (PayloadStanding::DigestOnly, None),
            (_, None) => (PayloadStanding::NeverStored, None),
        };
        let digest = digest.map(|digest| format!("{} {digest}", digest.scope().name()));
        let event_type = record.header.kind.name();
        Ok(Some((PayloadView { record: format!("{id:#}"), event_type, digest, standing }, bytes)))
    }

    fn standing_of(&self, id: Id, record: &Record, digest: &Digest) -> Result<Found, Error> {
        let run = format!("{:#}", record.header.run.0);
        let sql =
            "SELECT g.purge_id, g.at, coalesce(r.body ->> 'purge_policy', ''), coalesce(r.body ->> 'authority', '')
          FROM purged g LEFT JOIN records r ON r.kind = 'PAYLOAD_PURGE' AND r.stream || '-' || r.seq = g.purge_id
          WHERE g.run_id = ?1 AND g.digest = ?2 ORDER BY g.stream, g.seq LIMIT 1";
        let mut statement = self.sql(self.index.store.conn.prepare(sql))?;
        let mut rows = self.sql(statement.query([run, digest.hex()]))?;
        if let Some(row) = self.sql(rows.next())? {
            let purged = self.sql((|| {
                Ok(PayloadStanding::Purged {
                    purge: row.get(0)?,
                    at: row.get(1)?,
                    policy: row.get(2)?,
                    authority: row.get(3)?,
                })
            })())?;
            return Ok((purged, None));
        }
        match self.store().read(digest.bytes())? {
            Some(bytes) => Ok((PayloadStanding::Available, Some(bytes))),
            None => Err(Error::new(Code::PayloadMissing, format!("reading the payload of {}", self.short(id)))),
        }
    }

    /// Whether the program that wrote this record had a payload store.
    fn had_store(&self, id: Id) -> Result<bool, Error> {
        let sql = "SELECT payload_policy IS NOT NULL FROM streams WHERE stream = ?1";
        self.sql(self.index.store.conn.query_row(sql, [id.stream.text()], |row| row.get(0)))
    }

    /// What a run can be replayed from; `None` for a run without source rows.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn replay_grade(&self, run: Id) -> Result<Option<ReplayGrade>, Error> {
        let sql = format!(
            "SELECT count(*), coalesce(sum(kept), 0), coalesce(sum(kept OR known), 0) FROM (SELECT
             EXISTS (SELECT 1 FROM payloads p WHERE p.run_id = r.run_id AND p.entity_id = r.row_id AND {STANDING}) AS kept,
             coalesce(r.digest, '') LIKE '%sha256:%' AS known FROM rows r WHERE r.run_id = ?1)"
        );
        let read = |row: &rusqlite::Row<'_>| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?));
        let (rows, kept, known) = self.sql(self.index.store.conn.query_row(&sql, [format!("{run:#}")], read))?;
        Ok(match (rows, kept, known) {
            (0, ..) => None,
            (rows, kept, _) if kept == rows => Some(ReplayGrade::Complete),
            (rows, _, known) if known == rows => Some(ReplayGrade::FromSource),
            _ => Some(ReplayGrade::Impossible),
        })
    }

    /// Whether the trail has a run of this id.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn has_run(&self, run: Id) -> Result<bool, Error> {
        Ok(!self.select_runs("WHERE run_id = ?1", [format!("{run:#}")])?.is_empty())
    }

    /// Holds that have not been lifted, oldest first.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn holds(&self) -> Result<Vec<Hold>, Error> {
        let sql = "SELECT id, run_id, at, coalesce(body ->> 'authority', ''), coalesce(body ->> 'reason', '')
          FROM (SELECT h.stream || '-' || h.seq AS id, h.* FROM records h WHERE h.kind = 'HOLD_PLACED') held
          WHERE NOT EXISTS (SELECT 1 FROM records l WHERE l.kind = 'HOLD_LIFTED' AND l.subject = held.id) ORDER BY at, id";
        let mut statement = self.sql(self.index.store.conn.prepare(sql))?;
        let read = |row: &rusqlite::Row<'_>| {
            Ok(Hold { id: row.get(0)?, run: row.get(1)?, at: row.get(2)?, authority: row.get(3)?, reason: row.get(4)? })
        };
        let rows = self.sql(statement.query_map([], read))?;
        self.sql(rows.collect())
    }

    /// Digests of all payloads that records name and no purge took, each once.
    pub(super) fn named_payloads(&self) -> Result<BTreeSet<[u8; 32]>, Error> {
        let sql = format!("SELECT DISTINCT digest FROM payloads p WHERE {STANDING}");
        let mut statement = self.sql(self.index.store.conn.prepare(&sql))?;
        let rows = self.sql(statement.query_map([], |row| row.get::<_, String>(0)))?;
        let rows: Vec<String> = self.sql(rows.collect())?;
        Ok(rows.iter().filter_map(|text| bytes_of(text)).collect())
    }

    /// What a purge of runs that ended before this wall time would take: payloads that only such runs name. A held run
    /// keeps its payloads, and so does one that has not ended.
    ///
    /// # Errors
    /// `AUD0725` when records cannot be read, since nobody knows what they name; what SQLite says.
    pub fn purge_plan(&self, before_ns: i64) -> Result<PurgePlan, Error> {
        self.all_read()?;
        let held: BTreeSet<String> = self.holds()?.into_iter().map(|hold| hold.run).collect();
        let sql = format!(
            "SELECT DISTINCT p.run_id, p.digest, coalesce(r.ended_at < ?1 AND r.status <> 'RUNNING', 0)
             FROM payloads p LEFT JOIN runs r ON r.run_id = p.run_id WHERE {STANDING}"
        );
        let mut statement = self.sql(self.index.store.conn.prepare(&sql))?;
        let mut rows = self.sql(statement.query([before_ns]))?;
        let (mut expired, mut stays) = (BTreeMap::<Id, Vec<[u8; 32]>>::new(), BTreeSet::new());
        let mut spared = BTreeSet::new();
        while let Some(row) = self.sql(rows.next())? {
            let (run, digest, old): (Option<String>, String, bool) =
                self.sql((|| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))())?;
            let Some(digest) = bytes_of(&digest) else { continue };
            let run = run.unwrap_or_default();
            match Id::parse(&run).filter(|_| old && !held.contains(&run)) {
                Some(run) => expired.entry(run).or_default().push(digest),
                None => {
                    stays.insert(digest);
                    if old {
                        spared.insert(run);
                    }
                }
            }
        }
        let mut shared = BTreeSet::new();
        let ignored = crate::seeded::is("purge_ignores_sharing");
        for payloads in expired.values_mut() {
            payloads.sort_unstable();
            payloads.retain(|digest| {
                let kept = stays.contains(digest) && !ignored;
                if kept {
                    shared.insert(*digest);
                }
                !kept
            });
        }
        expired.retain(|_, payloads| !payloads.is_empty());
        Ok(PurgePlan { runs: expired, shared: shared.len() as u64, held: spared.len() as u64, stays })
    }

    /// Every record of every stream was understood.
    fn all_read(&self) -> Result<(), Error> {
        const DOING: &str = "planning a purge";
        let conn = &self.index.store.conn;
        let unread: i64 = self.sql(conn.query_row("SELECT count(*) FROM unread", [], |row| row.get(0)))?;
        if unread > 0 {
            return Err(Error::new(Code::PurgeUnsafe, DOING).detail(format!("{unread} records")));
        }
        let mut statement = self.sql(conn.prepare("SELECT stream FROM streams"))?;
        let rows = self.sql(statement.query_map([], |row| row.get::<_, String>(0)))?;
        let rows: Vec<String> = self.sql(rows.collect())?;
        let here: BTreeSet<String> = self.streams().iter().map(|stream| stream.text()).collect();
        match rows.iter().find(|stream| !here.contains(*stream)) {
            Some(stream) => Err(Error::new(Code::PurgeUnsafe, DOING).detail(format!("stream {stream} is missing"))),
            None => Ok(()),
        }
    }
}

fn bytes_of(text: &str) -> Option<[u8; 32]> {
    Digest::parse(Scope::Bytes, &format!("sha256:{text}")).ok().map(|digest| *digest.bytes())
}
