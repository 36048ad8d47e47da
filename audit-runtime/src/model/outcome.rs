//! Which outcomes a token may have, and which fields each of them needs: one table. The enum's variants, the load check,
//! the sweep's rules S3 to S5, the strict schema's CHECK and the table in the documents all come from it.

use super::cbor::Value;
use super::digest::{Digest, Slot};
use super::kind::Key;
use super::record::{Body, BodyWriter};
use super::{Id, slot};

/// A field of an outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// Node of the sink.
    Sink,
    /// Digest of the error's text.
    Error,
    /// The fork that replaced it.
    Fork,
    /// The expansion that replaced it.
    Expand,
    /// The merge that consumed it, or made it.
    Join,
    /// The batch that holds or consumed it.
    Batch,
    /// How many replaced it.
    Children,
}

impl Field {
    /// Every field.
    pub const ALL: &'static [Field] =
        &[Field::Sink, Field::Error, Field::Fork, Field::Expand, Field::Join, Field::Batch, Field::Children];

    /// Its key in bodies.
    #[must_use]
    pub const fn key(self) -> Key {
        match self {
            Field::Sink => Key::Sink,
            Field::Error => Key::ErrorDigest,
            Field::Fork => Key::ForkGroup,
            Field::Expand => Key::ExpandGroup,
            Field::Join => Key::JoinGroup,
            Field::Batch => Key::Batch,
            Field::Children => Key::Children,
        }
    }

    /// Its column in the index.
    #[must_use]
    pub const fn column(self) -> &'static str {
        match self {
            Field::Sink => "sink",
            Field::Error => "error_digest",
            Field::Fork => "fork_group",
            Field::Expand => "expand_group",
            Field::Join => "join_group",
            Field::Batch => "batch_id",
            Field::Children => "children",
        }
    }
}

/// One line of the table.
#[derive(Debug)]
pub struct Pair {
    /// SUCCESS, FAILURE or TRANSIENT; `None` for the one pair that is not terminal.
    pub outcome: Option<&'static str>,
    /// The path.
    pub path: &'static str,
    /// Fields that must stand.
    pub required: &'static [Field],
    /// Fields that may stand. All others are forbidden.
    pub optional: &'static [Field],
    /// What it means.
    pub meaning: &'static str,
}

macro_rules! ty {
    (sink) => {
        String
    };
    (error) => {
        Digest
    };
    (children) => {
        u32
    };
    ($id:ident) => {
        Id
    };
}
macro_rules! field {
    (sink) => {
        Field::Sink
    };
    (error) => {
        Field::Error
    };
    (fork) => {
        Field::Fork
    };
    (expand) => {
        Field::Expand
    };
    (join) => {
        Field::Join
    };
    (batch) => {
        Field::Batch
    };
    (children) => {
        Field::Children
    };
}
macro_rules! write_field {
    ($body:ident sink $value:expr) => {
        $body.text(Key::Sink, $value)
    };
    ($body:ident error $value:expr) => {
        $body.slot(Key::ErrorDigest, &Slot::Digest($value.clone()))
    };
    ($body:ident children $value:expr) => {
        $body.uint(Key::Children, u64::from(*$value))
    };
    ($body:ident $id:ident $value:expr) => {
        $body.id(field!($id).key(), *$value)
    };
}
macro_rules! read_field {
    ($body:ident sink) => {
        $body.text(Key::Sink).map(str::to_owned)
    };
    ($body:ident error) => {
        $body.get(Key::ErrorDigest).and_then(digest)
    };
    ($body:ident children) => {
        $body.uint(Key::Children).and_then(|n| u32::try_from(n).ok())
    };
    ($body:ident $id:ident) => {
        $body.id(field!($id).key())
    };
}

fn digest(value: &Value) -> Option<Digest> {
    match slot::decode(value)? {
        Slot::Digest(digest) => Some(digest),
        Slot::Absent(_) => None,
    }
}

