//! A trail that is open for questions: its index, and ids resolved from what people type.

use std::path::Path;

use super::overdue::Limits;
use crate::error::{Code, Error};
use crate::index::{Access, Index};
use crate::journal::{Layout, owner};
use crate::model::id::{MIN_PREFIX, split};
use crate::model::{Id, RunId, StreamId};

/// A trail, open read-only.
#[derive(Debug)]
pub struct Trail {
    pub(super) layout: Layout,
    pub(super) index: Index,
    pub(super) limits: Limits,
    streams: Vec<StreamId>,
    chars: usize,
}

impl Trail {
    /// Opens the trail in this directory. Writes nothing there.
    ///
    /// # Errors
    /// `AUD0101`, `AUD0102`, `AUD0103`, `AUD0111` when there is no readable trail; `AUD0304` when its index has another
    /// schema.
    pub fn open(path: impl AsRef<Path>) -> Result<Trail, Error> {
        Self::open_with(path, &mut |_| {})
    }

    /// As [`open`](Trail::open); `seen` hears how many records had to be projected so far.
    ///
    /// # Errors
    /// As [`open`](Trail::open).
    pub fn open_with(path: impl AsRef<Path>, seen: &mut dyn FnMut(u64)) -> Result<Trail, Error> {
        let layout = Layout::at(path);
        layout.check()?;
        let index = Index::open(&layout, seen)?;
        Self::with(layout, index)
    }

    /// Opens the trail and reads its whole journal, whatever its index says. Slower, and the measure of the index.
    ///
    /// # Errors
    /// As [`open`](Trail::open), the index's schema aside.
    pub fn scan(path: impl AsRef<Path>) -> Result<Trail, Error> {
        let layout = Layout::at(path);
        layout.check()?;
        let index = Index::scan(&layout, &mut |_| {})?;
        Self::with(layout, index)
    }

    fn with(layout: Layout, index: Index) -> Result<Trail, Error> {
        let streams = layout.streams()?;
        let chars = shortest(&streams);
        Ok(Trail { layout, index, limits: Limits::default(), streams, chars })
    }

    /// The trail's directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.layout.root()
    }

    /// How the index was opened.
    #[must_use]
    pub fn access(&self) -> Access {
        self.index.access()
    }

    /// The index, for a dump.
    #[must_use]
    pub fn index(&self) -> &Index {
        &self.index
    }

    /// Every stream.
    #[must_use]
    pub fn streams(&self) -> &[StreamId] {
        &self.streams
    }

    /// The id with the fewest characters that name its stream in this trail, at least six.
    #[must_use]
    pub fn short(&self, id: Id) -> String {
        id.text(self.chars)
    }

    /// The same for an id as the index holds it.
    pub(super) fn short_text(&self, text: &str) -> String {
        Id::parse(text).map_or_else(|| text.to_owned(), |id| self.short(id))
    }

    /// The entity that a typed id names. Prefixes of stream ids have at least six characters.
    ///
    /// # Errors
    /// `AUD0603` no id; `AUD0601` no such stream; `AUD0602` a prefix of several streams, which the error lists.
    pub fn resolve(&self, text: &str) -> Result<Id, Error> {
        let what = || format!("looking up {text}");
        let Some((prefix, seq, ord)) = split(text.trim()) else { return Err(Error::new(Code::BadId, what())) };
        if prefix.len() < MIN_PREFIX {
            return Err(Error::new(Code::BadId, what()).detail("its stream has fewer than six characters"));
        }
        let prefix = prefix.to_ascii_lowercase();
        let matches: Vec<StreamId> =
            self.streams.iter().copied().filter(|stream| stream.text().starts_with(&prefix)).collect();
        match matches.as_slice() {
            [stream] => Ok(Id { stream: *stream, seq, ord }),
            [] => {
                let why = format!("no stream of this trail begins with {prefix}: another trail's id, or a slip");
                Err(Error::new(Code::UnknownId, what()).detail(why))
            }
            several => {
                let ids: Vec<String> = several.iter().map(|s| Id { stream: *s, seq, ord }.text(self.chars)).collect();
                Err(Error::new(Code::AmbiguousId, what()).detail(ids.join(", ")))
            }
        }
    }

    /// Whether a process still works on the run.
    pub(super) fn run_lives(&self, run: Id, resumed: bool) -> bool {
        owner::is_held(&self.layout.run_lock(RunId(run))) || (!resumed && owner::is_alive(&self.layout, run.stream))
    }

    pub(super) fn sql<T>(&self, result: rusqlite::Result<T>) -> Result<T, Error> {
        result.map_err(|error| crate::index::failed("asking the index", &error))
    }
}

/// How many characters tell all streams apart.
fn shortest(streams: &[StreamId]) -> usize {
    let texts: Vec<String> = streams.iter().map(|stream| stream.text()).collect();
    let common = |a: &String, b: &String| a.bytes().zip(b.bytes()).take_while(|(x, y)| x == y).count();
    let longest = texts.windows(2).map(|pair| common(&pair[0], &pair[1])).max();
    longest.map_or(MIN_PREFIX, |shared| (shared + 1).max(MIN_PREFIX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::tests::{Script, trail};

    #[test]
    fn ids_have_six_characters_or_as_many_as_it_takes() {
        let (_dir, layout) = trail();
        let (mut a, mut b) = (Script::new(7), Script::new(7));
        (a.stream.0[5], b.stream.0[5]) = (0, 1);
        for script in [&a, &b] {
            script.write(&layout, 1);
        }
        let trail = Trail::open(layout.root()).unwrap();
        let id = Id::new(a.stream, 0);
        let short = trail.short(id);
        assert_eq!(trail.resolve(&short).unwrap(), id);
        let stem = &short[..short.len() - 3];
        let error = trail.resolve(&format!("{stem}-0")).unwrap_err();
        assert_eq!(error.code(), Code::AmbiguousId);
        assert!(error.to_string().contains(&short), "{error}");
        assert!(error.to_string().contains(&trail.short(Id::new(b.stream, 0))), "{error}");
    }

    #[test]
    fn q4_what_is_no_id_and_what_nobody_has_are_told_apart() {
        let (_dir, layout) = trail();
        Script::new(7).write(&layout, 1);
        let trail = Trail::open(layout.root()).unwrap();
        let code = |text: &str| trail.resolve(text).unwrap_err().code();
        assert_eq!([code("nonsense"), code("0w-1"), code("zzzzzz-1")], [Code::BadId, Code::BadId, Code::UnknownId]);
    }
}
