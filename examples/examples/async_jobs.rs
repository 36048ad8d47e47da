//! Async work that ends in every way it can: in time, too late, cancelled by `select!`, aborted, by a panic, after
//! retries. Each entry has exactly one end in the trail, also where the program never hears of it again.
//!
//! ```text
//! settle_day ─┬─ rates ── quote ×2 (select!: the slower one is cancelled)
//!             ├─ charge ×3 (two errors, then success)
//!             ├─ report ── render ×2 (timeout: the long form is cancelled in the middle; the short one is done)
//!             ├─ upload ×2 (spawned; one comes through, one is aborted)
//!             ├─ poisoned ×2 (spawned; one panics)
//!             └─ notify ×5 (spawned, in the context of their caller)
//! ```
//!
//! ```text
//! cargo run --release --example async_jobs -- [--trail DIR]
//! ```

#![forbid(unsafe_code)]

use audit_runtime::{AuditLayer, InAuditContext, audited};
use audited_examples::{say, tell};
use std::error::Error;
use std::path::Path;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tracing::{info, warn};
use tracing_subscriber::prelude::*;

/// Why a job did not get through.
#[derive(Debug)]
pub(crate) enum Fault {
    Declined(u32),
    TooLate,
    Gone,
    Audit(audit_runtime::Error),
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Fault::Declined(attempt) => write!(f, "attempt {attempt} was declined"),
            Fault::TooLate => f.write_str("there was no time left"),
            Fault::Gone => f.write_str("the other side is gone"),
            Fault::Audit(cause) => write!(f, "the audit refused: {cause}"),
        }
    }
}

impl Error for Fault {}

impl From<audit_runtime::Error> for Fault {
    fn from(error: audit_runtime::Error) -> Fault {
        Fault::Audit(error)
    }
}

/// Stands for a service that answers after this long, or never.
async fn answer_after(time: Option<Duration>) {
    match time {
        Some(time) => tokio::time::sleep(time).await,
        None => std::future::pending().await,
    }
}

#[audited(node = "quote", record(source = source))]
async fn quote(source: &str, time: Option<Duration>) -> Result<f64, Fault> {
    answer_after(time).await;
    Ok(1.08)
}

/// Asks two sources; the one that does not answer first is dropped where it waits.
#[audited(node = "rates")]
pub(crate) async fn rates() -> Result<f64, Fault> {
    tokio::select! {
        rate = quote("primary", Some(Duration::from_millis(2))) => rate,
        rate = quote("mirror", None) => rate,
    }
}

#[audited(node = "charge", attempt = nth, digest(amount))]
async fn charge(amount: u64, nth: u32) -> Result<u64, Fault> {
    answer_after(Some(Duration::from_millis(1))).await;
    if nth < 2 { Err(Fault::Declined(nth)) } else { Ok(amount) }
}

#[audited(node = "charge with retries")]
pub(crate) async fn charge_with_retries(amount: u64) -> Result<u64, Fault> {
    let mut nth = 0;
    loop {
        match charge(amount, nth).await {
            Err(Fault::Declined(_)) if nth < 4 => {
                // An ordinary event inside an audited call: the layer keeps it as evidence.
                warn!(nth, "declined, once more");
                nth += 1;
            }
            other => return other,
        }
    }
}

#[audited(node = "render")]
async fn render(time: Option<Duration>) -> Result<String, Fault> {
    answer_after(time).await;
    Ok("a short report".to_owned())
}

/// Gives the long form up, which is recorded as cancelled, and is content with a short one.
#[audited(node = "report")]
pub(crate) async fn report() -> Result<String, Fault> {
    let long = timeout(Duration::from_millis(5), render(None)).await.map_err(|_| Fault::TooLate);
    match long {
        Ok(long) => long,
        Err(late) => {
            warn!(%late, "the short form has to do");
            render(Some(Duration::from_millis(1))).await
        }
    }
}

