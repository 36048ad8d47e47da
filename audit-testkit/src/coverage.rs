//! Which failure paths a run has seen: the interface between the runners and whoever reports on them.
//!
//! Every process that runs a matrix, finishes a lab or asserts something of a trail appends lines to
//! `audit-coverage/BINARY-PID.jsonl` below its target directory, one `write` each, so that a kill tears none of them.
//! `AUDIT_COVERAGE=DIR` names another directory; when it is empty, and without a target directory, nothing is written. A
//! line is one JSON object with `v` (the version, 1) and `line`:
//!
//! | `line` | other keys | says |
//! |---|---|---|
//! | `build` | `program` (`PACKAGE/BINARY`), `built`, `began` (ns since 1970) | the process that wrote what follows, up to the next such line, and when its binary was built |
//! | `site` | `site`, `node`, `file`, `at`, `form` (`sync`, `async`), `awaits`, `questions` (source lines), `blind` (`["LINE name", …]`) | a site of the catalogue: the denominator, known before anything ran |
//! | `fallible` | `site` | the site returns a `Result` |
//! | `moment` | `site`, `phase`, `at`, `can_fail`, `can_cancel` | a moment that the scenario reaches; `phase` as in addresses (`before-await-0`, `question-1`) |
//! | `case` | `test`, `case` (its address), `site`, `phase`, `kind`, `fired` | a planned fault and whether it happened |
//! | `exit` | `test`, `site`, `exit` (`returned`, `errored`, `panicked`, `cancelled`, `lost`), `grade`, `kind` | an end that the trail shows |
//! | `asserted` | `test`, `site`, `exit`, `kind` | an end that an assertion of the test looked at, and found as it should be |
//! | `failed` | `test`, `case`, `site`, `kind`, `broke` (texts), `replay` (a command) | a case that broke a promise, or that never fired |
//!
//! `grade` is `natural` (a run without a fault), `origin` (the fault was here) or `passed` (it was elsewhere and came
//! through). `kind` is the fault's kind, empty for `natural`. The store's failures are `exit` lines with a store's kind.
//! Equal lines are written once for each process. A report that a test takes in hand (`try_run`) is that test's to judge:
//! it leaves no `failed` lines. `audited coverage` reads all this.

use crate::case::{Case, Kind, phase_text};
use crate::lab::{Fired, Seen};
use crate::sites::site_name;
use crate::story::{Entry, Story};
use audit_runtime::Exit;
use audit_runtime::fault::Phase;
use audit_runtime::site::{Form, Site};
use audit_runtime::trail::Json;
use parking_lot::Mutex;
use std::cell::Cell;
use std::collections::HashSet;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

static BOOK: Mutex<Option<Book>> = Mutex::new(None);

thread_local! {
    /// The fault behind which this thread's assertions are made.
    static JUDGED: Cell<Option<Kind>> = const { Cell::new(None) };
}

struct Book {
    file: Option<File>,
    written: HashSet<String>,
}

impl Book {
    fn open() -> Book {
        let place = directory().and_then(|dir| std::fs::create_dir_all(&dir).ok().map(|()| dir));
        let file = place.and_then(|dir| {
            let program = std::env::current_exe().ok()?;
            let name = format!("{}-{}.jsonl", program.file_stem()?.to_str()?, std::process::id());
            OpenOptions::new().create(true).append(true).open(dir.join(name)).ok()
        });
        let mut book = Book { file, written: HashSet::new() };
        book.build();
        audit_runtime::catalogue().sites.iter().for_each(|site| book.site(site));
        book
    }

