//! The projector: follows every stream from where it stopped and brings the rows up to date, one transaction a batch,
//! the position in the same transaction. A kill at any moment leaves whole batches.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, params};

use super::batch::{Batch, Names, whole};
use super::points::Target;
use super::schema::{DUMPED, SEQ_BITS};
use super::source::{Counted, Source};
use super::store::{Failure, Sql, Store};
use crate::error::{Code, Error};
use crate::journal::frame::SEGMENT_HEADER;
use crate::journal::owner::{self, Lock};
use crate::journal::{Layout, Reader};
use crate::model::{Kind, StreamId};

/// Records that one transaction takes.
const BATCH: u64 = 16_384;
/// Every so many records of a stream their place is kept, so that one record is found without reading the stream.
const MARK_EVERY: u64 = 512;

/// What a call of [`Projector::catch_up`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Records that were projected.
    pub records: u64,
    /// Whether records are known to be left.
    pub behind: bool,
}

/// The one process that projects a trail's index.
#[derive(Debug)]
pub struct Projector {
    layout: Layout,
    work: Projection,
    _lock: Lock,
}

impl Projector {
    /// Takes the index's lock and opens or makes the index; a corrupt one is made anew. `None` when another process
    /// projects or reads.
    ///
    /// # Errors
    /// `AUD0304` for an index of another schema; `AUD0201`, `AUD0202`, `AUD0305` when the file cannot be opened now.
    pub fn open(layout: &Layout) -> Result<Option<Projector>, Error> {
        const WHAT: &str = "opening the index";
        let lock = Lock::take(&layout.index_lock()).map_err(|e| Error::io(Code::StorageFailed, WHAT, e))?;
        let Some(lock) = lock else { return Ok(None) };
        let opened = match Store::writable(&layout.index()) {
            Err(failure) if failure.is_corrupt() => {
                remove(&layout.index()).map_err(|e| Error::io(Code::StorageFailed, WHAT, e))?;
                Store::writable(&layout.index())
            }
            other => other,
        };
        let work = Projection::new(opened.map_err(|failure| failure.named(WHAT))?);
        Ok(Some(Projector { layout: layout.clone(), work, _lock: lock }))
    }

    /// Projects up to about `budget` records. A corrupt index is made anew, which the next calls then fill.
    ///
    /// # Errors
    /// What SQLite or the journal's files say; the index stands where the last whole batch left it, and the next call
    /// goes on from there.
    pub fn catch_up(&mut self, budget: u64) -> Result<Progress, Error> {
        const WHAT: &str = "projecting into the index";
        match self.work.catch_up(&self.layout, budget, &mut |_| {}) {
            Err(failure) if failure.is_corrupt() => {
                self.renew().map_err(|failure| failure.named(WHAT))?;
                Ok(Progress { records: 0, behind: true })
            }
            Err(failure) => {
                self.work.forget();
                Err(failure.named(WHAT))
            }
            Ok(progress) => Ok(progress),
        }
    }

    /// How many bytes of journal are not projected yet.
    ///
    /// # Errors
    /// What SQLite or the journal's files say.
    pub fn lag_bytes(&self) -> Result<u64, Error> {
        lag(&self.work.store.conn, &self.layout).map_err(|failure| failure.named("measuring the index's lag"))
    }

    fn renew(&mut self) -> Result<(), Failure> {
        let scratch = Connection::open_in_memory()?;
        drop(std::mem::replace(&mut self.work.store.conn, scratch));
        remove(&self.layout.index()).map_err(|e| Error::io(Code::StorageFailed, "removing a corrupt index", e))?;
        let limits = std::mem::take(&mut self.work.limits);
        self.work = Projection { limits, ..Projection::new(Store::writable(&self.layout.index())?) };
        Ok(())
    }
}

/// Makes the index anew from the journal, aside, and puts it in the place of the old one; `seen` hears how many records are done.
///
/// # Errors
/// `AUD0305` while another process projects; what SQLite or the journal's files say.
pub fn rebuild(layout: &Layout, seen: &mut dyn FnMut(u64)) -> Result<u64, Error> {
    const WHAT: &str = "rebuilding the index";
    let lock = Lock::take(&layout.index_lock()).map_err(|e| Error::io(Code::CannotOpen, WHAT, e))?;
    let Some(_lock) = lock else { return Err(Error::new(Code::IndexBusy, WHAT)) };
    let aside = layout.index().with_extension("sqlite.new");
    let made = remove(&aside).map_err(|e| io_failure(WHAT, e)).and_then(|()| make(layout, &aside, seen));
    let done = made.map_err(|failure| failure.named(WHAT))?;
    // The old side files go first: a stale WAL must never meet the new file. A kill in between leaves no index, which
    // loses nothing.
    remove(&layout.index())
        .and_then(|()| replace(&aside, &layout.index()))
        .map_err(|e| io_failure(WHAT, e).named(WHAT))?;
    Ok(done)
}

