//! One trail and one directory of output files, and what they say.
//!
//! `AUDIT_FLIGHTS` names a larger file of flights than January's, for [`Lab::of_the_environment`].

use super::example;
use audit_runtime::journal::Layout;
use audit_runtime::trail::{Trail, verify};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

/// A place for one trail with its files.
pub struct Lab {
    dir: tempfile::TempDir,
    input: Input,
    /// The index has all that the journal has.
    caught_up: Cell<bool>,
}

/// What a start of the example came to.
pub struct Told {
    pub ok: bool,
    pub status: ExitStatus,
    pub text: String,
}

/// A compressed file of flights.
#[derive(Clone)]
pub struct Input(PathBuf);

impl Input {
    /// The month that is part of the project.
    pub fn january() -> Input {
        Input(Path::new(env!("CARGO_MANIFEST_DIR")).join("data/flights-2013-01.csv.gz"))
    }

    /// The file that `AUDIT_FLIGHTS` names.
    pub fn of_the_environment() -> Option<Input> {
        std::env::var_os("AUDIT_FLIGHTS").map(|path| Input(path.into()))
    }

    fn records(&self) -> impl Iterator<Item = csv::StringRecord> + use<> {
        let file = std::fs::File::open(&self.0).expect("the input is there");
        let reader = csv::Reader::from_reader(flate2::read::GzDecoder::new(file));
        reader.into_records().map(|record| record.expect("a line"))
    }

    /// How many rows it has.
    pub fn rows(&self) -> u64 {
        self.records().count() as u64
    }
}

impl Told {
    /// Rows that the process had done when it killed itself, as it said before.
    pub fn done(&self) -> u64 {
        let line = self.text.lines().find(|line| line.contains("rows done;")).expect("it says how many rows are done");
        line.split(' ').next().and_then(|count| count.parse().ok()).expect("a count")
    }

    /// Places that the process has passed, as it says itself.
    pub fn places(&self) -> u64 {
        let words: Vec<&str> = self.text.split_whitespace().collect();
        let at = words.iter().position(|word| *word == "places").expect("it says how many places it has passed");
        words[at - 1].parse().expect("a count")
    }
}

const FILES: [&str; 3] = ["late.csv", "days.csv", "refused.csv"];

/// What a run counts however often it was interrupted: what it began in vain is in none of these.
const COUNTERS: [&str; 6] = [
    "SELECT count(*) FROM rows",
    "SELECT count(*) FROM tokens",
    "SELECT count(*) FROM token_parents",
    "SELECT node_id || ':' || count(*) FROM node_states WHERE token_id IS NOT NULL AND status = 'COMPLETED' GROUP BY node_id",
    "SELECT node_id || ':' || count(*) FROM batches WHERE status = 'COMPLETED' GROUP BY node_id",
    "SELECT status FROM runs",
];

impl Lab {
    pub fn new() -> Lab {
        Lab::on(&Input::january())
    }

    pub fn on(input: &Input) -> Lab {
        let dir = tempfile::tempdir().expect("a directory");
        Lab { dir, input: input.clone(), caught_up: Cell::new(false) }
    }

    pub fn trail(&self) -> PathBuf {
        self.dir.path().join("trail")
    }

    pub fn out(&self) -> PathBuf {
        self.dir.path().join("out")
    }

    /// Starts the example on the first rows of its input.
    pub fn run(&self, rows: u64, more: &[&str]) -> Told {
        let output = self.command(rows).args(more).output().expect("the example starts");
        let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
        Told { ok: output.status.success(), status: output.status, text }
    }

    /// The example as it is started on the first rows of its input.
    pub fn command(&self, rows: u64) -> Command {
        self.caught_up.set(false);
        let mut command = example("flights");
        command.arg("--trail").arg(self.trail()).arg("--out").arg(self.out()).arg("--input").arg(&self.input.0);
        command.args(["--rows", &rows.to_string()]);
        command
    }

    /// The bytes of each file.
    pub fn files(&self) -> Vec<(&'static str, Vec<u8>)> {
        let read = |name: &str| std::fs::read(self.out().join(name)).unwrap_or_default();
        FILES.iter().map(|name| (*name, read(name))).collect()
    }

    /// Lines of a file behind its heading.
    pub fn lines(&self, name: &str) -> u64 {
        let text = std::fs::read_to_string(self.out().join(name)).expect("the file is there");
        text.lines().count().saturating_sub(1) as u64
    }

    /// The first column of a question to the index, as texts.
    pub fn column(&self, sql: &str) -> Vec<String> {
        let layout = Layout::at(self.trail());
        if !self.caught_up.replace(true) {
            audit_runtime::index::rebuild(&layout, &mut |_| {}).expect("the index is made from the journal");
        }
        let db = rusqlite::Connection::open(layout.index()).expect("the index is a SQLite file");
        let mut statement = db.prepare(sql).expect("a sound question");
        let rows = statement.query_map([], |row| row.get::<_, rusqlite::types::Value>(0)).expect("it is answered");
        let text = |value| match value {
            rusqlite::types::Value::Text(text) => text,
            rusqlite::types::Value::Integer(n) => n.to_string(),
            other => format!("{other:?}"),
        };
        rows.map(|row| text(row.expect("a row"))).collect()
    }