    fn write(&mut self, pairs: Vec<(&'static str, Json)>) {
        let head = [("v", Json::from(1u64))];
        let all = head.into_iter().chain(pairs).map(|(key, value)| (key.to_owned(), value)).collect();
        let text = format!("{}\n", Json::Object(all));
        if let Some(file) = self.file.as_mut().filter(|_| self.written.insert(text.clone())) {
            // A line that cannot be written is a path that counts as untested: the safe side.
            drop(file.write_all(text.as_bytes()));
        }
    }

    fn build(&mut self) {
        let Ok(program) = std::env::current_exe() else { return };
        let built = program.metadata().and_then(|facts| facts.modified()).map_or(0, nanos);
        self.write(vec![
            ("line", "build".into()),
            ("program", program_name(&program).into()),
            ("built", built.into()),
            ("began", nanos(SystemTime::now()).into()),
        ]);
    }

    fn site(&mut self, site: &Site) {
        let lines = |lines: &[u32]| Json::List(lines.iter().map(|line| Json::from(u64::from(*line))).collect());
        let blind = site.options.inside.blind.iter().map(|(line, name)| Json::from(format!("{line} {name}")));
        let form = if site.form == Form::Async { "async" } else { "sync" };
        self.write(vec![
            ("line", "site".into()),
            ("site", site_name(site).into()),
            ("node", site.node_name().into()),
            ("file", site.file.into()),
            ("at", u64::from(site.line).into()),
            ("form", form.into()),
            ("awaits", lines(site.options.inside.awaits)),
            ("questions", lines(site.options.inside.questions)),
            ("blind", Json::List(blind.collect())),
        ]);
    }
}

fn nanos(at: SystemTime) -> u64 {
    at.duration_since(UNIX_EPOCH).map_or(0, |since| u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
}

/// `PACKAGE/BINARY`, without what Cargo adds to a binary's name: the same for every build of one program.
fn program_name(program: &Path) -> String {
    let stem = program.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    let is_hash = |end: &str| end.len() == 16 && end.bytes().all(|b| b.is_ascii_hexdigit());
    let name = stem.rsplit_once('-').filter(|(_, end)| is_hash(end)).map_or(stem, |(name, _)| name);
    format!("{}/{name}", std::env::var("CARGO_PKG_NAME").unwrap_or_default())
}

/// Beside the test's binary: `target/debug/deps/NAME` writes to `target/audit-coverage`.
fn directory() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os("AUDIT_COVERAGE") {
        return Some(PathBuf::from(named)).filter(|dir| !dir.as_os_str().is_empty());
    }
    let program = std::env::current_exe().ok()?;
    let target = program.ancestors().nth(3)?;
    target.join("CACHEDIR.TAG").exists().then(|| target.join("audit-coverage"))
}

fn with(write: impl FnOnce(&mut Book)) {
    let mut book = BOOK.lock();
    write(book.get_or_insert_with(Book::open));
}

/// The moments that a scenario reaches.
pub(crate) fn moments(seen: &[Seen]) {
    with(|book| {
        for seen in seen {
            book.write(vec![
                ("line", "moment".into()),
                ("site", site_name(seen.hit.site).into()),
                ("phase", phase_text(seen.hit.phase).into()),
                ("at", u64::from(seen.hit.line()).into()),
                ("can_fail", seen.hit.can_fail.into()),
                ("can_cancel", seen.hit.can_cancel.into()),
            ]);
            if seen.hit.can_fail && matches!(seen.hit.phase, Phase::AfterBegin | Phase::BeforeComplete) {
                book.write(vec![("line", "fallible".into()), ("site", site_name(seen.hit.site).into())]);
            }
        }
    });
}

/// A planned fault, and whether it happened.
pub(crate) fn case(test: &str, case: &Case, fired: bool) {
    with(|book| {
        book.write(vec![
            ("line", "case".into()),
            ("test", test.into()),
            ("case", case.to_string().into()),
            ("site", case.place.as_str().into()),
            ("phase", case.phase.as_str().into()),
            ("kind", case.kind.text().into()),
            ("fired", fired.into()),
        ]);
    });
}

/// How an end was shown, the best way last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Grade {
    /// By a fault elsewhere that came through.
    Passed,
    /// By a fault here.
    Origin,
    /// Without any fault.
    Natural,
}

