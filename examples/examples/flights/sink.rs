//! A CSV file that is written durably, a batch at a time. A batch's key names the place where it stands, and the record
//! of its preparation has the digest of its bytes: whoever comes after a crash can read back what became of it.

use crate::fuse::Fuse;
use audit_runtime::Error;
use audit_runtime::landscape::{Delivered, Landscape, Node, SinkFailure, SinkReceipt, Token};
use audit_runtime::model::digest::{Digest, Scope, digest_bytes};
use std::cell::Cell;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// Lines that are written at once.
const BATCH: usize = 64;
/// A sync that fails is followed by so many more attempts, each of which writes the bytes again.
const RETRIES: u32 = 3;

/// A sink and what waits for it.
pub struct Sink {
    land: Landscape,
    node: Node,
    name: &'static str,
    file: File,
    takes: fn(&str) -> bool,
    /// Where the next batch will stand.
    end: u64,
    /// What the first batch begins with.
    heading: &'static str,
    waiting: Vec<Waiting>,
    syncs: Syncs,
    lines: u64,
}

/// A token with the line that it will be, and the first row that it comes from.
pub struct Waiting {
    /// The token.
    pub token: Token,
    /// Its row, the oldest of several.
    pub row: u64,
    /// Its line.
    pub text: String,
}

/// Counts the syncs of a sink, and lets some of them fail.
pub struct Syncs {
    every: Option<u64>,
    done: Cell<u64>,
}

impl Syncs {
    /// Every so many syncs one fails.
    pub fn failing(every: Option<u64>) -> Syncs {
        Syncs { every, done: Cell::new(0) }
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        self.done.set(self.done.get() + 1);
        match self.every {
            Some(every) if self.done.get().is_multiple_of(every) => Err(io::Error::other("the device failed a sync")),
            _ => file.sync_data(),
        }
    }
}

/// What a sink is made of.
pub struct Facts {
    /// Its node.
    pub node: Node,
    /// Its file's name.
    pub name: &'static str,
    /// The first line.
    pub heading: &'static str,
    /// Whether a line fits its format.
    pub takes: fn(&str) -> bool,
}

impl Sink {
    /// An empty file in this directory.
    pub fn create(land: &Landscape, dir: &Path, facts: Facts, syncs: Syncs) -> io::Result<Sink> {
        let Facts { node, name, heading, takes } = facts;
        std::fs::create_dir_all(dir)?;
        let file = File::options().read(true).write(true).create(true).truncate(true).open(dir.join(name))?;
        // The file has its name before a receipt can say that something is in it.
        File::open(dir)?.sync_all()?;
        let land = land.clone();
        Ok(Sink { land, node, name, file, takes, end: 0, heading, waiting: Vec::new(), syncs, lines: 0 })
    }

    /// Takes a token in, to be written with others. One that the sink refuses comes back.
    pub fn offer(&mut self, waiting: Waiting) -> Result<Option<Waiting>, Error> {
        if (self.takes)(&waiting.text) {
            self.waiting.push(waiting);
            return Ok(None);
        }
        let Waiting { token, row, text } = waiting;
        let key = format!("{} row {row}", self.name);
        let visits = vec![token.enter(self.node)?];
        let batch = self.land.prepare(self.node, &key, digest_bytes(Scope::Bytes, text.as_bytes()), visits)?;
        let refusal = || Err::<(), _>(io::Error::new(io::ErrorKind::InvalidData, "the line does not fit the format"));
        match batch.write(refusal) {
            Err(SinkFailure::Sink { mut tokens, .. }) => Ok(tokens.pop().map(|token| Waiting { token, row, text })),
            Err(SinkFailure::Audit(error)) => Err(error),
            Ok(_) => Ok(None),
        }
    }

    /// Whether a batch is complete.
    pub fn is_full(&self) -> bool {
        self.waiting.len() >= BATCH
    }

    /// The oldest row that waits here.
    pub fn oldest(&self) -> Option<u64> {
        self.waiting.iter().map(|waiting| waiting.row).min()
    }

    /// Lines that were delivered.
    pub fn lines(&self) -> u64 {
        self.lines
    }

    /// Writes what waits, as one batch; nothing when nothing does.
    pub fn write(&mut self, fuse: &Fuse) -> Result<Option<Delivered>, Box<dyn std::error::Error>> {
        if self.waiting.is_empty() {
            return Ok(None);
        }
        let heading = if self.end == 0 { self.heading } else { "" };
        let (mut tokens, mut content) = (Vec::new(), heading.to_owned());
        for waiting in self.waiting.drain(..) {
            tokens.push(waiting.token);
            content.push_str(&waiting.text);
        }
        self.lines += tokens.len() as u64;
        let digest = digest_bytes(Scope::Bytes, content.as_bytes());
        let receipt = self.receipt(tokens, &content, &digest, fuse)?;
        fuse.pass();
        let key = self.key(content.len());
        receipt.artifact(&key, self.name, digest, content.len() as u64)?;
        self.end += content.len() as u64;
        let delivered = receipt.deliver()?;
        fuse.pass();
        Ok(Some(delivered))
    }

    /// The batch that will stand at the end of the file.
    fn key(&self, bytes: usize) -> String {
        format!("{}@{}+{bytes}", self.name, self.end)
    }

    /// Writes until the sink has made the bytes durable. After a failed sync nobody knows what of them is on the device,
    /// so the attempt counts as failed and the next one writes them again.
    fn receipt(
        &mut self,
        mut tokens: Vec<Token>,
        content: &str,
        digest: &Digest,
        fuse: &Fuse,
    ) -> Result<SinkReceipt, Box<dyn std::error::Error>> {
        let key = self.key(content.len());
        let mut left = RETRIES;
        loop {
            let visits: Result<Vec<_>, _> = tokens.into_iter().map(|token| token.enter(self.node)).collect();
            let batch = self.land.prepare(self.node, &key, digest.clone(), visits?)?;
            fuse.pass();
            let durable = match batch.write(|| self.append(content.as_bytes(), fuse)) {
                Ok((written, ())) => written.sync(|| {
                    fuse.pass();
                    self.syncs.sync(&self.file)
                }),
                Err(failure) => Err(failure),
            };
            match durable {
                Ok(durable) => {
                    fuse.pass();
                    return Ok(durable.receipt()?);
                }
                Err(SinkFailure::Sink { tokens: back, .. }) if left > 0 => (tokens, left) = (back, left - 1),
                Err(SinkFailure::Sink { error, .. }) => return Err(format!("{}: {error}", self.name).into()),
                Err(SinkFailure::Audit(error)) => return Err(error.into()),
            }
        }
    }

    fn append(&self, content: &[u8], fuse: &Fuse) -> io::Result<()> {
        // What an attempt before this one left behind the place is no part of the file.
        self.file.set_len(self.end)?;
        let (first, second) = content.split_at(content.len() / 2);
        self.file.write_all_at(first, self.end)?;
        // A kill here leaves half a batch.
        fuse.pass();
        self.file.write_all_at(second, self.end + first.len() as u64)
    }
}
