//! The tree over a stream that is being read, hashed on a thread of its own: reading and hashing a long stream cost about
//! the same, and who waits for a trail to open waits for the dearer one of them only.

use super::tree::Tree;
use crate::error::{Code, Error};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

/// Bytes that are handed over at once. A stream that is shorter is hashed where it is read.
const BATCH: usize = 256 * 1024;
/// Batches that may wait, so that reading ahead takes a bounded amount of memory.
const AHEAD: usize = 4;

/// Records, one behind the other.
#[derive(Default)]
struct Batch {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Batch {
    fn push_to(&self, tree: &mut Tree) {
        let mut start = 0;
        for end in &self.ends {
            tree.push(&self.bytes[start..*end]);
            start = *end;
        }
    }
}

enum Place {
    /// No thread yet, or none to be had.
    Here(Tree),
    Thread(SyncSender<Batch>, JoinHandle<Tree>),
}

/// A tree that grows while its stream is read.
pub(crate) struct TreeAhead {
    batch: Batch,
    place: Place,
}

impl TreeAhead {
    /// An empty tree.
    pub(crate) fn new() -> TreeAhead {
        TreeAhead { batch: Batch::default(), place: Place::Here(Tree::new()) }
    }

    /// Appends a record.
    ///
    /// # Errors
    /// `AUD0201` when the thread that hashes is gone.
    pub(crate) fn push(&mut self, record: &[u8]) -> Result<(), Error> {
        self.batch.bytes.extend_from_slice(record);
        self.batch.ends.push(self.batch.bytes.len());
        if self.batch.bytes.len() < BATCH {
            return Ok(());
        }
        let batch = std::mem::take(&mut self.batch);
        if let Place::Here(tree) = &mut self.place {
            self.place = start(std::mem::take(tree));
        }
        match &mut self.place {
            Place::Thread(send, _) => send.send(batch).map_err(|_| gone()),
            Place::Here(tree) => {
                batch.push_to(tree);
                Ok(())
            }
        }
    }

    /// The tree over everything appended.
    ///
    /// # Errors
    /// As [`push`](TreeAhead::push).
    pub(crate) fn finish(self) -> Result<Tree, Error> {
        let mut tree = match self.place {
            Place::Here(tree) => tree,
            Place::Thread(send, thread) => {
                drop(send);
                thread.join().map_err(|_| gone())?
            }
        };
        self.batch.push_to(&mut tree);
        Ok(tree)
    }
}

/// The tree on a thread, or here where the system gives us none.
fn start(tree: Tree) -> Place {
    let (send, receive) = sync_channel(AHEAD);
    let theirs = tree.clone();
    match std::thread::Builder::new().name("audit-tree".to_owned()).spawn(move || grow(theirs, &receive)) {
        Ok(thread) => Place::Thread(send, thread),
        Err(_) => Place::Here(tree),
    }
}

fn grow(mut tree: Tree, batches: &Receiver<Batch>) -> Tree {
    for batch in batches {
        batch.push_to(&mut tree);
    }
    tree
}

fn gone() -> Error {
    Error::new(Code::StorageFailed, "hashing a stream").detail("the thread that hashes has ended")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_does_not_depend_on_where_it_is_hashed() {
        // Shorter than a batch, exactly one, and several with a rest.
        for records in [0, 1, 3, BATCH / 1000, 5 * BATCH / 1000 + 7] {
            let (mut plain, mut ahead) = (Tree::new(), TreeAhead::new());
            for n in 0..records {
                let record = vec![n as u8; 1000];
                plain.push(&record);
                ahead.push(&record).expect("hashes");
            }
            let tree = ahead.finish().expect("hashes");
            assert_eq!((tree.len(), tree.root()), (plain.len(), plain.root()), "{records} records");
        }
    }
}
