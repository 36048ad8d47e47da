//! The mirror file: every acknowledged record of our stream as one JSON line, read from the journal by a thread of its
//! own. It therefore says nothing that the journal does not hold, costs no caller anything, and misses no record while
//! it is behind.

use super::builder::Builder;
use crate::model::{Durability, StreamId};
use crate::recorder::{Core, Recorder};
use crate::trail::{Tail, Told};
use std::collections::VecDeque;
use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How often the thread looks for new records.
const STEP: Duration = Duration::from_millis(50);
/// Reading a segment again costs more the larger it is; the thread rests this many times as long as it worked.
const REST: u32 = 10;

/// Starts the mirror, if one was asked for. It ends, complete, when the stream is closed.
pub(super) fn start(recorder: &Recorder, builder: &Builder) {
    let Some(file) = builder.mirror.clone() else { return };
    let Ok(tail) = Tail::open(recorder.path()) else {
        return recorder.count_observer_drops(1);
    };
    let mirror = Mirror { tail, stream: recorder.stream(), waiting: VecDeque::new(), file, open: None, torn: false };
    let core = Arc::downgrade(&recorder.0);
    let (close, closed) = channel::<()>();
    match std::thread::Builder::new().name("audit-mirror".to_owned()).spawn(move || walk(&core, mirror, &closed)) {
        Ok(thread) => {
            let (core, patience) = (Arc::downgrade(&recorder.0), recorder.0.journal.patience());
            recorder.when_closed(move || {
                drop(close);
                end_within(patience, thread, &core);
            });
        }
        Err(_) => recorder.count_observer_drops(1),
    }
}

/// Waits until the mirror is complete, but not for a file that hangs: that costs its last lines, and is counted.
fn end_within(patience: Duration, thread: JoinHandle<()>, core: &Weak<Core>) {
    let until = Instant::now() + patience;
    while !thread.is_finished() && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(1));
    }
    if thread.is_finished() {
        // A mirror that panicked says so by what it misses.
        drop(thread.join());
    } else if let Some(core) = core.upgrade() {
        Recorder(core).count_observer_drops(1);
    }
}

fn walk(core: &Weak<Core>, mut mirror: Mirror, closed: &Receiver<()>) {
    let mut rest = STEP;
    loop {
        let last = closed.recv_timeout(rest) != Err(RecvTimeoutError::Timeout);
        let Some(core) = core.upgrade() else { return };
        let began = Instant::now();
        let missed = mirror.catch_up(&core);
        Recorder(core).count_observer_drops(missed);
        if last {
            return;
        }
        rest = STEP.max(began.elapsed() * REST);
    }
}

struct Mirror {
    tail: Tail,
    stream: StreamId,
    /// Read, and not acknowledged yet.
    waiting: VecDeque<Told>,
    file: PathBuf,
    open: Option<File>,
    /// The last write failed, and may have left half a line.
    torn: bool,
}

impl Mirror {
    /// Writes what has been acknowledged since; returns how many records it had to leave out.
    fn catch_up(&mut self, core: &Core) -> u64 {
        // Read before the journal is: what is on the device now was written before.
        let durable = core.journal.durable();
        // What cannot be read now is read next time.
        if let Ok(news) = self.tail.poll_stream(self.stream, &[], usize::MAX) {
            self.waiting.extend(news);
        }
        let mut lines = String::new();
        let mut records = 0;
        while self.waiting.front().is_some_and(|told| is_acknowledged(told, durable)) {
            let Some(told) = self.waiting.pop_front() else { break };
            // Writing to a String does not fail.
            let _written = writeln!(lines, "{}", told.line);
            records += 1;
        }
        if records > 0 && self.write(&lines).is_err() {
            self.open = None;
            self.torn = true;
            return records;
        }
        0
    }

    fn write(&mut self, lines: &str) -> io::Result<()> {
        let mut file = match self.open.take() {
            Some(file) => file,
            None => OpenOptions::new().create(true).append(true).open(&self.file)?,
        };
        if self.torn {
            file.write_all(b"\n")?;
            self.torn = false;
        }
        file.write_all(lines.as_bytes())?;
        self.open = Some(file);
        Ok(())
    }
}

/// A record at `Process` is acknowledged once it can be read; any other once it is on the device.
fn is_acknowledged(told: &Told, durable: u64) -> bool {
    told.durability == Durability::Process || told.id.seq < durable
}
