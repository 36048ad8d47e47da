//! A program that forks while a stream is open: `forker TRAIL HOW`. Fork is the one thing here that the standard library
//! has no safe door for.

use audit_runtime::{Recorder, audited};
use std::io;

/// A call of whoever makes it.
#[audited(node = "forked", record(n = n))]
fn call(n: u64) -> io::Result<u64> {
    Ok(n)
}

#[expect(unsafe_code, reason = "fork is what is tested; the child only calls the recorder and leaves by _exit")]
fn fork() -> libc::pid_t {
    // SAFETY: the recorder's own threads hold no lock of the allocator while they sleep, and the parent waits for the
    // child before it goes on; a child that hangs all the same is a failure that the test's time-out shows.
    unsafe { libc::fork() }
}

/// Waits for a child; true when it left with 0.
#[expect(unsafe_code, reason = "waiting for the forked child")]
fn left_well(child: libc::pid_t) -> bool {
    let mut status = 0;
    // SAFETY: `status` outlives the call.
    let waited = unsafe { libc::waitpid(child, &raw mut status, 0) };
    waited == child && libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0
}

#[expect(unsafe_code, reason = "leaving a forked child without running the parent's exit handlers")]
fn leave(code: i32) -> ! {
    // SAFETY: ends the process at once.
    unsafe { libc::_exit(code) }
}

fn say(n: u64, outcome: &io::Result<u64>) {
    match outcome {
        Ok(_) => println!("T {n} returned"),
        Err(error) => println!("X {n} {error}"),
    }
}

/// What the child does: calls in the inherited stream, then in one of its own.
fn child(recorder: &Recorder, how: &str) -> Result<(), Box<dyn std::error::Error>> {
    say(100, &recorder.scope(|| call(100)));
    if how == "refused" {
        return Ok(());
    }
    let own = audit_runtime::open(recorder.path())?;
    println!("S {}", own.stream().text());
    say(101, &own.scope(|| call(101)));
    own.close()?;
    Ok(())
}

/// Forks and says what came of it.
pub fn main() -> Result<(), Box<dyn std::error::Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    #[cfg(feature = "seeded-bugs")]
    words.get(2).into_iter().for_each(|bug| audit_runtime::seeded::set(bug));
    let recorder = audit_runtime::open(&words[0])?;
    println!("S {}", recorder.stream().text());
    say(1, &recorder.scope(|| call(1)));
    let forked = fork();
    if forked == 0 {
        leave(i32::from(child(&recorder, &words[1]).is_err()));
    }
    println!("CHILD {}", left_well(forked));
    say(2, &recorder.scope(|| call(2)));
    recorder.close()?;
    println!("F");
    Ok(())
}
