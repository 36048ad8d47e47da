//! The second sink: terminals that the journal could not take, kept until the next open places them. One file for each
//! stream, written only after its journal has failed; frames as in segments, under a segment number of their own.

use super::frame::{self, Found, SPOOL_SEGMENT};
use super::layout::Layout;
use super::storage::sync_parent;
use crate::model::record::{HEADER, Header};
use crate::model::{Record, StreamId};
use parking_lot::Mutex;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

/// Where a stream's spooled terminals stand.
#[derive(Clone, Debug)]
pub struct Spool {
    dir: PathBuf,
    /// One frame at a time, so that a failed one can be cut off again.
    turn: Arc<Mutex<()>>,
}

impl Spool {
    /// In the trail itself.
    #[must_use]
    pub fn of(layout: &Layout) -> Spool {
        Spool::at(layout.spool_dir())
    }

    /// In another directory, on another disk at best.
    pub fn at(dir: impl AsRef<Path>) -> Spool {
        Spool { dir: dir.as_ref().to_owned(), turn: Arc::default() }
    }

    fn file(&self, stream: StreamId) -> PathBuf {
        self.dir.join(format!("{}.spool", stream.text()))
    }

    /// As [`append`](Spool::append), on a thread of its own: a device that hangs holds that thread and not the caller.
    ///
    /// # Errors
    /// As `append`; `TimedOut` when nothing is known after `patience`.
    pub fn append_within(&self, patience: Duration, stream: StreamId, header: &Header, body: &[u8]) -> io::Result<()> {
        let (spool, header, body) = (self.clone(), *header, body.to_vec());
        let (told, hear) = mpsc::channel();
        std::thread::Builder::new().name("audit-spool".to_owned()).spawn(move || {
            // Nobody listens any more when the patience has run out.
            drop(told.send(spool.append(stream, &header, &body)));
        })?;
        hear.recv_timeout(patience).unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::TimedOut)))
    }

    /// Appends one terminal and returns when it is on the device.
    ///
    /// # Errors
    /// What the file system says; the record is then in neither sink.
    pub fn append(&self, stream: StreamId, header: &Header, body: &[u8]) -> io::Result<()> {
        let _turn = self.turn.lock();
        let path = self.file(stream);
        let mut frame = Vec::new();
        frame::write(&mut frame, frame::seed(stream, SPOOL_SEGMENT), &header.encode(), body);
        let limit = rustix::process::getrlimit(rustix::process::Resource::Fsize).current;
        let mut file = OpenOptions::new().append(true).create(true).mode(0o600).open(&path)?;
        let len = file.metadata()?.len();
        if limit.is_some_and(|limit| len + frame.len() as u64 > limit) {
            return Err(io::Error::from(io::ErrorKind::FileTooLarge));
        }
        if let Err(cause) = file.write_all(&frame) {
            // Half a frame would hide what comes behind it.
            drop(file.set_len(len));
            return Err(cause);
        }
        file.sync_all()?;
        sync_parent(&path)
    }

    /// The spooled terminals of a stream, in order. A torn frame hides none of those behind it.
    ///
    /// # Errors
    /// What the file system says; a missing file is no error.
    pub fn read(&self, stream: StreamId) -> io::Result<Vec<(Header, Vec<u8>)>> {
        let bytes = match fs::read(self.file(stream)) {
            Ok(bytes) => bytes,
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(cause) => return Err(cause),
        };
        let seed = frame::seed(stream, SPOOL_SEGMENT);
        let (mut at, mut records) = (0, Vec::new());
        while at < bytes.len() {
            let Found::Record(record) = frame::read(&bytes, at, seed) else {
                at += 1;
                continue;
            };
            at += frame::framed(record.len());
            // Only what passes the load check is ever placed.
            if let Ok(checked) = Record::decode(record) {
                records.push((checked.header, record[HEADER..].to_vec()));
            }
        }
        Ok(records)
    }

    /// Streams that have something spooled.
    ///
    /// # Errors
    /// What the file system says.
    pub fn streams(&self) -> io::Result<Vec<StreamId>> {
        let mut streams = Vec::new();
        for entry in fs::read_dir(&self.dir)? {
            let name = entry?.file_name();
            streams.extend(name.to_str().and_then(|n| n.strip_suffix(".spool")).and_then(StreamId::parse));
        }
        streams.sort_unstable();
        Ok(streams)
    }

    /// Removes a stream's file, once its terminals stand in a journal on the device.
    ///
    /// # Errors
    /// What the file system says.
    pub fn remove(&self, stream: StreamId) -> io::Result<()> {
        match fs::remove_file(self.file(stream)) {
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(cause) => Err(cause),
            Ok(()) => File::open(&self.dir)?.sync_all(),
        }
    }
}
