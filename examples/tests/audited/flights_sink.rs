//! The sinks of `flights`, in a lab. A batch is written, and the device answers later; whatever strikes in between, behind
//! the example's next start the file holds the rows that the trail says have reached it, each once, and no others. The
//! functions that start again are those of the example, as they stand.

#![forbid(unsafe_code)]
#![expect(dead_code, reason = "the example's own `main` is not called here")]

#[path = "../../examples/flights/arguments.rs"]
mod arguments;
#[path = "../../examples/flights/days.rs"]
mod days;
#[path = "../../examples/flights/drive.rs"]
mod drive;
#[path = "../../examples/flights/fault.rs"]
mod fault;
#[path = "../../examples/flights/fuse.rs"]
mod fuse;
#[path = "../../examples/flights/graph.rs"]
mod graph;
#[path = "../../examples/flights/owner.rs"]
mod owner;
#[path = "../../examples/flights/sink.rs"]
mod sink;
#[path = "../../examples/flights/steps.rs"]
mod steps;

use arguments::Arguments;
use audit_runtime::journal::Layout;
use audit_runtime::landscape::{Again, Landscape, Node, SinkFailure, Token};
use audit_runtime::model::digest::{Scope, digest_bytes};
use audit_runtime::{Builder, Exit, audited};
use audit_testkit::{Case, Lab, Matrix, Story};
use csv::StringRecord;
use drive::Drive;
use fault::Fault;
use fuse::Fuse;
use owner::Owner;
use sink::Sink;
use std::collections::BTreeSet;
use std::error::Error;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use steps::{Raw, Tables};

/// Two flights that landed elsewhere: both go to the file of refused rows.
const ROWS: &str = "year,month,day,dep_time,arr_delay,carrier,flight,tailnum,origin,dest\n\
                    2013,1,1,1525,NA,MQ,4525,N719MQ,LGA,XNA\n\
                    2013,1,1,1939,NA,MQ,4413,N3AXMQ,EWR,RDU\n";
const HEADING: &str = "row,flight,reason\n";
/// Switches the mistake on that the matrix must find: the next start takes a write that was cancelled for one that never
/// happened, and leaves the file as it is.
const PLANTED: &str = "FLIGHTS_SINK_BELIEVES_IN_CANCELLING";

/// What the matrix says of it.
const WRONG: &str = "2 rows stand in the file, and the trail says that 0 have reached it";

type Done<T = ()> = Result<T, Box<dyn Error>>;

/// What a sink's own write does, for a device whose answer is awaited.
#[audited(node = "deliver")]
async fn deliver(land: &Landscape, sink: Node, file: &File, waiting: Vec<(Token, String)>) -> Done {
    let (tokens, lines): (Vec<Token>, Vec<String>) = waiting.into_iter().unzip();
    let content = [HEADING, &lines.concat()].concat();
    let (key, digest) = (format!("refused.csv@0+{}", content.len()), digest_bytes(Scope::Bytes, content.as_bytes()));
    let visits = tokens.into_iter().map(|token| token.enter(sink)).collect::<Result<Vec<_>, _>>()?;
    let batch = land.prepare(sink, &key, digest, visits)?;
    let (written, ()) = batch.write(|| file.write_all_at(content.as_bytes(), 0)).map_err(refused)?;
    the_device_answers().await;
    let receipt = written.sync(|| file.sync_data()).map_err(refused)?.receipt()?;
    Sink::complete(&receipt)?;
    receipt.deliver()?.checkpoint("row 3")?;
    Ok(())
}

async fn the_device_answers() {
    tokio::task::yield_now().await;
}

fn refused<E: std::fmt::Display>(failure: SinkFailure<E>) -> Box<dyn Error> {
    match failure {
        SinkFailure::Sink { error, .. } => error.to_string().into(),
        SinkFailure::Audit(error) => error.into(),
    }
}

fn rows() -> Done<(StringRecord, Vec<StringRecord>)> {
    let mut reader = csv::Reader::from_reader(ROWS.as_bytes());
    let headers = reader.headers()?.clone();
    Ok((headers, reader.records().collect::<Result<_, _>>()?))
}

fn arguments(dir: &Path, blind: bool) -> Arguments {
    let (trail, out, input) = (dir.join("trail"), dir.join("out"), PathBuf::new());
    Arguments { trail, out, input, rows: 2, kill_after: None, kill_at: None, fail_sync: None, blind }
}