fn io_failure(what: &'static str, cause: std::io::Error) -> Failure {
    Failure::Audit(Error::io(Code::StorageFailed, what, cause))
}

/// Projects everything into a new file, on the device when this returns.
fn make(layout: &Layout, path: &Path, seen: &mut dyn FnMut(u64)) -> Result<u64, Failure> {
    let mut work = Projection::new(Store::scratch(path)?);
    let done = work.catch_up(layout, u64::MAX, seen)?;
    work.store.finish()?;
    drop(work);
    fs::File::open(path).and_then(|file| file.sync_all()).map_err(|e| io_failure("making the index", e))?;
    Ok(done.records)
}

fn replace(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::rename(from, to)?;
    to.parent().map_or(Ok(()), |dir| fs::File::open(dir)?.sync_all())
}

/// Removes an index with its side files.
fn remove(path: &Path) -> std::io::Result<()> {
    for side in ["", "-wal", "-shm", "-journal"] {
        let mut name = path.as_os_str().to_owned();
        name.push(side);
        match fs::remove_file(name) {
            Err(cause) if cause.kind() != std::io::ErrorKind::NotFound => return Err(cause),
            _ => {}
        }
    }
    Ok(())
}

/// Projecting into any store: the trail's, or a private one.
#[derive(Debug)]
pub(super) struct Projection {
    pub(super) store: Store,
    names: Names,
    /// Where settlements end streams that were read beyond them.
    limits: HashMap<StreamId, (u32, u64)>,
    /// A question wants what stands there when it is asked: a process that writes faster than this reads would otherwise keep
    /// it waiting for as long as it lives.
    pub(super) as_of_now: bool,
}

/// Where the projector stands in a stream.
struct Standing {
    segment: u32,
    offset: u64,
    seq: u64,
    done: bool,
}

impl Projection {
    pub(super) fn new(store: Store) -> Projection {
        Projection { store, names: Names::default(), limits: HashMap::new(), as_of_now: false }
    }

    /// Drops what was remembered of a transaction that did not commit.
    fn forget(&mut self) {
        self.names = Names::default();
    }

    /// Projects up to about `budget` records of all streams.
    pub(super) fn catch_up(
        &mut self,
        layout: &Layout,
        budget: u64,
        seen: &mut dyn FnMut(u64),
    ) -> Result<Progress, Failure> {
        let progress = self.pass(layout, budget, seen)?;
        if !progress.behind && self.overran()? {
            // A settlement ends a stream before records that were taken already. That is power loss or tampering: all is
            // projected again, this time with the limit known.
            self.clear()?;
            return self.pass(layout, budget, seen);
        }
        Ok(progress)
    }

    fn pass(&mut self, layout: &Layout, budget: u64, seen: &mut dyn FnMut(u64)) -> Result<Progress, Failure> {
        let mut progress = Progress::default();
        for stream in layout.streams()? {
            let left = budget - progress.records;
            let (records, more) = self.stream(layout, stream, left, &mut |n| seen(progress.records + n))?;
            progress.records += records;
            if more || progress.records >= budget {
                return Ok(Progress { behind: true, ..progress });
            }
        }
        Ok(progress)
    }

    /// Whether a stream was read beyond the place at which its settlement ends it; remembers those places.
    fn overran(&mut self) -> Result<bool, Failure> {
        let sql = "SELECT t.settled, t.segment, t.offset FROM settlements t JOIN streams s ON s.stream = t.settled
          WHERE s.next_seq > t.records ORDER BY t.stream, t.seq";
        let mut statement = self.store.conn.prepare(sql)?;
        let mut rows = statement.query([])?;
        let mut found = false;
        while let Some(row) = rows.next()? {
            let stream = StreamId::parse(&row.get::<_, String>(0)?).unwrap_or_default();
            let limit = (row.get(1)?, row.get::<_, i64>(2)?.unsigned_abs());
            found |= self.limits.insert(stream, limit).is_none();
        }
        Ok(found)
    }

    fn clear(&mut self) -> Result<(), Failure> {
        self.forget();
        let transaction = self.store.conn.unchecked_transaction()?;
        for (table, _) in DUMPED {
            transaction.execute(&format!("DELETE FROM {table}"), [])?;
        }
        transaction.execute("DELETE FROM marks", [])?;
        transaction.commit()?;
        Ok(())
    }

