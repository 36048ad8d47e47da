//! How expansions pick the way into a digest by the type of a value: its own `AuditDigest`, else serde, else a
//! compile error that names the cures. Method lookup tries them in this order because each step needs one more
//! automatic reference: `(&&&Probe(&value)).audit_value()`, with the three traits in scope.

use serde::Serialize;

use super::writer::{AuditDigest, SerdeValue};

/// The value whose way is looked for.
pub struct Probe<'v, T: ?Sized>(pub &'v T);

/// First choice: the type describes itself.
pub trait ViaAuditDigest<'v> {
    /// What to digest.
    type Value: AuditDigest;
    /// The value, ready to be digested.
    fn audit_value(&self) -> Self::Value;
}

impl<'v, T: AuditDigest + ?Sized> ViaAuditDigest<'v> for &&Probe<'v, T> {
    type Value = &'v T;
    fn audit_value(&self) -> &'v T {
        self.0
    }
}

/// Second choice: the type is known to serde.
pub trait ViaSerde<'v> {
    /// What to digest.
    type Value: AuditDigest;
    /// The value, ready to be digested.
    fn audit_value(&self) -> Self::Value;
}

impl<'v, T: Serialize + ?Sized> ViaSerde<'v> for &Probe<'v, T> {
    type Value = SerdeValue<'v, T>;
    fn audit_value(&self) -> SerdeValue<'v, T> {
        SerdeValue(self.0)
    }
}

/// No way: demands `AuditDigest`, so that the compiler says what is missing and how to cure it.
pub trait ViaNothing<'v, T: ?Sized> {
    /// Never reached: the bound cannot hold where this method is chosen.
    fn audit_value(&self) -> &'v T
    where
        T: AuditDigest;
}

impl<'v, T: ?Sized> ViaNothing<'v, T> for Probe<'v, T> {
    fn audit_value(&self) -> &'v T
    where
        T: AuditDigest,
    {
        self.0
    }
}
