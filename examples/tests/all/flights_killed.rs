//! `flights`, killed again and again at places drawn from a seed, and started again until it is done: its files are those
//! of an undisturbed run, byte for byte, and so are its counters.
//!
//! `AUDIT_KILLS` sets how often it is killed, `AUDIT_ROWS` how many rows it reads, `AUDIT_SEED` which places are drawn.

use super::flights_lab::Lab;
use std::os::unix::process::ExitStatusExt;

/// Enough rows for batches of every sink, few enough for every day's tests.
const ROWS: u64 = 600;
const KILLS: u64 = 12;
/// Places between the preparation of a sink's batch and the checkpoint behind it.
const AROUND: u64 = 9;

fn from_environment(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

/// SplitMix64, from a seed that is printed.
struct Places(u64);

impl Places {
    fn new() -> Places {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        let seed = from_environment("AUDIT_SEED", now.as_nanos() as u64);
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
}

/// Kills the example so often, then lets it end; how often it died.
fn killed_and_resumed(lab: &Lab, rows: u64, kills: u64, more: &[&str]) -> u64 {
    let mut places = Places::new();
    // Places that an undisturbed run passes: about so many in a row, so that the kills are spread over all of it.
    let passed = rows * 5;
    let mut died = 0;
    loop {
        let at = (1 + places.below(2 * passed / (kills + 1))).to_string();
        let orders = if died < kills { vec!["--kill-at", at.as_str()] } else { Vec::new() };
        let told = lab.run(rows, &[orders.as_slice(), more].concat());
        if told.ok {
            return died;
        }
        assert_eq!(told.status.signal(), Some(9), "after {died} kills, at {at}: {}", told.text);
        died += 1;
    }
}

#[test]
fn l27_l36_a_run_that_is_killed_and_resumed_ends_as_an_undisturbed_one() {
    let rows = from_environment("AUDIT_ROWS", ROWS);
    let (calm, killed) = (Lab::new(), Lab::new());
    assert!(calm.run(rows, &[]).ok);
    let died = killed_and_resumed(&killed, rows, from_environment("AUDIT_KILLS", KILLS), &[]);
    assert!(died > 0, "nothing was killed");
    killed.equals(&calm);
    killed.agrees_with_the_input(rows);
    killed.is_healthy();
    assert_eq!(killed.column("SELECT count(*) FROM runs WHERE status = 'COMPLETED_WITH_FAILURES'"), ["1"]);
}

#[test]
fn l10_l35_kills_and_failing_syncs_together_write_nothing_twice() {
    let rows = from_environment("AUDIT_ROWS", ROWS);
    let (calm, killed) = (Lab::new(), Lab::new());
    assert!(calm.run(rows, &[]).ok);
    killed_and_resumed(&killed, rows, from_environment("AUDIT_KILLS", KILLS), &["--fail-sync", "3"]);
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
