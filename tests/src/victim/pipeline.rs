//! A pipeline with a fork, a merge, an expansion, a batch, an error route, a refused row, a failsink and checkpoints,
//! that is killed between any two of its records and resumed until it has ended. The code is the one that a user writes:
//! it does not know whether the run is new.
//!
//! ```text
//! rows.csv ─→ gate ─┬ both ─→ left, right ─→ merge ─→ out      rows 0, 4
//!                   ├ many ─→ left, three times ─→ out         row 2
//!                   ├ day ──→ per day (three rows) ─→ days     rows 1, 3, 5
//!                   ├ error ─→ bad                             row 6
//!                   └ out ──→ out, which refuses it ─→ bad     row 7;  row 8 is refused by the source
//! ```

use super::{Words, kill_9};
use audit_runtime::journal::{Layout, Reader};
use audit_runtime::landscape::{
    Again, Arrival, Batch, Determinism, InDoubt, Landscape, Mode, Node, NodeKind, Origin, Policy, ReadBack,
    SinkFailure, SinkReceipt, Token, Trigger, Visit,
};
use audit_runtime::model::digest::{Digest, Scope, digest_bytes};
use audit_runtime::model::{Header, Kind};
use audit_runtime::recorder::{Observer, Seen};
use audit_runtime::{Builder, Code, Error, Id, Run, RunId};
use std::fs;
use std::io::Write as _;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Rows of the source.
pub const ROWS: u32 = 9;
/// The file beside the sinks' files that tells of each write.
pub const LOG: &str = ".log";
/// Members of the batch.
const DAY: usize = 3;

/// Dies when so many things have happened; 0 never comes.
struct Clockwork {
    at: u64,
    happened: AtomicU64,
}

impl Clockwork {
    /// One more thing has happened.
    fn tick(&self) {
        if self.happened.fetch_add(1, Ordering::SeqCst) + 1 == self.at {
            kill_9();
        }
    }
}

impl Observer for Clockwork {
    fn seen(&self, _: Seen<'_>) {
        self.tick();
    }
}

#[derive(Clone, Copy)]
struct Nodes {
    source: Node,
    gate: Node,
    left: Node,
    right: Node,
    merge: Node,
    day: Node,
    out: Node,
    days: Node,
    bad: Node,
}

/// One process at work on the run.
struct Work {
    land: Landscape,
    nodes: Nodes,
    files: PathBuf,
    clock: Arc<Clockwork>,
    batch: Option<Batch>,
}

/// `pipeline TRAIL AT`: begins the run, or resumes it; dies at its AT-th record or effect.
pub(super) fn pipeline(words: &Words) -> Result<(), Error> {
    let trail = words.trail();
    let recorder = Builder::new(&trail).segments(64 * 1024, 256 * 1024).project(false).open()?;
    let clock = Arc::new(Clockwork { at: words.number(2), happened: AtomicU64::new(0) });
    recorder.observe(Arc::clone(&clock) as Arc<dyn Observer>);
    let run = match run_of(&trail)? {
        Some(run) => recorder.resume_run(run)?,
        None => recorder.begin_run("pipeline")?,
    };
    println!("R");
    if words.text(3) == "held" {
        drop(std::io::read_to_string(std::io::stdin()));
    }
    let (land, nodes) = declare(&run)?;
    let files = trail.with_extension("files");
    fs::create_dir_all(&files).map_err(broken)?;
    let mut work = Work { land, nodes, files, clock: Arc::clone(&clock), batch: None };
    work.go_on()?;
    (0..ROWS).try_for_each(|n| work.row(n))?;
    work.source_ended()?;
    drop(work);
    run.finish().map_err(Error::from)?;
    println!("N {}", clock.happened.load(Ordering::SeqCst));
    recorder.close()?;
    println!("F");
    Ok(())
}

/// The only run of the trail.
fn run_of(trail: &Path) -> Result<Option<RunId>, Error> {
    let layout = Layout::at(trail);
    for stream in layout.streams()? {
        let mut reader = Reader::open(&layout, stream)?;
        while let Some(frame) = reader.next()? {
            if Header::decode(frame.bytes).is_ok_and(|header| header.kind == Kind::RunStarted) {
                return Ok(Some(RunId(Id::new(stream, frame.seq))));
            }
        }
    }
    Ok(None)
}

