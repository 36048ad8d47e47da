//! Scenarios that do not come to an end: one thread looks at all of them, and drops those whose time is up.

use crate::lab::script::Script;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, OnceLock, Weak};
use std::time::{Duration, Instant};

/// A scenario that is being played.
pub(super) struct Playing {
    script: Arc<Script>,
}

/// What the watcher is told.
struct Play {
    until: Instant,
    playing: Weak<Playing>,
}

/// From now on this scenario has so much time, as long as what this returns is alive.
pub(super) fn watch(script: &Arc<Script>, patience: Duration) -> Arc<Playing> {
    static WATCHER: OnceLock<Sender<Play>> = OnceLock::new();
    let playing = Arc::new(Playing { script: Arc::clone(script) });
    let watcher = WATCHER.get_or_init(|| {
        let (tell, told) = channel();
        // Without a watcher a scenario that hangs hangs: the test harness says so.
        drop(std::thread::Builder::new().name("lab watcher".into()).spawn(move || look(&told)));
        tell
    });
    drop(watcher.send(Play { until: Instant::now() + patience, playing: Arc::downgrade(&playing) }));
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
                for play in plays.iter().filter(|play| play.until <= now) {
                    if let Some(playing) = play.playing.upgrade() {
                        playing.script.give_up();
                    }
                }
                plays.retain(|play| play.until > now);
            }
        }
    }
}
