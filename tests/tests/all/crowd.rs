//! Many threads and many processes at once: nothing lost, doubled or torn.

use crate::child::{Running, Victim, fast_place, hear, place};
use audit_runtime::clock::{Clock, ManualClock};
use audit_runtime::model::Kind;
use audit_runtime::{Builder, audited};
use std::sync::{Arc, Barrier};
use workspace_tests::story::{Story, check};

/// Threads of one process, released at one instant, each opening the trail first.
fn crowd(threads: u64, each: u64) {
    let (_dir, trail) = fast_place();
    let (path, threads_text, each_text) = (trail.to_string_lossy(), threads.to_string(), each.to_string());
    let ended = Victim::plain().run(&["crowd", &path, "0", &threads_text, &each_text]);
    assert!(ended.said.contains("STREAMS 1\n") && ended.said.ends_with("F\n"), "one recorder, one stream");
    Victim::plain().settle(&trail).unwrap();
    let (story, checked) = check(&trail, &hear(&trail, &[&ended])).unwrap_or_else(|wrong| panic!("{wrong:#?}"));
    let expected = threads * each;
    assert_eq!((story.entries.len() as u64, checked.ended, checked.effects), (expected, expected, expected));
    assert!(story.lines().iter().all(|line| line == "sync COMPLETED(returned)"));
    println!("{threads} threads x {each}: {checked:?}; 0 lost, 0 doubled, 0 torn");
}

#[test]
fn d15_ten_thirty_and_a_thousand_entries_at_once() {
    crowd(8, 1);
    crowd(10, 1);
    crowd(30, 1);
    crowd(200, 5);
}

#[test]
fn d16_twenty_three_times_thirty_entries_released_by_a_barrier() {
    crowd(23, 30);
}

/// Processes that open one trail at one instant, some of them after others were killed in it.
fn processes(trail: &std::path::Path, dead: u64) {
    let victim = Victim::plain();
    let path = trail.to_string_lossy().into_owned();
    let mut ended = Vec::new();
    for n in 0..dead {
        ended.push(victim.run(&["script", &path, &(20 + 3 * n).to_string(), "0", "0"]));
    }
    let mut running: Vec<Running> = (0..8u64)
        .map(|process| victim.start(&["crowd", &path, &(1_000_000 * (process + 1)).to_string(), "2", "20"]))
        .collect();
    // All wait for the end of their standard input; it comes to all of them now.
    running.iter_mut().for_each(|child| drop(child.child.stdin.take()));
    ended.extend(running.into_iter().map(Running::ended));
    assert!(ended[dead as usize..].iter().all(|child| child.said.ends_with("F\n")));
    victim.settle(trail).unwrap();
    let mut told = hear(trail, &ended.iter().collect::<Vec<_>>());
    if dead > 1 {
        // The dead ones ran the same script, so its numbers say nothing; their bytes still do.
        told.ended.retain(|(n, _)| *n >= 1_000_000);
        told.effects.retain(|n| *n >= 1_000_000);
    }
    let (story, checked) = check(trail, &told).unwrap_or_else(|wrong| panic!("{wrong:#?}"));
    let ours = story.entries.values().filter(|entry| entry.n.is_some_and(|n| n >= 1_000_000)).count();
    assert_eq!(ours, 8 * 40);
    println!("8 processes beside {dead} dead ones: {checked:?}; 0 lost, 0 doubled, 0 torn");
}

#[test]
fn d15_eight_processes_open_one_trail_at_one_instant() {
    let (_dir, trail) = place();
    processes(&trail, 0);
}

#[test]
fn j2_eight_processes_recover_five_dead_ones_at_one_instant() {
    let (_dir, trail) = fast_place();
    processes(&trail, 5);
}

#[audited(node = "timed", record(n = n))]
fn timed(n: u64, clock: &ManualClock) -> std::io::Result<()> {
    // The wall clock steps back an hour, jumps ahead a day, or stands still, while a thousand nanoseconds pass.
    clock.step_wall([-3_600_000_000_000, 86_400_000_000_000, 0][n as usize % 3]);
    clock.advance(1_000);
    Ok(())
}

#[test]
fn d17_order_and_durations_never_come_from_the_wall_clock() {
    let (_dir, trail) = place();
    let clock = Arc::new(ManualClock::at(1_700_000_000_000_000_000));
    let recorder = Builder::new(&trail).project(false).clock(Arc::clone(&clock) as Arc<dyn Clock>).open().unwrap();
    let barrier = Barrier::new(8);
    std::thread::scope(|scope| {
        for thread in 0..8u64 {
            let (barrier, recorder, clock) = (&barrier, &recorder, &clock);
            scope.spawn(move || {
                barrier.wait();
                recorder.scope(|| (0..25).for_each(|n| timed(thread * 25 + n, clock).unwrap()));
            });
        }
    });
    recorder.close().unwrap();
    let story = Story::read(&trail).unwrap();
    assert_eq!(story.entries.len(), 200);
    for (id, entry) in &story.entries {
        let (stream, end) = &entry.ends[0];
        assert!(*stream == id.stream && end.header.seq > id.seq, "each terminal stands above its opening");
        assert!((1_000..=200_000).contains(&end.header.duration_ns), "{}", end.header.duration_ns);
    }
    check(&trail, &workspace_tests::story::Told::default()).unwrap();
    assert_eq!(story.of_kind(Kind::StreamClosed).len(), 1);
}
