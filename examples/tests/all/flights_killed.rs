//! `flights`, killed again and again at places drawn from a seed, and started again until it is done: its files are those
//! of an undisturbed run, byte for byte, and so are its counters.
//!
//! `AUDIT_KILLS` sets how often it is killed, `AUDIT_ROWS` how many rows it reads, `AUDIT_SEED` which places are drawn, and
//! `AUDIT_FLIGHTS` which file it reads in the place of January's: all of it, where `AUDIT_ROWS` does not say otherwise.

use super::flights_lab::{Input, Lab};
use std::os::unix::process::ExitStatusExt;

/// Enough rows for batches of every sink, few enough for every day's tests.
const ROWS: u64 = 600;
const KILLS: u64 = 12;
/// Places between the preparation of a sink's batch and the checkpoint behind it.
const AROUND: u64 = 9;
/// Places that a row passes, on the average; it need not be exact.
const EACH: u64 = 5;

fn from_environment(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is a number, not `{text}`")))
}

/// The file, and how many rows of it.
fn input() -> (Input, u64) {
    let rows = from_environment("AUDIT_ROWS");
    match Input::of_the_environment() {
        Some(input) => {
            let rows = rows.unwrap_or_else(|| input.rows());
            (input, rows)
        }
        None => (Input::january(), rows.unwrap_or(ROWS)),
    }
}

/// SplitMix64, from a seed that is printed.
struct Places(u64);

impl Places {
    fn new() -> Places {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        let seed = from_environment("AUDIT_SEED").unwrap_or(now.as_nanos() as u64);
        println!("AUDIT_SEED={seed}");
        Places(seed)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % end.max(1)
    }

    /// Where to die so that as many deaths as are left fall on the rows that are left: by turns behind a row and between
    /// two steps of one. The last one is behind a row, which is sure to come.
    fn death(&mut self, left: u64, kills: u64) -> [String; 2] {
        let mean = left / (kills + 1);
        let (option, at) = match kills {
            n if n > 2 && n.is_multiple_of(2) => ("--kill-at", self.below(2 * EACH * mean)),
            _ => ("--kill-after", self.below(2 * mean)),
        };
        [option.to_owned(), (1 + at).to_string()]
    }
}

/// Kills the example so often, then lets it end.
fn killed_and_resumed(lab: &Lab, rows: u64, kills: u64, more: &[&str]) {
    let (mut places, mut left) = (Places::new(), rows);
    for still in (1..=kills).rev() {
        let death = places.death(left, still);
        let told = lab.run(rows, &[&[death[0].as_str(), death[1].as_str()], more].concat());
        assert_eq!(told.status.signal(), Some(9), "{still} kills were left, {death:?}: {}", told.text);
        // The row at hand may have been read already.
        left = left.saturating_sub(told.done() + 1).max(1);
    }
    let told = lab.run(rows, more);
    assert!(told.ok, "behind {kills} kills: {}", told.text);
    println!("{rows} rows, {kills} kills; then {}", told.text.trim_start());
}

#[test]
fn l27_l36_a_run_that_is_killed_and_resumed_ends_as_an_undisturbed_one() {
    let (input, rows) = input();
    let (calm, killed) = (Lab::on(&input), Lab::on(&input));
    assert!(calm.run(rows, &[]).ok);
    killed_and_resumed(&killed, rows, from_environment("AUDIT_KILLS").unwrap_or(KILLS), &[]);
    killed.equals(&calm);
    killed.agrees_with_the_input(rows);
    killed.is_healthy();
    assert_eq!(killed.column("SELECT count(*) FROM runs"), ["1"]);
}

#[test]
fn l10_l35_kills_and_failing_syncs_together_write_nothing_twice() {
    let (input, rows) = input();
    let (calm, killed) = (Lab::on(&input), Lab::on(&input));
    assert!(calm.run(rows, &[]).ok);
    killed_and_resumed(&killed, rows, from_environment("AUDIT_KILLS").unwrap_or(KILLS), &["--fail-sync", "3"]);
    killed.equals(&calm);
    killed.is_healthy();
}

/// A sink's batch is prepared, begun, half written, written, synced, received, registered, delivered, checkpointed.
#[test]
fn l10_a_kill_at_every_place_around_a_sink_s_write_is_resolved_by_reading_back() {
    let (rows, calm) = (100, Lab::new());
    let told = calm.run(rows, &[]);
    assert!(told.ok, "{}", told.text);
    let passed = told.places();
    for back in 0..AROUND {
        let killed = Lab::new();
        let at = (passed - back).to_string();
        let told = killed.run(rows, &["--kill-at", &at]);
        assert_eq!(told.status.signal(), Some(9), "{}", told.text);
        let told = killed.run(rows, &[]);
        assert!(told.ok, "killed at {at}: {}", told.text);
        killed.equals(&calm);
        killed.is_healthy();
    }
}

#[test]
fn a_sink_that_appends_blindly_is_caught_by_the_comparison() {
    let (rows, calm) = (100, Lab::new());
    let told = calm.run(rows, &[]);
    let passed = told.places();
    let caught = (0..AROUND).any(|back| {
        let blind = Lab::new();
        blind.run(rows, &["--blind", "--kill-at", &(passed - back).to_string()]);
        blind.run(rows, &["--blind"]);
        blind.files() != calm.files()
    });
    assert!(caught, "a batch was to be written twice");
}
