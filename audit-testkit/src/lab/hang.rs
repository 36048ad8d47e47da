//! Scenarios that do not come to an end: one thread looks at all of them. A future whose time is up is dropped; what cannot
//! be dropped, because it blocks its thread, is told of where no test harness catches it.

use crate::lab::script::Script;
use std::io::Write as _;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, OnceLock, Weak};
use std::time::{Duration, Instant};

/// A scenario that is being played.
pub(super) struct Playing {
    script: Arc<Script>,
    /// The test that plays it.
    test: String,
    patience: Duration,
}

/// What the watcher is told.
struct Play {
    until: Instant,
    playing: Weak<Playing>,
    /// It is a future that can be dropped, and has not been told to end.
    can_drop: bool,
}

/// From now on this scenario has so much time, as long as what this returns is alive.
pub(super) fn watch(script: &Arc<Script>, test: &str, patience: Duration, can_drop: bool) -> Arc<Playing> {
    static WATCHER: OnceLock<Sender<Play>> = OnceLock::new();
    let playing = Arc::new(Playing { script: Arc::clone(script), test: test.to_owned(), patience });
    let watcher = WATCHER.get_or_init(|| {
        let (tell, told) = channel();
        // Without a watcher a scenario that hangs hangs: the test harness says so.
        drop(std::thread::Builder::new().name("lab watcher".into()).spawn(move || look(&told)));
        tell
    });
    drop(watcher.send(Play { until: Instant::now() + patience, playing: Arc::downgrade(&playing), can_drop }));
    playing
}

fn look(told: &Receiver<Play>) {
    let mut plays: Vec<Play> = Vec::new();
    loop {
        plays.retain(|play| play.playing.strong_count() > 0);
        let next = plays.iter().map(|play| play.until).min();
        let heard = match next {
            None => told.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(until) => told.recv_timeout(until.saturating_duration_since(Instant::now())),
        };
        match heard {
            Ok(play) => plays.push(play),
            Err(RecvTimeoutError::Disconnected) => return,
            Err(RecvTimeoutError::Timeout) => {
                let now = Instant::now();
                plays.retain_mut(|play| play.until > now || play.is_over(now));
            }
        }
    }
}

impl Play {
    /// Its time is up; whether it is looked at again.
    fn is_over(&mut self, now: Instant) -> bool {
        let Some(playing) = self.playing.upgrade() else { return false };
        if self.can_drop {
            playing.script.give_up();
            (self.until, self.can_drop) = (now + playing.patience, false);
            return true;
        }
        playing.tell();
        false
    }
}

impl Playing {
    /// Says that it hangs, past whoever keeps what tests print.
    fn tell(&self) {
        let Playing { script, test, patience } = self;
        let behind = match script.armed().as_slice() {
            [] => "without a fault".to_owned(),
            [case] => format!("behind {case} (replay it alone: AUDIT_CASE='{case}')"),
            cases => format!("behind {}", cases.join(" and ")),
        };
        let text = format!(
            "audit lab {test}: the scenario hangs {behind}: no end within {patience:?}. It blocks its thread, so nobody can end it: look for what it waits\n"
        );
        drop(std::io::stderr().write_all(text.as_bytes()));
    }
}
