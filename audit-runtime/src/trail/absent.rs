//! What is known of a process that has no hold on its stream any more: it is gone, or it is only not here. A copy of a trail
//! has locks of its own, and nobody holds them.

use crate::journal::{Layout, owner};
use crate::model::StreamId;

/// Where the process of a stream without an end is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Absence {
    /// It was of this machine, since its last start, and it has ended.
    Gone,
    /// It was of another machine, or of before a restart of this one: from here nobody can tell more.
    NotOfHere,
    /// It lives: what is asked is a copy.
    Elsewhere,
}

/// Why nobody holds this stream.
pub(super) fn absence(layout: &Layout, stream: StreamId) -> Absence {
    let here = owner::Owner::this();
    match owner::head(layout, stream) {
        Some(writer) if writer.boot_id != here.boot_id => Absence::NotOfHere,
        Some(writer) if writer.space == here.space && writer.lives() => Absence::Elsewhere,
        Some(_) | None => Absence::Gone,
    }
}

impl Absence {
    /// What is said of an entry or a run that has no end.
    pub(super) fn of_open(self) -> &'static str {
        match self {
            Absence::Gone => {
                "open, and its process is gone; the next program that opens the trail ends it as ABANDONED"
            }
            Absence::NotOfHere => {
                "open, and its process was of another machine or of before a restart: gone, unless this is a copy of a \
                 trail in use; the next program that opens the trail ends it as ABANDONED"
            }
            Absence::Elsewhere => "open when this copy was made: its process lives, and the trail itself is elsewhere",
        }
    }

    /// What is said of a stream that has no end.
    pub(super) fn of_stream(self) -> &'static str {
        match self {
            Absence::Gone => {
                "its process is gone and nobody has recovered it; the next program that opens the trail does, or \
                 `audited recover`"
            }
            Absence::NotOfHere => {
                "its process was of another machine or of before a restart, and nobody has recovered it: gone, unless this \
                 is a copy of a trail in use; the next program that opens the trail recovers it, or `audited recover`"
            }
            Absence::Elsewhere => "its process lives, and the trail itself is elsewhere: this is a copy",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::tests::{Script, trail};

    #[test]
    fn a_process_of_another_boot_is_not_said_to_be_gone() {
        let (_dir, layout) = trail();
        let script = Script::new(7);
        script.write(&layout, 1);
        assert_eq!(absence(&layout, script.stream), Absence::NotOfHere);
        assert!(Absence::NotOfHere.of_open().contains("unless this is a copy"));
    }
}
