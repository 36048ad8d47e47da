//! Work that goes on until it is killed, and opening alone.

use super::Words;
use super::calls::{any, any_later, on_disk, plain};
use super::say::{Effects, came_back, introduce};
use crate::seed::Seed;
use audit_runtime::{Builder, Error};
use std::path::Path;
use std::sync::Arc;
use std::sync::Barrier;
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

/// `settle TRAIL`: opens and closes.
pub(super) fn settle(words: &Words) -> Result<(), Error> {
    let recorder = Builder::new(words.trail()).segments(64 * 1024, 256 * 1024).project(false).open()?;
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
