//! The shared mapping of the kill-safe tier. A record copied into it is in the kernel's page cache at once: it survives
//! `kill -9`, abort and the OOM killer, for the price of a copy instead of a system call.
//!
//! Why `unsafe`: mapping a file cannot be safe in general, because another process may change it below the slice. Here
//! the file belongs to one living writer (the stream's lock), readers open it by its name and never map it, and nobody
//! in this process holds a slice of it beyond the lock that guards the writer. What remains is truncation by force from
//! outside: the next store then ends the process with SIGBUS, and recovery reports where the stream stops. The second
//! block marks one private page of our own as "wiped in a forked child"; it touches no other memory.

#![expect(unsafe_code, reason = "see above; the only file of the project that has any")]

use std::fs::File;
use std::io;

/// A writable shared mapping of one segment.
#[derive(Debug)]
pub struct Map(memmap2::MmapMut);

impl Map {
    /// Maps the first `len` bytes of a file that is at least that long.
    ///
    /// # Errors
    /// What the kernel says; the journal then writes by system call.
    pub fn new(file: &File, len: usize) -> io::Result<Map> {
        // Not populated: a page that is mapped ahead of use faults a second time at its first store, and is resident all the
        // while.
        // SAFETY: the file is owned by this process through the stream's lock and is never truncated below `len` while
        // the mapping lives; the slice is only reached through `&mut self`.
        let map = unsafe { memmap2::MmapOptions::new().len(len).map_mut(file) }?;
        Ok(Map(map))
    }

    /// Stores a frame: everything behind the length word first, the length word last, so that a kill between the two
    /// leaves a frame that no reader accepts.
    pub fn store(&mut self, at: usize, frame: &[u8]) {
        let target = &mut self.0[at..at + frame.len()];
        target[4..].copy_from_slice(&frame[4..]);
        std::sync::atomic::fence(std::sync::atomic::Ordering::Release);
        target[..4].copy_from_slice(&frame[..4]);
    }
}

/// Tells a forked child from the process that made it: the page is wiped in the child.
#[derive(Debug)]
pub struct ForkMark(Option<memmap2::MmapMut>);

impl ForkMark {
    /// Marks this process.
    pub fn new() -> ForkMark {
        let marked = memmap2::MmapMut::map_anon(1).and_then(|mut page| {
            let start = page.as_mut_ptr().cast();
            // SAFETY: the range is the mapping that was just made, private and anonymous; the advice only changes what a
            // forked child finds in it.
            unsafe { rustix::mm::madvise(start, page.len(), rustix::mm::Advice::LinuxWipeOnFork) }?;
            page[0] = 1;
            Ok(page)
        });
        ForkMark(marked.ok())
    }

    /// Whether this process is the one that made the mark.
    pub fn is_ours(&self, pid: u32) -> bool {
        match &self.0 {
            Some(page) => std::hint::black_box(page)[0] == 1,
            None => std::process::id() == pid,
        }
    }
}
