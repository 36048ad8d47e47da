//! The trail read back from disk, and what a test says of it: `lab.trail().of("charge").one().completed()`.

use crate::coverage;
use crate::sites::near;
use audit_runtime::journal::{Committed, Layout, Reader};
use audit_runtime::model::{Exit, Id, Key, Kind, Record, Status, StreamId};
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::path::{Path, PathBuf};

/// One node state.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its place.
    pub id: Id,
    /// `module::function` of its site; empty for entries made by hand.
    pub site: String,
    /// Its node's name.
    pub node: String,
    /// What it happened in.
    pub parent: Id,
    /// It may outlive its parent.
    pub detached: bool,
    /// Which visit of a token at its node this is, from 0.
    pub attempt: u32,
    /// Every terminal, with its place; a sound trail has one.
    pub ends: Vec<(Id, Record)>,
}

impl Entry {
    /// The only terminal's exit; `None` where there are none or many.
    #[must_use]
    pub fn exit(&self) -> Option<Exit> {
        match self.ends.as_slice() {
            [(_, record)] => Some(record.header.exit),
            _ => None,
        }
    }

    /// What the terminal says of an error.
    #[must_use]
    pub fn error(&self) -> Option<&str> {
        self.ends.first()?.1.body.text(Key::Error)
    }

    fn is_called(&self, name: &str) -> bool {
        self.node == name || self.site == name || self.site.ends_with(&format!("::{name}"))
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ends: Vec<String> =
            self.ends.iter().map(|(_, end)| format!("{}({})", end.header.status, end.header.exit.name())).collect();
        let ends = if ends.is_empty() { "open".to_owned() } else { ends.join(" + ") };
        write!(f, "{} {} {ends}", self.id, self.node)?;
        match self.error() {
            Some(error) => write!(f, ": {error}"),
            None => Ok(()),
        }
    }
}

/// Everything that counts in a trail.
#[derive(Clone, Debug, Default)]
pub struct Story {
    /// Node states by place.
    pub entries: BTreeMap<Id, Entry>,
    /// Every other record that tells something of the program, in order: runs, rows, outcomes, calls, acknowledgements.
    pub points: Vec<(Id, Record)>,
    /// One line for each record, in order: what a failure prints last.
    pub lines: Vec<String>,
    /// Every record that counts, with its place, in order of stream and sequence.
    pub records: Vec<(Id, Record)>,
    /// Where it was read.
    pub(crate) place: PathBuf,
}

impl Story {
    /// Reads the trail in this directory; writes nothing.
    ///
    /// # Errors
    /// When a stream cannot be read.
    pub fn read(trail: &Path) -> Result<Story, audit_runtime::Error> {
        let layout = Layout::at(trail);
        let mut story = Story { place: trail.to_owned(), ..Story::default() };
        let mut sites: HashMap<(StreamId, u32), (String, String)> = HashMap::new();
        let mut ends: Vec<(Id, Record)> = Vec::new();
        for stream in layout.streams()? {
            let mut records = Committed::new(Reader::open(&layout, stream)?);
            while let Some(counted) = records.next()? {
                let (id, record) = (Id::new(stream, counted.seq), counted.record);
                let header = record.header;
                let text = |key| record.body.text(key).unwrap_or_default().to_owned();
                if header.kind == Kind::Site {
                    let site = format!("{}::{}", text(Key::Module), text(Key::Function));
                    sites.insert((stream, header.site), (site, text(Key::Node)));
                }
                let known = sites.get(&(stream, header.site)).filter(|_| header.site > 0);
                let (site, node) = known.cloned().unwrap_or_else(|| (String::new(), text(Key::Node)));
                story.lines.push(line(id, &record, &node));
                match header.kind {
                    Kind::StateOpened => {
                        let (parent, attempt) = (header.parent, header.attempt);
                        let detached = record.body.is(Key::Detached);
                        let entry = Entry { id, site, node, parent, detached, attempt, ends: Vec::new() };
                        story.entries.insert(id, entry);
                    }
                    Kind::StateClosed => ends.push((id, record.clone())),
                    Kind::Site | Kind::StreamOpened | Kind::StreamClosed | Kind::GroupCommitted => {}
                    _ => story.points.push((id, record.clone())),
                }
                story.records.push((id, record));
            }
        }
        for (by, record) in ends {
            if let Some(entry) = story.entries.get_mut(&record.header.subject) {
                entry.ends.push((by, record));
            }
        }
        Ok(story)
    }

