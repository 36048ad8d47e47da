//! One fault at one moment. Its address is symbolic, so that it outlives edits of the code around it:
//! `v1;PLACE#NTH;PHASE;KIND`, for example `v1;billing::charge#2;before-complete;panic`.

use crate::sites::called;
use audit_runtime::fault::Phase;
use std::fmt;
use std::ops::BitOr;

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $bit:literal $text:literal $set:ident),* $(,)?) => {
        /// What is made to happen.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Kind { $($(#[$doc])* $name),* }

        impl Kind {
            /// Every kind.
            pub const ALL: &'static [Kind] = &[$(Kind::$name),*];
            /// Its name in an address.
            #[must_use]
            pub const fn text(self) -> &'static str { match self { $(Kind::$name => $text),* } }
            const fn bit(self) -> u32 { match self { $(Kind::$name => 1 << $bit),* } }
        }

        impl Kinds {
            $($(#[$doc])* pub const $set: Kinds = Kinds(1 << $bit);)*
        }
    };
}

/// A set of kinds: `Kinds::PANIC | Kinds::CANCEL`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kinds(u32);

kinds! {
    /// The code panics.
    Panic = 0 "panic" PANIC,
    /// An error takes the place of a value.
    Error = 1 "error" ERROR,
    /// The scenario's future is dropped.
    Cancel = 2 "cancel" CANCEL,
    /// A second passes, and the wall clock jumps: an hour back, an hour on or a millisecond back, in turn.
    Delay = 3 "delay" DELAY,
    /// The opening is refused.
    RefusedBegin = 4 "refused-begin" REFUSED_BEGIN,
    /// The journal does not take the terminal.
    FailedClose = 5 "failed-close" FAILED_CLOSE,
    /// The process is killed.
    Kill = 6 "kill" KILL,
    /// A storage operation fails once.
    FailsOnce = 7 "fails-once" FAILS_ONCE,
    /// A storage operation fails, and all behind it.
    FailsForEver = 8 "fails-for-ever" FAILS_FOR_EVER,
    /// The disk is full from this operation on.
    Full = 9 "full" FULL,
    /// A storage operation takes its time.
    Slow = 10 "slow" SLOW,
    /// A storage operation succeeds and says that it failed.
    KeptButAnswerLost = 11 "kept-but-answer-lost" KEPT_BUT_ANSWER_LOST,
    /// The power fails.
    PowerCut = 12 "power-cut" POWER_CUT,
    /// The last segment ends in the middle of a byte sequence.
    TornTail = 13 "torn-tail" TORN_TAIL,
    /// Half of the bytes are written, and the storage says so.
    ShortWrite = 14 "short-write" SHORT_WRITE,
}

impl Kinds {
    /// What can be done to a scenario in its own process.
    pub const IN_PROCESS: Kinds = Kinds(0b11_1111);
    /// What a storage can do.
    pub const STORE: Kinds = Kinds(0b100_1111_1000_0000);
    /// What a machine without power leaves.
    pub const IMAGES: Kinds = Kinds(0b11_0000_0000_0000);
    /// None.
    pub const NONE: Kinds = Kinds(0);

    /// Whether this kind is in the set.
    #[must_use]
    pub const fn has(self, kind: Kind) -> bool {
        self.0 & kind.bit() != 0
    }

    /// Whether any of these is in the set.
    #[must_use]
    pub const fn has_any(self, of: Kinds) -> bool {
        self.0 & of.0 != 0
    }
}

impl BitOr for Kinds {
    type Output = Kinds;
    fn bitor(self, other: Kinds) -> Kinds {
        Kinds(self.0 | other.0)
    }
}

/// Places of faults that are no audited functions.
const NO_SITES: [&str; 4] = ["poll", "store", "image", "recovery"];

/// A fault at a moment.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Case {
    /// The site's path `module::function`; `poll`, `store`, `image` and `recovery` are no sites.
    pub place: String,
    /// Which visit of that moment, from 1.
    pub nth: u32,
    /// The moment, as [`phase_text`] writes it; the operation of a store.
    pub phase: String,
    /// What happens.
    pub kind: Kind,
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "v1;{}#{};{};{}", self.place, self.nth, self.phase, self.kind.text())
    }
}

