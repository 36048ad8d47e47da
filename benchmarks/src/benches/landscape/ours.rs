//! The pipeline in our landscape.

use super::{BATCH, Flight, Out, STEPS};
use crate::harness::Outcome;
use audit_runtime::landscape::{Determinism, Landscape, Node, NodeKind, SinkFailure, Token};
use audit_runtime::model::digest::{Scope, digest_bytes};
use audit_runtime::{Recorder, Run};
use std::io;

struct Graph {
    source: Node,
    steps: [Node; 3],
    /// A sink, or one more step.
    last: Node,
}

fn seal(run: &Run, (last, determinism): (NodeKind, Determinism)) -> Outcome<(Landscape, Graph)> {
    let mut graph = run.pipeline();
    let source = graph.node("flights.csv", NodeKind::Source, Determinism::IoRead);
    let steps = STEPS.map(|name| graph.node(name, NodeKind::Transform, Determinism::Deterministic));
    let last = graph.node("last", last, determinism);
    let mut from = source;
    for to in steps.into_iter().chain([last]) {
        graph.edge(from, "continue", to);
        from = to;
    }
    Ok((graph.seal()?, Graph { source, steps, last }))
}

/// One row through the three steps, with a digest of what goes into each and of what comes out.
fn through(land: &Landscape, graph: &Graph, line: u64) -> Outcome<(Token, Flight)> {
    let mut flight = Flight::of(line);
    let mut token = land.row(graph.source, &line.to_string(), &flight)?;
    for step in graph.steps {
        let visit = token.enter_with(step, &flight)?;
        flight = flight.next();
        token = visit.complete_with(&flight)?;
    }
    Ok((token, flight))
}

/// Five nodes, the last of which ends the token.
pub fn without_sink(recorder: &Recorder, tokens: u64) -> Outcome<()> {
    let run = recorder.begin_run("landscape")?;
    let (land, graph) = seal(&run, (NodeKind::Transform, Determinism::Deterministic))?;
    for line in 0..tokens {
        let (token, flight) = through(&land, &graph, line)?;
        token.enter_with(graph.last, &flight)?.complete_with(&flight)?.filtered()?;
    }
    run.finish()?;
    Ok(())
}

/// Five nodes, the last of which is a sink that is written and synced every [`BATCH`] tokens.
pub fn with_sink(recorder: &Recorder, tokens: u64, out: &Out) -> Outcome<()> {
    let run = recorder.begin_run("landscape")?;
    let (land, graph) = seal(&run, (NodeKind::Sink, Determinism::IoWrite))?;
    let (mut visits, mut content) = (Vec::new(), String::new());
    for line in 0..tokens {
        let (token, flight) = through(&land, &graph, line)?;
        visits.push(token.enter_with(graph.last, &flight)?);
        content.push_str(&flight.line());
        if visits.len() == BATCH || line + 1 == tokens {
            let digest = digest_bytes(Scope::Bytes, content.as_bytes());
            let batch = land.prepare(graph.last, &format!("row {line}"), digest, std::mem::take(&mut visits))?;
            let (written, ()) = batch.write(|| out.append(&content)).map_err(refused)?;
            written.sync(|| out.sync()).map_err(refused)?.receipt()?.deliver()?;
            content.clear();
        }
    }
    run.finish()?;
    Ok(())
}

fn refused(failure: SinkFailure<io::Error>) -> Box<dyn std::error::Error> {
    match failure {
        SinkFailure::Sink { error, .. } => error.into(),
        SinkFailure::Audit(error) => error.into(),
    }
}