fn declare(run: &Run) -> Result<(Landscape, Nodes), Error> {
    use Determinism::{Deterministic, IoRead, IoWrite};
    let mut graph = run.pipeline();
    let nodes = Nodes {
        source: graph.node("rows.csv", NodeKind::Source, IoRead),
        gate: graph.node("gate", NodeKind::Gate, Deterministic),
        left: graph.node("left", NodeKind::Transform, Deterministic),
        right: graph.node("right", NodeKind::Transform, Deterministic),
        merge: graph.node("merge", NodeKind::Coalesce, Deterministic),
        day: graph.node("per day", NodeKind::Aggregation, Deterministic),
        out: graph.node("out", NodeKind::Sink, IoWrite),
        days: graph.node("days", NodeKind::Sink, IoWrite),
        bad: graph.node("bad", NodeKind::Sink, IoWrite),
    };
    graph.edge(nodes.source, "continue", nodes.gate);
    for (label, to) in [("left", nodes.left), ("right", nodes.right), ("many", nodes.left), ("day", nodes.day)] {
        graph.edge(nodes.gate, label, to);
    }
    graph.edge(nodes.gate, "out", nodes.out);
    graph.edge(nodes.gate, "error", nodes.bad);
    graph.edge(nodes.left, "continue", nodes.merge);
    graph.edge(nodes.right, "continue", nodes.merge);
    graph.edge(nodes.merge, "continue", nodes.out);
    graph.edge(nodes.day, "continue", nodes.days);
    Ok((graph.seal()?, nodes))
}

fn broken(cause: std::io::Error) -> Error {
    // A file that cannot be written is the test's own trouble, never a part of what it proves.
    panic!("{cause}")
}

fn content(key: &str) -> Digest {
    digest_bytes(Scope::Bytes, key.as_bytes())
}

impl Work {
    /// What earlier processes have left beside the rows.
    fn go_on(&mut self) -> Result<(), Error> {
        for receipt in self.land.receipts_again() {
            self.receive(receipt)?;
        }
        for doubt in self.land.in_doubt() {
            let found = doubt.read_back(|doubt| self.look(doubt))?;
            if let Some(receipt) = found {
                self.receive(receipt)?;
            }
        }
        self.batch = self.land.batches_again(self.nodes.day)?.pop();
        self.release()?;
        let gathered = self.land.gathered_again()?;
        gathered.into_iter().try_for_each(|token| self.drive(0, token))
    }

    fn look(&self, doubt: &InDoubt) -> Result<ReadBack, String> {
        match fs::read(self.files.join(doubt.key())) {
            Ok(bytes) => Ok(ReadBack::Applied(digest_bytes(Scope::Bytes, &bytes))),
            Err(_) => Ok(ReadBack::NotApplied),
        }
    }

    fn row(&mut self, n: u32) -> Result<(), Error> {
        let identity = n.to_string();
        let again = match n {
            8 => self.land.quarantine_again(self.nodes.source, &identity, &n, "a bad row")?,
            _ => self.land.row_again(self.nodes.source, &identity, &n)?,
        };
        let tokens = match again {
            Again::New(token) => vec![token],
            Again::Open(tokens) => tokens,
            Again::Done => return Ok(()),
        };
        // Branches that are driven meet at one merge.
        let (branches, others): (Vec<_>, Vec<_>) =
            tokens.into_iter().partition(|token| token.origin() == Origin::Branch);
        others.into_iter().try_for_each(|token| self.drive(n, token))?;
        if branches.is_empty() { Ok(()) } else { self.branches(n, branches) }
    }

    fn drive(&mut self, n: u32, token: Token) -> Result<(), Error> {
        match token.origin() {
            Origin::Row if n == 8 => token.quarantined().map_err(Error::from),
            Origin::Row => self.gate(n, token),
            Origin::Branch => self.branches(n, vec![token]),
            Origin::Child(child) => {
                let token = self.through(self.nodes.left, token)?;
                self.deliver(self.nodes.out, &format!("row-{n}-{child}"), token)
            }
            Origin::Merge => self.deliver(self.nodes.out, &format!("row-{n}"), token),
            Origin::Batch => self.deliver(self.nodes.days, "day", token),
        }
    }

    /// Works on a token at a node, unless an earlier process has.
    fn through(&self, node: Node, token: Token) -> Result<Token, Error> {
        if token.has_completed(node) {
            return Ok(token);
        }
        let visit = token.enter(node)?;
        self.clock.tick();
        visit.complete()
    }

