//! The thread that, while we live, settles streams of processes that die meanwhile.

use super::builder::Builder;
use super::recovery;
use crate::recorder::Recorder;
use std::sync::Weak;
use std::time::Duration;

/// How often the thread looks whether the recorder is gone.
const STEP: Duration = Duration::from_millis(200);

pub(super) fn start(recorder: &Recorder, builder: &Builder) {
    let every = builder.patrol;
    let core = std::sync::Arc::downgrade(&recorder.0);
    // Without the thread, dead streams wait for the next open: nothing is lost by it.
    drop(std::thread::Builder::new().name("audit-patrol".to_owned()).spawn(move || walk(&core, every)));
}

fn walk(core: &Weak<crate::recorder::Core>, every: Duration) {
    let mut waited = Duration::ZERO;
    loop {
        std::thread::sleep(STEP.min(every));
        waited += STEP;
        let Some(core) = core.upgrade() else { return };
        let recorder = Recorder(core);
        if !recorder.health().healthy {
            return;
        }
        if waited >= every {
            waited = Duration::ZERO;
            // What fails here is met again by the next round or the next open.
            if let Ok(found) = recovery::recover(&recorder) {
                recorder.0.note_recovered(found);
            }
        }
    }
}