#[audited(node = "upload")]
async fn upload(started: oneshot::Sender<()>, time: Option<Duration>) -> Result<(), Fault> {
    started.send(()).map_err(|()| Fault::Gone)?;
    answer_after(time).await;
    Ok(())
}

#[audited(node = "poisoned")]
async fn poisoned(knows: bool) -> Result<(), Fault> {
    tokio::task::yield_now().await;
    assert!(knows, "a job that does not know what to do");
    Ok(())
}

#[audited(node = "notify", record(customer = customer))]
async fn notify(customer: u32) -> Result<u32, Fault> {
    answer_after(Some(Duration::from_millis(1))).await;
    info!(customer, "told");
    Ok(customer)
}

/// What became of the jobs, as the program itself saw it.
pub(crate) struct Day {
    rate: f64,
    charged: u64,
    notified: usize,
    report: String,
    upload: String,
    poisoned: String,
}

#[audited(node = "settle the day")]
pub(crate) async fn settle_day() -> Result<Day, Fault> {
    let rate = rates().await?;
    let charged = charge_with_retries(250).await?;
    let report = report().await.unwrap_or_else(|fault| fault.to_string());

    let mut uploads = Vec::new();
    for time in [Some(Duration::from_millis(2)), None] {
        let (started, has_started) = oneshot::channel();
        uploads.push(tokio::spawn(upload(started, time).in_audit_context()));
        has_started.await.map_err(|_| Fault::Gone)?;
    }
    uploads[1].abort();
    let mut upload = Vec::new();
    for uploading in uploads {
        upload.push(uploading.await.map_or_else(|end| end.to_string(), |_| "done".to_owned()));
    }

    let mut jobs = Vec::new();
    for knows in [true, false] {
        let job = tokio::spawn(poisoned(knows).in_audit_context()).await;
        jobs.push(job.map_or_else(|end| if end.is_panic() { "panicked" } else { "cancelled" }, |_| "done"));
    }

    let mut told = JoinSet::new();
    (0..5).for_each(|customer| drop(told.spawn(notify(customer).in_audit_context())));
    let notified = told.join_all().await.into_iter().filter(Result::is_ok).count();
    Ok(Day { rate, charged, notified, report, upload: upload.join(", "), poisoned: jobs.join(", ") })
}

fn main() -> Result<(), Box<dyn Error>> {
    let trail = trail_asked()?;
    // The one line for a program that already uses `tracing`; the guard closes the stream at the end.
    let layer = AuditLayer::open(&trail)?;
    let (recorder, guard) = (layer.recorder().clone(), layer.guard());
    tracing_subscriber::registry().with(layer).init();
    tell(format_args!("{}", recorder.recovered()));

    let run = recorder.begin_run("settling the day")?;
    say!("run {} on {trail}", run.id());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build()?;
    let day = runtime.block_on(run.scope_async(settle_day()))?;
    drop(runtime);
    say!("\nrate {}, charged {}, {} customers told", day.rate, day.charged, day.notified);
    say!("report: {}; uploads: {}; poisoned: {}", day.report, day.upload, day.poisoned);

    let id = run.id();
    say!("\n{}", run.finish()?);
    look_further(Path::new(&trail), &id.to_string());
    guard.close()?;
    Ok(())
}

fn trail_asked() -> Result<String, &'static str> {
    let mut words = std::env::args().skip(1);
    match (words.next().as_deref(), words.next()) {
        (None, _) => Ok("target/trails/async_jobs".to_owned()),
        (Some("--trail"), Some(dir)) => Ok(dir),
        _ => Err("there is one option: --trail DIR"),
    }
}

fn look_further(trail: &Path, run: &str) {
    let trail = trail.display();
    say!("look further:");
    say!("  cargo run --release -p audited-cli -- --trail {trail} show {run}");
    say!("  cargo run --release -p audited-cli -- --trail {trail} tail --json");
    say!("  cargo run --release -p audited-cli -- --trail {trail} sweep");
}
