//! Records that begin and end something that is no node state: calls, operations, batches. The same promise as for node
//! states: begun before the effect, and a terminal that the journal does not take goes to the second sink.

use super::Recorder;
use crate::error::{Code, Error};
use crate::journal::Purpose;
use crate::model::record::{Header, flag};
use crate::model::{Durability, Id};

impl Recorder {
    /// Appends an opening record, calls `appended` once it has its place, and returns when its durability is reached.
    pub(crate) fn begin(&self, mut header: Header, body: &[u8], appended: impl FnOnce(Id)) -> Result<Id, Error> {
        if self.is_closing() {
            return Err(Error::new(Code::Closed, format!("writing {}", header.kind.name())));
        }
        self.flush_gaps();
        let pending = self.append(&mut header, body, Purpose::Opening)?;
        let id = Id::new(self.stream(), header.seq);
        appended(id);
        // Without an acknowledgement the effect does not begin. Recovery finds the opening without a terminal, if it
        // reached the disk at all, and says so.
        if let Err(failure) = self.0.journal.wait(pending) {
            self.0.journal.release_reserve();
            return Err(failure);
        }
        self.0.observers.tell(&header, body, self.stream());
        Ok(id)
    }

    /// Appends a terminal and returns when its durability is reached; in doubt otherwise.
    pub(crate) fn end(&self, mut header: Header, body: &[u8]) -> Result<Id, Error> {
        let journal = &self.0.journal;
        match self.append(&mut header, body, Purpose::Terminal).and_then(|pending| journal.wait(pending)) {
            Ok(()) => {
                self.0.observers.tell(&header, body, self.stream());
                Ok(Id::new(self.stream(), header.seq))
            }
            Err(failure) => {
                header.flags |= flag::SPOOLED;
                header.durability = Durability::Disk;
                let what = format!("writing {} (in doubt: the effect may have happened)", header.kind.name());
                Err(self.spool_terminal(header, body, what, failure))
            }
        }
    }
}
