//! A trail of one test: opened in a fresh directory, read back from disk.

use audit_runtime::journal::{Committed, Layout, Reader};
use audit_runtime::model::{Exit, Id, Key, Kind, Record, RunId, Status};
use audit_runtime::recorder::Recorder;
use std::collections::HashMap;
use std::fmt;

/// What a body is told to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum How {
    Ok,
    Err,
    Panic,
    /// Never comes back: the future is dropped.
    Hang,
}

/// The error of the bodies.
#[derive(Debug)]
pub enum Fault {
    Told,
    Audit(audit_runtime::Error),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Told => f.write_str("told to fail"),
            Fault::Audit(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Fault {}

impl From<audit_runtime::Error> for Fault {
    fn from(error: audit_runtime::Error) -> Fault {
        Fault::Audit(error)
    }
}

pub type Told = Result<u32, Fault>;

/// Does what it is told.
pub fn act(how: How) -> Told {
    match how {
        How::Ok | How::Hang => Ok(7),
        How::Err => Err(Fault::Told),
        How::Panic => std::panic::panic_any(String::from("told to panic")),
    }
}

/// Does what it is told, in a future.
pub async fn act_later(how: How) -> Told {
    if how == How::Hang {
        std::future::pending::<()>().await;
    }
    act(how)
}

/// One node state as the trail tells it.
#[derive(Clone, Debug)]
pub struct State {
    pub id: Id,
    pub function: String,
    pub node: String,
    pub parent: Id,
    pub run: RunId,
    pub attempt: u32,
    pub opened: Record,
    /// All terminals, in order; a sound trail has exactly one.
    pub terminals: Vec<Record>,
    /// Sequence of the first terminal.
    pub closed_seq: Option<u64>,
}

impl State {
    pub fn exit(&self) -> Exit {
        assert_eq!(self.terminals.len(), 1, "{} has {} terminals", self.function, self.terminals.len());
        self.terminals[0].header.exit
    }

    pub fn status(&self) -> Status {
        assert_eq!(self.terminals.len(), 1, "{} has {} terminals", self.function, self.terminals.len());
        self.terminals[0].header.status
    }

    pub fn text(&self, key: Key) -> Option<&str> {
        self.terminals.first()?.body.text(key)
    }
}

/// A trail and its recorder.
pub struct Trail {
    pub dir: tempfile::TempDir,
    pub recorder: Recorder,
}

impl Trail {
    pub fn new() -> Trail {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let recorder = audit_runtime::open(dir.path().join("trail")).expect("a fresh trail opens");
        Trail { dir, recorder }
    }

    /// Every record that counts, in order, as it stands on disk.
    pub fn records(&self) -> Vec<(u64, Record)> {
        let layout = Layout::at(self.dir.path().join("trail"));
        let mut all = Vec::new();
        for stream in layout.streams().expect("streams") {
            let mut committed = Committed::new(Reader::open(&layout, stream).expect("a readable stream"));
            while let Some(counted) = committed.next().expect("sound records") {
                all.push((counted.seq, counted.record));
            }
        }
        all
    }

    pub fn of_kind(&self, kind: Kind) -> Vec<Record> {
        self.records().into_iter().map(|(_, record)| record).filter(|record| record.header.kind == kind).collect()
    }

    /// The node states, in order of their opening.
    pub fn states(&self) -> Vec<State> {
        let records = self.records();
        let stream = self.recorder.stream();
        let mut sites: HashMap<u32, (String, String)> = HashMap::new();
        let mut states: Vec<State> = Vec::new();
        for (seq, record) in records {
            let header = record.header;
            match header.kind {
                Kind::Site => {
                    let text = |key| record.body.text(key).unwrap_or_default().to_owned();
                    sites.insert(header.site, (text(Key::Function), text(Key::Node)));
                }
                Kind::StateOpened => {
                    let by_hand = || (String::new(), record.body.text(Key::Node).unwrap_or_default().to_owned());
                    let (function, node) = sites.get(&header.site).cloned().unwrap_or_else(by_hand);
                    let (parent, run, attempt) = (header.parent, header.run, header.attempt);
                    let id = Id::new(stream, seq);
                    states.push(State {
                        id,
                        function,
                        node,
                        parent,
                        run,
                        attempt,
                        opened: record,
                        terminals: vec![],
                        closed_seq: None,
                    });
                }
                Kind::StateClosed => {
                    let state =
                        states.iter_mut().find(|state| state.id == header.subject).expect("a terminal's opening");
                    state.closed_seq.get_or_insert(seq);
                    state.terminals.push(record);
                }
                _ => {}
            }
        }
        states
    }

    /// The only node state of this function.
    pub fn only(&self, function: &str) -> State {
        let mut found: Vec<State> = self.states().into_iter().filter(|state| state.function == function).collect();
        assert_eq!(found.len(), 1, "{function} has {} node states", found.len());
        found.remove(0)
    }
}

/// Polls a future once, with a waker that does nothing.
pub fn poll_once<F: Future + ?Sized>(future: std::pin::Pin<&mut F>) -> std::task::Poll<F::Output> {
    future.poll(&mut std::task::Context::from_waker(std::task::Waker::noop()))
}

/// Runs a future to its end on this thread.
pub fn block_on<F: Future>(future: F) -> F::Output {
    futures::executor::block_on(future)
}

/// Runs a body that may unwind and tells how it came back: its value, or the panic's text.
pub fn caught<R>(work: impl FnOnce() -> R) -> Result<R, String> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).map_err(|payload| match payload.downcast::<String>() {
        Ok(text) => *text,
        Err(payload) => {
            payload.downcast_ref::<&str>().map_or_else(|| "(another payload)".into(), |text| (*text).to_owned())
        }
    })
}
