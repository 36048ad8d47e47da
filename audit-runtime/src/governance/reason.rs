//! Why a gate said no: a stable code, a message, and evidence.

use super::text::{label, message, name, pair};
use crate::model::cbor::Value;

/// A closed set of reasons with stable codes; written by [`reason_codes!`](crate::reason_codes).
pub trait ReasonCode: Copy {
    /// The code, as it stands in records.
    fn code(self) -> &'static str;
}

/// Declares a set of reasons. Every variant has a code of its own; a code that was renamed keeps its old names. A variant
/// without code, and two variants that share one, do not compile.
///
/// ```
/// audit_runtime::reason_codes! {
///     /// Why a transfer is denied.
///     pub enum Refusal {
///         /// More than the profile allows.
///         OverLimit = "OVER_LIMIT", was "AMOUNT_TOO_HIGH";
///         /// The account is closed.
///         Closed = "ACCOUNT_CLOSED";
///     }
/// }
/// assert_eq!(Refusal::from_code("AMOUNT_TOO_HIGH"), Some(Refusal::OverLimit));
/// ```
/// ```compile_fail,E0080
/// audit_runtime::reason_codes! {
///     /// Two reasons, one code.
///     pub enum Twice {
///         /// One.
///         One = "SAME";
///         /// Two.
///         Two = "SAME";
///     }
/// }
/// ```
/// ```compile_fail
/// audit_runtime::reason_codes! {
///     /// A reason without code.
///     pub enum Blank {
///         /// One.
///         One;
///     }
/// }
/// ```
#[macro_export]
macro_rules! reason_codes {
    ($(#[$meta:meta])* $vis:vis enum $name:ident {
        $($(#[$vmeta:meta])* $variant:ident = $code:literal $(, was $($old:literal),+)?;)+
    }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        $vis enum $name { $($(#[$vmeta])* $variant),+ }

        const _: () = assert!(
            $crate::governance::distinct(&[$($code $(, $($old),+)?),+]),
            "every reason needs a code of its own that is not blank"
        );

        impl $crate::governance::ReasonCode for $name {
            fn code(self) -> &'static str { match self { $($name::$variant => $code),+ } }
        }

        impl $name {
            /// The reason that a code stands for, by its name of today or by an old one.
            #[must_use]
            pub fn from_code(code: &str) -> Option<Self> {
                match code { $($code $($(| $old)+)? => Some($name::$variant),)+ _ => None }
            }
        }
    };
    ($(#[$meta:meta])* $vis:vis enum $name:ident { $($variants:tt)* }) => {
        ::core::compile_error!("every reason has a code of its own: write `OverLimit = \"OVER_LIMIT\";`");
    };
}

/// Whether no two texts are equal and none is empty; for checks at compile time.
#[doc(hidden)]
#[must_use]
pub const fn distinct(codes: &[&str]) -> bool {
    let mut at = 0;
    while at < codes.len() {
        if codes[at].is_empty() {
            return false;
        }
        let mut other = at + 1;
        while other < codes.len() {
            if equal(codes[at].as_bytes(), codes[other].as_bytes()) {
                return false;
            }
            other += 1;
        }
        at += 1;
    }
    true
}

const fn equal(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    let mut at = 0;
    while at < a.len() {
        if a[at] != b[at] {
            return false;
        }
        at += 1;
    }
    true
}

reason_codes! {
    /// Reasons that every gate has.
    pub enum GateReason {
        /// The gate itself failed: it panicked, or a rule returned an error without a code.
        GateException = "GATE_EXCEPTION";
        /// The payload cannot be brought into JSON.
        NonJsonPayload = "NON_JSON_PAYLOAD";
        /// The payload goes beyond a limit.
        LimitExceeded = "LIMIT_EXCEEDED";
        /// The payload has fields that the profile does not know.
        UnknownFieldsPresent = "UNKNOWN_FIELDS_PRESENT";
        /// The payload has fields that only this system may set.
        ExternalFieldsNotAllowed = "EXTERNAL_FIELDS_NOT_ALLOWED";
        /// The payload claims a right that its sender does not have.
        AdminSignalForbidden = "ADMIN_SIGNAL_FORBIDDEN";
    }
}

/// Pieces of evidence that a reason keeps.
const EVIDENCE: usize = 16;
/// Field names that a reason keeps.
const FIELDS: usize = 32;

/// One reason of a denial. Names of fields are evidence, their values never are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    code: String,
    message: String,
    evidence: Vec<(String, String)>,
    fields: Vec<String>,
    fields_omitted: usize,
}

impl Reason {
    /// A reason of a declared set.
    #[must_use]
    pub fn new(code: impl ReasonCode, text: &str) -> Reason {
        Reason::coded(code.code(), text)
    }

    /// A reason whose code comes from an error.
    pub(super) fn coded(code: &str, text: &str) -> Reason {
        let (code, message) = (name(code), message(text));
        Reason { code, message, evidence: Vec::new(), fields: Vec::new(), fields_omitted: 0 }
    }

    /// Adds a piece of evidence; the sixteenth is the last.
    #[must_use]
    pub fn evidence(mut self, key: &str, value: &str) -> Reason {
        if self.evidence.len() < EVIDENCE {
            self.evidence.push((name(key), label(value).unwrap_or_default()));
        }
        self
    }

    /// Names the fields that caused it. Thirty-two are kept, the rest is counted.
    #[must_use]
    pub fn fields<'a>(mut self, names: impl IntoIterator<Item = &'a str>) -> Reason {
        for field in names {
            if self.fields.len() < FIELDS {
                self.fields.push(name(field));
            } else {
                self.fields_omitted += 1;
            }
        }
        self
    }

    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &str {
        &self.code
    }

    /// The message, scrubbed.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    pub(super) fn field_names(&self) -> (&[String], usize) {
        (&self.fields, self.fields_omitted)
    }

    pub(super) fn value(&self) -> Value {
        let mut pairs =
            vec![pair("code", Value::Text(self.code.clone())), pair("message", Value::Text(self.message.clone()))];
        if !self.evidence.is_empty() {
            let evidence = self.evidence.iter().map(|(key, value)| pair(key, Value::Text(value.clone())));
            pairs.push(pair("evidence", Value::Map(evidence.collect())));
        }
        Value::Map(pairs)
    }
}
