//! The thread that works beside the program while the trail is open: it keeps the index up to date, settles streams
//! of processes that die meanwhile, and looks whether whoever watches deadlines lives. Nothing that is recorded waits for
//! it, and nothing is lost when it fails.

use super::builder::Builder;
use super::recovery;
use crate::governance::watch::Watch;
use crate::index::Projector;
use crate::recorder::{Core, Recorder};
use std::path::Path;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

/// How often the thread looks for work and whether the recorder is gone.
const STEP: Duration = Duration::from_millis(200);
/// Records that are projected before it looks again.
const BUDGET: u64 = 8192;
/// What such a batch adds to the index and to its log, at most.
const BATCH_BYTES: u64 = 64 << 20;

pub(super) fn start(recorder: &Recorder, builder: &Builder, watch: Arc<Watch>) {
    let patrol = Patrol { core: Arc::downgrade(&recorder.0), every: builder.patrol, project: builder.project, watch };
    // Without the thread, dead streams wait for the next open and the index for the next question.
    drop(std::thread::Builder::new().name("audit-patrol".to_owned()).spawn(move || patrol.walk()));
}

/// Whether an index may take another batch without reaching the process's file-size limit: SQLite asks for no limit, and
/// a write beyond it would raise SIGXFSZ in the user's program. Whoever asks a question projects for himself then.
fn may_grow(index: &Path) -> bool {
    let Some(limit) = rustix::process::getrlimit(rustix::process::Resource::Fsize).current else { return true };
    let size = |suffix: &str| {
        let mut file = index.as_os_str().to_owned();
        file.push(suffix);
        std::fs::metadata(file).map_or(0, |found| found.len())
    };
    size("").max(size("-wal")).max(size("-journal")) + BATCH_BYTES <= limit
}

struct Patrol {
    core: Weak<Core>,
    every: Duration,
    project: bool,
    watch: Arc<Watch>,
}

impl Patrol {
    /// The recorder, as long as it is worth working for.
    fn recorder(&self) -> Option<Recorder> {
        let recorder = Recorder(self.core.upgrade()?);
        recorder.health().healthy.then_some(recorder)
    }

    fn walk(self) {
        let mut projector = None;
        let mut last = Instant::now();
        loop {
            std::thread::sleep(STEP.min(self.every));
            let Some(recorder) = self.recorder() else { return };
            if last.elapsed() >= self.every {
                last = Instant::now();
                // What fails here is met again by the next round or the next open.
                if let Ok(found) = recovery::recover(&recorder) {
                    recorder.0.note_recovered(found);
                }
            }
            self.watch.look_after(&recorder);
            drop(recorder);
            if self.project {
                self.catch_up(&mut projector);
            }
        }
    }

    /// Projects until the index has caught up or the recorder is gone. A failure only makes the index older; `audited
    /// doctor` shows by how much.
    fn catch_up(&self, projector: &mut Option<Projector>) {
        let Some(layout) = self.recorder().map(|recorder| recorder.0.layout.clone()) else { return };
        if projector.is_none() && may_grow(&layout.index()) {
            *projector = Projector::open(&layout).ok().flatten();
        }
        while self.recorder().is_some() && may_grow(&layout.index()) {
            match projector.as_mut().map(|p| p.catch_up(BUDGET)) {
                Some(Ok(progress)) if progress.behind => {}
                Some(Ok(_)) | None => return,
                Some(Err(_)) => {
                    *projector = None;
                    return;
                }
            }
        }
    }
}
