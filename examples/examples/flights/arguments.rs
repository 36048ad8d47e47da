//! What the command line asked for.

use std::error::Error;
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

const OPTIONS: &str = "--trail DIR, --out DIR, --input FILE.csv.gz, --rows N, --kill-after ROWS, --kill-at STEP, \
                       --fail-sync N and --blind";

/// Where the input and the look-ups lie that come with the project.
pub fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("data")
}

impl Arguments {
    /// Reads the command line.
    pub fn read() -> Result<Arguments, Box<dyn Error>> {
        let mut arguments = Arguments {
            trail: "target/trails/flights".into(),
            out: "target/trails/flights-out".into(),
            input: data().join("flights-2013-01.csv.gz"),
            rows: u64::MAX,
            kill_after: None,
            kill_at: None,
            fail_sync: None,
            blind: false,
        };
        let mut words = std::env::args().skip(1);
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or_else(|| format!("{word} needs a value"));
            match word.as_str() {
                "--trail" => arguments.trail = value()?.into(),
                "--out" => arguments.out = value()?.into(),
                "--input" => arguments.input = value()?.into(),
                "--rows" => arguments.rows = value()?.parse()?,
                "--kill-after" => arguments.kill_after = Some(value()?.parse()?),
                "--kill-at" => arguments.kill_at = Some(value()?.parse()?),
                "--fail-sync" => arguments.fail_sync = Some(value()?.parse()?),
                "--blind" => arguments.blind = true,
                _ => return Err(format!("unknown option {word}; there are {OPTIONS}").into()),
            }
        }
        Ok(arguments)
    }
}
