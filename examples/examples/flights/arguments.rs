//! What the command line asked for.

use audited_examples::data;
use std::fmt::Display;
use std::path::{Path, PathBuf};

/// The options, with their defaults filled in.
pub struct Arguments {
    /// Where the trail stands.
    pub trail: PathBuf,
    /// Where the sinks write.
    pub out: PathBuf,
    /// Flights, as compressed CSV.
    pub input: PathBuf,
    /// Rows that are read at most.
    pub rows: u64,
    /// Rows after which the process kills itself.
    pub kill_after: Option<u64>,
    /// Crash windows after which it does.
    pub kill_at: Option<u64>,
    /// Every so many syncs of the sinks one fails.
    pub fail_sync: Option<u64>,
    /// The sinks make a mistake that the tests must notice.
    pub blind: bool,
}

/// What `--help` prints.
pub const HELP: &str = "\
flights: sends real flights through an audited pipeline

usage: cargo run --release --example flights -- [OPTION…]

  --trail DIR          where the trail stands; target/trails/flights
  --out DIR            where the sinks write; target/trails/flights-out
  --input FILE.csv.gz  the flights; January 2013, which comes with the project
  --rows N             reads so many rows at most
  --kill-after ROWS    ends by SIGKILL once so many rows are done; the next start goes on
  --kill-at PLACE      the same at the so-manyth place at which a death is interesting
  --fail-sync N        lets every n-th sync of a sink fail
  --blind              lets the sinks append without reading back, which the tests must notice
";

/// Says of what a failure is: the system's own words name no file.
pub fn about<E: Display>(path: &Path) -> impl FnOnce(E) -> String {
    move |error| format!("{}: {error}", path.display())
}

fn number(option: &str, text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("{option} takes a whole number, not `{text}`"))
}

impl Arguments {
    /// All rows of the input that comes with the project, and nothing that goes wrong.
    pub fn of(trail: PathBuf, out: PathBuf) -> Arguments {
        Arguments {
            trail,
            out,
            input: data().join("flights-2013-01.csv.gz"),
            rows: u64::MAX,
            kill_after: None,
            kill_at: None,
            fail_sync: None,
            blind: false,
        }
    }

    /// Reads the command line; `None` when help was asked for.
    pub fn read() -> Result<Option<Arguments>, String> {
        let mut arguments = Arguments::of("target/trails/flights".into(), "target/trails/flights-out".into());
        let mut words = std::env::args().skip(1);
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or_else(|| format!("{word} needs a value"));
            match word.as_str() {
                "--trail" => arguments.trail = value()?.into(),
                "--out" => arguments.out = value()?.into(),
                "--input" => arguments.input = value()?.into(),
                "--rows" => arguments.rows = number(&word, &value()?)?,
                "--kill-after" => arguments.kill_after = Some(number(&word, &value()?)?),
                "--kill-at" => arguments.kill_at = Some(number(&word, &value()?)?),
                "--fail-sync" => arguments.fail_sync = Some(number(&word, &value()?)?),
                "--blind" => arguments.blind = true,
                "--help" | "-h" => return Ok(None),
                _ => return Err(format!("unknown option {word}; --help lists them")),
            }
        }
        Ok(Some(arguments))
    }
}
