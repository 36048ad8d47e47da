//! Ways to die, each inside or right behind an audited body.

use super::calls::{any, later, on_disk, plain};
use super::say::{Effects, came_back, introduce};
use super::{Words, kill_9};
use audit_runtime::{Builder, Error, InAuditContext, audited};
use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// A value whose drop panics.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("told to panic in drop");
    }
}

/// An error whose text cannot be had.
#[derive(Debug)]
struct Mute;

impl fmt::Display for Mute {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        panic!("told to panic in display")
    }
}

impl std::error::Error for Mute {}

impl From<Error> for Mute {
    fn from(_: Error) -> Mute {
        Mute
    }
}

/// An argument that cannot be digested.
struct Venom;

impl audit_runtime::AuditDigest for Venom {
    fn audit_digest(
        &self,
        _: &mut audit_runtime::model::digest::CanonicalWriter<'_>,
    ) -> Result<(), audit_runtime::model::digest::CanonicalError> {
        panic!("told to panic in an argument")
    }
}

#[audited(node = "dies", record(n = n))]
fn dies(n: u64, effects: &Effects, how: &dyn Fn()) -> io::Result<()> {
    effects.happen(n)?;
    how();
    Ok(())
}

#[audited(node = "mute", record(n = n))]
fn mute(n: u64, effects: &Effects) -> Result<(), Mute> {
    drop(effects.happen(n));
    Err(Mute)
}

#[audited(node = "poisoned", digest(venom), record(n = n))]
fn poisoned(n: u64, venom: &Venom, effects: &Effects) -> io::Result<()> {
    effects.happen(n)
}

/// Uses more stack than there is.
fn deep(n: u64) -> u64 {
    let here = std::hint::black_box([n; 512]);
    if n == u64::MAX { 0 } else { deep(n + 1) + here[n as usize % 512] }
}

fn caught(n: u64, effects: &Effects, how: &dyn Fn()) {
    match catch_unwind(AssertUnwindSafe(|| dies(n, effects, how))) {
        Ok(outcome) => came_back(n, &outcome),
        Err(_) => println!("T {n} panicked"),
    }
}

/// `die TRAIL HOW`: node state 1 is the one that meets its end.
pub(super) fn die(words: &Words) -> Result<(), Error> {
    let trail = words.trail();
    let recorder = Builder::new(&trail).project(false).open()?;
    introduce(&recorder, false);
    let installed = recorder.install()?;
    let effects = Effects::beside(&trail);
    match words.text(2) {
        "panic" => caught(1, &effects, &|| panic!("told to panic")),
        "panic-in-drop" => caught(1, &effects, &|| drop(Bomb)),
        "nested-panic" => caught(1, &effects, &|| {
            let _second = Bomb;
            panic!("told to panic first")
        }),
        "display" => drop(mute(1, &effects)),
        "argument" => came_back(1, &poisoned(1, &Venom, &effects)),
        "exit-inside" => caught(1, &effects, &|| std::process::exit(0)),
        "abort-inside" => caught(1, &effects, &|| std::process::abort()),
        "kill-inside" => caught(1, &effects, &|| kill_9()),
        "overflow" => caught(1, &effects, &|| println!("{}", deep(0))),
        "wait-inside" => caught(1, &effects, &|| {
            println!("R");
            drop(io::read_to_string(io::stdin()));
        }),
        "exit-behind" | "abort-behind" | "kill-behind" => behind(words.text(2), &effects),
        "leak" => leak(installed, &effects)?,
        "drop-guard" => {
            let run = recorder.begin_run("dropped")?;
            drop(recorder.enter("guard")?);
            drop(run);
        }
        "thread-leak" => {
            let entered = std::sync::Arc::new(std::sync::Barrier::new(2));
            let (theirs, effects) = (std::sync::Arc::clone(&entered), effects.clone());
            std::thread::spawn(move || {
                caught(1, &effects, &|| {
                    theirs.wait();
                    std::thread::park();
                });
            });
            entered.wait();
            installed.close()?;
        }
        "lost-file" => {
            came_back(1, &on_disk(1, 0, &effects));
            let layout = audit_runtime::journal::Layout::at(&trail);
            std::fs::remove_file(layout.segment(recorder.stream(), 0)).expect("the segment in use");
            came_back(2, &on_disk(2, 0, &effects));
        }
        "shutdown" => shutdown(installed, &effects)?,
        other => panic!("no way to die called {other:?}"),
    }
    Ok(())
}

/// Dies as soon as the calls have come back.
fn behind(how: &str, effects: &Effects) {
    any(1, 0, effects);
    came_back(2, &on_disk(2, 0, effects));
    came_back(3, &plain(3, 1, effects));
    match how {
        "exit-behind" => std::process::exit(0),
        "abort-behind" => std::process::abort(),
        _ => kill_9(),
    }
}

/// Forgets a guard and a future, then closes in good order.
fn leak(installed: audit_runtime::Installed, effects: &Effects) -> Result<(), Error> {
    let recorder = installed.recorder().clone();
    std::mem::forget(recorder.enter("leaked by hand")?);
    let mut future = Box::pin(later(1, 0, effects));
    let waker = std::task::Waker::noop();
    if future.as_mut().poll(&mut std::task::Context::from_waker(waker)).is_pending() {
        std::mem::forget(future);
    }
    recorder.leaked().iter().for_each(|name| println!("LEAKED {name}"));
    installed.close()
}

/// A runtime that is shut down with a hundred entries in flight and one task that never ran.
fn shutdown(installed: audit_runtime::Installed, effects: &Effects) -> Result<(), Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(async {
        for n in 0..100 {
            let effects = effects.clone();
            let flight = async move {
                drop(hanging(n, &effects).await);
            };
            tokio::spawn(flight.in_audit_context());
        }
        // The runtime polls some sixty tasks between two polls of this one.
        for _ in 0..4 {
            tokio::task::yield_now().await;
        }
        let effects = effects.clone();
        tokio::spawn(async move { drop(hanging(100, &effects).await) });
    });
    drop(runtime);
    (0..100).for_each(|n| println!("T {n} cancelled"));
    println!("OPEN {}", installed.recorder().leaked().len());
    installed.close()
}

#[audited(node = "hanging", record(n = n))]
async fn hanging(n: u64, effects: &Effects) -> io::Result<()> {
    effects.happen(n)?;
    std::future::pending::<()>().await;
    Ok(())
}
