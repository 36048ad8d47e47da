//! The graph of a run. It is declared whole and sealed by one record before the first row, so that nothing can be routed
//! where nobody said it may go, and a resume can tell whether it still is the same graph.

use super::resume::Left;
use crate::error::{Code, Error};
use crate::ledger::Past;
use crate::model::cbor::{self, Value};
use crate::model::digest::{Digest, Scope, digest_bytes};
use crate::model::graph::{Determinism, NodeKind};
use crate::model::{BodyWriter, Durability, Id, Key, Kind, RunId, Status};
use crate::recorder::{Recorder, Run};
use parking_lot::Mutex;
use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::Arc;

/// A declared node, as the values that send tokens to it name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Node {
    pub(super) run: RunId,
    pub(super) at: u32,
    pub(super) kind: NodeKind,
}

#[derive(Debug)]
pub(super) struct NodeFacts {
    pub(super) name: String,
    pub(super) kind: NodeKind,
    pub(super) determinism: Determinism,
}

#[derive(Debug)]
struct Edge {
    from: Node,
    label: String,
    to: Node,
}

/// A graph that is being declared.
#[derive(Debug)]
#[must_use = "a graph counts once it is sealed"]
pub struct Pipeline {
    recorder: Recorder,
    run: RunId,
    nodes: Vec<NodeFacts>,
    edges: Vec<Edge>,
}

/// The sealed landscape of one run: where rows come in.
#[derive(Clone)]
pub struct Landscape(pub(super) Arc<Inner>);

pub(super) struct Inner {
    pub(super) recorder: Recorder,
    pub(super) run: RunId,
    nodes: Vec<NodeFacts>,
    edges: Vec<Edge>,
    topology: Digest,
    /// Which process of the run it serves, from 0.
    pub(super) attempt: u32,
    /// The record that says that the run was resumed.
    pub(super) resume: Option<Id>,
    /// What earlier processes have left.
    pub(super) past: Option<Mutex<Left>>,
    /// Artifacts by idempotency key.
    pub(super) artifacts: Mutex<HashMap<String, (Id, Digest, u64)>>,
}

impl fmt::Debug for Landscape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Landscape")
            .field("run", &self.0.run)
            .field("topology", &self.0.topology)
            .finish_non_exhaustive()
    }
}

impl Run {
    /// Begins to declare the graph of this run.
    pub fn pipeline(&self) -> Pipeline {
        let handle = self.handle();
        Pipeline { recorder: handle.recorder().clone(), run: handle.id(), nodes: Vec::new(), edges: Vec::new() }
    }
}

impl Pipeline {
    /// Declares a node: its name, what it does, and what a repetition would come to.
    pub fn node(&mut self, name: &str, kind: NodeKind, determinism: Determinism) -> Node {
        self.nodes.push(NodeFacts { name: name.to_owned(), kind, determinism });
        Node { run: self.run, at: self.nodes.len() as u32 - 1, kind }
    }

    /// Declares an edge.
    pub fn edge(&mut self, from: Node, label: &str, to: Node) {
        self.edges.push(Edge { from, label: label.to_owned(), to });
    }

    /// Seals the graph: one record, on the device when this returns. In a resumed run it is compared with the graph that
    /// was sealed, the whole of it, and the record that follows says that the run goes on.
    ///
    /// # Errors
    /// `AUD0702` for a name that is blank or stands twice, an edge that stands twice, or a run that has its graph;
    /// `AUD0701` for a node of another run; `AUD0712` for a resumed run that was sealed with another graph: nothing is
    /// written then.
    pub fn seal(self) -> Result<Landscape, Error> {
        self.check()?;
        let past = self.recorder.0.ledger.lock().take_past(self.run);
        match past {
            None => self.seal_new(),
            Some(past) => self.seal_again(past),
        }
    }

    fn seal_new(self) -> Result<Landscape, Error> {
        let topology = self.write_graph()?;
        self.recorder.0.ledger.lock().keep_book(self.run);
        Ok(self.landscape(topology, None))
    }

    /// The run goes on: first the record that says so, then what earlier processes left to be finished.
    fn seal_again(self, mut past: Past) -> Result<Landscape, Error> {
        let topology = topology(&self.lists().0, &self.lists().1);
        let refused = match &past.graph {
            Some(sealed) if *sealed != topology => {
                Err(Error::new(Code::OtherGraph, format!("resuming run {}", self.run)))
            }
            _ => self.recorder.announce(self.run, &past),
        };
        let resume = match refused {
            Ok(resume) => resume,
            Err(error) => {
                self.recorder.0.ledger.lock().keep_past(self.run, past);
                return Err(error);
            }
        };
        if past.graph.is_none() {
            self.write_graph()?;
        }
        let number = |name: &str| self.nodes.iter().position(|node| node.name == name).map(|at| at as u32);
        let book = past.renumber(number);
        let counts = self.recorder.counted_again(&past.by_node.counts());
        self.recorder.0.ledger.lock().go_on(self.run, book, &counts);
        let land = self.landscape(topology, Some((resume, past)));
        land.finish_durable()?;
        Ok(land)
    }

