//! What the program says to its killer: only what it has been told itself.

use crate::story::hash;
use audit_runtime::Recorder;
use audit_runtime::recorder::{Observer, Seen};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

/// The file beside the trail into which bodies write their effect.
#[derive(Clone, Debug)]
pub struct Effects(Arc<File>);

impl Effects {
    /// Beside this trail.
    ///
    /// # Panics
    /// When the file cannot be made.
    #[must_use]
    pub fn beside(trail: &Path) -> Effects {
        Self::at(&trail.with_extension("effects"))
    }

    /// In this file.
    ///
    /// # Panics
    /// When the file cannot be made.
    #[must_use]
    pub fn at(path: &Path) -> Effects {
        let file = OpenOptions::new().append(true).create(true).open(path).expect("the file of effects");
        Effects(Arc::new(file))
    }

    /// The effect of one body.
    ///
    /// # Errors
    /// What the file system says.
    pub fn happen(&self, n: u64) -> io::Result<()> {
        (&*self.0).write_all(&n.to_le_bytes())
    }
}

/// Says how a call came back.
pub fn came_back<T>(n: u64, outcome: &Result<T, io::Error>) {
    match outcome {
        Ok(_) => println!("T {n} returned"),
        Err(error) => match audit_error(error) {
            Some(audit) if audit.is_refused() => println!("X {n} {}", audit.code().text()),
            Some(audit) if audit.is_in_doubt() => println!("D {n} {}", audit.code().text()),
            Some(audit) => println!("X {n} {}", audit.code().text()),
            None => println!("T {n} errored"),
        },
    }
}

/// The audit's error inside an `io::Error`, if it is one.
#[must_use]
pub fn audit_error(error: &io::Error) -> Option<&audit_runtime::Error> {
    error.get_ref()?.downcast_ref::<audit_runtime::Error>()
}

struct Witness;

impl Observer for Witness {
    fn seen(&self, record: Seen<'_>) {
        println!("A {} {}", record.id.seq, hash(&[&record.header.encode(), record.body]));
    }
}

/// Says which stream is written, and from now on every record that is acknowledged.
pub fn introduce(recorder: &Recorder, watched: bool) {
    println!("S {}", recorder.stream().text());
    if watched {
        recorder.observe(Arc::new(Witness));
    }
}