    fn gate(&mut self, n: u32, token: Token) -> Result<(), Error> {
        if n == 6 {
            let token = match token.has_completed(self.nodes.gate) {
                true => token,
                false => token.enter(self.nodes.gate)?.divert("error", "row 6 is wrong")?,
            };
            return self.deliver(self.nodes.bad, "bad-6", token);
        }
        let token = match token.has_completed(self.nodes.gate) {
            true => token,
            false => {
                let mut visit = token.enter(self.nodes.gate)?;
                let (mode, labels): (Mode, &[&str]) = match n {
                    0 | 4 => (Mode::Copy, &["left", "right"]),
                    2 => (Mode::Move, &["many"]),
                    7 => (Mode::Move, &["out"]),
                    _ => (Mode::Move, &["day"]),
                };
                visit.route(mode, labels, &n)?;
                visit.complete()?
            }
        };
        match n {
            0 | 4 => {
                let branches = token.fork(["left", "right"])?;
                self.branches(n, Vec::from(branches))
            }
            2 => {
                let children = token.expand(NonZeroU32::new(3).unwrap_or(NonZeroU32::MIN))?;
                children.into_iter().try_for_each(|child| self.drive(n, child))
            }
            7 => self.refused(token),
            _ => self.gather(token),
        }
    }

    fn branches(&mut self, n: u32, tokens: Vec<Token>) -> Result<(), Error> {
        let mut join = self.land.join(self.nodes.merge, Policy::RequireAll, &["left", "right"])?;
        for token in tokens {
            let node = if token.branch() == Some("left") { self.nodes.left } else { self.nodes.right };
            let token = self.through(node, token)?;
            if let Arrival::Merged(token) = join.arrive(token)? {
                self.drive(n, token)?;
            }
        }
        Ok(())
    }

    fn gather(&mut self, token: Token) -> Result<(), Error> {
        let mut batch = match self.batch.take() {
            Some(batch) => batch,
            None => self.land.batch(self.nodes.day)?,
        };
        batch.add(token)?;
        self.batch = Some(batch);
        self.release()
    }

    fn release(&mut self) -> Result<(), Error> {
        let Some(batch) = self.batch.take() else { return Ok(()) };
        if batch.len() < DAY {
            self.batch = Some(batch);
            return Ok(());
        }
        let executing = batch.release(Trigger::Count)?;
        self.clock.tick();
        executing.complete(1, &"day")?.into_iter().try_for_each(|token| self.drive(0, token))
    }

    /// A sink that refuses, and the failsink behind it.
    fn refused(&mut self, token: Token) -> Result<(), Error> {
        let visit = token.enter(self.nodes.out)?;
        let prepared = self.land.prepare(self.nodes.out, "row-7", content("row-7"), vec![visit])?;
        match prepared.write(|| Err::<(), _>("it does not fit")) {
            Err(SinkFailure::Sink { tokens, .. }) => {
                tokens.into_iter().try_for_each(|token| self.deliver(self.nodes.bad, "bad-7", token))
            }
            Err(SinkFailure::Audit(error)) => Err(error),
            Ok(_) => Ok(()),
        }
    }

    fn deliver(&self, sink: Node, key: &str, token: Token) -> Result<(), Error> {
        self.receive(self.write(sink, key, token.enter(sink)?)?)
    }

    /// What follows a durable write.
    fn receive(&self, receipt: SinkReceipt) -> Result<(), Error> {
        let (key, content) = (receipt.key().to_owned(), receipt.content().clone());
        receipt.artifact(&key, &key, content, key.len() as u64)?;
        receipt.deliver()?.checkpoint(&key).map(drop)
    }

    fn write(&self, sink: Node, key: &str, visit: Visit) -> Result<SinkReceipt, Error> {
        let audit = |failure| match failure {
            SinkFailure::Audit(error) => error,
            SinkFailure::Sink { error, .. } => broken(error),
        };
        let prepared = self.land.prepare(sink, key, content(key), vec![visit])?;
        let (written, ()) = prepared.write(|| self.effect(key)).map_err(audit)?;
        written.sync(|| fs::File::open(self.files.join(key))?.sync_all()).map_err(audit)?.receipt()
    }

    /// A file under the key's name, and a line of the log for each time that it was written.
    fn effect(&self, key: &str) -> std::io::Result<()> {
        self.clock.tick();
        fs::write(self.files.join(key), key)?;
        let mut log = fs::OpenOptions::new().append(true).create(true).open(self.files.join(LOG))?;
        log.write_all(format!("{key}\n").as_bytes())?;
        self.clock.tick();
        Ok(())
    }

    fn source_ended(&mut self) -> Result<(), Error> {
        match self.land.rows_in_flight().as_slice() {
            [] => Ok(()),
            rows => panic!("{} rows were not given again ({})", rows.len(), Code::NotReplayable.text()),
        }
    }
}