    /// Projects one stream, a transaction a batch: how many records it took, and whether more are known to follow.
    fn stream(
        &mut self,
        layout: &Layout,
        stream: StreamId,
        budget: u64,
        seen: &mut dyn FnMut(u64),
    ) -> Result<(u64, bool), Failure> {
        let standing = standing(&self.store.conn, stream)?;
        if standing.as_ref().is_some_and(|s| s.done || !has_more(layout, stream, s)) {
            return Ok((0, false));
        }
        let bounded = self.as_of_now && owner::is_alive(layout, stream);
        let budget = if bounded { budget.min(ahead(layout, stream, standing.as_ref())?) } else { budget };
        let mut source: Option<Source> = None;
        let mut taken = 0;
        while taken < budget {
            let (records, more) = self.batch(layout, stream, standing.as_ref(), &mut source, budget - taken)?;
            taken += records;
            seen(taken);
            if !more {
                return Ok((taken, false));
            }
        }
        Ok((taken, !bounded))
    }

    /// One transaction. The source is opened by the first one and goes on in the next: a segment is read once.
    fn batch(
        &mut self,
        layout: &Layout,
        stream: StreamId,
        standing: Option<&Standing>,
        open: &mut Option<Source>,
        budget: u64,
    ) -> Result<(u64, bool), Failure> {
        let transaction = self.store.conn.unchecked_transaction()?;
        let sql = Sql::new(&transaction);
        let n = self.names.number(&sql, stream)?;
        let limit = match self.limits.get(&stream) {
            Some(limit) => Some(*limit),
            None => settlement(&sql, &self.names.stream(stream))?,
        };
        let source = match open {
            Some(source) => source,
            None => open.insert(source_at(layout, stream, standing, limit)?),
        };
        let mut batch = Batch::new(has_orphans(&sql)?);
        let size = BATCH.min(budget);
        let (mut taken, mut closed) = (0, false);
        while taken < size {
            let Some(counted) = source.next()? else { break };
            closed |= counted.record.as_ref().is_ok_and(|record| record.header.kind == Kind::StreamClosed);
            mark(&sql, n, &counted)?;
            let mut target = Target { sql: &sql, names: &mut self.names, batch: &mut batch, stream };
            match &counted.record {
                Ok(record) => target.take(record)?,
                Err(why) => target.unread(counted.seq, unread_as(why), &why.to_string())?,
            }
            taken += 1;
        }
        batch.flush(&sql, &self.names)?;
        let (segment, offset, seq) = source.position();
        let more = taken == size;
        let done = !more && (closed || limit.is_some_and(|limit| (segment, offset) >= limit));
        sql.run(
            "UPDATE streams SET at_segment = ?2, at_offset = ?3, next_seq = ?4, done = ?5 WHERE n = ?1",
            params![n, segment, whole(offset), whole(seq), done],
        )?;
        drop(sql);
        transaction.commit()?;
        Ok((taken, more))
    }
}

/// How many records stand behind the place that the projector has reached. Frames are passed over much faster than they are
/// projected, and not beyond the segments that are there now.
fn ahead(layout: &Layout, stream: StreamId, at: Option<&Standing>) -> Result<u64, Error> {
    let last = layout.segments(stream).unwrap_or_default().last().copied().unwrap_or_default();
    let mut reader = reader_at(layout, stream, at)?;
    let mut records = 0;
    while reader.next()?.is_some_and(|frame| frame.segment <= last) {
        records += 1;
    }
    Ok(records)
}

/// The journal from where the projector stopped, up to where a settlement ends it.
fn source_at(
    layout: &Layout,
    stream: StreamId,
    at: Option<&Standing>,
    limit: Option<(u32, u64)>,
) -> Result<Source, Error> {
    let mut reader = reader_at(layout, stream, at)?;
    if let Some((segment, offset)) = limit {
        reader.limit(segment, offset);
    }
    Ok(Source::new(reader))
}

fn reader_at(layout: &Layout, stream: StreamId, at: Option<&Standing>) -> Result<Reader, Error> {
    let (segment, offset, seq) = match at {
        Some(at) if at.offset > 0 => (at.segment, at.offset, at.seq),
        _ => (0, SEGMENT_HEADER as u64, 0),
    };
    Ok(Reader::from(layout, stream, segment, offset, seq)?.following())
}

/// What sort of unreadable: something of a later version is no fault, anything else is.
fn unread_as(why: &crate::model::record::Invalid) -> &'static str {
    use crate::model::record::Invalid;
    match why {
        Invalid::UnknownKind(_) | Invalid::UnknownVersion(_) => "unknown",
        Invalid::Short { .. } | Invalid::Field { .. } | Invalid::Body { .. } => "invalid",
    }
}

