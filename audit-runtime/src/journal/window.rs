//! A piece of a segment file in memory, moved along as it is read: what a reader holds does not grow with the segment,
//! and stays in the processor's cache.

use super::frame::{self, FRAME_HEAD, Found, SEGMENT_HEADER};
use crate::model::record::{HEADER, MAX_RECORD};
use std::fs::File;
use std::io::{self, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::path::Path;

/// Bytes that are read at once; a longer frame is read whole.
const PIECE: usize = 256 * 1024;

/// A file, and the piece of it that was read last.
#[derive(Debug, Default)]
pub(super) struct Window {
    file: Option<File>,
    /// Where the file ends, as far as is known.
    len: u64,
    /// Where the piece begins.
    base: u64,
    piece: Vec<u8>,
    /// From here on nothing but zeros was found.
    empty_from: Option<u64>,
}

impl Window {
    /// Opens a file; nothing of it is read yet.
    pub(super) fn open(path: &Path) -> io::Result<Window> {
        let mut file = File::open(path)?;
        // By its end, not by its metadata: see what asking a file for its times costs its writer.
        let len = file.seek(SeekFrom::End(0))?;
        Ok(Window { file: Some(file), len, ..Window::default() })
    }

    /// The bytes where a segment's header belongs; fewer where the file is shorter.
    pub(super) fn header(&self) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; SEGMENT_HEADER];
        let read = self.read(&mut bytes, 0)?;
        bytes.truncate(read);
        Ok(bytes)
    }

    /// The frame at `at`, which is read from the file where the piece does not hold it.
    pub(super) fn frame(&mut self, at: u64, seed: u32) -> io::Result<Found<'_>> {
        self.reach(at, FRAME_HEAD)?;
        let size = self.from(at).first_chunk().map_or(0, |len: &[u8; 4]| u32::from_le_bytes(*len) as usize);
        if (HEADER..=MAX_RECORD).contains(&size) {
            self.reach(at, frame::framed(size))?;
        }
        Ok(frame::read(self.from(at), 0, seed))
    }

    /// The bytes of a record that [`frame`](Window::frame) has found at `at`.
    pub(super) fn record(&self, at: u64, len: usize) -> &[u8] {
        self.from(at).get(FRAME_HEAD..FRAME_HEAD + len).unwrap_or_default()
    }

    /// Reads `at` again, and what follows it: a living writer may have stored it since.
    pub(super) fn forget(&mut self) {
        self.piece.clear();
        self.empty_from = None;
    }

    /// Bytes from `at` up to the last one of the file that is not zero.
    pub(super) fn used_behind(&mut self, at: u64) -> io::Result<u64> {
        if self.empty_from.is_some_and(|empty| empty <= at) {
            return Ok(0);
        }
        let (mut used, mut next) = (0, at);
        while next < self.len {
            self.reach(next, 1)?;
            let piece = self.from(next);
            if piece.is_empty() {
                break;
            }
            if let Some(last) = last_used(piece) {
                used = next + last as u64 + 1 - at;
            }
            next += piece.len() as u64;
        }
        self.empty_from = (used == 0).then_some(at);
        Ok(used)
    }

    /// The piece from `at` on.
    fn from(&self, at: u64) -> &[u8] {
        let skip = usize::try_from(at.saturating_sub(self.base)).unwrap_or(usize::MAX);
        self.piece.get(skip..).unwrap_or_default()
    }

    /// Sees to it that `need` bytes from `at` on are in the piece, or all that the file has.
    fn reach(&mut self, at: u64, need: usize) -> io::Result<()> {
        let end = self.base + self.piece.len() as u64;
        let wanted = (at + need as u64).min(self.len);
        if at >= self.base && end >= wanted && !self.piece.is_empty() {
            return Ok(());
        }
        let left = usize::try_from(self.len.saturating_sub(at)).unwrap_or(usize::MAX);
        let mut piece = std::mem::take(&mut self.piece);
        let wanted = left.min(PIECE.max(need));
        make_room(&mut piece, wanted);
        let read = self.read(&mut piece, at)?;
        if read < piece.len() {
            // It was cut since it was opened.
            piece.truncate(read);
            self.len = at + read as u64;
        }
        (self.base, self.piece) = (at, piece);
        Ok(())
    }

    fn read(&self, into: &mut [u8], at: u64) -> io::Result<usize> {
        let Some(file) = &self.file else { return Ok(0) };
        #[cfg(test)]
        tests::count(into.len());
        read_full(into, at, |into, at| file.read_at(into, at))
    }
}