/// The example's first start, up to the end of its run.
async fn first_start(lab: Lab) -> Done {
    let out = arguments(lab.dir(), false).out;
    let owner = Owner::of(&out)?;
    let run = owner.run(lab.recorder())?;
    let (land, nodes) = graph::seal(&run)?;
    let (headers, records) = rows()?;
    let mut waiting = Vec::new();
    for (line, record) in (1..).zip(&records) {
        let raw = Raw::read(record, &headers)?;
        let fields: Vec<&str> = record.iter().collect();
        let Again::New(token) = land.row_again(nodes.source, &line.to_string(), &fields)? else { continue };
        let visit = token.enter_with(nodes.clean, &raw)?;
        match visit.context().run(|| steps::arrival(line, &raw)) {
            Err(Fault::Audit(error)) => return Err(error.into()),
            Err(fault) => waiting.push((visit.divert("error", &fault)?, format!("{line},,{fault}\n"))),
            Ok(_) => return Err("a flight that landed elsewhere has arrived".into()),
        }
    }
    let file = File::options().write(true).create(true).truncate(false).open(out.join("refused.csv"))?;
    deliver(&land, nodes.refused, &file, waiting).await?;
    run.finish()?;
    owner.done()?;
    Ok(())
}

/// A child of another test that is just being started still holds the lock of the start before; it lets go when it begins.
fn next_owner(out: &Path) -> Result<Owner, String> {
    let mut tries = 0..2000;
    loop {
        match Owner::of(out) {
            Err(_) if tries.next().is_some() => std::thread::sleep(Duration::from_millis(1)),
            owner => return owner,
        }
    }
}

/// The example's next start, whole: it goes on with what the first has left, or begins anew behind a run that has ended.
/// The lines of the file that it ends with, and how many rows the trail says have reached it.
fn next_start(dir: &Path, blind: bool) -> Done<(Vec<String>, usize)> {
    let arguments = arguments(dir, blind);
    let recorder = Builder::new(&arguments.trail).project(false).open()?;
    let run = recorder.scope(|| -> Done<_> {
        let owner = next_owner(&arguments.out)?;
        let run = owner.run(&recorder)?;
        let id = run.id();
        let (land, nodes) = graph::seal(&run)?;
        let tables = Tables::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/data"))?;
        let fuse = Fuse::new(None, None);
        let mut drive = Drive::new((land, nodes), &tables, &fuse, &arguments)?;
        let (headers, records) = rows()?;
        for (line, record) in (1..).zip(&records) {
            drive.row(line, record, &headers)?;
        }
        drive.end(records.len() as u64)?;
        drop(drive);
        run.finish()?;
        owner.done()?;
        Ok(id)
    })?;
    recorder.close()?;
    let layout = Layout::at(&arguments.trail);
    audit_runtime::index::rebuild(&layout, &mut |_| {})?;
    let sql = "SELECT count(*) FROM outcomes WHERE run_id = ?1 AND terminal = 1 AND sink = 'refused.csv'";
    let index = rusqlite::Connection::open(layout.index())?;
    let reached = index.query_row(sql, [format!("{:#}", run.0)], |row| row.get::<_, u32>(0))?;
    let file = std::fs::read_to_string(arguments.out.join("refused.csv"))?;
    Ok((file.lines().map(str::to_owned).collect(), reached as usize))
}

/// Every fault at every moment of the first start; behind each the next start, and the file that it ends with.
fn matrix(believes_in_cancelling: bool) -> Matrix {
    let here: Arc<Mutex<PathBuf>> = Arc::default();
    let there = Arc::clone(&here);
    let scenario = move |lab: Lab| {
        *here.lock().expect("one thread") = lab.dir().to_owned();
        first_start(lab)
    };
    let was_cancelled = |story: &Story| {
        let delivered = story.of("deliver");
        delivered.all().iter().any(|entry| entry.exit() == Some(Exit::Cancelled))
    };
    let check = move |_: &Case, story: &Story| {
        let dir = there.lock().expect("one thread").clone();
        let blind = believes_in_cancelling && was_cancelled(story);
        let (lines, reached) = next_start(&dir, blind).expect("the next start ends its run");
        let rows: BTreeSet<&String> = lines.iter().skip(1).collect();
        let (stand, heading) = (lines.len().saturating_sub(1), lines.first().is_none_or(|line| line == HEADING.trim()));
        assert!(heading && rows.len() == stand, "a row stands twice: {lines:?}");
        assert!(stand == reached, "{stand} rows stand in the file, and the trail says that {reached} have reached it");
    };
    Matrix::new(scenario).matrix().sites("flights_sink::**").check(check)
}

