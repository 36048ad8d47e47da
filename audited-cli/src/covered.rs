//! `audited coverage`: asks what test runs left, not a trail.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use audit_runtime::clock::{Clock, SystemClock};
use audit_runtime::trail::{Finding, Json, Weight, text};

use crate::answer::{Answer, exit};
use crate::args::Coverage;
use crate::ask::Stopped;
use crate::coverage::{Base, Book, Gate, Judged, Left, judge};
use crate::out::WIDTH;
use crate::print::{self, Shown};

/// The gate that is asked when nothing names one.
const GATE: &str = "audit-coverage.toml";

/// Why there is no answer.
pub(crate) struct Mistakes {
    rule: &'static str,
    pub(crate) texts: Vec<String>,
    pub(crate) code: u8,
}

impl Mistakes {
    /// Files that cannot be read or written.
    fn of(error: &io::Error) -> Stopped {
        Stopped::Untested(Mistakes { rule: "UNREADABLE", texts: vec![error.to_string()], code: exit::CANNOT_OPEN })
    }

    /// The same, with what to do next.
    pub(crate) fn read(error: &io::Error, next: &str) -> Stopped {
        Mistakes::of(&io::Error::new(error.kind(), format!("cannot read {error}; next: {next}")))
    }

    fn at(file: &Path) -> impl Fn(io::Error) -> Stopped + '_ {
        move |error| Mistakes::of(&io::Error::new(error.kind(), format!("{}: {error}", file.display())))
    }

    /// The object that `--json` prints.
    pub(crate) fn json(&self, command: &str, trail: &str) -> Json {
        let finding = |text: &String| Finding {
            rule: self.rule,
            weight: Weight::Problem,
            id: command.to_owned(),
            message: text.clone(),
            place: None,
        };
        let findings = self.texts.iter().map(finding).collect();
        Answer { findings, ..Answer::default() }.json(command, trail)
    }
}

pub(crate) fn coverage(asked: &Coverage) -> Result<Answer, Stopped> {
    let left = Left::read(&places(asked)).map_err(|error| Mistakes::of(&error))?;
    let book = Book::of(&left);
    if !book.rows.iter().any(|row| row.is_site()) {
        let none = "the programs that ran have no audited site, so nothing can be covered";
        return Err(Mistakes::of(&io::Error::new(io::ErrorKind::NotFound, none)));
    }
    let gate = gate(asked, &book)?;
    let file = asked.base.clone().or_else(|| gate.base.clone());
    let today = asked.today.clone().unwrap_or_else(today);
    if asked.write_base {
        let none = || wrong("GATE", "`--write-base` needs to know which: `--base FILE`, or `base` in the gate file");
        let file = file.ok_or_else(none)?;
        let judged = judge(&left, &book, &gate, None, &today);
        write(&file, &judged.base())?;
        return told(asked, &left, &judged, &today);
    }
    let base = file.as_deref().map(Base::read).transpose().map_err(|error| Mistakes::of(&error))?;
    let judged = judge(&left, &book, &gate, base.as_ref(), &today);
    told(asked, &left, &judged, &today)
}

fn told(asked: &Coverage, left: &Left, judged: &Judged<'_>, today: &str) -> Result<Answer, Stopped> {
    let columns = || std::env::var("COLUMNS").ok().and_then(|text| text.parse().ok());
    let width = asked.width.or_else(columns).unwrap_or(WIDTH);
    let shown = Shown { left, judged, today, width };
    if let Some(file) = &asked.html {
        write(file, &print::html(&shown))?;
    }
    if let Some(file) = &asked.junit {
        write(file, &print::junit(&shown))?;
    }
    Ok(print::coverage(&shown))
}

fn places(asked: &Coverage) -> Vec<PathBuf> {
    if !asked.dirs.is_empty() {
        return asked.dirs.clone();
    }
    let named = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let target = || named("CARGO_TARGET_DIR").unwrap_or_else(|| PathBuf::from("target")).join("audit-coverage");
    vec![named("AUDIT_COVERAGE").unwrap_or_else(target)]
}

/// The named gate, else the one that lies here, else one that asks for nothing.
fn gate(asked: &Coverage, book: &Book) -> Result<Gate, Stopped> {
    let file = match &asked.gate {
        Some(file) => file.clone(),
        None if Path::new(GATE).exists() => PathBuf::from(GATE),
        None => return Ok(Gate::default()),
    };
    let text = fs::read_to_string(&file).map_err(Mistakes::at(&file))?;
    Gate::parse(&file, &text, book)
        .map_err(|texts| Stopped::Untested(Mistakes { rule: "GATE", texts, code: exit::USAGE }))
}

fn wrong(rule: &'static str, text: &str) -> Stopped {
    Stopped::Untested(Mistakes { rule, texts: vec![text.to_owned()], code: exit::USAGE })
}

/// Whole or not there: a base file that is half written would ask for less.
fn write(file: &Path, text: &str) -> Result<(), Stopped> {
    let staged = file.with_extension("new");
    fs::write(&staged, text).and_then(|()| fs::rename(&staged, file)).map_err(Mistakes::at(file))
}

fn today() -> String {
    text::time(SystemClock::new().wall_ns()).chars().take(10).collect()
}
