//! The program that is killed. `victim COMMAND TRAIL …`; what it is told and does goes to its standard output, line by
//! line, and into the file beside the trail, so that its killer can hold the trail against it.
//!
//! | file | noun |
//! |---|---|
//! | `say` | what it says to its killer |
//! | `calls` | the audited functions |
//! | `watch` | a deadline that passes |
//! | `work` | many threads at work until they are killed; opening alone |
//! | `keep` | rows whose payloads are kept, under a file system that fails, and purged |
//! | `canary` | marked personal data on every way that leads into a trail |
//! | `pipeline` | a run of the landscape that is killed and resumed until it has ended |
//! | `fill` | work until there is no room |
//! | `zoo` | ways to die |

pub mod calls;
pub mod canary;
mod fill;
mod keep;
pub mod pipeline;
pub mod say;
mod watch;
mod work;
mod zoo;

use std::path::PathBuf;

/// The words behind the program's name.
pub struct Words(Vec<String>);

impl Words {
    /// The word at this place.
    #[must_use]
    pub fn text(&self, at: usize) -> &str {
        self.0.get(at).map_or("", String::as_str)
    }

    /// The number at this place.
    #[must_use]
    pub fn number(&self, at: usize) -> u64 {
        self.text(at).parse().unwrap_or(0)
    }

    /// The trail.
    #[must_use]
    pub fn trail(&self) -> PathBuf {
        PathBuf::from(self.text(1))
    }
}

/// Ends this process as `kill -9` does.
fn kill_9() -> ! {
    loop {
        // The signal needs no return; should it ever fail, an abort is the next best death.
        if rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL).is_err() {
            std::process::abort();
        }
    }
}

/// Does what the command line says.
pub fn main() {
    let words = Words(std::env::args().skip(1).collect());
    let done = match words.text(0) {
        "work" => work::work(&words),
        "mix" => work::mix(&words),
        "settle" => work::settle(&words),
        "crowd" => work::crowd(&words),
        "canary" => canary::canary(&words),
        "watch" => watch::watch(&words),
        "pipeline" => pipeline::pipeline(&words),
        "fill" => fill::fill(&words),
        "keep" => keep::keep(&words),
        "purge" => keep::purge(&words),
        "die" => zoo::die(&words),
        other => panic!("no command {other:?}"),
    };
    if let Err(error) = done {
        println!("E {} {error}", error.code().text());
        std::process::exit(3);
    }
}
