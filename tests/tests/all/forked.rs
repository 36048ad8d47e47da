//! A child made by fork without exec: a refusal, or a stream of its own; never two writers in one stream.

use crate::child::{Ended, Running, Victim, hear, nested, place};
use std::path::Path;
use std::process::Command;
use workspace_tests::story::check;

fn forked(program: &Path, trail: &Path, words: &[&str]) -> Ended {
    let mut command = Command::new(program);
    command.arg(trail).args(words);
    Running::of(command).ended()
}

#[test]
fn j9_a_forked_child_is_refused_in_its_parents_stream() {
    let (_dir, trail) = place();
    let ended = forked(Path::new(env!("CARGO_BIN_EXE_forker")), &trail, &["refused"]);
    assert!(ended.said.contains("CHILD true\n") && ended.said.ends_with("F\n"), "{}", ended.said);
    assert!(ended.said.contains("X 100 AUD0208"), "{}", ended.said);
    Victim::plain().settle(&trail).unwrap();
    let (story, _) = check(&trail, &hear(&trail, &[&ended])).unwrap();
    assert!(story.numbered(100).is_empty());
    assert_eq!(story.lines(), ["forked COMPLETED(returned)"; 2]);
}

#[test]
fn j9_a_forked_child_that_opens_the_trail_has_a_stream_of_its_own() {
    let (_dir, trail) = place();
    let ended = forked(Path::new(env!("CARGO_BIN_EXE_forker")), &trail, &["own"]);
    assert!(ended.said.contains("CHILD true\n") && ended.said.ends_with("F\n"), "{}", ended.said);
    Victim::plain().settle(&trail).unwrap();
    let (story, _) = check(&trail, &hear(&trail, &[&ended])).unwrap();
    let (own, parents) = (story.numbered(101)[0].0.stream, story.numbered(1)[0].0.stream);
    assert_ne!(own, parents);
    assert_eq!(story.numbered(2)[0].0.stream, parents, "the parent goes on in its own");
}

#[test]
fn a_fork_that_goes_unnoticed_is_caught() {
    let program = nested(&["--bin", "forker-seeded", "--features", "seeded-bugs"]);
    let (_dir, trail) = place();
    let ended = forked(&program, &trail, &["refused", "fork_unnoticed"]);
    drop(Victim::plain().settle(&trail));
    assert!(!ended.said.contains("X 100 AUD0208"), "{}", ended.said);
    check(&trail, &hear(&trail, &[&ended])).expect_err("two writers in one stream");
}
