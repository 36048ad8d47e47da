//! A pipeline in a fresh trail, and what the trail says of it afterwards.

use audit_runtime::journal::{Committed, Layout, Reader};
use audit_runtime::landscape::{Determinism, Landscape, Node, NodeKind, Pipeline, Token};
use audit_runtime::model::{Key, Kind, Outcome, Record};
use audit_runtime::trail::Trail;
use audit_runtime::{Builder, Error, Id, Recorder, Run, RunId, Status};

/// A sealed pipeline: source → gate → (clean | agg) → out, with an error sink and a merge.
pub struct Lab {
    pub dir: tempfile::TempDir,
    pub recorder: Recorder,
}

/// The nodes of the pipeline.
#[derive(Clone, Copy)]
pub struct Nodes {
    pub source: Node,
    pub gate: Node,
    pub clean: Node,
    pub agg: Node,
    pub merge: Node,
    pub out: Node,
    pub bad: Node,
}

impl Lab {
    pub fn new() -> Lab {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let recorder = audit_runtime::open(dir.path().join("trail")).expect("a fresh trail opens");
        Lab { dir, recorder }
    }

    /// A trail that is opened with more than the defaults.
    pub fn with(options: impl FnOnce(Builder) -> Builder) -> Lab {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let recorder = options(Builder::new(dir.path().join("trail"))).open().expect("a fresh trail opens");
        Lab { dir, recorder }
    }

    /// Where the trail is.
    pub fn path(&self) -> std::path::PathBuf {
        self.dir.path().join("trail")
    }

    /// The trail as its journal tells it, whatever its index says.
    pub fn trail(&self) -> Trail {
        Trail::scan(self.path()).expect("the trail can be read")
    }

    /// A run with its graph.
    pub fn begin(&self) -> (Run, Landscape, Nodes) {
        Lab::begin_in(&self.recorder)
    }

    /// A run with its graph, in any trail.
    pub fn begin_in(recorder: &Recorder) -> (Run, Landscape, Nodes) {
        let run = recorder.begin_run("rows").expect("a run begins");
        let (land, nodes) = Lab::declare(&run).expect("a sound graph is sealed");
        (run, land, nodes)
    }

    /// The run again, in this process, with its graph.
    pub fn resume(&self, run: RunId) -> (Run, Landscape, Nodes) {
        let run = self.recorder.resume_run(run).expect("the run is resumed");
        let (land, nodes) = Lab::declare(&run).expect("the same graph");
        (run, land, nodes)
    }

    /// Declares the pipeline and seals it.
    pub fn declare(run: &Run) -> Result<(Landscape, Nodes), Error> {
        let (graph, nodes) = Lab::graph(run);
        Ok((graph.seal()?, nodes))
    }

    /// Declares the pipeline.
    pub fn graph(run: &Run) -> (Pipeline, Nodes) {
        let mut graph = run.pipeline();
        let nodes = Nodes {
            source: graph.node("rows.csv", NodeKind::Source, Determinism::IoRead),
            gate: graph.node("gate", NodeKind::Gate, Determinism::Deterministic),
            clean: graph.node("clean", NodeKind::Transform, Determinism::Deterministic),
            agg: graph.node("per day", NodeKind::Aggregation, Determinism::Deterministic),
            merge: graph.node("merge", NodeKind::Coalesce, Determinism::Deterministic),
            out: graph.node("out", NodeKind::Sink, Determinism::IoWrite),
            bad: graph.node("bad", NodeKind::Sink, Determinism::IoWrite),
        };
        graph.edge(nodes.source, "continue", nodes.gate);
        graph.edge(nodes.gate, "clean", nodes.clean);
        graph.edge(nodes.gate, "out", nodes.out);
        graph.edge(nodes.clean, "continue", nodes.out);
        graph.edge(nodes.clean, "error", nodes.bad);
        (graph, nodes)
    }

    /// Every record that counts, in order of stream and sequence, as it stands on disk.
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

    pub fn of(&self, kind: Kind) -> Vec<Record> {
        self.records().into_iter().map(|(_, record)| record).filter(|record| record.header.kind == kind).collect()
    }

    pub fn count(&self, kind: Kind) -> usize {
        self.of(kind).len()
    }

    /// The sequence of the only record of this kind and status.
    pub fn seq(&self, kind: Kind, status: Status) -> u64 {
        let found: Vec<u64> = self
            .records()
            .into_iter()
            .filter(|(_, record)| record.header.kind == kind && record.header.status == status)
            .map(|(seq, _)| seq)
            .collect();
        assert_eq!(found.len(), 1, "{} {status}: {found:?}", kind.name());
        found[0]
    }

    /// The outcomes that stand in records of their own.
    pub fn outcomes(&self, token: Id) -> Vec<Outcome> {
        let of_token = |record: &Record| record.header.subject == token;
        let records = self.of(Kind::TokenOutcome).into_iter().filter(of_token);
        records.map(|record| Outcome::read(&record.body).expect("a readable outcome")).collect()
    }

    /// The last end of the run: status, reason, findings.
    pub fn end(&self) -> (Status, Vec<String>) {
        let record = self.of(Kind::RunEnded).pop().expect("the run has ended");
        let findings = record.body.get(Key::Findings).and_then(|list| list.as_array()).unwrap_or_default();
        let findings = findings.iter().filter_map(|finding| finding.as_text()).map(str::to_owned).collect();
        (record.header.status, findings)
    }

    /// The rules that the sweep over an index made from the journal finds broken.
    pub fn sweep(&self) -> Vec<String> {
        let trail = self.trail();
        let found = trail.sweep(None).expect("the sweep runs").findings;
        if found.is_empty() {
            // What the sweep has nothing to say about, the strict schema holds.
            let copy = self.dir.path().join(format!("strict-{}.sqlite", self.records().len()));
            audit_runtime::index::export_strict(trail.index(), &copy).expect("a sound trail has a strict copy");
            std::fs::remove_file(copy).expect("the copy was made");
        }
        found.into_iter().map(|finding| finding.rule.to_owned()).collect()
    }

    /// One column of one SQL question to an index made from the journal.
    pub fn explain(&self, id: Id) -> String {
        let trail = Trail::scan(self.dir.path().join("trail")).expect("the trail can be read");
        trail.explain(&format!("{id:#}")).expect("it can be explained").sentences.join("\n")
    }
}

pub fn row(land: &Landscape, nodes: &Nodes, n: u32) -> Token {
    land.row(nodes.source, &n.to_string(), &n).expect("a row is read")
}

/// Visits a sink and writes at once; what the sink said comes back.
pub fn write(
    land: &Landscape,
    sink: Node,
    tokens: Vec<Token>,
    effect: Result<(), String>,
    flush: Result<(), String>,
) -> Result<audit_runtime::landscape::SinkReceipt, audit_runtime::landscape::SinkFailure<String>> {
    use audit_runtime::landscape::SinkFailure;
    use audit_runtime::model::digest::{Scope, digest_bytes};
    let visits = tokens.into_iter().map(|token| token.enter(sink).expect("the sink is entered")).collect();
    let batch = land.prepare(sink, "part-0", digest_bytes(Scope::Bytes, b"lines"), visits).expect("prepared");
    let (written, ()) = batch.write(|| effect)?;
    written.sync(|| flush)?.receipt().map_err(SinkFailure::Audit)
}
