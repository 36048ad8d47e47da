//! The story of a trail as a text that two runs of one test have in common: calls as a tree, ids by order of appearance,
//! no times. [`assert_trail!`](crate::assert_trail) compares it.
//!
//! ```text
//! #1 checkout: returned
//!   #2 order: returned
//!     #3 parse: errored `no amount: invalid digit found in string`
//!   #4 tell: returned (detached)
//! ```
//! Calls stand below the call that they happened in, in the order in which they began; so do the other records of the
//! program, by their kind: runs, rows, outcomes, acknowledgements. What several threads do has no order to rely on.

use crate::coverage;
use crate::lab::Lab;
use crate::story::{Entry, Story};
use audit_runtime::model::{Key, Kind, Record, Status};
use audit_runtime::{Id, StreamId};
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::path::Path;

/// Something that tells a story: a lab, or the story itself.
pub trait Tells {
    /// The story as it stands now.
    fn told(&self) -> Story;
}

impl Tells for Lab {
    fn told(&self) -> Story {
        self.trail()
    }
}

impl Tells for Story {
    fn told(&self) -> Story {
        self.clone()
    }
}

impl<T: Tells> Tells for &T {
    fn told(&self) -> Story {
        (**self).told()
    }
}

/// One line of the tree.
enum Line<'a> {
    Entry(&'a Entry),
    Point(&'a Record),
}

/// The story, ready to be written.
struct Tree<'a> {
    lines: Vec<(Id, Line<'a>)>,
    below: BTreeMap<Option<Id>, Vec<usize>>,
    numbers: HashMap<Id, usize>,
}

impl Story {
    /// The story as a text without times, with ids by order of appearance.
    #[must_use]
    pub fn snapshot(&self) -> String {
        let tree = Tree::of(self);
        let mut text = String::new();
        tree.write(None, 0, &mut text);
        text
    }

    /// Streams of dead processes come before those that settled them; else the order of ids is the order.
    fn ages(&self) -> HashMap<StreamId, usize> {
        let settled =
            |record: &Record| (record.header.kind == Kind::StreamSettled).then(|| record.body.stream(Key::Stream));
        let mut ages: HashMap<StreamId, usize> = HashMap::new();
        for _ in 0..2 {
            for (by, record) in &self.points {
                if let Some(old) = settled(record).flatten() {
                    let age = ages.get(&old).copied().unwrap_or(0) + 1;
                    let own = ages.entry(by.stream).or_default();
                    *own = age.max(*own);
                }
            }
        }
        ages
    }
}

impl<'a> Tree<'a> {
    fn of(story: &'a Story) -> Tree<'a> {
        let ages = story.ages();
        let entries = story.entries.values().map(|entry| (entry.id, Line::Entry(entry)));
        let points = story.points.iter().filter(|(_, record)| is_told(record.header.kind));
        let points = points.map(|(id, record)| (*id, Line::Point(record)));
        let mut lines: Vec<(Id, Line<'a>)> = entries.chain(points).collect();
        lines.sort_by_key(|(id, _)| (ages.get(&id.stream).copied().unwrap_or(0), *id));
        let known: HashMap<Id, usize> = lines.iter().enumerate().map(|(at, (id, _))| (*id, at)).collect();
        let mut below: BTreeMap<Option<Id>, Vec<usize>> = BTreeMap::new();
        for (at, (id, line)) in lines.iter().enumerate() {
            let parent = match line {
                Line::Entry(entry) => entry.parent,
                Line::Point(record) => record.header.parent,
            };
            below.entry(Some(parent).filter(|parent| known.contains_key(parent) && parent != id)).or_default().push(at);
        }
        let mut tree = Tree { lines, below, numbers: HashMap::new() };
        let mut order = Vec::new();
        tree.walk(None, &mut order);
        tree.numbers = order.into_iter().enumerate().map(|(n, at)| (tree.lines[at].0, n + 1)).collect();
        tree
    }

    fn walk(&self, parent: Option<Id>, order: &mut Vec<usize>) {
        for at in self.below.get(&parent).into_iter().flatten() {
            order.push(*at);
            self.walk(Some(self.lines[*at].0), order);
        }
    }

    fn write(&self, parent: Option<Id>, depth: usize, text: &mut String) {
        for at in self.below.get(&parent).into_iter().flatten() {
            let (id, line) = &self.lines[*at];
            let told = match line {
                Line::Entry(entry) => self.entry(entry),
                Line::Point(record) => self.point(record),
            };
            let number = self.numbers.get(id).copied().unwrap_or(0);
            text.push_str(&format!("{:indent$}#{number} {}\n", "", told.replace('\n', "\\n"), indent = 2 * depth));
            self.write(Some(*id), depth + 1, text);
        }
    }

    fn entry(&self, entry: &Entry) -> String {
        let end = |record: &Record| match record.header.status {
            Status::Abandoned => format!("{} (abandoned)", record.header.exit.name()),
            _ => record.header.exit.name().to_owned(),
        };
        let ends: Vec<String> = entry.ends.iter().map(|(_, record)| end(record)).collect();
        let ends = if ends.is_empty() { "open".to_owned() } else { ends.join(" + ") };
        let mut line = format!("{}: {ends}", entry.node);
        if let Some(error) = entry.error() {
            line.push_str(&format!(" `{}`", self.renamed(error)));
        }
        if entry.attempt > 0 {
            line.push_str(&format!(" (visit {})", entry.attempt + 1));
        }
        if entry.detached {
            line.push_str(" (detached)");
        }
        line
    }

    fn point(&self, record: &Record) -> String {
        let header = &record.header;
        let mut line = header.kind.name().to_owned();
        for key in
            [Key::Name, Key::Domain, Key::Action, Key::Sink, Key::Identity, Key::Outcome, Key::Path, Key::Position]
        {
            if let Some(text) = record.body.text(key) {
                line.push_str(&format!(" {}", self.renamed(text)));
            }
        }
        if let Some(subject) = header.subject.some().and_then(|subject| self.name(subject)) {
            line.push_str(&format!(" of {subject}"));
        }
        if header.status != Status::None {
            line.push_str(&format!(" {}", header.status));
        }
        line
    }

    /// A place by its number here; the ordinal stays.
    fn name(&self, id: Id) -> Option<String> {
        let number = self.numbers.get(&Id { ord: 0, ..id })?;
        Some(if id.ord == 0 { format!("#{number}") } else { format!("#{number}.{}", id.ord) })
    }

    /// A text in which no id of this trail stands.
    fn renamed(&self, text: &str) -> String {
        let mut ids: Vec<(&Id, &usize)> = self.numbers.iter().collect();
        // Longer texts first: one id may be the beginning of another.
        ids.sort_by_key(|(id, _)| std::cmp::Reverse(**id));
        ids.iter().fold(text.to_owned(), |text, (id, number)| {
            let named = text.replace(&format!("{id:#}"), &format!("#{number}"));
            named.replace(&format!("{id}"), &format!("#{number}"))
        })
    }
}

/// Whether a record tells something of the program: not of the trail's own upkeep.
fn is_told(kind: Kind) -> bool {
    !matches!(kind, Kind::StreamSettled | Kind::PanicObserved)
}

/// A text without the indentation, the blank lines around it and the spaces behind its lines.
fn plain(text: &str) -> Vec<&str> {
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    let first = lines.iter().position(|line| !line.is_empty()).unwrap_or(lines.len());
    let last = lines.iter().rposition(|line| !line.is_empty()).map_or(first, |last| last + 1);
    let told = &lines[first.min(last)..last];
    let indent = told.iter().filter(|line| !line.is_empty()).map(|line| line.len() - line.trim_start().len()).min();
    told.iter().map(|line| line.get(indent.unwrap_or(0)..).unwrap_or_default()).collect()
}

/// Two texts side by side, line by line.
struct Diff<'a> {
    wanted: &'a [&'a str],
    told: &'a [&'a str],
}

