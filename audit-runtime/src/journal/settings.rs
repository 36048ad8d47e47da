//! What a journal is told: limits and times, and why each record is written.

use std::time::Duration;

/// What the journal may be told; the recorder's builder fills it in.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The longest that a `Process` record stays off the device.
    pub sync_interval: Duration,
    /// The longest that a caller waits.
    pub ack_timeout: Duration,
    /// Size of the first segment in bytes; later ones double.
    pub first_segment: u64,
    /// Size at which segments stop growing.
    pub max_segment: u64,
    /// Bytes that may wait for the io thread.
    pub max_pending: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            sync_interval: Duration::from_millis(50),
            ack_timeout: Duration::from_secs(10),
            first_segment: 256 * 1024,
            max_segment: 64 * 1024 * 1024,
            max_pending: 64 * 1024 * 1024,
        }
    }
}

/// Why a record is written: it decides what admission asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Opens an entry: space for its terminal is set aside.
    Opening,
    /// Ends an entry: uses the space set aside.
    Terminal,
    /// Stands for itself.
    Point,
    /// Ends the stream; nothing is admitted behind it.
    Last,
}
