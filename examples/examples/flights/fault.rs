//! Why a row did not get through.

use std::fmt;

/// What is wrong with a row, or with what was asked about it.
#[derive(Debug)]
pub enum Fault {
    /// The line is no flight.
    Malformed(csv::Error),
    /// It has no departure.
    Cancelled,
    /// It has no arrival.
    NoArrival,
    /// Nobody knows the carrier.
    UnknownAirline,
    /// Nobody knows the plane.
    UnknownPlane,
    /// The look-up did not answer this time.
    Busy,
    /// The audit refused.
    Audit(audit_runtime::Error),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Malformed(cause) => write!(f, "the row cannot be read: {cause}"),
            Fault::Cancelled => f.write_str("the flight has no departure: it was cancelled"),
            Fault::NoArrival => f.write_str("the flight has no arrival delay"),
            Fault::UnknownAirline => f.write_str("the carrier is in no list of airlines"),
            Fault::UnknownPlane => f.write_str("the tail number is in no list of planes"),
            Fault::Busy => f.write_str("the list of planes is busy"),
            Fault::Audit(cause) => write!(f, "the audit refused: {cause}"),
        }
    }
}

impl std::error::Error for Fault {}

/// What lets a refused entry reach the caller of a function that returns `Result<_, Fault>`.
impl From<audit_runtime::Error> for Fault {
    fn from(error: audit_runtime::Error) -> Fault {
        Fault::Audit(error)
    }
}
