//! A program of which several work on one run, each with a trail of its own. What it is told by its words:
//!
//! | words | what it does |
//! |---|---|
//! | `work TRAIL RUN WHO THREADS EACH` | acknowledges its share; `new` for the run begins it, and its id stands beside the trail |
//! | `read TRAIL RUN` | reconciles the run, from the trail and from the server |
//! | `open TRAIL` | opens the trail and closes it |

use audit_runtime::contract::{Contract, Expectation, Outcome, ResultId, Subject};
use audit_runtime::governance::reconcile_run;
use audit_runtime::{Builder, Error, Id, Recorder, Run, RunId};
use std::io::Read as _;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// The processes that share the work.
pub const WORKERS: [&str; 2] = ["a", "b"];

/// Runs the program.
#[must_use]
pub fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["work", trail, run, who, threads, each] => work(trail, run, who, (number(threads), number(each))),
        ["read", trail, run] => read(trail, run),
        ["open", trail] => open(trail).and_then(|recorder| settled(&recorder)),
        _ => {
            println!("ERROR it does not know what to do");
            return ExitCode::FAILURE;
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("ERROR {error}");
            ExitCode::FAILURE
        }
    }
}

fn number(text: &str) -> u64 {
    text.parse().expect("a number")
}

fn from_environment(name: &str) -> Option<Duration> {
    Some(Duration::from_micros(std::env::var(name).ok()?.parse().ok()?))
}

fn open(trail: &str) -> Result<Recorder, Error> {
    let ttl = from_environment("MEETER_TTL").unwrap_or(Duration::from_secs(600));
    Builder::new(trail).project(false).redis_ttl(ttl).open()
}

fn item(who: &str, thread: u64, n: u64) -> Subject {
    Subject::new("work", "item").instance(format!("{who}-{thread}-{n}"))
}

fn contract((threads, each): (u64, u64)) -> Contract {
    let hour = Duration::from_secs(3600);
    let mut draft = Contract::draft("shared");
    for who in WORKERS {
        for (thread, n) in (0..threads).flat_map(|thread| (0..each).map(move |n| (thread, n))) {
            draft = draft.expect(Expectation::within(item(who, thread, n), hour));
        }
    }
    draft.finalised_by(Expectation::within(Subject::new("work", "close"), hour))
}

fn done() -> Outcome {
    Outcome::Success { result: ResultId::new("r-1").expect("a result") }
}

fn work(trail: &str, run: &str, who: &str, (threads, each): (u64, u64)) -> Result<(), Error> {
    let recorder = open(trail)?;
    let begun: Option<Run> = if run == "new" { Some(recorder.begin_run("shared")?) } else { None };
    let id = begun.as_ref().map_or_else(|| RunId(Id::parse(run).expect("a run's id")), Run::id);
    if begun.is_some() {
        recorder.declare_with(id, &contract((threads, each)), true)?;
        std::fs::write(Path::new(trail).with_extension("run"), format!("{id:#}")).expect("a file beside the trail");
    }
    println!("R");
    let began = Instant::now();
    share(&recorder, id, who, (threads, each))?;
    println!("ACKED {} in {} us", threads * each, began.elapsed().as_micros());
    // Whoever drives us says when the others are done too.
    drop(std::io::stdin().read_to_end(&mut Vec::new()));
    if let Some(run) = begun {
        recorder.acknowledge(id, &Subject::new("work", "close"), &done())?;
        drop(run.finish());
    }
    settled(&recorder)
}

fn share(recorder: &Recorder, run: RunId, who: &str, (threads, each): (u64, u64)) -> Result<(), Error> {
    let pause = from_environment("MEETER_PAUSE").unwrap_or_default();
    let one = |thread: u64| {
        (0..each).try_for_each(|n| {
            std::thread::sleep(pause);
            recorder.acknowledge(run, &item(who, thread, n), &done()).map(drop)
        })
    };
    std::thread::scope(|scope| {
        let all: Vec<_> = (0..threads).map(|thread| scope.spawn(move || one(thread))).collect();
        all.into_iter().try_for_each(|thread| thread.join().expect("a worker"))
    })
}

/// Waits until nothing waits for the server any more, or the server is not there; says how that went.
fn settled(recorder: &Recorder) -> Result<(), Error> {
    let until = Instant::now() + Duration::from_secs(20);
    loop {
        std::thread::sleep(Duration::from_millis(300));
        let Some(health) = recorder.health().meeting else { break };
        if Instant::now() > until || health.waiting == 0 || (!health.connected && health.outages > 0) {
            println!("OUTAGES {} LOST {} WAITING {}", health.outages, health.lost, health.waiting);
            break;
        }
    }
    recorder.close().map(drop)
}

fn read(trail: &str, run: &str) -> Result<(), Error> {
    let report = reconcile_run(trail, RunId(Id::parse(run).expect("a run's id")))?;
    let counts = &report.counts;
    let doubt = report.doubt.map_or("none", |doubt| doubt.name());
    println!(
        "VERDICT {} DOUBT {doubt} EXPECTED {} ACKED {} MISSING {} DUPLICATE {} DRIFT {}",
        report.verdict, counts.expected, counts.acked, counts.missing, counts.duplicate, counts.drift
    );
    Ok(())
}