    /// Tokens by the path of their terminal outcome; a merged token that reached its sink apart from those that merged.
    pub fn paths(&self) -> BTreeMap<String, u64> {
        let path = "path || CASE WHEN path = 'coalesced' AND sink IS NOT NULL THEN ' sink' ELSE '' END";
        let sql = format!("SELECT {path} || ':' || count(*) FROM outcomes WHERE terminal = 1 GROUP BY {path}");
        let lines = self.column(&sql);
        let pairs = lines.iter().filter_map(|line| line.split_once(':'));
        pairs.map(|(path, count)| (path.to_owned(), count.parse().expect("a count"))).collect()
    }

    /// The same files, and the same counters, as another run's.
    pub fn equals(&self, calm: &Lab) {
        for ((name, ours), (_, calms)) in self.files().into_iter().zip(calm.files()) {
            assert!(ours == calms, "{name} differs: {} bytes, {} undisturbed", ours.len(), calms.len());
            // What was registered as durable is the whole file, each byte once.
            let sql = format!(
                "SELECT total(bytes) FROM artifacts a JOIN node_states s USING (state_id) WHERE node_id = '{name}'"
            );
            assert_eq!(self.column(&sql), [format!("Real({:?})", ours.len() as f64)], "{name}");
        }
        assert_eq!(self.paths(), calm.paths());
        for counter in COUNTERS {
            assert_eq!(self.column(counter), calm.column(counter), "{counter}");
        }
    }

    /// One terminal for each token, nothing open, nothing that the sweep finds, a trail that verifies.
    pub fn is_healthy(&self) {
        let tokens = self.column("SELECT count(*) FROM tokens");
        assert_eq!(self.column("SELECT count(*) FROM outcomes WHERE terminal = 1"), tokens);
        assert_eq!(self.column("SELECT count(DISTINCT token_id) FROM outcomes WHERE terminal = 1"), tokens);
        let trail = Trail::open(self.trail()).expect("the trail opens");
        let sweep = trail.sweep(None).expect("the sweep");
        assert_eq!((sweep.open, sweep.findings.len()), (0, 0), "{:?}", sweep.findings);
        let verdict = verify(&Layout::at(self.trail()), &mut |_| {}).expect("verify");
        assert!(verdict.is_intact() && verdict.findings.is_empty(), "{:?}", verdict.findings);
    }

    /// Compares the files with what the input itself says.
    pub fn agrees_with_the_input(&self, rows: u64) {
        let said = Said::by(&self.input, rows);
        let text = |name: &str| std::fs::read_to_string(self.out().join(name)).expect("the file is there");
        let late = text("late.csv");
        let delays = late.lines().skip(1).map(|line| line.rsplit(',').next().unwrap_or_default().to_owned());
        assert_eq!(delays.collect::<Vec<_>>(), said.late);
        let mut days: BTreeMap<String, (u64, i64)> = BTreeMap::new();
        for line in text("days.csv").lines().skip(1) {
            let fields: Vec<&str> = line.split(',').collect();
            let day = days.entry(format!("{},{}", fields[0], fields[1])).or_default();
            day.0 += fields[2].parse::<u64>().expect("a count");
            day.1 += fields[3].parse::<i64>().expect("minutes");
        }
        assert_eq!(days, said.days);
        let refused = text("refused.csv");
        let reasons = ["no arrival delay", "longer than half a day"];
        let counts = reasons.map(|reason| refused.lines().filter(|line| line.contains(reason)).count() as u64);
        assert_eq!(counts, [said.no_arrival, said.very_late]);
        assert_eq!(self.column("SELECT count(*) FROM rows"), [rows.to_string()]);
        assert_eq!(
            self.column("SELECT count(*) FROM outcomes WHERE path = 'quarantined_at_source'"),
            [said.cancelled.to_string()]
        );
    }
}

/// What the input says, read without any of the example's code.
#[derive(Default)]
struct Said {
    late: Vec<String>,
    days: BTreeMap<String, (u64, i64)>,
    cancelled: u64,
    no_arrival: u64,
    very_late: u64,
}

impl Said {
    fn by(input: &Input, rows: u64) -> Said {
        let mut said = Said::default();
        for record in input.records().take(rows as usize) {
            match (&record[3], record[8].parse::<i64>()) {
                ("NA", _) => said.cancelled += 1,
                (_, Err(_)) => said.no_arrival += 1,
                (_, Ok(721..)) => said.very_late += 1,
                (_, Ok(15..)) => said.late.push(record[8].to_owned()),
                (_, Ok(delay)) => {
                    let date = format!("{}-{:0>2}-{:0>2},{}", &record[0], &record[1], &record[2], &record[9]);
                    let day = said.days.entry(date).or_default();
                    *day = (day.0 + 1, day.1 + delay);
                }
            }
        }
        said
    }
}