fn mark(sql: &Sql<'_>, n: i64, counted: &Counted) -> Result<(), Failure> {
    if !counted.seq.is_multiple_of(MARK_EVERY) {
        return Ok(());
    }
    sql.run(
        "INSERT OR IGNORE INTO marks(n, seq, segment, offset) VALUES (?1, ?2, ?3, ?4)",
        params![n, whole(counted.seq), counted.segment, whole(counted.offset)],
    )
}

fn has_orphans(sql: &Sql<'_>) -> Result<bool, Failure> {
    let found = sql.one("SELECT 1 FROM node_states WHERE opened_seq IS NULL LIMIT 1", [], |_| Ok(()))?;
    Ok(found.is_some())
}

/// Where the stream's settlement ends it; of several the first in order of place.
fn settlement(sql: &Sql<'_>, stream: &Arc<str>) -> Result<Option<(u32, u64)>, Failure> {
    sql.one(
        "SELECT segment, offset FROM settlements WHERE settled = ?1 ORDER BY stream, seq LIMIT 1",
        [&**stream],
        |row| Ok((row.get(0)?, row.get::<_, i64>(1)?.unsigned_abs())),
    )
}

fn standing(conn: &Connection, stream: StreamId) -> Result<Option<Standing>, Failure> {
    let sql = "SELECT at_segment, at_offset, next_seq, done FROM streams WHERE stream = ?1";
    let found = conn.query_row(sql, [stream.text()], |row| {
        Ok(Standing {
            segment: row.get(0)?,
            offset: row.get::<_, i64>(1)?.unsigned_abs(),
            seq: row.get::<_, i64>(2)?.unsigned_abs(),
            done: row.get(3)?,
        })
    });
    Ok(found.optional()?)
}

/// Whether anything stands behind the position: a look at two words, not at a segment.
fn has_more(layout: &Layout, stream: StreamId, at: &Standing) -> bool {
    if at.offset == 0 {
        return true;
    }
    let here = word(&layout.segment(stream, at.segment), at.offset);
    here.is_none_or(|word| word != 0) || word(&layout.segment(stream, at.segment + 1), 0).is_some_and(|word| word != 0)
}

/// The eight bytes at an offset, where there are so many.
fn word(path: &Path, offset: u64) -> Option<u64> {
    use std::os::unix::fs::FileExt;
    let mut bytes = [0u8; 8];
    fs::File::open(path).ok()?.read_exact_at(&mut bytes, offset).ok()?;
    Some(u64::from_le_bytes(bytes))
}

/// Whether every record that counts is projected.
pub(super) fn is_current(conn: &Connection, layout: &Layout) -> Result<bool, Failure> {
    for stream in layout.streams()? {
        let Some(at) = standing(conn, stream)? else { return Ok(false) };
        // What stands there may be a torn tail, which holds no record.
        if !at.done
            && has_more(layout, stream, &at)
            && (at.offset == 0 || source_at(layout, stream, Some(&at), None)?.next()?.is_some())
        {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Bytes of journal behind the positions, zero-filled space aside.
pub(crate) fn lag(conn: &Connection, layout: &Layout) -> Result<u64, Failure> {
    let mut bytes = 0;
    for stream in layout.streams()? {
        let at = standing(conn, stream)?;
        if at.as_ref().is_some_and(|at| at.done || !has_more(layout, stream, at)) {
            continue;
        }
        let (segment, offset, seq) = at.map_or((0, 0, 0), |at| (at.segment, at.offset, at.seq));
        let offset = offset.max(SEGMENT_HEADER as u64);
        let mut reader = Reader::from(layout, stream, segment, offset, seq)?.following();
        while let Some(frame) = reader.next()? {
            bytes += frame.bytes.len() as u64;
        }
    }
    Ok(bytes)
}

/// The nearest kept place at or before a record: segment, offset, sequence.
pub(crate) fn nearest(conn: &Connection, stream: StreamId, seq: u64) -> rusqlite::Result<Option<(u32, u64, u64)>> {
    let sql = "SELECT m.segment, m.offset, m.seq FROM marks m JOIN streams s ON s.n = m.n
      WHERE s.stream = ?1 AND m.seq <= ?2 ORDER BY m.seq DESC LIMIT 1";
    conn.query_row(sql, params![stream.text(), whole(seq)], |row| {
        Ok((row.get(0)?, row.get::<_, i64>(1)?.unsigned_abs(), row.get::<_, i64>(2)?.unsigned_abs()))
    })
    .optional()
}

const _: () = assert!(SEQ_BITS < 48, "stream numbers need room beside the sequence");

#[cfg(test)]
impl Projector {
    pub(super) fn connection(&self) -> &Connection {
        &self.work.store.conn
    }
}
