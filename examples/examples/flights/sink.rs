//! A CSV file that is written durably, a batch at a time. A batch's key names the place where it stands, and the record
//! of its preparation has the digest of its bytes: whoever comes after a crash can read back what became of it.

use super::arguments::{Arguments, about};
use super::fuse::Fuse;
use audit_runtime::Error as AuditError;
use audit_runtime::landscape::{Delivered, InDoubt, Landscape, Node, ReadBack, SinkFailure, SinkReceipt, Token};
use audit_runtime::model::digest::{Scope, digest_bytes};
use std::cell::Cell;
use std::error::Error;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

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
    /// The mistake that the tests must notice: it appends where the file ends and never reads back.
    blind: bool,
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

/// Counts the syncs of a sink, and lets one of so many fail.
struct Syncs {
    every: Option<u64>,
    done: Cell<u64>,
}

impl Syncs {
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
    /// A file that goes on behind the last batch that is known to be durable; a new run begins with an empty one.
    pub fn open(land: &Landscape, facts: Facts, arguments: &Arguments) -> Result<Sink, Box<dyn Error>> {
        let Facts { node, name, heading, takes } = facts;
        let (dir, path) = (&arguments.out, arguments.out.join(name));
        let options = File::options().read(true).write(true).create(true).truncate(false).open(&path);
        let file = options.map_err(about(&path))?;
        // The file has its name before a receipt can say that something is in it.
        File::open(dir)?.sync_all()?;
        let end = land.last_write(node).and_then(|key| place(&key)).map_or(0, |(at, bytes)| at + bytes as u64);
        let doubtful = land.in_doubt().iter().any(|doubt| doubt.sink() == name);
        let blindly = arguments.blind && land.is_resumed();
        if !doubtful && !blindly {
            file.set_len(end)?;
        }
        let syncs = Syncs { every: arguments.fail_sync, done: Cell::new(0) };
        let (land, blind) = (land.clone(), arguments.blind);
        Ok(Sink { land, node, name, file, takes, end, heading, waiting: Vec::new(), syncs, lines: 0, blind })
    }

    /// The file's name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Finds out what became of a batch whose process died between its intent and its receipt.
    pub fn read_back(&mut self, doubt: InDoubt) -> Result<(), AuditError> {
        let place = place(doubt.key());
        let found = doubt.read_back(|_| match place {
            Some((at, bytes)) if !self.blind => self.look(at, bytes),
            // A row that the file has no room for was asked about alone: nothing of it can be there.
            Some(_) | None => Ok::<_, io::Error>(ReadBack::NotApplied),
        })?;
        if let (Some(receipt), Some((at, bytes))) = (found, place) {
            Sink::complete(&receipt)?;
            self.end = at + bytes as u64;
            receipt.deliver()?;
        }
        Ok(())
    }

    fn look(&self, at: u64, bytes: usize) -> io::Result<ReadBack> {
        let mut content = vec![0; bytes];
        match self.file.read_exact_at(&mut content, at) {
            Ok(()) => {
                // What can be read may still be in a cache; it counts once it is on the device.
                self.file.sync_data()?;
                Ok(ReadBack::Applied(digest_bytes(Scope::Bytes, &content)))
            }
            Err(short) if short.kind() == io::ErrorKind::UnexpectedEof => Ok(ReadBack::NotApplied),
            Err(error) => Err(error),
        }
    }

    /// Registers what a receipt is for.
    pub fn complete(receipt: &SinkReceipt) -> Result<(), AuditError> {
        let (name, bytes) = (receipt.key().split('@').next().unwrap_or_default(), place(receipt.key()));
        let Some((_, bytes)) = bytes else { return Ok(()) };
        receipt.artifact(receipt.key(), name, receipt.content().clone(), bytes as u64).map(drop)
    }

    /// Takes a token in, to be written with others. One that the sink refuses comes back.
    pub fn offer(&mut self, waiting: Waiting, fuse: &Fuse) -> Result<Option<Waiting>, AuditError> {
        if (self.takes)(&waiting.text) {
            self.waiting.push(waiting);
            return Ok(None);
        }
        let Waiting { token, row, text } = waiting;
        let key = format!("{} row {row}", self.name);
        let visits = vec![token.enter(self.node)?];
        let batch = self.land.prepare(self.node, &key, digest_bytes(Scope::Bytes, text.as_bytes()), visits)?;
        let refusal = || {
            fuse.pass();
            Err::<(), _>(io::Error::new(io::ErrorKind::InvalidData, "the line does not fit the format"))
        };
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
    pub fn write(&mut self, fuse: &Fuse) -> Result<Option<Delivered>, Box<dyn Error>> {
        if self.waiting.is_empty() {
            return Ok(None);
        }
        let heading = if self.end == 0 { self.heading } else { "" };
        let (mut tokens, mut lines, mut content) = (Vec::new(), Vec::new(), heading.to_owned());
        for Waiting { token, row, text } in self.waiting.drain(..) {
            content.push_str(&text);
            tokens.push(token);
            lines.push((row, text));
        }
        let receipt = match self.receipt(&mut tokens, &content, fuse) {
            Ok(receipt) => receipt,
            Err(error) => {
                // They wait on: who goes on with the run finds them without an outcome.
                let waiting = |(token, (row, text))| Waiting { token, row, text };
                self.waiting = tokens.into_iter().zip(lines).map(waiting).collect();
                return Err(error);
            }
        };
        self.lines += lines.len() as u64;
        fuse.pass();
        Sink::complete(&receipt)?;
        fuse.pass();
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
    fn receipt(&self, tokens: &mut Vec<Token>, content: &str, fuse: &Fuse) -> Result<SinkReceipt, Box<dyn Error>> {
        let (key, digest) = (self.key(content.len()), digest_bytes(Scope::Bytes, content.as_bytes()));
        let mut left = RETRIES;
        loop {
            let visits: Result<Vec<_>, _> = tokens.drain(..).map(|token| token.enter(self.node)).collect();
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
                Err(SinkFailure::Sink { error, tokens: back }) => {
                    *tokens = back;
                    left = left.checked_sub(1).ok_or_else(|| format!("{}: {error}", self.name))?;
                }
                Err(SinkFailure::Audit(error)) => return Err(error.into()),
            }
        }
    }

    fn append(&self, content: &[u8], fuse: &Fuse) -> io::Result<()> {
        // What an attempt before this one left behind the place is no part of the file.
        let at = if self.blind { self.file.metadata()?.len() } else { self.end };
        self.file.set_len(at)?;
        let (first, second) = content.split_at(content.len() / 2);
        self.file.write_all_at(first, at)?;
        // A kill here leaves half a batch.
        fuse.pass();
        self.file.write_all_at(second, at + first.len() as u64)
    }
}

/// Offset and length of the batch that a key names.
fn place(key: &str) -> Option<(u64, usize)> {
    let (at, bytes) = key.rsplit_once('@')?.1.split_once('+')?;
    Some((at.parse().ok()?, bytes.parse().ok()?))
}
