//! Everything that lies in the directories. Of each test program the newest build counts, because what an older one saw is
//! no statement about the code as it is now.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::line::Line;

/// What to do where there is nothing to read.
const CURE: &str =
    "next: run the tests, `cargo test` with `audit-testkit` and its feature `lab`, or name where they left it";

/// A process, from its `build` line on.
#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) began: u64,
    pub(crate) lines: Vec<Line>,
}

/// The newest build of one test program, and its processes in the order in which they began.
#[derive(Debug)]
pub(crate) struct Program {
    pub(crate) name: String,
    pub(crate) built: u64,
    pub(crate) processes: Vec<Process>,
}

/// What test runs left.
#[derive(Debug, Default)]
pub(crate) struct Left {
    /// From the oldest build to the newest.
    pub(crate) programs: Vec<Program>,
    /// `FILE:LINE` of each line that cannot be read, and why.
    pub(crate) corrupt: Vec<(String, String)>,
    /// Files with lines.
    pub(crate) files: usize,
    /// Processes of older builds, which count for nothing.
    pub(crate) older: usize,
}

impl Left {
    /// Reads every `.jsonl` in these directories; a path may also be a file.
    ///
    /// # Errors
    /// What the file system refuses; that there is nothing to read.
    pub(crate) fn read(places: &[PathBuf]) -> io::Result<Left> {
        let mut files = Vec::new();
        for place in places {
            gather(place, &mut files).map_err(|error| said(place, &format!("{error}; {CURE}"), error.kind()))?;
        }
        files.sort();
        files.dedup();
        let mut left = Left::default();
        let mut builds: BTreeMap<(String, u64), Vec<Process>> = BTreeMap::new();
        for file in &files {
            let bytes = fs::read(file).map_err(|error| said(file, &error.to_string(), error.kind()))?;
            left.files += usize::from(!bytes.is_empty());
            left.take(&file.display().to_string(), &String::from_utf8_lossy(&bytes), &mut builds);
        }
        left.keep(builds);
        if left.programs.is_empty() {
            return Err(left.nothing(places));
        }
        Ok(left)
    }

    fn take(&mut self, file: &str, text: &str, builds: &mut BTreeMap<(String, u64), Vec<Process>>) {
        let mut here = None;
        for (at, line) in text.lines().enumerate().filter(|(_, line)| !line.is_empty()) {
            let line = match Line::parse(line) {
                Ok(line) => line,
                Err(why) => {
                    self.wrong(file, at, &why);
                    continue;
                }
            };
            if let Line::Build { program, built, began } = line {
                let key = (program, built);
                builds.entry(key.clone()).or_default().push(Process { began, lines: Vec::new() });
                here = Some(key);
                continue;
            }
            match here.as_ref().and_then(|key| builds.get_mut(key)).and_then(|processes| processes.last_mut()) {
                Some(process) => process.lines.push(line),
                None => {
                    self.wrong(file, at, "no `build` line stands before it, so nobody knows whose it is");
                    return;
                }
            }
        }
    }

    fn wrong(&mut self, file: &str, at: usize, why: &str) {
        self.corrupt.push((format!("{file}:{}", at + 1), why.to_owned()));
    }

    fn keep(&mut self, builds: BTreeMap<(String, u64), Vec<Process>>) {
        let mut newest: BTreeMap<String, (u64, Vec<Process>)> = BTreeMap::new();
        // Builds of one program come from the oldest to the newest.
        for ((name, built), processes) in builds {
            if let Some((_, old)) = newest.insert(name, (built, processes)) {
                self.older += old.len();
            }
        }
        self.programs = newest
            .into_iter()
            .map(|(name, (built, mut processes))| {
                processes.sort_by_key(|process| process.began);
                Program { name, built, processes }
            })
            .collect();
        self.programs.sort_by_key(|program| program.built);
    }

    fn nothing(&self, places: &[PathBuf]) -> io::Error {
        let places: Vec<String> = places.iter().map(|place| place.display().to_string()).collect();
        let first =
            self.corrupt.first().map_or_else(String::new, |(at, why)| format!("; the first bad line is {at}: {why}"));
        io::Error::new(
            io::ErrorKind::NotFound,
            format!("no test run has left a readable line in {}{first}; {CURE}", places.join(", ")),
        )
    }
}

fn said(place: &Path, why: &str, kind: io::ErrorKind) -> io::Error {
    io::Error::new(kind, format!("{}: {why}", place.display()))
}

fn gather(place: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    if !place.is_dir() {
        fs::metadata(place)?;
        files.push(place.to_owned());
        return Ok(());
    }
    for entry in fs::read_dir(place)? {
        let path = entry?.path();
        if path.extension().is_some_and(|ending| ending == "jsonl") {
            files.push(path);
        }
    }
    Ok(())
}
