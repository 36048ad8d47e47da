//! As many cases at a time as the machine has processors.

use parking_lot::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{channel, sync_channel};

/// More would not be faster: who judges a case mostly waits for the file system.
const MOST: usize = 4;

/// Works on each item, several at a time; the answers are in the order of the items. The threads are named as the test: what
/// a check of its own asserts there is that test's.
pub(crate) fn each<T: Sync, R: Send>(test: &str, items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let lanes = std::thread::available_parallelism().map_or(1, usize::from).min(MOST).min(items.len());
    let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::with_capacity(items.len())));
    let lane = || {
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(at) else { return };
            let answer = work(item);
            done.lock().push((at, answer));
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..lanes {
            let thread = std::thread::Builder::new().name(test.to_owned());
            if let Err(error) = thread.spawn_scoped(scope, lane) {
                panic!("{test}: a thread for its cases: {error}");
            }
        }
    });
    let mut done = done.into_inner();
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, answer)| answer).collect()
}

/// Items that may wait while others are worked on: each is a directory with a trail in it.
const WAITING: usize = 4;

/// Works on what `make` hands over, on another thread beside it; this thread takes the answers in the same order, in between
/// and at the end. `in_turn`: each item is worked on and taken before the next one is made.
pub(crate) fn beside<T: Send, R: Send>(
    in_turn: bool,
    make: impl FnOnce(&mut dyn FnMut(T)),
    work: impl Fn(T) -> R + Send,
    mut take: impl FnMut(R),
) {
    if in_turn {
        return make(&mut |item| take(work(item)));
    }
    std::thread::scope(|scope| {
        let (give, given) = sync_channel(WAITING);
        let (answer, answers) = channel();
        scope.spawn(move || {
            // Nobody listens any more only where this thread's owner has panicked.
            given.into_iter().map(work).for_each(|done| drop(answer.send(done)));
        });
        make(&mut |item| {
            // It ends early only by a panic, which the scope passes on.
            drop(give.send(item));
            answers.try_iter().for_each(&mut take);
        });
        drop(give);
        answers.iter().for_each(take);
    });
}

#[cfg(test)]
mod tests {
    use super::{beside, each};

    #[test]
    fn what_is_made_is_worked_on_beside_and_answered_in_order() {
        for in_turn in [false, true] {
            let mut made = Vec::new();
            beside(in_turn, |give| (0..100).for_each(give), |n: u32| n * 2, |n| made.push(n));
            assert_eq!(made, (0..100).map(|n| n * 2).collect::<Vec<_>>());
        }
    }

    #[test]
    fn every_item_is_worked_on_once_and_answered_in_its_place() {
        for n in [0, 1, 2, 500] {
            let items: Vec<usize> = (0..n).collect();
            assert_eq!(each("a test", &items, |item| item * 3), items.iter().map(|item| item * 3).collect::<Vec<_>>());
        }
    }
}