    fn landscape(self, topology: Digest, resumed: Option<(Id, Past)>) -> Landscape {
        let Pipeline { recorder, run, nodes, edges } = self;
        let (mut attempt, mut resume, mut past, mut artifacts) = (0, None, None, HashMap::new());
        if let Some((id, mut left)) = resumed {
            (attempt, resume, artifacts) = (left.attempt + 1, Some(id), left.take_artifacts());
            past = Some(Mutex::new(Left::new(left)));
        }
        let artifacts = Mutex::new(artifacts);
        Landscape(Arc::new(Inner { recorder, run, nodes, edges, topology, attempt, resume, past, artifacts }))
    }

    /// Nodes and edges as they are recorded.
    fn lists(&self) -> (Value, Value) {
        let text = |text: &str| Value::Text(text.to_owned());
        let name = |node: &Node| text(&self.nodes[node.at as usize].name);
        let nodes: Vec<Value> = self
            .nodes
            .iter()
            .map(|node| Value::Array(vec![text(&node.name), text(node.kind.name()), text(node.determinism.name())]))
            .collect();
        let edges: Vec<Value> = self
            .edges
            .iter()
            .map(|edge| Value::Array(vec![name(&edge.from), text(&edge.label), name(&edge.to)]))
            .collect();
        (Value::Array(nodes), Value::Array(edges))
    }

    fn write_graph(&self) -> Result<Digest, Error> {
        let (nodes, edges) = self.lists();
        let topology = topology(&nodes, &edges);
        let mut header = self.recorder.header(Kind::GraphSealed);
        header.run = self.run;
        header.status = Status::None;
        header.durability = Durability::Disk;
        let mut body = BodyWriter::new();
        body.value(Key::Nodes, &nodes).value(Key::Edges, &edges).slot(Key::Topology, &topology.clone().into());
        self.recorder.point(header, &body.finish())?;
        Ok(topology)
    }

    fn check(&self) -> Result<(), Error> {
        let bad =
            |why: String| Err(Error::new(Code::BadGraph, format!("sealing the graph of run {}", self.run)).detail(why));
        if self.recorder.0.ledger.lock().book(self.run).is_some() {
            return bad("the run has its graph".to_owned());
        }
        if self.nodes.is_empty() {
            return bad("a graph without nodes".to_owned());
        }
        let mut names = BTreeSet::new();
        for node in &self.nodes {
            if node.name.trim().is_empty() {
                return bad("a node without a name".to_owned());
            }
            if !names.insert(node.name.as_str()) {
                return bad(format!("two nodes named `{}`", node.name));
            }
        }
        let mut labels = BTreeSet::new();
        for edge in &self.edges {
            if edge.from.run != self.run || edge.to.run != self.run {
                return Err(Error::new(Code::ForeignEntity, format!("declaring the edge `{}`", edge.label)));
            }
            let ends = [edge.from, edge.to].map(|node| node.at as usize);
            if edge.label.trim().is_empty() || ends.iter().any(|at| *at >= self.nodes.len()) {
                return bad(format!("the edge `{}`", edge.label));
            }
            if !labels.insert((edge.from.at, edge.label.as_str())) {
                return bad(format!("two edges `{}` leave `{}`", edge.label, self.nodes[ends[0]].name));
            }
        }
        Ok(())
    }
}

/// The digest of the whole graph, whatever the order of its declaration.
fn topology(nodes: &Value, edges: &Value) -> Digest {
    let mut bytes = Vec::new();
    for list in [nodes, edges] {
        let mut items: Vec<Vec<u8>> = list
            .as_array()
            .unwrap_or_default()
            .iter()
            .map(|item| {
                let mut encoded = Vec::new();
                cbor::encode(&mut encoded, item);
                encoded
            })
            .collect();
        items.sort_unstable();
        cbor::head(&mut bytes, 4, items.len() as u64);
        bytes.extend(items.concat());
    }
    digest_bytes(Scope::Bytes, &bytes)
}

impl Landscape {
    /// The run that it belongs to.
    #[must_use]
    pub fn run(&self) -> RunId {
        self.0.run
    }

    /// The digest of the whole graph.
    #[must_use]
    pub fn topology(&self) -> &Digest {
        &self.0.topology
    }

    pub(super) fn facts(&self, node: Node) -> &NodeFacts {
        &self.0.nodes[node.at as usize]
    }

    /// The node of this name.
    pub(super) fn named(&self, name: &str) -> Option<Node> {
        let at = self.0.nodes.iter().position(|node| node.name == name)?;
        Some(Node { run: self.0.run, at: at as u32, kind: self.0.nodes[at].kind })
    }

    /// A node of this run, of one of these kinds.
    pub(super) fn own(&self, node: Node, kinds: &[NodeKind], doing: impl fmt::Display) -> Result<(), Error> {
        if node.run != self.0.run {
            return Err(
                Error::new(Code::ForeignEntity, doing.to_string()).detail(format!("a node of run {}", node.run))
            );
        }
        if !kinds.is_empty() && !kinds.contains(&node.kind) {
            let facts = self.facts(node);
            return Err(
                Error::new(Code::WrongNode, doing.to_string()).detail(format!("`{}` is a {}", facts.name, facts.kind))
            );
        }
        Ok(())
    }

    /// Where an edge of this label leads from a node.
    pub(super) fn edge(&self, from: Node, label: &str) -> Option<Node> {
        let found = self.0.edges.iter().find(|edge| edge.from.at == from.at && edge.label == label);
        found.map(|edge| edge.to)
    }
}
