//! What was acknowledged: kept in memory, and in a file where a kill does not take it.

use audit_runtime::recorder::{Observer, Seen};
use audit_runtime::trail::Acknowledged;
use audit_runtime::{Durability, Id, StreamId};
use parking_lot::Mutex;
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;

/// One acknowledged record with the durability that was promised for it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ack {
    pub(crate) record: Acknowledged,
    pub(crate) durability: Durability,
}

/// Hears every acknowledgement of a lab's recorder.
#[derive(Default)]
pub(crate) struct Told {
    acks: Mutex<Vec<Ack>>,
    file: Option<Mutex<File>>,
}

impl Told {
    /// Also writes to a file: what is written is in the kernel, so the death of the process does not take it.
    pub(crate) fn into_file(path: &Path) -> io::Result<Told> {
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        Ok(Told { acks: Mutex::default(), file: Some(Mutex::new(file)) })
    }

    pub(crate) fn acks(&self) -> Vec<Ack> {
        self.acks.lock().clone()
    }

    /// The records that must be there when the process alone has died.
    pub(crate) fn all(&self) -> Vec<Acknowledged> {
        self.acks.lock().iter().map(|ack| ack.record).collect()
    }

    /// Reads what a killed process had been told. A line that the kill cut was not told.
    pub(crate) fn read(path: &Path) -> Vec<Acknowledged> {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        text.split_inclusive('\n').filter_map(|line| parse(line.strip_suffix('\n')?)).collect()
    }
}

fn parse(line: &str) -> Option<Acknowledged> {
    let mut words = line.split(' ');
    let stream = StreamId::parse(words.next()?)?;
    let seq = words.next()?.parse().ok()?;
    let hash = words.next()?.parse().ok()?;
    Some(Acknowledged { id: Id::new(stream, seq), hash })
}

impl Observer for Told {
    fn seen(&self, seen: Seen<'_>) {
        let record = Acknowledged::of(seen.id, seen.header, seen.body);
        self.acks.lock().push(Ack { record, durability: seen.header.durability });
        if let Some(file) = &self.file {
            let line = format!("{} {} {}\n", seen.id.stream.text(), seen.id.seq, record.hash);
            // A line that cannot be written was not told: the check then asks for less.
            drop(file.lock().write_all(line.as_bytes()));
        }
    }
}
