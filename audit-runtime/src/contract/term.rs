//! One action of a contract, as code declares it: a constant. Expectation, acknowledgement, deadline and metric label all
//! come from it, so that none of them can name what another one does not.

use super::expectation::{Contract, Expectation, Subject};
use std::fmt;
use std::time::Duration;

/// An action that a contract declares; [`contract!`](crate::contract!) writes one constant for each.
///
/// ```
/// audit_runtime::contract! {
///     /// What every order promises.
///     pub order {
///         domain orders {
///             reserve within 5s;
///             finally close within 60s;
///         }
///     }
/// }
/// assert_eq!(order::RESERVE.to_string(), "orders/reserve");
/// assert_eq!(order::RESERVE.labels(), [("domain", "orders"), ("action", "reserve")]);
/// assert_eq!(order().finalising().map(|e| e.subject.clone()), Some(order::CLOSE.subject()));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Term {
    contract: &'static str,
    domain: &'static str,
    action: &'static str,
    within: Option<Duration>,
    finalising: bool,
    place: (&'static str, u32),
}

impl Term {
    /// An action of a contract. A deadline that is not known before the program runs is given where the contract is made.
    #[must_use]
    pub const fn new(
        contract: &'static str,
        (domain, action): (&'static str, &'static str),
        within_ns: Option<u64>,
        finalising: bool,
        place: (&'static str, u32),
    ) -> Term {
        let within = match within_ns {
            Some(within_ns) => Some(Duration::from_nanos(within_ns)),
            None => None,
        };
        Term { contract, domain, action, within, finalising, place }
    }

    /// An action that is named where it is used, outside every contract.
    #[must_use]
    pub const fn named(domain: &'static str, action: &'static str, place: (&'static str, u32)) -> Term {
        Term::new("", (domain, action), None, false, place)
    }

    /// The contract that declares it; blank outside every contract.
    #[must_use]
    pub const fn contract(&self) -> &'static str {
        self.contract
    }

    /// Which part of the system acts.
    #[must_use]
    pub const fn domain(&self) -> &'static str {
        self.domain
    }

    /// What it does.
    #[must_use]
    pub const fn action(&self) -> &'static str {
        self.action
    }

    /// The deadline, counted from the declaration, where it is known before the program runs.
    #[must_use]
    pub const fn within(&self) -> Option<Duration> {
        self.within
    }

    /// Whether this action ends the run.
    #[must_use]
    pub const fn is_finalising(&self) -> bool {
        self.finalising
    }

    /// File and line of the declaration.
    #[must_use]
    pub const fn place(&self) -> (&'static str, u32) {
        self.place
    }

    /// What expectations and acknowledgements agree on.
    #[must_use]
    pub fn subject(&self) -> Subject {
        Subject::new(self.domain, self.action)
    }

    /// The labels of every metric about this action.
    #[must_use]
    pub const fn labels(&self) -> [(&'static str, &'static str); 2] {
        [("domain", self.domain), ("action", self.action)]
    }

    /// Whether both name the same action.
    #[must_use]
    pub fn is(&self, other: &Term) -> bool {
        (self.domain, self.action) == (other.domain, other.action)
    }

    /// The expectation that it stands for.
    fn expectation(&self, within: Duration) -> Expectation {
        let place = Some(format!("{}:{}", self.place.0, self.place.1));
        Expectation { subject: self.subject(), within: Some(within), finalising: self.finalising, place }
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.domain, self.action)
    }
}

impl From<Term> for Subject {
    fn from(term: Term) -> Subject {
        term.subject()
    }
}

impl Contract {
    /// The contract that these actions declare, each with its deadline. Written by [`contract!`](crate::contract!), which
    /// knows that one of them ends the run.
    #[doc(hidden)]
    #[must_use]
    pub fn of_terms<const N: usize>(name: &str, terms: [(Term, Duration); N]) -> Contract {
        Contract::assembled(name, terms.iter().map(|(term, within)| term.expectation(*within)).collect())
    }
}

/// Acknowledges an action by hand, and tells the catalogue so before anything runs:
/// `acknowledge!(recorder, run.id(), order::RESERVE, &outcome)?`. The same as
/// [`Recorder::acknowledge`](crate::Recorder::acknowledge), which the link-time check cannot see.
#[macro_export]
macro_rules! acknowledge {
    ($recorder:expr, $run:expr, $term:path, $outcome:expr $(,)?) => {{
        $crate::__private::inventory::submit! {
            $crate::__private::Registered::ByHand($crate::__private::ByHand {
                term: $term,
                file: ::core::file!(),
                line: ::core::line!(),
            })
        }
        $recorder.acknowledge($run, &$term.subject(), $outcome)
    }};
}

/// What an acknowledged value names as its result. A type that is none of ours says so itself, because a value enters the
/// trail only when it was asked to.
///
/// ```
/// use audit_runtime::contract::{NamesResult, ResultId};
/// struct Incident { id: u32 }
/// impl NamesResult for Incident {
///     fn result_id(&self) -> Option<ResultId> { ResultId::new(format!("incident-{}", self.id)) }
/// }
/// ```
pub trait NamesResult {
    /// The result; `None` where this value brought none about, and then the entry itself is named.
    fn result_id(&self) -> Option<super::ResultId>;
}

impl NamesResult for super::ResultId {
    fn result_id(&self) -> Option<super::ResultId> {
        Some(self.clone())
    }
}

impl NamesResult for crate::model::Id {
    fn result_id(&self) -> Option<super::ResultId> {
        super::ResultId::new(format!("{self:#}"))
    }
}

impl<T: NamesResult + ?Sized> NamesResult for &T {
    fn result_id(&self) -> Option<super::ResultId> {
        (**self).result_id()
    }
}

impl<T: NamesResult> NamesResult for Option<T> {
    fn result_id(&self) -> Option<super::ResultId> {
        self.as_ref()?.result_id()
    }
}
