//! Which failure paths a run has seen: the interface between the runners and whoever reports on them.
//!
//! Every process that runs a matrix appends lines to `audit-coverage/BINARY-PID.jsonl` below its target directory, one
//! `write` each, so that a kill tears none of them. `AUDIT_COVERAGE=DIR` names another directory; without a target
//! directory nothing is written. A line is one JSON object with `v` (the version, 1) and `line`:
//!
//! | `line` | other keys | says |
//! |---|---|---|
//! | `site` | `site`, `node`, `file`, `at`, `form` (`sync`, `async`), `awaits`, `questions` (source lines), `blind` (`["LINE name", …]`) | a site of the catalogue: the denominator, known before anything ran |
//! | `fallible` | `site` | the site returns a `Result` |
//! | `moment` | `site`, `phase`, `at`, `can_fail`, `can_cancel` | a moment that the scenario reaches; `phase` as in addresses (`before-await-0`, `question-1`) |
//! | `case` | `test`, `case` (its address), `site`, `phase`, `kind`, `fired` | a planned fault and whether it happened |
//! | `exit` | `test`, `site`, `exit` (`returned`, `errored`, `panicked`, `cancelled`, `lost`), `grade`, `kind` | an end that the trail shows |
//!
//! `grade` is `natural` (a run without a fault), `origin` (the fault was here) or `passed` (it was elsewhere and came
//! through). `kind` is the fault's kind, empty for `natural`. The store's failures are `exit` lines with a store's kind.
//! Equal lines are written once for each process.

use crate::case::{Case, phase_text};
use crate::lab::{Fired, Seen, site_name};
use crate::story::Story;
use audit_runtime::site::{Form, Site};
use audit_runtime::trail::Json;
use parking_lot::Mutex;
use std::collections::HashSet;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::PathBuf;

static BOOK: Mutex<Option<Book>> = Mutex::new(None);

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

/// Beside the test's binary: `target/debug/deps/NAME` writes to `target/audit-coverage`.
fn directory() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os("AUDIT_COVERAGE") {
        return Some(PathBuf::from(named));
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
            if seen.hit.can_fail && matches!(seen.hit.phase, audit_runtime::fault::Phase::BeforeComplete) {
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

/// The ends that a trail shows behind a fault, or without one.
pub(crate) fn exits(test: &str, story: &Story, fault: Option<(&Case, Option<&Fired>)>) {
    with(|book| {
        for entry in story.entries.values().filter(|entry| !entry.site.is_empty()) {
            let Some(exit) = entry.exit() else { continue };
            let here = |(case, fired): (&Case, Option<&Fired>)| {
                let state = fired.and_then(|fired| fired.at).map(|hit| hit.state);
                // Where the process died nobody could tell the state: the site has to do.
                state.map_or(case.place == entry.site, |state| state == entry.id)
            };
            let grade = match fault {
                None => "natural",
                Some(fault) if here(fault) => "origin",
                Some(_) => "passed",
            };
            book.write(vec![
                ("line", "exit".into()),
                ("test", test.into()),
                ("site", entry.site.as_str().into()),
                ("exit", exit.name().into()),
                ("grade", grade.into()),
                ("kind", fault.map_or("", |(case, _)| case.kind.text()).into()),
            ]);
        }
    });
}
