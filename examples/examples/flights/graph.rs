//! The graph, declared whole before the first row.
//!
//! ```text
//! flights.csv ─→ clean ─→ gate ─┬ late ──→ split ─┬→ airline ─┬→ merge ─→ late.csv
//!      │           │            │                 └→ plane ───┘ │            │
//!      │           │            │                      │ error  │            │ refused
//!      │           └ error ─────┼──────────────────────┴────────┼────────────┴→ refused.csv
//!      └ quarantined            └ punctual ──→ per day ─────────┼→ days.csv
//! ```

use audit_runtime::landscape::{Determinism, Landscape, Node, NodeKind};
use audit_runtime::{Error, Run};

/// The nodes, for those who send tokens to them.
#[derive(Clone, Copy)]
pub struct Nodes {
    pub source: Node,
    pub clean: Node,
    pub gate: Node,
    pub split: Node,
    pub airline: Node,
    pub plane: Node,
    pub merge: Node,
    pub per_day: Node,
    pub late: Node,
    pub days: Node,
    pub refused: Node,
}

/// Declares the graph and seals it.
pub fn seal(run: &Run) -> Result<(Landscape, Nodes), Error> {
    use Determinism::{Deterministic, IoRead, IoWrite};
    let mut graph = run.pipeline();
    let nodes = Nodes {
        source: graph.node("flights.csv", NodeKind::Source, IoRead),
        clean: graph.node("clean", NodeKind::Transform, Deterministic),
        gate: graph.node("gate", NodeKind::Gate, Deterministic),
        split: graph.node("split", NodeKind::Transform, Deterministic),
        airline: graph.node("airline", NodeKind::Transform, Deterministic),
        plane: graph.node("plane", NodeKind::Transform, IoRead),
        merge: graph.node("merge", NodeKind::Coalesce, Deterministic),
        per_day: graph.node("per day", NodeKind::Aggregation, Deterministic),
        late: graph.node("late.csv", NodeKind::Sink, IoWrite),
        days: graph.node("days.csv", NodeKind::Sink, IoWrite),
        refused: graph.node("refused.csv", NodeKind::Sink, IoWrite),
    };
    for (from, label, to) in [
        (nodes.source, "continue", nodes.clean),
        (nodes.clean, "continue", nodes.gate),
        (nodes.clean, "error", nodes.refused),
        (nodes.gate, "late", nodes.split),
        (nodes.gate, "punctual", nodes.per_day),
        (nodes.split, "airline", nodes.airline),
        (nodes.split, "plane", nodes.plane),
        (nodes.airline, "continue", nodes.merge),
        (nodes.airline, "error", nodes.refused),
        (nodes.plane, "continue", nodes.merge),
        (nodes.plane, "error", nodes.refused),
        (nodes.merge, "continue", nodes.late),
        (nodes.per_day, "continue", nodes.days),
        (nodes.late, "refused", nodes.refused),
    ] {
        graph.edge(from, label, to);
    }
    Ok((graph.seal()?, nodes))
}
