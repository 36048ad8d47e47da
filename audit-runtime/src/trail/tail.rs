//! Records as they come, straight from the journal: no index stands between.

use std::collections::{HashMap, VecDeque};

use crate::error::Error;
use crate::index::json::Json;
use crate::index::{Counted, Source};
use crate::journal::{Layout, Reader};
use crate::model::{Durability, Id, Key, Kind, Record, StreamId};

use super::text;

/// One record for people and for pipes.
#[derive(Clone, Debug)]
pub struct Told {
    /// Where it stands.
    pub id: Id,
    /// Its kind; `UNREAD` for a record that this build cannot read.
    pub event_type: &'static str,
    /// Wall time, ns.
    pub wall_ns: i64,
    /// The durability that was promised for it.
    pub durability: Durability,
    /// Name of the node it is about, where one is.
    pub node: Option<String>,
    /// The record in one line.
    pub line: Json,
}

/// Follows every stream of a trail.
#[derive(Debug)]
pub struct Tail {
    layout: Layout,
    places: HashMap<StreamId, (u32, u64, u64)>,
    told: HashMap<StreamId, u64>,
    sites: HashMap<(StreamId, u32), String>,
    nodes: HashMap<Id, String>,
}

impl Tail {
    /// Starts at the beginning of every stream.
    ///
    /// # Errors
    /// `AUD0101`, `AUD0102`, `AUD0103`, `AUD0111` when there is no readable trail.
    pub fn open(path: impl AsRef<std::path::Path>) -> Result<Tail, Error> {
        let layout = Layout::at(path);
        layout.check()?;
        Ok(Tail { layout, places: HashMap::new(), told: HashMap::new(), sites: HashMap::new(), nodes: HashMap::new() })
    }

    /// Records that count and were not told yet: the last `keep` of them, in order of wall time between streams and of
    /// sequence within one.
    ///
    /// # Errors
    /// What the journal's files say.
    pub fn poll(&mut self, kinds: &[Kind], keep: usize) -> Result<Vec<Told>, Error> {
        let mut news: Vec<(i64, Told)> = Vec::new();
        for stream in self.layout.streams()? {
            // A clock that was set back, or a thread that read it earlier and wrote later, does not move a record before
            // one of its own stream that it follows.
            let mut latest = i64::MIN;
            for told in self.poll_stream(stream, kinds, keep)? {
                latest = latest.max(told.wall_ns);
                news.push((latest, told));
            }
        }
        news.sort_by_key(|(at, _)| *at);
        let surplus = news.len().saturating_sub(keep);
        Ok(news.split_off(surplus).into_iter().map(|(_, told)| told).collect())
    }

    /// As [`poll`](Self::poll), for one stream.
    pub(crate) fn poll_stream(&mut self, stream: StreamId, kinds: &[Kind], keep: usize) -> Result<Vec<Told>, Error> {
        let (segment, offset, seq) =
            self.places.get(&stream).copied().unwrap_or((0, crate::journal::frame::SEGMENT_HEADER as u64, 0));
        let mut source = Source::new(Reader::from(&self.layout, stream, segment, offset, seq)?.following());
        let mut news: VecDeque<(Counted, Option<String>)> = VecDeque::new();
        let mut latest = 0;
        while let Some(counted) = source.next()? {
            // Records beside a group that waits for its commit are read again.
            if self.told.get(&stream).is_some_and(|told| counted.seq < *told) && !is_grouped(&counted.record) {
                continue;
            }
            latest = latest.max(counted.seq + 1);
            let (node, wanted) = match &counted.record {
                Ok(record) => (self.node_of(stream, record), kinds.is_empty() || kinds.contains(&record.header.kind)),
                Err(_) => (None, kinds.is_empty()),
            };
            if wanted {
                news.push_back((counted, node));
            }
            if news.len() > keep {
                news.pop_front();
            }
        }
        self.places.insert(stream, source.position());
        let told = self.told.entry(stream).or_default();
        *told = latest.max(*told);
        let mut wall_ns = 0;
        Ok(news
            .into_iter()
            .map(|(counted, node)| {
                let told = tell(stream, &counted, node, wall_ns);
                wall_ns = told.wall_ns;
                told
            })
            .collect())
    }