impl fmt::Display for Diff<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (a, b) = (self.wanted, self.told);
        // The longest common rest of each pair of ends.
        let mut common = vec![vec![0usize; b.len() + 1]; a.len() + 1];
        for i in (0..a.len()).rev() {
            for j in (0..b.len()).rev() {
                common[i][j] =
                    if a[i] == b[j] { common[i + 1][j + 1] + 1 } else { common[i + 1][j].max(common[i][j + 1]) };
            }
        }
        let (mut i, mut j) = (0, 0);
        while i < a.len() || j < b.len() {
            if i < a.len() && j < b.len() && a[i] == b[j] {
                writeln!(f, "    {}", a[i])?;
                (i, j) = (i + 1, j + 1);
            } else if j == b.len() || (i < a.len() && common[i + 1][j] >= common[i][j + 1]) {
                writeln!(f, "  - {}", a[i])?;
                i += 1;
            } else {
                writeln!(f, "  + {}", b[j])?;
                j += 1;
            }
        }
        Ok(())
    }
}

/// Compares a story with the text in the test.
///
/// # Panics
/// When they differ, with both and with the text to put there.
#[doc(hidden)]
#[track_caller]
pub fn inline(story: &Story, wanted: &str) {
    let text = story.snapshot();
    let (wanted, told) = (plain(wanted), plain(&text));
    let diff = Diff { wanted: &wanted, told: &told };
    assert!(
        wanted == told,
        "the trail tells another story (- what the test says, + what the trail says):\n{diff}\nif that is what it should say:\n\n{text}"
    );
    looked_at(story);
}