/// Gives a buffer this length, whatever stands in it.
pub(super) fn make_room(piece: &mut Vec<u8>, len: usize) {
    if piece.len() < len {
        // Zeros from the allocator: growing byte by byte costs a build without optimisation more than the reading.
        *piece = vec![0; len];
    }
    piece.truncate(len);
}

/// Fills a buffer from `at` as far as the file goes, and continues what is short or interrupted; how many bytes there were.
pub(super) fn read_full(
    into: &mut [u8],
    at: u64,
    mut read: impl FnMut(&mut [u8], u64) -> io::Result<usize>,
) -> io::Result<usize> {
    let mut done = 0;
    while done < into.len() {
        match read(&mut into[done..], at + done as u64) {
            Ok(0) => break,
            Ok(n) => done += n,
            Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
            Err(cause) => return Err(cause),
        }
    }
    Ok(done)
}

/// The last byte that is not zero. Most of a segment is zeros, which are compared in blocks.
pub(crate) fn last_used(piece: &[u8]) -> Option<usize> {
    const ZEROS: [u8; 4096] = [0; 4096];
    let mut end = piece.len();
    for size in [ZEROS.len(), 64] {
        while end > 0 && piece[end.saturating_sub(size)..end] == ZEROS[..size.min(end)] {
            end = end.saturating_sub(size);
        }
    }
    piece[..end].iter().rposition(|byte| *byte != 0)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::model::StreamId;
    use std::cell::Cell;

    thread_local! {
        static ASKED: Cell<u64> = const { Cell::new(0) };
    }

    pub(super) fn count(bytes: usize) {
        ASKED.with(|asked| asked.set(asked.get() + bytes as u64));
    }

    /// Bytes that this thread asks the file system for while it does something.
    pub(crate) fn asked_for<R>(work: impl FnOnce() -> R) -> (R, u64) {
        let before = ASKED.with(Cell::get);
        let done = work();
        (done, ASKED.with(Cell::get) - before)
    }

    /// Frames of all sizes, so that some of them cross the ends of pieces, at every alignment.
    #[test]
    fn frames_are_whole_wherever_a_piece_ends() {
        let seed = frame::seed(StreamId([9; 16]), 0);
        let bodies: Vec<Vec<u8>> = (0..400usize).map(|n| vec![n as u8; (n * 7919) % 6000]).collect();
        let mut bytes = vec![0u8; SEGMENT_HEADER];
        let mut places = Vec::new();
        for body in bodies.iter().chain([&vec![3; MAX_RECORD - HEADER]]) {
            places.push((bytes.len() as u64, HEADER + body.len()));
            frame::write(&mut bytes, seed, &[1; HEADER], body);
        }
        let end = bytes.len() as u64;
        bytes.resize(bytes.len() + 3 * PIECE, 0);
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("0.seg");
        std::fs::write(&path, &bytes).expect("writes");
        let mut window = Window::open(&path).expect("opens");
        for (at, len) in &places {
            match window.frame(*at, seed).expect("reads") {
                Found::Record(record) => assert_eq!(record.len(), *len, "at {at}"),
                other => panic!("{other:?} at {at}"),
            }
        }
        assert_eq!(window.frame(end, seed).expect("reads"), Found::Nothing);
        assert_eq!(window.used_behind(end).expect("reads"), 0);
        assert_eq!(window.used_behind(SEGMENT_HEADER as u64).expect("reads"), end - SEGMENT_HEADER as u64);
        // A byte far behind the end is found, however many pieces lie between.
        bytes[end as usize + 2 * PIECE + 5] = 1;
        std::fs::write(&path, &bytes).expect("writes");
        let mut window = Window::open(&path).expect("opens");
        assert_eq!(window.used_behind(end).expect("reads"), 2 * PIECE as u64 + 6);
    }
}