impl Grade {
    pub(crate) const fn text(self) -> &'static str {
        match self {
            Grade::Passed => "passed",
            Grade::Origin => "origin",
            Grade::Natural => "natural",
        }
    }
}

/// An end that a trail shows.
#[derive(Clone, Debug)]
pub(crate) struct Ended {
    pub(crate) site: String,
    pub(crate) exit: Exit,
    pub(crate) grade: Grade,
}

/// The ends that a trail shows behind a fault, or without one; also writes them down.
pub(crate) fn exits(test: &str, story: &Story, fault: Option<(&Case, Option<&Fired>)>) -> Vec<Ended> {
    let entries = story.entries.values().filter(|entry| !entry.site.is_empty());
    let ended = |entry: &Entry| {
        let here = |(case, fired): (&Case, Option<&Fired>)| {
            let state = fired.and_then(|fired| fired.at).map(|hit| hit.state);
            // Where the process died nobody could tell the state: the site has to do.
            state.map_or(case.place == entry.site, |state| state == entry.id)
        };
        let grade = match fault {
            None => Grade::Natural,
            Some(fault) if here(fault) => Grade::Origin,
            Some(_) => Grade::Passed,
        };
        Some(Ended { site: entry.site.clone(), exit: entry.exit()?, grade })
    };
    let ends: Vec<Ended> = entries.filter_map(ended).collect();
    let kind = fault.map_or("", |(case, _)| case.kind.text());
    with(|book| {
        for end in &ends {
            book.write(vec![
                ("line", "exit".into()),
                ("test", test.into()),
                ("site", end.site.as_str().into()),
                ("exit", end.exit.name().into()),
                ("grade", end.grade.text().into()),
                ("kind", kind.into()),
            ]);
        }
    });
    ends
}

/// A lab that no runner struck: what was reached in it, and what became of that behind the faults that the test itself
/// asked for.
pub(crate) fn lab(test: &str, seen: &[Seen], story: &Story, fired: &[Fired]) -> Vec<Ended> {
    moments(seen);
    if fired.is_empty() {
        return exits(test, story, None);
    }
    let behind = |fired: &Fired| {
        case(test, &fired.case, true);
        exits(test, story, Some((&fired.case, Some(fired))))
    };
    fired.iter().flat_map(behind).collect()
}

/// An assertion looked at this entry and found the end that it asked for.
pub(crate) fn asserted(entry: &Entry, exit: Exit) {
    if entry.site.is_empty() {
        return;
    }
    with(|book| {
        book.write(vec![
            ("line", "asserted".into()),
            ("test", this_test().into()),
            ("site", entry.site.as_str().into()),
            ("exit", exit.name().into()),
            ("kind", JUDGED.get().map_or("", Kind::text).into()),
        ]);
    });
}

/// A case that broke a promise, or that never fired.
pub(crate) fn failed(test: &str, case: &Case, broke: &[String], replay: &str) {
    with(|book| {
        book.write(vec![
            ("line", "failed".into()),
            ("test", test.into()),
            ("case", case.to_string().into()),
            ("site", case.place.as_str().into()),
            ("kind", case.kind.text().into()),
            ("broke", Json::List(broke.iter().map(|text| text.as_str().into()).collect())),
            ("replay", replay.into()),
        ]);
    });
}

/// Assertions that this closure makes are made behind a fault of this kind.
pub(crate) fn judging<R>(kind: Kind, check: impl FnOnce() -> R) -> R {
    let before = JUDGED.replace(Some(kind));
    let out = check();
    JUDGED.set(before);
    out
}

pub(crate) fn this_test() -> String {
    std::thread::current().name().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_build_of_a_program_has_one_name() {
        let name = |path: &str| program_name(Path::new(path)).rsplit('/').next().map(str::to_owned);
        assert_eq!(name("/t/deps/billing-0123456789abcdef").as_deref(), Some("billing"));
        assert_eq!(name("/t/deps/card-service").as_deref(), Some("card-service"));
    }
}