/// Every end of the story is as the test says.
fn looked_at(story: &Story) {
    for (entry, exit) in story.entries.values().filter_map(|entry| Some((entry, entry.exit()?))) {
        coverage::asserted(entry, exit);
    }
}

/// Compares a story with a file, which is written where `UPDATE_TRAILS=1` is set.
///
/// # Panics
/// When they differ, when there is no file, when it cannot be written.
#[doc(hidden)]
#[track_caller]
pub fn in_file(story: &Story, package: &str, file: &str) {
    let path = Path::new(package).join(file);
    let text = story.snapshot();
    if std::env::var_os("UPDATE_TRAILS").is_some_and(|value| value == "1") {
        let made = path.parent().map_or(Ok(()), std::fs::create_dir_all).and_then(|()| std::fs::write(&path, &text));
        made.unwrap_or_else(|error| panic!("{} cannot be written: {error}", path.display()));
        return;
    }
    let wanted = std::fs::read_to_string(&path).unwrap_or_else(|error| {
        panic!("{} cannot be read: {error}\n`UPDATE_TRAILS=1 cargo test` writes it:\n\n{text}", path.display())
    });
    let (wanted, told) = (plain(&wanted), plain(&text));
    let diff = Diff { wanted: &wanted, told: &told };
    assert!(
        wanted == told,
        "the trail tells another story than {file} (- the file, + the trail):\n{diff}\nif that is what it should say: UPDATE_TRAILS=1 cargo test"
    );
    looked_at(story);
}

/// Asserts the whole story of a lab, or of a [`Story`]: calls as a tree, ids by order of appearance, no times. What the
/// test says may be indented as the code is.
///
/// ```ignore
/// assert_trail!(lab, "
///     #1 refund: returned
///       #2 charge: returned
/// ");
/// assert_trail!(lab, file = "tests/trails/refund.txt");
/// ```
/// The file's path begins at the package's directory; `UPDATE_TRAILS=1 cargo test` writes it.
#[macro_export]
macro_rules! assert_trail {
    ($lab:expr, file = $file:expr $(,)?) => {
        $crate::snapshot::in_file(&$crate::snapshot::Tells::told(&$lab), ::core::env!("CARGO_MANIFEST_DIR"), $file)
    };
    ($lab:expr, $text:expr $(,)?) => {
        $crate::snapshot::inline(&$crate::snapshot::Tells::told(&$lab), $text)
    };
}

#[cfg(test)]
mod tests {
    use super::{Diff, plain};

    #[test]
    fn a_text_may_stand_as_the_code_does() {
        assert_eq!(
            plain("\n        #1 a: returned  \n          #2 b: open\n\n    "),
            ["#1 a: returned", "  #2 b: open"]
        );
        assert_eq!(plain(" \n\n"), Vec::<&str>::new());
    }

    #[test]
    fn a_difference_stands_where_it_is() {
        let (wanted, told) = (["a", "b", "c"], ["a", "x", "c", "d"]);
        let said = Diff { wanted: &wanted, told: &told }.to_string();
        assert_eq!(said, "    a\n  - b\n  + x\n    c\n  + d\n");
    }
}
