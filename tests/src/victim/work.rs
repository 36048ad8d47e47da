//! Work that goes on until it is killed, a script that is killed at one operation of its storage, and opening alone.

use super::Words;
use super::calls::{any, any_later, on_disk, plain};
use super::say::{Effects, came_back, introduce};
use crate::seed::Seed;
use crate::storage::{Act, Op, Tricky};
use audit_runtime::{Builder, Error, Severity};
use std::path::Path;
use std::sync::Arc;
use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

fn builder(trail: &Path) -> Builder {
    Builder::new(trail).segments(64 * 1024, 256 * 1024).sync_interval(Duration::from_millis(5)).project(false)
}

/// `work TRAIL SEED FIRST WATCHED`: two threads and a runtime call until they are killed. Numbers begin at FIRST.
pub(super) fn work(words: &Words) -> Result<(), Error> {
    let (trail, seed, first) = (words.trail(), words.number(2), words.number(3));
    let recorder = builder(&trail).open()?;
    introduce(&recorder, words.number(4) == 1);
    let _installed = recorder.install()?;
    let _run = recorder.begin_run("work")?;
    let effects = Effects::beside(&trail);
    println!("R");
    for thread in 0..2 {
        let effects = effects.clone();
        std::thread::spawn(move || {
            let mut drawn = Seed(seed ^ thread);
            for n in (first + (thread << 32)..).step_by(2) {
                any(n, drawn.draw() % 64, &effects);
            }
        });
    }
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(async {
        let mut tasks = tokio::task::JoinSet::new();
        for task in 2..5 {
            let effects = effects.clone();
            tasks.spawn(async move {
                let mut drawn = Seed(seed ^ task);
                for n in first + (task << 32).. {
                    any_later(n, drawn.draw() % 64, &effects).await;
                }
            });
        }
        while tasks.join_next().await.is_some() {}
    });
    Ok(())
}

/// `mix TRAIL THREADS WATCHED`: each thread makes ten calls that are safe from a kill for each one that is on the device,
/// until it is killed.
pub(super) fn mix(words: &Words) -> Result<(), Error> {
    let trail = words.trail();
    let recorder = builder(&trail).open()?;
    introduce(&recorder, words.number(3) == 1);
    let _installed = recorder.install()?;
    let effects = Effects::beside(&trail);
    println!("R");
    std::thread::scope(|scope| {
        for thread in 0..words.number(2) {
            let effects = &effects;
            scope.spawn(move || {
                for n in thread << 32.. {
                    let done = if n % 11 == 10 { on_disk(n, 0, effects) } else { plain(n, 0, effects) };
                    came_back(n, &done);
                }
            });
        }
    });
    Ok(())
}

/// Dies at the operation with this number; `torn` writes half of it first. Number 0 never comes.
fn mortal(builder: Builder, at: u64, torn: bool) -> Builder {
    let count = AtomicU64::new(0);
    let storage = Tricky::new(move |op| match (count.fetch_add(1, Ordering::SeqCst) + 1 == at, op) {
        (true, Op::Write(_)) if torn => Act::DieTorn,
        (true, _) => Act::Die,
        // A sync every few operations keeps the order of operations the same in every run.
        (false, _) => Act::Go,
    });
    builder.storage(storage)
}

/// `script TRAIL AT TORN SHORT`: a fixed script that dies at one operation of its storage, or writes at most SHORT bytes
/// at once.
pub(super) fn script(words: &Words) -> Result<(), Error> {
    let (trail, at, torn, short) = (words.trail(), words.number(2), words.number(3) == 1, words.number(4));
    let builder = builder(&trail).sync_interval(Duration::from_secs(60));
    let builder = if short > 0 {
        let most = usize::try_from(short).unwrap_or(usize::MAX);
        builder.storage(Tricky::new(move |_| Act::Short(most)))
    } else {
        mortal(builder, at, torn)
    };
    let recorder = builder.open()?;
    introduce(&recorder, true);
    let installed = recorder.install()?;
    let run = recorder.begin_run("script")?;
    let effects = Effects::beside(&trail);
    for (n, form) in [0, 3, 8, 2, 11, 16, 10, 19].into_iter().enumerate() {
        any(10 * n as u64 + 1_000, form, &effects);
    }
    recorder.note("script", Severity::Info, &[("what", "half-way")])?;
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(async {
        for (n, form) in [1, 4, 9].into_iter().enumerate() {
            any_later(n as u64 + 2_000, form, &effects).await;
        }
    });
    run.finish().map_err(Error::from)?;
    installed.close()?;
    println!("F");
    Ok(())
}

/// `settle TRAIL AT TORN`: opens and closes; dies at one operation of its storage unless AT is 0.
pub(super) fn settle(words: &Words) -> Result<(), Error> {
    let builder = Builder::new(words.trail()).segments(64 * 1024, 256 * 1024).project(false);
    let builder = if words.number(2) > 0 { mortal(builder, words.number(2), words.number(3) == 1) } else { builder };
    let recorder = builder.open()?;
    let found = recorder.recovered();
    println!("SETTLED {} {}", found.streams.len(), found.streams.iter().map(|s| s.abandoned).sum::<u64>());
    recorder.close()?;
    println!("F");
    Ok(())
}

/// `crowd TRAIL FIRST THREADS EACH`: opens when its standard input ends, all threads at one instant, each with its own
/// recorder handle; every thread makes EACH entries with equal input.
pub(super) fn crowd(words: &Words) -> Result<(), Error> {
    let (trail, first, threads, each) = (words.trail(), words.number(2), words.number(3), words.number(4));
    let effects = Effects::beside(&trail);
    drop(std::io::read_to_string(std::io::stdin()));
    let barrier = Arc::new(Barrier::new(usize::try_from(threads).unwrap_or(1)));
    let workers: Vec<_> = (0..threads)
        .map(|thread| {
            let (barrier, trail, effects) = (Arc::clone(&barrier), trail.clone(), effects.clone());
            std::thread::spawn(move || {
                barrier.wait();
                let opened = builder(&trail).open();
                if let (0, Ok(recorder)) = (thread, &opened) {
                    introduce(recorder, true);
                }
                barrier.wait();
                let recorder = opened?;
                recorder.scope(|| (0..each).for_each(|n| any(first + thread * each + n, 4 * (n % 2), &effects)));
                Ok(recorder)
            })
        })
        .collect();
    let opened: Vec<Result<audit_runtime::Recorder, Error>> =
        workers.into_iter().map(|worker| worker.join().expect("a worker")).collect();
    let mut recorders = opened.into_iter().collect::<Result<Vec<_>, _>>()?;
    let streams: std::collections::BTreeSet<_> = recorders.iter().map(audit_runtime::Recorder::stream).collect();
    println!("STREAMS {}", streams.len());
    if let Some(recorder) = recorders.pop() {
        recorder.close()?;
    }
    println!("F");
    Ok(())
}
