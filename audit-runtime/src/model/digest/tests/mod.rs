//! Tests of the digests; the ids in their names are those of the scenarios.

mod golden;
mod oracle;
mod refusals;
mod rfc8785;
mod routes;
mod slots;

use serde::Serialize;

use super::{CanonicalError, DigestErrorCode, canonical_json};

fn canonical<T: Serialize + ?Sized>(value: &T) -> String {
    String::from_utf8(canonical_json(value).expect("a canonical form")).expect("canonical bytes are UTF-8")
}

fn refusal<T: Serialize + ?Sized>(value: &T) -> (DigestErrorCode, String) {
    let error: CanonicalError = canonical_json(value).expect_err("a refusal");
    (error.code(), error.path())
}
