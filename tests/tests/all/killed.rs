//! Killed at random moments, again and again, also while recovering. `AUDIT_KILLS` sets how many, `AUDIT_SEED` repeats.

use crate::child::{Ended, Victim, fast_place, hear, place};
use audit_runtime::model::{Key, Kind};
use std::time::{Duration, Instant};
use workspace_tests::seed::{Seed, from_environment};
use workspace_tests::story::{Checked, Story, check};

/// Kills that an ordinary test run makes, and the time it spends on them at most.
const KILLS: u64 = 150;
const AT_MOST: Duration = Duration::from_secs(20);

/// What a series of kills came to.
#[derive(Debug, Default)]
pub struct Series {
    pub kills: u64,
    pub kills_of_recovery: u64,
    pub checked: Checked,
}

/// One trail whose writers are killed, then settled and checked.
fn round(victim: &Victim, seed: u64, series: &mut Series) -> Result<(), Vec<String>> {
    let mut drawn = Seed(seed);
    let (_dir, trail) = if drawn.one_in(8) { place() } else { fast_place() };
    let path = trail.to_string_lossy().into_owned();
    let mut ended: Vec<Ended> = Vec::new();
    for generation in 0..1 + u64::from(drawn.one_in(4)) {
        let watched = if drawn.one_in(2) { "1" } else { "0" };
        let (seed, first) = (drawn.draw().to_string(), (generation << 48).to_string());
        let child = victim.start(&["work", &path, &seed, &first, watched]);
        // Most die at work, some while they open.
        if !drawn.one_in(5) {
            child.ready();
        }
        ended.push(child.killed_after(Duration::from_micros(drawn.below(10_000))));
        series.kills += 1;
    }
    for _ in 0..drawn.below(3) {
        let child = victim.start(&["settle", &path]);
        ended.push(child.killed_after(Duration::from_micros(500 + drawn.below(14_000))));
        series.kills_of_recovery += 1;
    }
    victim.settle(&trail).map_err(|error| vec![error])?;
    let told = hear(&trail, &ended.iter().collect::<Vec<_>>());
    let (first, checked) = check(&trail, &told)?;
    series.checked.add(&checked);
    twice_is_once(victim, &trail, &first)
}

/// I7: recovery finds nothing more to do and changes no answer.
pub fn twice_is_once(victim: &Victim, trail: &std::path::Path, first: &Story) -> Result<(), Vec<String>> {
    let said = victim.settle(trail).map_err(|error| vec![error])?;
    let second = Story::read(trail).map_err(|error| vec![error])?;
    if !said.starts_with("SETTLED 0 0") {
        return Err(vec![format!("I7 the second recovery settled again: {said}")]);
    }
    let same = second.entries == first.entries && second.runs == first.runs && second.orphans == first.orphans;
    if same { Ok(()) } else { Err(vec!["I7 the second recovery changed an answer".to_owned()]) }
}

/// Kills until there were enough or the time is up.
pub fn kills(victim: &Victim, seed: u64, enough: u64, at_most: Option<Duration>) -> Result<Series, Vec<String>> {
    let (start, mut series, mut drawn) = (Instant::now(), Series::default(), Seed(seed));
    while series.kills + series.kills_of_recovery < enough && at_most.is_none_or(|most| start.elapsed() < most) {
        let one = drawn.draw();
        round(victim, one, &mut series).map_err(|mut wrong| {
            wrong.truncate(8);
            wrong.push(format!("after {} kills, round seed {one}, series seed {seed}", series.kills));
            wrong
        })?;
    }
    Ok(series)
}

#[test]
fn d6_killed_at_random_moments_nothing_acknowledged_is_lost() {
    let asked = std::env::var("AUDIT_KILLS").ok().and_then(|n| n.parse().ok());
    let seed = from_environment();
    let series = kills(&Victim::plain(), seed, asked.unwrap_or(KILLS), asked.is_none().then_some(AT_MOST));
    let series = series.unwrap_or_else(|wrong| panic!("seed {seed}:\n{}", wrong.join("\n")));
    let Series { kills, kills_of_recovery, checked } = series;
    println!(
        "seed {seed}: {kills} kills at work, {kills_of_recovery} of recovery; {checked:?}; 0 lost, 0 doubled, 0 torn"
    );
    assert!(kills > 0 && checked.ended > 0 && checked.bytes > 0 && checked.abandoned > 0, "the harness saw nothing");
}

#[test]
fn j16_ten_process_records_for_each_disk_record_killed_leave_no_hole() {
    let victim = Victim::plain();
    let mut drawn = Seed(from_environment());
    let mut recorded = 0;
    for round in 0..12u64 {
        // On the device, where a sync takes time, and in memory, where there are more records.
        let (_dir, trail) = if round % 2 == 0 { place() } else { fast_place() };
        let child = victim.start(&["mix", &trail.to_string_lossy(), "8", &(round % 3 / 2).to_string()]);
        assert!(child.ready());
        let ended = child.killed_after(Duration::from_micros(2_000 + drawn.below(30_000)));
        victim.settle(&trail).expect("settles");
        let (story, checked) = check(&trail, &hear(&trail, &[&ended])).unwrap_or_else(|wrong| panic!("{wrong:#?}"));
        recorded += checked.entries;
        for settled in story.of_kind(Kind::StreamSettled) {
            // What is torn is the last frame: no whole one stands behind the end.
            assert_eq!(settled.body.uint(Key::StrayFrames), Some(0), "{settled:?}");
        }
    }
    assert!(recorded > 0, "the writers were killed before they wrote anything");
    println!("12 kills among {recorded} entries");
}
