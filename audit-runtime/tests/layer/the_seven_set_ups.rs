//! Seven set-ups of `tracing` in which layers that record in `on_new_span` lose what they should keep. We lose nothing
//! in any; the classical layer runs beside us as the negative control.

use super::{program, trail};
use audit_runtime::{AuditLayer, audited};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use tracing::level_filters::LevelFilter;
use tracing::span;
use tracing::subscriber::{Subscriber, with_default};
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::prelude::*;
use tracing_subscriber::{EnvFilter, registry};

const CALLS: usize = 100;

#[audited(node = "call")]
fn call(n: usize) -> usize {
    let _span = tracing::info_span!("classical", n).entered();
    n
}

fn calls() {
    for n in 0..CALLS {
        assert_eq!(call(n), n);
    }
}

/// Records the classical way: when a span is made.
struct Classical(Arc<AtomicU32>);

impl<S: Subscriber> Layer<S> for Classical {
    fn on_new_span(&self, span: &span::Attributes<'_>, _: &span::Id, _: Context<'_, S>) {
        if span.metadata().name() == "classical" {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// The program of a set-up. Does nothing in an ordinary test run.
#[test]
fn the_program() {
    let Some((set_up, trail)) = program::told() else { return };
    let count = Arc::new(AtomicU32::new(0));
    let classical = Classical(Arc::clone(&count));
    let layer = || AuditLayer::open(&trail).expect("a fresh trail opens");
    match set_up.as_str() {
        "global WARN filter" => {
            let layer = layer();
            let guard = layer.guard();
            registry().with(LevelFilter::WARN).with(layer).with(classical).init();
            calls();
            guard.close().expect("a clean close");
        }
        "EnvFilter that silences us" => {
            let layer = layer();
            let guard = layer.guard();
            registry().with(EnvFilter::new("warn,audited=off,all=off")).with(layer).with(classical).init();
            calls();
            guard.close().expect("a clean close");
        }
        "scoped subscriber, work on another thread" => with_default(registry().with(layer()).with(classical), || {
            std::thread::spawn(calls).join().expect("the thread ends well");
        }),
        "no subscriber" => {
            let recorder = audit_runtime::open(&trail).expect("a fresh trail opens");
            let installed = recorder.install().expect("nothing else is installed");
            calls();
            installed.close().expect("a clean close");
        }
        "nested with_default" => {
            let layer = layer();
            let guard = layer.guard();
            registry().with(layer).with(classical).init();
            with_default(registry(), calls);
            guard.close().expect("a clean close");
        }
        "plain registry" => {
            let layer = layer();
            let guard = layer.guard();
            registry().with(layer).with(classical).init();
            calls();
            guard.close().expect("a clean close");
        }
        "summary" => {
            let layer = layer().print_summary(true);
            let guard = layer.guard();
            let recorder = layer.recorder().clone();
            registry().with(layer).init();
            let run = recorder.begin_run("a run with a summary").expect("a run begins");
            calls();
            run.finish().expect("a run ends");
            guard.close().expect("a clean close");
        }
        other => panic!("no set-up {other}"),
    }
    println!("classical {}", count.load(Ordering::Relaxed));
}

const ENTRY: &str = "layer::the_seven_set_ups::the_program";

/// A hundred of a hundred are recorded here; the classical layer has `classical` of them.
fn shows(set_up: &str, classical: usize) {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let trail = dir.path().join("trail");
    let (out, _) = program::run(ENTRY, set_up, &trail);
    judge(set_up, &trail, program::number_after("classical", &out), classical);
}

fn judge(set_up: &str, trail: &Path, classical: usize, expected: usize) {
    let (opened, completed) = trail::entries(trail);
    println!("{set_up}: {completed} of {CALLS} recorded; the classical layer has {classical}");
    assert_eq!((opened, completed), (CALLS, CALLS), "{set_up}");
    assert_eq!(classical, expected, "{set_up}: the classical layer");
    let endings = trail::of_kind(trail, audit_runtime::model::Kind::StreamClosed);
    assert_eq!(endings.len(), 1, "{set_up}: the stream is closed cleanly");
}

#[test]
fn d14_a_global_warn_filter_loses_nothing() {
    shows("global WARN filter", 0);
}

#[test]
fn d14_an_env_filter_that_silences_us_loses_nothing() {
    shows("EnvFilter that silences us", 0);
}

#[test]
fn d14_work_on_another_thread_of_a_scoped_subscriber_loses_nothing() {
    shows("scoped subscriber, work on another thread", 0);
}

#[test]
fn d14_no_subscriber_loses_nothing() {
    shows("no subscriber", 0);
}

#[test]
fn d14_a_nested_default_loses_nothing() {
    shows("nested with_default", 0);
}

#[test]
fn d14_a_plain_registry_loses_nothing() {
    shows("plain registry", CALLS);
}

/// Needs a build of its own: the level is a feature of `tracing`, for a whole program.
#[test]
fn d14_max_level_off_loses_nothing() {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("a target directory");
    let runtime = Path::new(env!("CARGO_MANIFEST_DIR"));
    let dir = tempfile::tempdir().expect("a temporary directory");
    let write = |name: &str, text: &str| {
        let path = dir.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
        std::fs::write(path, text).expect("a file");
    };
    write("src/main.rs", include_str!("silenced.rs"));
    write("Cargo.toml", &format!(include_str!("silenced.toml"), runtime = runtime.display()));
    let lock = std::fs::read_to_string(runtime.join("../Cargo.lock")).expect("the workspace's versions");
    write("Cargo.lock", &lock);
    let built = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--offline"])
        .current_dir(dir.path())
        .env("CARGO_TARGET_DIR", target)
        .output()
        .expect("cargo starts");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let trail = dir.path().join("trail");
    let ran = Command::new(target.join("debug/audited-max-level-off")).arg(&trail).output().expect("it starts");
    let out = String::from_utf8_lossy(&ran.stdout);
    assert!(ran.status.success(), "{out}\n{}", String::from_utf8_lossy(&ran.stderr));
    judge("tracing/max_level_off", &trail, program::number_after("classical", &out), 0);
}

#[test]
fn l32_the_summary_is_printed_when_asked() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let (_, err) = program::run(ENTRY, "summary", &dir.path().join("trail"));
    assert!(err.contains("a run with a summary COMPLETED"), "{err}");
    let row = err.lines().find(|line| line.trim_start().starts_with("call ")).unwrap_or_default();
    let columns: Vec<_> = row.split_whitespace().collect();
    assert_eq!(columns, ["call", "100", "100", "0", "0"], "{err}");

    let (_, err) = program::run(ENTRY, "plain registry", &dir.path().join("other"));
    assert!(!err.contains("COMPLETED"), "nobody asked for a summary: {err}");
}