#[test]
fn t15_the_file_holds_what_the_trail_says() {
    matrix(false).run();
}

/// A kill leaves the write in doubt; whatever else it leaves, the trail is whole.
#[test]
fn t15_a_first_start_is_killed_at_every_moment() {
    let name = concat!(module_path!(), "::t15_a_first_start_is_killed_at_every_moment");
    Matrix::new(first_start).named(name).crash().sites("flights_sink::**").run();
}

/// Not a test of its own: what a child of the one below does.
#[test]
fn a_start_that_believes_in_cancelling() {
    if std::env::var_os(PLANTED).is_some() {
        matrix(true).run();
    }
}

/// One of these tests in a process of its own, which leaves its coverage in a directory of its own.
fn child(test: &str, dir: &Path, environment: &[(&str, &str)]) -> (bool, String) {
    let own = std::env::current_exe().expect("this test's own path");
    let mut command = Command::new(own);
    command.args([test, "--exact", "--nocapture"]).env("AUDIT_COVERAGE", dir).envs(environment.iter().copied());
    let Output { status, stdout, stderr } = command.output().expect("the test starts");
    (status.success(), [stdout, stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat())
}

/// `audited coverage` of a directory: exit code and what it prints with `--json`.
fn coverage(dir: &Path, more: &[&str]) -> (Option<i32>, serde_json::Value) {
    let output = lab_tests::audited().arg("coverage").arg(dir).arg("--json").args(more).output().expect("audited runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    (output.status.code(), serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}")))
}

/// Site and kind of each red cell.
fn red(told: &serde_json::Value) -> Vec<(String, String)> {
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let sites = told["items"][0]["sites"].as_array().expect("a list of sites");
    let cells = |site: &serde_json::Value| {
        let cells = site["cells"].as_object().expect("cells").clone();
        let failed = cells.into_iter().filter(|(_, state)| state == "failed");
        failed.map(|(kind, _)| (text(&site["site"]), kind)).collect::<Vec<_>>()
    };
    sites.iter().flat_map(cells).collect()
}

#[test]
fn t20_a_cancel_planted_between_a_write_and_its_receipt_is_one_red_cell_with_its_replay() {
    let home = tempfile::tempdir().expect("a directory");
    let (sound, planted) = (home.path().join("sound"), home.path().join("planted"));
    let (passed, said) = child("t15_the_file_holds_what_the_trail_says", &sound, &[]);
    assert!(passed, "{said}");
    let (code, told) = coverage(&sound, &[]);
    assert_eq!((code, red(&told)), (Some(0), Vec::new()), "nothing is planted: {told}");

    let (passed, said) = child("a_start_that_believes_in_cancelling", &planted, &[(PLANTED, "1")]);
    assert!(!passed && said.contains(WRONG), "{said}");
    let page = home.path().join("page.html");
    let (code, told) = coverage(&planted, &["--html", &page.display().to_string()]);
    let cell = ("flights_sink::deliver".to_owned(), "cancelled".to_owned());
    assert_eq!((code, red(&told)), (Some(1), vec![cell]), "{told}");

    let sites = told["items"][0]["sites"].as_array().expect("sites");
    let failures: Vec<_> =
        sites.iter().flat_map(|site| site["failures"].as_array().cloned().unwrap_or_default()).collect();
    let cases: Vec<&str> = failures.iter().filter_map(|failure| failure["case"].as_str()).collect();
    let at = |phase: &str| format!("v1;flights_sink::deliver#1;{phase};cancel");
    assert_eq!(cases, [at("after-await-0"), at("before-await-0")], "behind the write, before the receipt");
    let replay = failures[0]["replay"].as_str().expect("a command");
    assert_eq!(
        replay,
        format!(
            "AUDIT_CASE='{}' cargo test -p lab-tests a_start_that_believes_in_cancelling -- --exact --nocapture",
            cases[0]
        )
    );
    let html = std::fs::read_to_string(page).expect("the page");
    assert_eq!(html.matches("<a href=\"#flights-sink--deliver-cancelled\">").count(), 1, "one red cell");
    assert!(html.contains(&replay.replace('\'', "&#39;")), "its replay stands on the page");

    let (passed, said) =
        child("a_start_that_believes_in_cancelling", &planted, &[(PLANTED, "1"), ("AUDIT_CASE", cases[0])]);
    assert!(
        !passed && said.contains("1 of 1 cases failed") && said.contains(WRONG),
        "the replay is that case alone: {said}"
    );
}
