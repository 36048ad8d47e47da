//! One recorder for each trail in a process: a second open returns the same one.

use super::builder::Builder;
use super::{mirror, outbox, patrol, recovery};
use crate::error::{Code, Error};
use crate::governance::watch;
use crate::journal::owner::{Owner, boot_id, check_locks};
use crate::journal::spool::Spool;
use crate::journal::{Journal, Layout};
use crate::meeting::Meeting;
use crate::model::digest::CANONICAL_VERSION;
use crate::model::{BodyWriter, Key};
use crate::recorder::{Core, GapCount, Parts, Recorder};
use crate::seeded;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};

/// What this process keeps of a trail it has opened.
#[derive(Default)]
struct Known {
    recorder: Weak<Core>,
    fingerprint: String,
    /// Outlives recorders: entries that ran while one could not write are told of by the next.
    gaps: Arc<GapCount>,
}

static OPEN: Mutex<Option<HashMap<PathBuf, Arc<Mutex<Known>>>>> = Mutex::new(None);

/// Opens the trail in this directory with the default options; makes it if there is none.
///
/// ```no_run
/// # fn main() -> Result<(), audit_runtime::Error> {
/// let recorder = audit_runtime::open("./audit-trail")?;
/// let _installed = recorder.install()?;
/// # Ok(()) }
/// ```
///
/// # Errors
/// As [`Builder::open`].
pub fn open(path: impl AsRef<Path>) -> Result<Recorder, Error> {
    Builder::new(path).open()
}

pub(super) fn open_with(builder: &Builder) -> Result<Recorder, Error> {
    let memory = match &builder.path {
        Some(_) => None,
        None => Some(recovery::scratch_dir()?),
    };
    let path = builder.path.clone().or(memory.clone()).unwrap_or_default();
    let layout = Layout::at(&path);
    let mine = {
        // Before anything is made: threads that open a new trail at one instant make it once.
        let mut open = OPEN.lock();
        layout.create()?;
        let key = std::fs::canonicalize(&path).unwrap_or(path);
        Arc::clone(open.get_or_insert_default().entry(key).or_default())
    };
    // Whoever opens the same trail waits for us; whoever opens another one does not wait for our recovery.
    let mut known = mine.lock();
    if let Some(core) = known.recorder.upgrade() {
        let recorder = Recorder(core);
        if recorder.health().healthy {
            return if known.fingerprint == builder.fingerprint() || seeded::is("other_options_accepted") {
                Ok(recorder)
            } else {
                Err(Error::new(Code::OptionsDiffer, "opening the trail"))
            };
        }
        // It failed or was closed: its stream is left to recovery, and this open begins another.
        drop(recorder.close());
    }
    let gaps = Arc::clone(&known.gaps);
    let recorder = begin(builder, layout, memory, gaps)?;
    known.recorder = Arc::downgrade(&recorder.0);
    known.fingerprint = builder.fingerprint();
    Ok(recorder)
}

fn begin(builder: &Builder, layout: Layout, scratch: Option<PathBuf>, gaps: Arc<GapCount>) -> Result<Recorder, Error> {
    check_locks(&layout.runs_dir()).map_err(not_ours)?;
    let meeting = Meeting::configured(builder.redis_ttl)?.map(Arc::new);
    let clock = builder.the_clock();
    let storage = builder.the_storage();
    let head = head(builder, scratch.is_some() || !storage.is_durable());
    let journal = Journal::create(&layout, storage, Arc::clone(&clock), builder.settings.clone(), head)?;
    let payloads = builder.the_payloads(&layout);
    let spool = builder.spool.as_ref().map_or_else(|| Spool::of(&layout), Spool::at);
    let recorder = Recorder::from_parts(Parts {
        layout,
        journal,
        clock,
        spool,
        default_durability: builder.durability,
        gaps,
        scratch,
        payloads,
        running_timeout: builder.running_timeout,
        actor: builder.actor.clone(),
        planned: builder.planned.clone(),
        digest_key: builder.digest_key.clone(),
        meeting,
    });
    recorder.flush_gaps();
    let recovered = recovery::recover(&recorder)?;
    recorder.0.note_recovered(recovered);
    let watch = watch::attach(&recorder, builder.watch, builder.alert.clone());
    patrol::start(&recorder, builder, watch);
    mirror::start(&recorder, builder);
    outbox::start(&recorder);
    Ok(recorder)
}

/// Who may not write to the trail cannot try its locks either; that says nothing about the file system.
fn not_ours(error: Error) -> Error {
    let cause = std::error::Error::source(&error).and_then(|cause| cause.downcast_ref::<io::Error>());
    match cause.map(io::Error::kind) {
        Some(kind @ (io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem)) => {
            Error::io(Code::CannotOpen, "opening the trail for writing", kind.into())
        }
        _ => error,
    }
}

/// The body of the stream's first record: who writes it.
fn head(builder: &Builder, not_durable: bool) -> Vec<u8> {
    let owner = Owner::this();
    let program = std::env::current_exe().ok();
    let program = program.as_deref().and_then(Path::file_name).and_then(|name| name.to_str()).unwrap_or("unknown");
    let boot = if owner.boot_id.is_empty() { "unknown".to_owned() } else { boot_id() };
    let mut body = BodyWriter::new();
    body.text(Key::BootId, &boot)
        .uint(Key::Pid, u64::from(owner.pid))
        .uint(Key::ProcessStart, owner.start)
        .text(Key::CodeVersion, env!("CARGO_PKG_VERSION"))
        .text(Key::Program, program)
        .uint(Key::CanonicalVersion, u64::from(CANONICAL_VERSION))
        .maybe(Key::Actor, builder.actor.as_deref())
        .maybe(Key::Build, builder.build.as_deref());
    if let Some(space) = owner.space {
        body.uint(Key::PidSpace, space);
    }
    if cfg!(feature = "testkit") {
        body.yes(Key::Testkit);
    }
    if not_durable {
        body.yes(Key::NotDurable);
    }
    if let Some(policy) = &builder.payloads {
        body.text(Key::PayloadPolicy, &policy.to_string());
    }
    body.finish()
}
