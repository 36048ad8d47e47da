//! A pipeline that is killed between any two of its records, and resumed until it has ended, comes to what it comes to
//! when nobody disturbs it.

use crate::child::{Ended, Victim, fast_place};
use audit_runtime::model::Kind;
use audit_runtime::trail::Trail;
use std::collections::BTreeMap;
use std::path::Path;
use workspace_tests::journey::{self, Journey, Marks};
use workspace_tests::seed::Seed;
use workspace_tests::story::{Story, Told, check};
use workspace_tests::victim::pipeline::{LOG, ROWS};

/// What the sinks hold, and how often each file was written.
type Files = (BTreeMap<String, Vec<u8>>, BTreeMap<String, usize>);

fn files(trail: &Path) -> Files {
    let (mut held, mut written) = (BTreeMap::new(), BTreeMap::new());
    for entry in std::fs::read_dir(trail.with_extension("files")).into_iter().flatten().flatten() {
        let (name, bytes) = (entry.file_name().to_string_lossy().into_owned(), std::fs::read(entry.path()).unwrap());
        if name == LOG {
            for key in String::from_utf8(bytes).unwrap().lines() {
                *written.entry(key.to_owned()).or_default() += 1;
            }
        } else {
            held.insert(name, bytes);
        }
    }
    (held, written)
}

fn pipeline(victim: &Victim, trail: &Path, at: u64) -> Ended {
    victim.run(&["pipeline", &trail.to_string_lossy(), &at.to_string()])
}

fn finished(ended: &Ended) -> bool {
    ended.status.success() && ended.said.ends_with("F\n")
}

/// How many things happen in an undisturbed run, and what it comes to.
fn undisturbed() -> (u64, Journey, Files) {
    let (_dir, trail) = fast_place();
    let ended = pipeline(&Victim::plain(), &trail, 0);
    assert!(finished(&ended), "{:?}: {}", ended.status, ended.said);
    let (journey, marks) = looked_at(&trail).unwrap();
    assert_eq!((marks.resumes, marks.again), (0, 0));
    assert_eq!((journey.rows.len(), journey.groups), (ROWS as usize + 1, [2, 1, 2, 1]), "{journey:#?}");
    let said = ended.said.lines().find_map(|line| line.strip_prefix("N "));
    (said.and_then(|n| n.parse().ok()).expect("how much happened"), journey, files(&trail))
}

/// What the trail says, once everything in it has been checked: invariants, sweep, marks.
fn looked_at(trail: &Path) -> Result<(Journey, Marks), String> {
    check(trail, &Told::default()).map_err(|wrong| wrong.join("; "))?;
    let (journey, marks) = journey::read(trail)?;
    if !marks.wrong.is_empty() {
        return Err(marks.wrong.join("; "));
    }
    let swept = Trail::scan(trail).and_then(|trail| trail.sweep(None)).map_err(|error| error.to_string())?;
    match swept.findings.as_slice() {
        [] => Ok((journey, marks)),
        found => Err(format!("the sweep finds {found:?}")),
    }
}

/// Kills the pipeline at each of these, one process after the other, and lets a last one end it.
fn killed_at(victim: &Victim, kills: &[u64], (whole, wrote): (&Journey, &Files)) -> Result<Marks, String> {
    let (_dir, trail) = fast_place();
    // A process that is killed behind the end of its run has left nothing to go on with.
    let has_ended = || journey::read(&trail).is_ok_and(|(journey, _)| journey.end.0 == whole.end.0);
    for at in kills {
        let ended = pipeline(victim, &trail, *at);
        if finished(&ended) || has_ended() {
            break;
        }
        if ended.status.code().is_some() {
            return Err(format!("not killed but ended: {:?} {}", ended.status, ended.said));
        }
    }
    if !has_ended() {
        let ended = pipeline(victim, &trail, 0);
        if !finished(&ended) {
            return Err(format!("the last process: {:?} {}", ended.status, ended.said));
        }
    }
    let (journey, marks) = looked_at(&trail)?;
    let files = files(&trail);
    if files != *wrote {
        return Err(format!("the sinks hold {files:?}, not {wrote:?}"));
    }
    if journey != *whole {
        return Err(format!("{journey:#?} is not {whole:#?}"));
    }
    Ok(marks)
}

