//! What the processes of a run tell each other, sent to a Redis server by a thread of its own. The journal is the outbox:
//! the thread keeps positions only and reads the records again when it sends them, so a server that does not answer costs
//! no caller anything and loses nothing.
//!
//! ```text
//! journal ──on the device──→ spot ──first contract record of its run──→ due ──HSETNX──→ sent
//!                                    another epoch, another life of the server: due again ←──┘
//! ```

use crate::contract::Doubt;
use crate::error::{Code, Error};
use crate::journal::owner::is_alive;
use crate::journal::{Layout, Reader};
use crate::meeting::{Lost, Meeting, Table, is_shared};
use crate::model::record::Header;
use crate::model::{Id, Kind, RunId, StreamId};
use crate::recorder::{Core, Observer, Recorder, Seen, Severity};
use std::collections::{BTreeMap, VecDeque};
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant, SystemTime};

/// How long the thread rests without news; also how soon it sees that the server has gone.
const STEP: Duration = Duration::from_millis(200);
/// The longest rest between two attempts to reach the server.
const RETRY: Duration = Duration::from_secs(1);
/// Records that go in one piece.
const BATCH: usize = 500;
/// Reading on over so many records that nobody asked for is cheaper than opening the segment again.
const NEAR: u64 = 1000;

/// Starts the thread, where contracts are to meet. What it could not send when the recorder is closed is sent by the next
/// process that opens the trail.
pub(super) fn start(recorder: &Recorder) {
    let Some(meeting) = recorder.0.meeting.clone() else { return };
    recorder.observe(Arc::new(Bell(Arc::clone(&meeting))));
    let outbox = Outbox {
        core: Arc::downgrade(&recorder.0),
        layout: recorder.0.layout.clone(),
        stream: recorder.stream(),
        at: None,
        below: 0,
        runs: BTreeMap::new(),
        table: None,
        server: None,
        rest: STEP,
        meeting: Arc::clone(&meeting),
    };
    let (close, closed) = channel::<()>();
    let failed = Arc::clone(&meeting);
    match std::thread::Builder::new().name("audit-outbox".to_owned()).spawn(move || outbox.walk(&closed)) {
        Ok(thread) => recorder.when_closed(move || {
            drop(close);
            meeting.ring();
            // One that panicked has sent nothing since: the next process that opens the trail sends it.
            drop(thread.join());
        }),
        Err(cause) => failed.tell(|health| health.last = Some(cause.to_string())),
    }
}

/// Rings when there is something to send.
struct Bell(Arc<Meeting>);

impl Observer for Bell {
    fn seen(&self, record: Seen<'_>) {
        if is_shared(record.header.kind) {
            self.0.ring();
        }
    }
}

/// Where a record stands.
#[derive(Clone, Copy)]
struct Spot {
    id: Id,
    segment: u32,
    offset: u64,
}

/// One run that this trail has records of.
#[derive(Default)]
struct Kept {
    spots: Vec<Spot>,
    sent: usize,
    contracted: bool,
    seen: Lost,
    /// The life of the server that took its records last.
    server: Option<String>,
    touched: Option<Instant>,
    over: Option<Instant>,
    /// What the server holds under its name is no run.
    refused: Option<Instant>,
}

impl Kept {
    fn due(&self) -> usize {
        let rests = self.refused.is_some_and(|at| at.elapsed() < RETRY);
        if self.contracted && !rests { self.spots.len() - self.sent } else { 0 }
    }
}

struct Outbox {
    core: Weak<Core>,
    meeting: Arc<Meeting>,
    layout: Layout,
    stream: StreamId,
    /// Segment, offset and sequence up to which our own stream has been read.
    at: Option<(u32, u64, u64)>,
    below: u64,
    runs: BTreeMap<RunId, Kept>,
    table: Option<Table>,
    /// The life of the server that we spoke to last.
    server: Option<String>,
    rest: Duration,
}

impl Outbox {
    fn walk(mut self, closed: &Receiver<()>) {
        self.leftovers();
        loop {
            let last = matches!(closed.try_recv(), Err(TryRecvError::Disconnected));
            let Some(core) = self.core.upgrade() else { return };
            self.round(&Recorder(core));
            if last {
                return;
            }
            let failing = self.table.is_none() && self.due() > 0;
            if failing {
                // A ring does not make a server come back.
                std::thread::sleep(self.rest);
                self.rest = (self.rest * 2).min(RETRY);
            } else {
                self.meeting.await_ring(STEP);
            }
        }
    }

    fn due(&self) -> usize {
        self.runs.values().map(Kept::due).sum()
    }