    /// The trail's directory. Everything that reads trails can be asked about it as long as its lab, or the check that was
    /// given this story, is there. Beside it stand the scenario's own files and, behind a kill, `said`: what the killed
    /// process wrote to its standard output and error.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.place
    }

    /// The records of one kind, in order.
    #[must_use]
    pub fn of_kind(&self, kind: Kind) -> Vec<&Record> {
        self.records.iter().map(|(_, record)| record).filter(|record| record.header.kind == kind).collect()
    }

    /// The entries of a node or function; an unknown name is an empty set.
    pub fn of(&self, name: &str) -> Entries<'_> {
        let found = self.entries.values().filter(|entry| entry.is_called(name)).collect();
        Entries { name: name.to_owned(), found, story: self }
    }

    /// Node and end of each entry, sorted: what two runs of one scenario have in common.
    #[must_use]
    pub fn shape(&self) -> Vec<String> {
        self.shape_where(|_| true)
    }

    /// The same of one process.
    pub(crate) fn shape_of(&self, stream: StreamId) -> Vec<String> {
        self.shape_where(|entry| entry.id.stream == stream)
    }

    fn shape_where(&self, wanted: impl Fn(&Entry) -> bool) -> Vec<String> {
        let end = |entry: &Entry| {
            let ends: Vec<&str> = entry.ends.iter().map(|(_, end)| end.header.exit.name()).collect();
            format!("{} {}", entry.node, ends.join("+"))
        };
        let mut shape: Vec<String> = self.entries.values().filter(|entry| wanted(entry)).map(end).collect();
        shape.sort();
        shape
    }

    /// A text stands nowhere in the trail's files: no record, no spool and no payload holds it as it is.
    ///
    /// # Panics
    /// With the file that holds it (I11).
    #[track_caller]
    pub fn keeps_secret(&self, text: &str) {
        if let Some(file) = holds(&self.place, text.as_bytes()) {
            panic!("I11 `{text}` stands in {}", file.display());
        }
    }

    /// The last lines.
    #[must_use]
    pub fn last(&self, n: usize) -> &[String] {
        &self.lines[self.lines.len().saturating_sub(n)..]
    }
}

/// The first file below a directory that holds these bytes.
fn holds(dir: &Path, bytes: &[u8]) -> Option<PathBuf> {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).find_map(|path| {
        if path.is_dir() {
            return holds(&path, bytes);
        }
        let found = std::fs::read(&path).is_ok_and(|all| all.windows(bytes.len().max(1)).any(|piece| piece == bytes));
        found.then_some(path)
    })
}

fn line(id: Id, record: &Record, node: &str) -> String {
    let header = &record.header;
    let mut line = format!("{id} {}", header.kind.name());
    if !node.is_empty() {
        line.push_str(&format!(" {node}"));
    }
    if let Some(subject) = header.subject.some() {
        line.push_str(&format!(" of {subject}"));
    }
    if header.status != Status::None {
        line.push_str(&format!(" {}", header.status));
    }
    if header.exit.code() > 0 {
        line.push_str(&format!(" {}", header.exit.name()));
    }
    line
}

/// Entries of one name, about which a test says something.
#[must_use = "say something about these entries, for example `.one().completed()`"]
pub struct Entries<'a> {
    name: String,
    found: Vec<&'a Entry>,
    story: &'a Story,
}

impl<'a> Entries<'a> {
    /// The entries.
    #[must_use]
    pub fn all(&self) -> &[&'a Entry] {
        &self.found
    }

    /// Nothing more is to be said.
    pub fn done(self) {}