#[test]
fn j5_j6_l10_l27_l28_l34_l35_l36_killed_at_every_record_and_resumed_it_comes_to_the_same() {
    let (happens, journey, files) = undisturbed();
    let killed = |first: u64| {
        let mut all = Marks::default();
        for at in (first..=happens).step_by(2) {
            let marks = killed_at(&Victim::plain(), &[at], (&journey, &files));
            all.add(&marks.unwrap_or_else(|wrong| panic!("killed at {at} of {happens}: {wrong}")));
        }
        all
    };
    let all = std::thread::scope(|scope| {
        let other = scope.spawn(|| killed(2));
        let all = killed(1);
        let mut both = other.join().expect("every kill was looked at");
        both.add(&all);
        both
    });
    println!("{happens} kills: {all:?}");
    assert!(all.resumes as u64 > happens / 2 && all.again as u64 > happens / 4, "{all:?}");
    // Each way of going on was met by some kill.
    let met = [all.held_again, all.adopted, all.finished, all.read_back[0], all.read_back[1]];
    assert!(met.iter().all(|n| *n > 0), "{all:?}");
}

/// Moments at which a killed process leaves a receipt as the last word on its sinks.
fn behind_receipts(happens: u64) -> Vec<u64> {
    let last_is_receipt = |at: &u64| {
        let (_dir, trail) = fast_place();
        pipeline(&Victim::plain(), &trail, *at);
        let story = Story::read(&trail).unwrap();
        story
            .points
            .iter()
            .max_by_key(|(id, _)| id.seq)
            .is_some_and(|(_, record)| record.header.kind == Kind::SinkReceipt)
    };
    (1..=happens).filter(last_is_receipt).collect()
}

#[test]
fn l35_killed_behind_a_receipt_and_again_while_that_is_made_good_artifacts_name_what_completed() {
    let (happens, journey, files) = undisturbed();
    let moments = behind_receipts(happens);
    assert!(moments.len() > 4, "{moments:?}");
    let mut resumes = 0;
    for first in moments {
        for second in 1..=6 {
            let marks = killed_at(&Victim::plain(), &[first, second], (&journey, &files));
            resumes += marks.unwrap_or_else(|wrong| panic!("killed at {first}, then at {second}: {wrong}")).resumes;
        }
    }
    assert!(resumes > 20, "{resumes} resumes");
}

#[test]
fn j5_killed_again_while_it_is_resumed_it_comes_to_the_same() {
    let (happens, journey, files) = undisturbed();
    let mut seed = Seed(workspace_tests::seed::from_environment());
    println!("AUDIT_SEED={}", seed.0);
    let mut resumes = 0;
    for _ in 0..40 {
        let kills: Vec<u64> = (0..4).map(|_| 1 + seed.below(happens / 2)).collect();
        let marks = killed_at(&Victim::plain(), &kills, (&journey, &files));
        resumes += marks.unwrap_or_else(|wrong| panic!("killed at {kills:?}: {wrong}")).resumes;
    }
    assert!(resumes > 80, "{resumes} resumes");
}

/// Two processes go on with one run at one instant; how many of them got its seat.
fn two_resumers(victim: &Victim) -> (usize, Result<(Journey, Marks), String>) {
    let (_dir, trail) = fast_place();
    let path = trail.to_string_lossy().into_owned();
    drop(pipeline(victim, &trail, 40));
    let running = [(); 2].map(|()| victim.start(&["pipeline", &path, "0", "held"]));
    let seats = running.iter().filter(|running| running.ready()).count();
    let refused = running.map(crate::child::Running::ended).into_iter().filter(|ended| !finished(ended));
    let refused: Vec<Ended> = refused.collect();
    if seats == 1 {
        assert_eq!(refused.len(), 1);
        assert!(refused[0].said.starts_with("E AUD0710"), "{}", refused[0].said);
    }
    (seats, looked_at(&trail))
}

#[test]
fn l29_of_two_processes_that_resume_one_run_one_wins() {
    let (seats, looked) = two_resumers(&Victim::plain());
    let (journey, marks) = looked.unwrap();
    assert_eq!((seats, marks.resumes, journey.end.0.as_str()), (1, 1, "COMPLETED_WITH_FAILURES"));
}

#[test]
fn a_second_resumer_that_is_admitted_is_caught() {
    let (seats, looked) = two_resumers(&Victim::with_bug("second_resumer_admitted"));
    assert_eq!(seats, 2);
    looked.expect_err("two resumes within one epoch");
}

/// Some kill shows the bug.
fn kills_find(bug: &str, sign: &str) {
    let (happens, journey, files) = undisturbed();
    let victim = Victim::with_bug(bug);
    let found = (1..=happens).rev().step_by(3).find_map(|at| killed_at(&victim, &[at], (&journey, &files)).err());
    assert!(found.as_ref().is_some_and(|wrong| wrong.contains(sign)), "{bug}: {found:?}");
}

#[test]
fn a_resume_that_drives_what_is_done_is_caught() {
    kills_find("resume_redrives_done", "the sinks hold");
}

#[test]
fn a_resume_that_repeats_a_durable_write_is_caught() {
    kills_find("resume_repeats_sink_write", ": 2");
}

#[test]
fn a_resume_without_its_marks_is_caught() {
    kills_find("resume_unmarked", "without a mark");
}
