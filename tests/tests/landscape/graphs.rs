//! The graph and the routes in it.

use super::trail::{Lab, row};
use audit_runtime::landscape::{Determinism, Mode, NodeKind};
use audit_runtime::model::{Key, Kind};
use audit_runtime::{Code, Exit, Status};

#[test]
fn l16_an_undeclared_label_fails_the_gate_and_routes_nothing() {
    let lab = Lab::new();
    let (run, land, nodes) = lab.begin();
    let mut visit = row(&land, &nodes, 1).enter(nodes.gate).unwrap();
    let error = visit.route(Mode::Move, &["alice@example.org"], &1).unwrap_err();
    assert_eq!(error.code(), Code::NoSuchEdge);
    drop(visit);
    run.finish().unwrap();
    let closed = &lab.of(Kind::StateClosed)[0];
    assert_eq!((closed.header.status, closed.header.exit), (Status::Failed, Exit::Errored));
    assert_eq!(closed.body.text(Key::ErrorCode), Some("AUD0703"));
    assert!(!closed.body.text(Key::Error).unwrap().contains("alice"), "no row value in the error");
    assert_eq!(lab.count(Kind::Routed), 0);
    assert_eq!(lab.sweep(), Vec::<String>::new());
}

#[test]
fn l23_a_routing_decision_stands() {
    let lab = Lab::new();
    let (run, land, nodes) = lab.begin();
    let mut visit = row(&land, &nodes, 1).enter(nodes.gate).unwrap();
    let event = visit.route(Mode::Copy, &["clean", "out"], &"both").unwrap();
    assert_eq!(visit.route(Mode::Copy, &["clean", "out"], &"both").unwrap(), event);
    for (mode, labels, reason) in [
        (Mode::Move, &["clean", "out"][..], "both"),
        (Mode::Copy, &["out"], "both"),
        (Mode::Copy, &["clean", "out"], "one"),
    ] {
        assert_eq!(visit.route(mode, labels, &reason).unwrap_err().code(), Code::RoutedAlready);
    }
    visit.complete().unwrap().filtered().unwrap();
    run.finish().unwrap();
    assert_eq!(lab.count(Kind::Routed), 1);
}

#[test]
fn a_graph_that_cannot_be_is_refused_before_any_record() {
    let lab = Lab::new();
    let run = lab.recorder.begin_run("graphs").unwrap();
    let mut twice = run.pipeline();
    twice.node("same", NodeKind::Source, Determinism::Seeded);
    twice.node("same", NodeKind::Sink, Determinism::Seeded);
    assert_eq!(twice.seal().unwrap_err().code(), Code::BadGraph);
    let mut blank = run.pipeline();
    blank.node(" ", NodeKind::Source, Determinism::Seeded);
    assert_eq!(blank.seal().unwrap_err().code(), Code::BadGraph);
    let mut edges = run.pipeline();
    let (a, b) =
        (edges.node("a", NodeKind::Source, Determinism::Seeded), edges.node("b", NodeKind::Sink, Determinism::Seeded));
    edges.edge(a, "x", b);
    edges.edge(a, "x", a);
    assert_eq!(edges.seal().unwrap_err().code(), Code::BadGraph);
    assert_eq!(lab.count(Kind::GraphSealed), 0);
    let sealed = |names: [&str; 2]| {
        let run = lab.recorder.begin_run("g").unwrap();
        let mut graph = run.pipeline();
        for name in names {
            graph.node(name, NodeKind::Transform, Determinism::Seeded);
        }
        let land = graph.seal().unwrap();
        run.finish().unwrap();
        land.topology().clone()
    };
    assert_eq!(sealed(["a", "b"]), sealed(["b", "a"]), "the order of declaration says nothing");
    assert_ne!(sealed(["a", "b"]), sealed(["a", "c"]), "another graph has another digest");
    assert_eq!(run.pipeline().seal().unwrap_err().code(), Code::BadGraph, "an empty second one");
    run.finish().unwrap();
}