impl Case {
    /// Reads an address.
    ///
    /// # Errors
    /// What is wrong with it, as a sentence.
    pub fn parse(text: &str) -> Result<Case, String> {
        let bad =
            |what: &str| format!("`{text}` is no case: {what}; cases look like v1;billing::charge#2;after-begin;panic");
        let parts: Vec<&str> = text.split(';').collect();
        let [version, visit, phase, kind] = parts.as_slice() else { return Err(bad("four parts belong here")) };
        if *version != "v1" {
            return Err(bad("it is of another version"));
        }
        let (place, nth) = visit.rsplit_once('#').ok_or_else(|| bad("the visit is missing"))?;
        let nth = nth.parse().ok().filter(|nth| *nth > 0).ok_or_else(|| bad("visits are counted from 1"))?;
        let kind = Kind::ALL.iter().find(|known| known.text() == *kind);
        let kind = *kind.ok_or_else(|| bad(&format!("kinds are {}", Kind::ALL.map_texts())))?;
        Ok(Case { place: place.to_owned(), nth, phase: (*phase).to_owned(), kind })
    }

    /// The moment, where the place is a site.
    #[must_use]
    pub fn moment(&self) -> Option<Phase> {
        phase_of(&self.phase)
    }

    /// Whether the fault is at this site: its path, the end of it, or its node's name. `poll`, `store`, `image` and
    /// `recovery` are places too.
    ///
    /// # Panics
    /// When no audited function that is linked in is called so: a check that asks for it would never be asked.
    #[must_use]
    #[track_caller]
    pub fn at(&self, site: &str) -> bool {
        if NO_SITES.contains(&site) {
            return self.place == site;
        }
        match called(site) {
            Ok(known) => known.contains(&self.place),
            Err(why) => panic!("{why}"),
        }
    }

    /// Whether what the fault hit had already been committed.
    #[must_use]
    pub fn after_commit(&self) -> bool {
        self.moment() == Some(Phase::AfterComplete)
    }
}

trait Texts {
    fn map_texts(&self) -> String;
}

impl Texts for [Kind] {
    fn map_texts(&self) -> String {
        self.iter().map(|kind| kind.text()).collect::<Vec<_>>().join(", ")
    }
}

/// A moment, as an address writes it.
#[must_use]
pub fn phase_text(phase: Phase) -> String {
    match phase {
        Phase::BeforeBegin => "before-begin".into(),
        Phase::AfterBegin => "after-begin".into(),
        Phase::Entered => "entered".into(),
        Phase::BeforeAwait(n) => format!("before-await-{n}"),
        Phase::AfterAwait(n) => format!("after-await-{n}"),
        Phase::Question(n) => format!("question-{n}"),
        Phase::BeforeComplete => "before-complete".into(),
        Phase::AfterComplete => "after-complete".into(),
        other => format!("{other:?}").to_lowercase(),
    }
}

/// What an address can name as a moment.
pub(crate) const MOMENTS: &str =
    "before-begin, after-begin, before-await-K, after-await-K, question-K, before-complete, after-complete";

/// The moment that an address names.
#[must_use]
pub fn phase_of(text: &str) -> Option<Phase> {
    let numbered = |prefix: &str| text.strip_prefix(prefix).and_then(|n| n.parse().ok());
    match text {
        "before-begin" => Some(Phase::BeforeBegin),
        "after-begin" => Some(Phase::AfterBegin),
        "before-complete" => Some(Phase::BeforeComplete),
        "after-complete" => Some(Phase::AfterComplete),
        _ => numbered("before-await-")
            .map(Phase::BeforeAwait)
            .or_else(|| numbered("after-await-").map(Phase::AfterAwait))
            .or_else(|| numbered("question-").map(Phase::Question)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_survives_its_text() {
        for kind in Kind::ALL {
            for phase in [Phase::BeforeBegin, Phase::AfterAwait(3), Phase::Question(0), Phase::AfterComplete] {
                let case = Case { place: "a::b".into(), nth: 7, phase: phase_text(phase), kind: *kind };
                assert_eq!(Case::parse(&case.to_string()), Ok(case.clone()));
                assert_eq!(case.moment(), Some(phase));
            }
        }
    }

    #[test]
    fn a_bad_address_says_what_belongs_there() {
        for bad in [
            "",
            "v2;a#1;after-begin;panic",
            "v1;a;after-begin;panic",
            "v1;a#0;after-begin;panic",
            "v1;a#1;after-begin;pain",
        ] {
            let said = Case::parse(bad).expect_err(bad);
            assert!(said.contains("cases look like"), "{said}");
        }
    }
}