    /// The node that a record is about; remembers sites and what is open.
    fn node_of(&mut self, stream: StreamId, record: &Record) -> Option<String> {
        let header = &record.header;
        let site = (stream, header.site);
        match header.kind {
            Kind::Site => {
                let body = &record.body;
                let text = |key| body.text(key).unwrap_or_default();
                let name = match body.text(Key::Node) {
                    Some(node) => node.to_owned(),
                    None => format!("{}::{}", text(Key::Module), text(Key::Function)),
                };
                self.sites.insert(site, name.clone());
                Some(name)
            }
            Kind::StateOpened => {
                let name = record.body.text(Key::Node).map(str::to_owned).or_else(|| self.sites.get(&site).cloned())?;
                self.nodes.insert(Id::new(stream, header.seq), name.clone());
                Some(name)
            }
            Kind::StateClosed => self.nodes.remove(&header.subject),
            _ => self.nodes.get(&header.subject).or_else(|| self.nodes.get(&header.parent)).cloned(),
        }
    }
}

/// One record as it is told; one that cannot be read stands at the time of the one before it.
fn tell(stream: StreamId, counted: &Counted, node: Option<String>, before: i64) -> Told {
    let id = Id::new(stream, counted.seq);
    match &counted.record {
        Ok(record) => Told {
            id,
            event_type: record.header.kind.name(),
            wall_ns: record.header.wall_ns,
            durability: record.header.durability,
            line: with_node(record_json(stream, record), node.as_deref()),
            node,
        },
        Err(why) => Told {
            id,
            event_type: "UNREAD",
            wall_ns: before,
            durability: Durability::Process,
            node: None,
            line: Json::object([
                ("event_type", "UNREAD".into()),
                ("id", format!("{id:#}").into()),
                ("why", why.to_string().into()),
            ]),
        },
    }
}

fn is_grouped(record: &Result<Record, crate::model::record::Invalid>) -> bool {
    record.as_ref().is_ok_and(|record| record.header.flags & crate::model::record::flag::GROUPED != 0)
}

fn with_node(line: Json, node: Option<&str>) -> Json {
    match (line, node) {
        (Json::Object(mut members), Some(node)) if !members.iter().any(|(name, _)| name == "node") => {
            members.push(("node".to_owned(), node.into()));
            Json::Object(members)
        }
        (line, _) => line,
    }
}

/// A record as one compact JSON object, its `event_type` first: what `tail --json` prints a line of.
#[must_use]
pub fn record_json(stream: StreamId, record: &Record) -> Json {
    let header = &record.header;
    let id = |id: Id| id.some().map(|id| format!("{id:#}"));
    let named = |name: &'static str, none: &str| (name != none).then_some(name);
    let mut line = Json::object([
        ("event_type", header.kind.name().into()),
        ("id", format!("{:#}", Id::new(stream, header.seq)).into()),
        ("seq", header.seq.into()),
        ("at", text::time(header.wall_ns).into()),
        ("mono_ns", header.mono_ns.into()),
        ("run", id(header.run.0).into()),
        ("subject", id(header.subject).into()),
        ("parent", id(header.parent).into()),
        ("status", named(header.status.name(), "NONE").into()),
        ("exit", named(header.exit.name(), "none").into()),
        ("durability", header.durability.name().into()),
        ("attempt", (header.kind == Kind::StateOpened).then_some(header.attempt).into()),
        ("duration_ns", (header.duration_ns > 0).then_some(header.duration_ns).into()),
    ]);
    if let (Json::Object(members), true) = (&mut line, header.flags & crate::model::record::flag::UNCONTRACTED != 0) {
        members.push(("uncontracted".to_owned(), true.into()));
    }
    if let (Json::Object(members), Json::Object(fields)) = (&mut line, crate::index::body_json(record)) {
        members.extend(fields);
    }
    line
}

impl super::Trail {
    /// The last `n` records, of one kind or of all, oldest first.
    ///
    /// # Errors
    /// What the journal's files say.
    pub fn recent(&self, n: usize, kind: Option<Kind>) -> Result<Vec<Told>, Error> {
        let kinds: Vec<Kind> = kind.into_iter().collect();
        Tail::open(self.path())?.poll(&kinds, n)
    }
}
