//! Work until there is no room: newcomers are refused, what is open still ends.

use super::Words;
use super::calls::plain;
use super::say::{Effects, audit_error, came_back, introduce};
use audit_runtime::{Builder, Error};
use rustix::process::{Resource, Rlimit, setrlimit};
use std::path::Path;

/// Newcomers that try after the first refusal.
const LATE: u64 = 20;

/// Calls that go through several segments.
const ENOUGH: u64 = 8_000;

fn limit(resource: Resource, most: u64) {
    let limit = Rlimit { current: Some(most), maximum: Some(most) };
    setrlimit(resource, limit).expect("a lower limit can always be set");
}

/// `fill TRAIL EFFECTS HELD HOW`: holds HELD entries open, calls until one is refused, then ends what it holds. HOW is
/// `disk`, `size` or `tiny` (a file-size limit of 600 or 100 KiB) or `files` (no more open files).
pub(super) fn fill(words: &Words) -> Result<(), Error> {
    match words.text(4) {
        "size" => limit(Resource::Fsize, 600 * 1024),
        "tiny" => limit(Resource::Fsize, 100 * 1024),
        _ => {}
    }
    let recorder = Builder::new(words.trail()).open()?;
    introduce(&recorder, true);
    let installed = recorder.install()?;
    let effects = Effects::at(Path::new(words.text(2)));
    let held: Vec<_> = (0..words.number(3)).map(|_| recorder.enter("held")).collect::<Result<_, _>>()?;
    if words.text(4) == "files" {
        limit(Resource::Nofile, 3);
    }
    let mut refused = 0;
    for n in 1.. {
        let outcome = plain(n, 0, &effects);
        came_back(n, &outcome);
        if let Some(error) = outcome.err().as_ref().and_then(audit_error) {
            println!("CAPACITY {} {error}", error.is_capacity());
            refused += 1;
        }
        // Under a limit on files there is always room for a smaller one.
        if refused > LATE || (words.text(4) == "size" && n == ENOUGH) {
            break;
        }
    }
    for guard in held {
        match guard.complete() {
            Ok(()) => println!("HELD ended"),
            Err(error) => println!("HELD {error}"),
        }
    }
    match installed.close() {
        Ok(()) => println!("F"),
        Err(error) => println!("CLOSE {error}"),
    }
    Ok(())
}