    fn round(&mut self, recorder: &Recorder) {
        // Read before the journal is: what is on the device now was written before.
        let durable = recorder.0.journal.durable();
        // What cannot be read now is read next time.
        if durable > self.below && self.read(durable).is_err() {
            return;
        }
        let sent = self.send();
        let waiting = self.due() as u64;
        match sent {
            Ok(()) => self.reached(recorder, durable),
            Err(error) => self.lost_sight(recorder, &error, waiting),
        }
        self.meeting.tell(|health| health.waiting = waiting);
        self.tidy_up();
    }

    /// Everything is sent; an outage is over.
    fn reached(&mut self, recorder: &Recorder, durable: u64) {
        let asked = self.table.is_some();
        let before = self.meeting.health();
        self.rest = STEP;
        self.meeting.tell(|health| health.connected = asked);
        self.meeting.sent(durable);
        if asked && !before.connected && before.outages > 0 {
            let fields = [("sent_late", before.waiting.to_string())];
            note(recorder, "redis_back", Severity::Info, &fields);
        }
    }

    /// One outage is told once, whatever number of attempts it takes.
    fn lost_sight(&mut self, recorder: &Recorder, error: &Error, waiting: u64) {
        self.table = None;
        let before = self.meeting.health();
        let begins = before.connected || before.outages == 0;
        self.meeting.tell(|health| {
            health.connected = false;
            health.outages += u64::from(begins);
            health.last = Some(error.to_string());
        });
        if begins {
            let fields = [("waiting", waiting.to_string()), ("cause", error.to_string())];
            note(recorder, "redis_outage", Severity::Warning, &fields);
        }
    }

    /// Positions are kept as long as the server keeps the records, so that they can be sent again; the epoch of a run that
    /// goes on is kept for good, so that nobody takes what the server forgot for what never was.
    fn tidy_up(&mut self) {
        let (ttl, meeting) = (self.meeting.ttl, &self.meeting);
        self.runs.retain(|run, kept| {
            let idle = kept.due() == 0 && kept.touched.is_some_and(|at| at.elapsed() > ttl);
            if idle && kept.contracted {
                (kept.spots, kept.sent) = (Vec::new(), 0);
            }
            let gone = kept.over.is_some() && (idle || !kept.contracted);
            if gone {
                meeting.forget(*run);
            }
            !gone
        });
    }

    /// Sends what is due; looks whether the server is still the same when nothing is.
    fn send(&mut self) -> Result<(), Error> {
        if !self.runs.values().any(|kept| kept.contracted) {
            return Ok(());
        }
        let mut table = match self.table.take() {
            Some(mut table) => {
                if self.due() == 0 {
                    table.ping()?;
                }
                table
            }
            None => self.meeting.connect()?,
        };
        if self.server.as_ref().is_some_and(|known| *known != table.server) {
            // It was started again. Whether it has kept what it held, the epoch of each run tells.
            self.runs.values_mut().for_each(|kept| kept.sent = 0);
        }
        self.server = Some(table.server.clone());
        let due: Vec<RunId> = self.runs.iter().filter(|(_, kept)| kept.due() > 0).map(|(run, _)| *run).collect();
        for run in due {
            match self.send_run(&mut table, run) {
                Err(error) if error.code() == Code::MeetingCorrupt => {
                    // It is nobody's outage: this run waits until the key is mended, the others go on.
                    self.refuse(run, &error);
                }
                sent => sent?,
            }
        }
        self.table = Some(table);
        Ok(())
    }

    fn refuse(&mut self, run: RunId, error: &Error) {
        let Some(kept) = self.runs.get_mut(&run) else { return };
        let first = kept.refused.replace(Instant::now()).is_none();
        kept.sent = 0;
        self.meeting.tell(|health| {
            health.refused += u64::from(first);
            health.last = Some(error.to_string());
        });
    }

    fn send_run(&mut self, table: &mut Table, run: RunId) -> Result<(), Error> {
        let Some(kept) = self.runs.get_mut(&run) else { return Ok(()) };
        while kept.sent < kept.spots.len() {
            let until = kept.spots.len().min(kept.sent + BATCH);
            // Whoever overwrites sends all that he has each time.
            let from = if crate::seeded::is("redis_overwrites") { 0 } else { kept.sent };
            let items = bytes_of(&self.layout, &kept.spots[from..until])?;
            let epoch = table.put(run, &items, self.meeting.ttl)?;
            kept.sent = until;
            self.meeting.tell(|health| health.sent += items.len() as u64);
            if kept.seen.epoch.as_ref().is_some_and(|known| *known != epoch) {
                // What we and others had sent is gone: everything of ours goes again, and whoever reads is told.
                let same = kept.server.as_ref() == Some(&table.server);
                let why = if same { Doubt::Expired } else { Doubt::Restarted };
                table.mourn(run, why)?;
                kept.seen.why = Some(why);
                kept.sent = 0;
                self.meeting.tell(|health| health.lost += 1);
            }
            (kept.seen.epoch, kept.server, kept.refused) = (Some(epoch), Some(table.server.clone()), None);
            self.meeting.knows(run, kept.seen.clone());
        }
        Ok(())
    }

