//! What has reached the disk, and what may have: a cache of writes in front of the bytes that were synced.

/// Which of the bytes that no sync covers are on the disk after a power cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unsynced {
    /// None of them.
    Nothing,
    /// All of them.
    Everything,
    /// Pieces of this many bytes, drawn by lot: 1, 512 and 4096 are what disks tear at.
    Torn {
        /// Size of a piece; pieces lie at multiples of it.
        unit: usize,
        /// The lot.
        seed: u64,
    },
}

/// One file, as the device knows it.
#[derive(Clone, Debug, Default)]
pub(super) struct Pages {
    /// Its name stands in a synced directory.
    pub(super) named: bool,
    disk: Vec<u8>,
    cache: Vec<(usize, Vec<u8>)>,
}

impl Pages {
    pub(super) fn zeros(size: usize, named: bool) -> Pages {
        Pages { named, disk: vec![0; size], cache: Vec::new() }
    }

    pub(super) fn write(&mut self, at: u64, bytes: &[u8]) {
        self.cache.push((usize::try_from(at).unwrap_or(usize::MAX), bytes.to_vec()));
    }

    /// Everything written so far is on the device.
    pub(super) fn sync(&mut self) {
        for (at, bytes) in std::mem::take(&mut self.cache) {
            put(&mut self.disk, at, &bytes);
        }
    }

    /// A sync failed: the bytes stay readable, the device will never see them.
    pub(super) fn lose(&mut self) {
        self.cache.clear();
    }

    /// A cut is synced by whoever makes it.
    pub(super) fn truncate(&mut self, len: u64) {
        self.sync();
        self.disk.truncate(usize::try_from(len).unwrap_or(usize::MAX));
    }

    /// The file as a power cut leaves it.
    pub(super) fn after_power_cut(&self, unsynced: Unsynced) -> Vec<u8> {
        let mut bytes = self.disk.clone();
        let mut lot = Lot(match unsynced {
            Unsynced::Torn { seed, .. } => seed | 1,
            _ => 1,
        });
        for (at, written) in &self.cache {
            match unsynced {
                Unsynced::Nothing => {}
                Unsynced::Everything => put(&mut bytes, *at, written),
                Unsynced::Torn { unit, .. } => {
                    let mut done = 0;
                    while done < written.len() {
                        let piece = (unit - (at + done) % unit).min(written.len() - done);
                        if lot.draw() {
                            put(&mut bytes, at + done, &written[done..done + piece]);
                        }
                        done += piece;
                    }
                }
            }
        }
        bytes
    }
}

fn put(disk: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    if disk.len() < at + bytes.len() {
        disk.resize(at + bytes.len(), 0);
    }
    disk[at..at + bytes.len()].copy_from_slice(bytes);
}

/// xorshift: the same seed tears at the same places.
struct Lot(u64);

impl Lot {
    fn draw(&mut self) -> bool {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 >> 63 == 1
    }
}