macro_rules! outcomes {
    ($($name:ident $outcome:expr, $path:literal [$($req:ident),*] [$($opt:ident),*] $meaning:literal),* $(,)?) => {
        /// The answer for a token, with exactly the fields that its path needs.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum Outcome {
            $(
                #[doc = $meaning]
                $name {
                    $(#[doc = "See [`Field`]."] $req: ty!($req),)*
                    $(#[doc = "See [`Field`]."] $opt: Option<ty!($opt)>,)*
                },
            )*
        }

        /// The table, in order.
        pub const PAIRS: &[Pair] = &[$(Pair {
            outcome: $outcome,
            path: $path,
            required: &[$(field!($req)),*],
            optional: &[$(field!($opt)),*],
            meaning: $meaning,
        }),*];

        impl Outcome {
            /// SUCCESS, FAILURE or TRANSIENT; `None` while buffered.
            #[must_use]
            pub const fn name(&self) -> Option<&'static str> { match self { $(Outcome::$name { .. } => $outcome),* } }

            /// The path.
            #[must_use]
            pub const fn path(&self) -> &'static str { match self { $(Outcome::$name { .. } => $path),* } }

            /// Writes its fields into a body.
            pub fn write(&self, body: &mut BodyWriter) {
                body.maybe(Key::TokenOutcome, self.name()).text(Key::Path, self.path());
                match self {
                    $(Outcome::$name { $($req,)* $($opt,)* } => {
                        $(write_field!(body $req $req);)*
                        $(if let Some(value) = $opt { write_field!(body $opt value); })*
                    })*
                }
            }

            /// Reads it; `None` where a field is missing or the path is unknown.
            #[must_use]
            pub fn read(body: &Body) -> Option<Outcome> {
                Some(match body.text(Key::Path)? {
                    $($path => Outcome::$name { $($req: read_field!(body $req)?,)* $($opt: read_field!(body $opt),)* },)*
                    _ => return None,
                })
            }
        }
    };
}

outcomes! {
    DefaultFlow Some("SUCCESS"), "default_flow" [sink] [] "Reached the declared sink.",
    GateRouted Some("SUCCESS"), "gate_routed" [sink] [] "A gate sent it to a named sink.",
    GateDiscarded Some("SUCCESS"), "gate_discarded" [] [] "A gate's route is \"discard\".",
    FilterDropped Some("SUCCESS"), "filter_dropped" [] [] "A node released nothing for it, on purpose.",
    Coalesced Some("SUCCESS"), "coalesced" [join] [sink] "Consumed by a merge (no sink), or a merged token that reached a sink.",
    OnErrorRouted Some("FAILURE"), "on_error_routed" [sink, error] [] "Its error result was delivered to an error sink.",
    Unrouted Some("FAILURE"), "unrouted" [error] [] "Failed and went nowhere.",
    QuarantinedAtSource Some("FAILURE"), "quarantined_at_source" [error] [sink] "Refused at the source.",
    SinkDiscarded Some("FAILURE"), "sink_discarded" [error] [] "The sink refused it and discarding is configured.",
    SinkFallback Some("TRANSIENT"), "sink_fallback" [sink, error] [] "The sink refused it, the failsink took it.",
    ForkParent Some("TRANSIENT"), "fork_parent" [fork, children] [] "Replaced by its branches.",
    ExpandParent Some("TRANSIENT"), "expand_parent" [expand, children] [] "Replaced by its children.",
    BatchConsumed Some("TRANSIENT"), "batch_consumed" [batch] [] "Absorbed by a batch.",
    Buffered None, "buffered" [batch] [] "Waiting in a batch; one terminal follows.",
}

impl Outcome {
    /// Whether nothing may follow it.
    #[must_use]
    pub const fn is_terminal(&self) -> bool {
        self.name().is_some()
    }
}

/// Whether the fields of a stored outcome are those of its pair.
///
/// # Errors
/// The field that is wrong, and why.
pub fn check(body: &Body) -> Result<(), (&'static str, String)> {
    let (outcome, path) = (body.text(Key::TokenOutcome), body.text(Key::Path));
    let pair = PAIRS.iter().find(|pair| pair.outcome == outcome && Some(pair.path) == path);
    let Some(pair) = pair else {
        let outcome = outcome.unwrap_or("none");
        return Err(("path", format!("{} does not go with {outcome}", path.unwrap_or("none"))));
    };
    for field in Field::ALL {
        let stands = body.get(field.key()).is_some();
        let name = field.key().name();
        if pair.required.contains(field) && !stands {
            return Err((name, format!("is missing for {}", pair.path)));
        }
        if stands && !pair.required.contains(field) && !pair.optional.contains(field) {
            return Err((name, format!("must be absent for {}", pair.path)));
        }
    }
    match body.get(Key::ErrorDigest).is_some_and(|value| digest(value).is_none()) {
        true => Err((Key::ErrorDigest.name(), "is no digest".to_owned())),
        false => Ok(()),
    }
}

/// The strict schema's CHECK over a row of `outcomes`: exactly the fourteen lines of the table.
#[must_use]
pub fn check_sql() -> String {
    let line = |pair: &Pair| {
        let (terminal, outcome) = match pair.outcome {
            Some(outcome) => (1, format!("outcome = '{outcome}'")),
            None => (0, "outcome IS NULL".to_owned()),
        };
        let fields: String = Field::ALL
            .iter()
            .map(|field| {
                let column = field.column();
                match (pair.required.contains(field), pair.optional.contains(field)) {
                    (true, _) => format!(" AND {column} IS NOT NULL AND {column} <> ''"),
                    (false, true) => format!(" AND ({column} IS NULL OR {column} <> '')"),
                    (false, false) => format!(" AND {column} IS NULL"),
                }
            })
            .collect();
        format!("(terminal = {terminal} AND path = '{}' AND {outcome}{fields})", pair.path)
    };
    // A CHECK that comes to NULL passes, so an unknown truth has to be made a no.
    let lines: Vec<String> = PAIRS.iter().map(line).collect();
    format!("CHECK (coalesce({}, 0))", lines.join(" OR "))
}

/// Rule S4: a terminal outcome whose pair stands in no line.
#[must_use]
pub fn illegal_pairs_sql() -> String {
    let legal: Vec<String> =
        PAIRS.iter().filter_map(|pair| pair.outcome.map(|outcome| format!("('{outcome}', '{}')", pair.path))).collect();
    format!(
        "SELECT token_id FROM outcomes WHERE run_id IS ?1 AND terminal = 1
         AND (outcome IS NULL OR path IS NULL OR (outcome, path) NOT IN (VALUES {}))",
        legal.join(", ")
    )
}

/// Rule S5: a required field missing or a forbidden one present, one line a path. Each path stands in one line of the table.
#[must_use]
pub fn wrong_fields_sql() -> String {
    let line = |pair: &Pair| {
        let wrong: Vec<String> = Field::ALL
            .iter()
            .filter(|field| !pair.optional.contains(field))
            .map(|field| {
                let test = if pair.required.contains(field) { "=" } else { "<>" };
                format!("coalesce({}, '') {test} ''", field.column())
            })
            .collect();
        format!("WHEN '{}' THEN {}", pair.path, wrong.join(" OR "))
    };
    let lines: Vec<String> = PAIRS.iter().map(line).collect();
    format!("SELECT token_id FROM outcomes WHERE run_id IS ?1 AND CASE path {} END", lines.join(" "))
}

/// The table as the documents show it.
#[must_use]
pub fn markdown() -> String {
    let names = |fields: &[Field]| match fields {
        [] => "–".to_owned(),
        fields => fields.iter().map(|field| format!("`{}`", field.column())).collect::<Vec<_>>().join(", "),
    };
    let mut out = String::from("| outcome | path | required | optional | meaning |\n|---|---|---|---|---|\n");
    for pair in PAIRS {
        let outcome = pair.outcome.unwrap_or("none");
        let (required, optional) = (names(pair.required), names(pair.optional));
        out.push_str(&format!("| {outcome} | {} | {required} | {optional} | {} |\n", pair.path, pair.meaning));
    }
    out
}

#[cfg(test)]
mod tests;