    /// Takes positions of our own stream's records below this sequence.
    fn read(&mut self, durable: u64) -> Result<(), Error> {
        let mut reader = match self.at {
            None => Reader::open(&self.layout, self.stream)?,
            Some((segment, offset, seq)) => Reader::from(&self.layout, self.stream, segment, offset, seq)?,
        }
        .following();
        take_spots(&mut reader, durable, &mut self.runs)?;
        let end = reader.end();
        self.at = Some((end.segment, end.offset, end.records));
        self.below = end.records;
        Ok(())
    }

    /// What processes that died could not send, as far as the server would keep it still.
    fn leftovers(&mut self) {
        let young = |stream| {
            let segments = self.layout.segments(stream).unwrap_or_default();
            let last = segments.last().and_then(|n| std::fs::metadata(self.layout.segment(stream, *n)).ok());
            let age = last.and_then(|file| file.modified().ok()).map(|at| SystemTime::now().duration_since(at));
            age.is_some_and(|age| age.unwrap_or_default() < self.meeting.ttl)
        };
        let streams = self.layout.streams().unwrap_or_default();
        let dead = |stream: &StreamId| *stream != self.stream && !is_alive(&self.layout, *stream);
        let dead: Vec<StreamId> = streams.into_iter().filter(dead).filter(|stream| young(*stream)).collect();
        for stream in dead {
            // A stream that cannot be read is what `audited verify` is for.
            if let Ok(mut reader) = Reader::open(&self.layout, stream) {
                let _unread = take_spots(&mut reader, u64::MAX, &mut self.runs);
            }
        }
    }
}

fn note(recorder: &Recorder, kind: &str, severity: Severity, fields: &[(&str, String)]) {
    let fields: Vec<(&str, &str)> = fields.iter().map(|(name, text)| (*name, text.as_str())).collect();
    // One that cannot be written is in the poison slot.
    drop(recorder.note_at((RunId::NONE, Id::NONE), kind, severity, &fields));
}

/// Adds the positions of what runs tell each other.
fn take_spots(reader: &mut Reader, below: u64, runs: &mut BTreeMap<RunId, Kept>) -> Result<(), Error> {
    let stream = reader.stream();
    while reader.end().records < below {
        let Some(frame) = reader.next()? else { return Ok(()) };
        let Ok(header) = Header::decode(frame.bytes) else { continue };
        let id = Id::new(stream, frame.seq);
        let run = if header.kind == Kind::RunStarted { RunId(id) } else { header.run };
        if run == RunId::NONE || !is_shared(header.kind) {
            continue;
        }
        let kept = runs.entry(run).or_default();
        kept.spots.push(Spot { id, segment: frame.segment, offset: frame.offset });
        kept.touched = Some(Instant::now());
        kept.contracted |= !matches!(header.kind, Kind::RunStarted | Kind::RunResumed | Kind::RunEnded);
        if header.kind == Kind::RunEnded {
            kept.over = Some(Instant::now());
        }
    }
    Ok(())
}

/// The records at these places, read from the journal.
fn bytes_of(layout: &Layout, spots: &[Spot]) -> Result<Vec<(Id, Vec<u8>)>, Error> {
    let mut spots: VecDeque<Spot> = spots.iter().copied().collect();
    let mut found = Vec::with_capacity(spots.len());
    while let Some(first) = spots.front().copied() {
        let stream = first.id.stream;
        let mut reader = Reader::from(layout, stream, first.segment, first.offset, first.id.seq)?;
        while let Some(spot) = spots.front().copied().filter(|spot| spot.id.stream == stream) {
            if spot.id.seq > reader.end().records + NEAR {
                break;
            }
            let gone = || Error::new(Code::FileLost, format!("reading record {} again", spot.id));
            let frame = reader.next()?.ok_or_else(gone)?;
            if frame.seq == spot.id.seq {
                found.push((spot.id, frame.bytes.to_vec()));
                spots.pop_front();
            }
        }
    }
    Ok(found)
}