    /// There is exactly one.
    ///
    /// # Panics
    /// When there is none, or there are more.
    #[track_caller]
    pub fn one(self) -> Entries<'a> {
        self.times(1)
    }

    /// There are exactly so many.
    ///
    /// # Panics
    /// When there are not.
    #[track_caller]
    pub fn times(self, n: usize) -> Entries<'a> {
        let (name, found) = (&self.name, self.found.len());
        assert!(found == n, "{name} has {found} entries, not {n}{}\n{}", self.nearby(), self.told());
        self
    }

    /// There is none.
    ///
    /// # Panics
    /// When there is one.
    #[track_caller]
    pub fn none(self) {
        let _nothing = self.times(0);
    }

    /// Each returned a value.
    ///
    /// # Panics
    /// When one did not.
    #[track_caller]
    pub fn completed(self) -> Entries<'a> {
        self.ended("completed", &[Exit::Returned])
    }

    /// Each returned an error.
    ///
    /// # Panics
    /// When one did not.
    #[track_caller]
    pub fn errored(self) -> Entries<'a> {
        self.ended("errored", &[Exit::Errored])
    }

    /// Each panicked.
    ///
    /// # Panics
    /// When one did not.
    #[track_caller]
    pub fn panicked(self) -> Entries<'a> {
        self.ended("panicked", &[Exit::Panicked])
    }

    /// Each was dropped before it came to an end.
    ///
    /// # Panics
    /// When one was not.
    #[track_caller]
    pub fn cancelled(self) -> Entries<'a> {
        self.ended("cancelled", &[Exit::Cancelled])
    }

    /// The process died before each came to an end, and recovery said so.
    ///
    /// # Panics
    /// When one has another end.
    #[track_caller]
    pub fn abandoned(self) -> Entries<'a> {
        self.ended("abandoned", &[Exit::Lost])
    }

    /// Each returned a value, or its process died.
    ///
    /// # Panics
    /// When one has another end.
    #[track_caller]
    pub fn completed_or_abandoned(self) -> Entries<'a> {
        self.ended("completed or abandoned", &[Exit::Returned, Exit::Lost])
    }

    /// Each failed by this exit.
    ///
    /// # Panics
    /// When one has another end.
    #[track_caller]
    pub fn failed(self, cause: Exit) -> Entries<'a> {
        self.ended(cause.name(), &[cause])
    }

    /// Each says this of its error.
    ///
    /// # Panics
    /// When one does not.
    #[track_caller]
    pub fn saying(self, text: &str) -> Entries<'a> {
        let wrong = self.found.iter().find(|entry| !entry.error().is_some_and(|error| error.contains(text)));
        if let Some(entry) = wrong {
            panic!("{entry} does not say `{text}`\n{}", self.told());
        }
        self
    }

    /// Each happened inside an entry of this name.
    ///
    /// # Panics
    /// When one did not.
    #[track_caller]
    pub fn inside(self, parent: &str) -> Entries<'a> {
        let of = |entry: &Entry| self.story.entries.get(&entry.parent).is_some_and(|found| found.is_called(parent));
        if let Some(entry) = self.found.iter().find(|entry| !of(entry)) {
            panic!("{entry} did not happen inside {parent}\n{}", self.told());
        }
        self
    }

    #[track_caller]
    fn ended(self, how: &str, exits: &[Exit]) -> Entries<'a> {
        let name = &self.name;
        assert!(!self.found.is_empty(), "{name} has no entry, so none that {how}{}\n{}", self.nearby(), self.told());
        let wrong = self.found.iter().find(|entry| !entry.exit().is_some_and(|exit| exits.contains(&exit)));
        if let Some(entry) = wrong {
            panic!("{entry} should have {how}\n{}", self.told());
        }
        for (entry, exit) in self.found.iter().filter_map(|entry| Some((entry, entry.exit()?))) {
            coverage::asserted(entry, exit);
        }
        self
    }

    /// Where there is no entry: names of the trail that could be meant.
    fn nearby(&self) -> String {
        let entries = self.story.entries.values().filter(|_| self.found.is_empty());
        let names = entries.flat_map(|entry| [entry.node.as_str(), entry.site.as_str()]);
        match near(&self.name, names.filter(|name| !name.is_empty())).as_slice() {
            [] => String::new(),
            near => format!("; near names: {}", near.join(", ")),
        }
    }

    fn told(&self) -> String {
        format!("the trail ends:\n  {}", self.story.last(12).join("\n  "))
    }
}

/// Asserts that a site failed, and how: `assert_failed!(lab, work, site = "billing::charge", cause = Panicked)`. The
/// expression is evaluated first; without one only the trail is looked at.
#[macro_export]
macro_rules! assert_failed {
    ($lab:expr, site = $site:expr, cause = $cause:ident) => {
        $lab.trail().of($site).failed(::audit_runtime::Exit::$cause).done()
    };
    ($lab:expr, $work:expr, site = $site:expr, cause = $cause:ident) => {{
        let _outcome = $work;
        $lab.trail().of($site).failed(::audit_runtime::Exit::$cause).done();
    }};
}
