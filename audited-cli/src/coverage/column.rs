//! The ends that a call can have, and how well one was tested.

use serde::Deserialize;

/// How an entry ended, as the trail says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum End {
    Returned,
    Errored,
    Panicked,
    Cancelled,
    Lost,
}

/// What was made to happen; `None` in a run without a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Fault {
    #[serde(rename = "")]
    None,
    Panic,
    Error,
    Cancel,
    Delay,
    RefusedBegin,
    FailedClose,
    Kill,
    FailsOnce,
    FailsForEver,
    Full,
    Slow,
    KeptButAnswerLost,
    PowerCut,
    TornTail,
    ShortWrite,
}

/// An end that a call can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Column {
    Success,
    Error,
    Panic,
    Cancelled,
    Killed,
    Store,
}

impl Column {
    pub(crate) const ALL: [Column; 6] =
        [Column::Success, Column::Error, Column::Panic, Column::Cancelled, Column::Killed, Column::Store];

    /// Its name in gate files, JSON and JUnit.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Column::Success => "success",
            Column::Error => "error",
            Column::Panic => "panic",
            Column::Cancelled => "cancelled",
            Column::Killed => "killed",
            Column::Store => "store",
        }
    }

    /// What it means, for people.
    pub(crate) const fn meaning(self) -> &'static str {
        match self {
            Column::Success => "it returned a value",
            Column::Error => "it returned an error",
            Column::Panic => "it panicked",
            Column::Cancelled => "its future was dropped",
            Column::Killed => "its process died, and recovery said so",
            Column::Store => "the journal failed under it",
        }
    }

    /// The column of an end behind a fault: what a failing store makes of a call is the store's column, whatever it is.
    pub(crate) const fn of(end: End, fault: Fault) -> Column {
        if let Column::Store = Column::struck_by(fault) {
            return Column::Store;
        }
        match end {
            End::Returned => Column::Success,
            End::Errored => Column::Error,
            End::Panicked => Column::Panic,
            End::Cancelled => Column::Cancelled,
            End::Lost => Column::Killed,
        }
    }

    /// The column that a fault is there to test. A delay leaves the call to succeed.
    pub(crate) const fn struck_by(fault: Fault) -> Column {
        match fault {
            Fault::None | Fault::Delay => Column::Success,
            Fault::Error => Column::Error,
            Fault::Panic => Column::Panic,
            Fault::Cancel => Column::Cancelled,
            Fault::Kill | Fault::PowerCut | Fault::TornTail => Column::Killed,
            Fault::RefusedBegin
            | Fault::FailedClose
            | Fault::FailsOnce
            | Fault::FailsForEver
            | Fault::Full
            | Fault::Slow
            | Fault::KeptButAnswerLost
            | Fault::ShortWrite => Column::Store,
        }
    }
}

/// How well an end was tested, from worst to best.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Grade {
    Passed,
    Origin,
    Natural,
    Asserted,
}

impl Grade {
    pub(crate) const ALL: [Grade; 4] = [Grade::Asserted, Grade::Natural, Grade::Origin, Grade::Passed];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Grade::Passed => "passed",
            Grade::Origin => "origin",
            Grade::Natural => "natural",
            Grade::Asserted => "asserted",
        }
    }

    /// Its letter in tables.
    pub(crate) const fn letter(self) -> char {
        match self {
            Grade::Passed => 'p',
            Grade::Origin => 'o',
            Grade::Natural => 'n',
            Grade::Asserted => 'a',
        }
    }

    /// What it means, for people.
    pub(crate) const fn meaning(self) -> &'static str {
        match self {
            Grade::Passed => "a fault elsewhere came through here",
            Grade::Origin => "the fault was here",
            Grade::Natural => "arose without a fault",
            Grade::Asserted => "an assertion of a test looked at it",
        }
    }
}

/// Something of which a share is covered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Measure {
    Total,
    Of(Column),
    Awaits,
    Questions,
}

impl Measure {
    pub(crate) const ALL: [Measure; 9] = [
        Measure::Total,
        Measure::Of(Column::Success),
        Measure::Of(Column::Error),
        Measure::Of(Column::Panic),
        Measure::Of(Column::Cancelled),
        Measure::Of(Column::Killed),
        Measure::Of(Column::Store),
        Measure::Awaits,
        Measure::Questions,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Measure::Total => "total",
            Measure::Of(column) => column.name(),
            Measure::Awaits => "awaits",
            Measure::Questions => "questions",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Measure> {
        Measure::ALL.into_iter().find(|measure| measure.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failing_store_has_a_column_of_its_own() {
        assert_eq!(Column::of(End::Errored, Fault::Full), Column::Store);
        assert_eq!(Column::of(End::Returned, Fault::FailedClose), Column::Store);
        assert_eq!(Column::of(End::Returned, Fault::Kill), Column::Success);
        assert_eq!(Column::of(End::Lost, Fault::Kill), Column::Killed);
        assert_eq!(Column::of(End::Errored, Fault::Panic), Column::Error);
    }
}
