//! What expansions call. Not for people: names and signatures change with the macros.
//!
//! Types are told apart by automatic reference: of two traits with one method, the one whose `Self` needs fewer
//! references removed is found first. `(&&Judged(&out)).value()` is a `Result`'s where the output is one, and the whole
//! output otherwise.

#[path = "private/judge.rs"]
mod judge;

use std::fmt::Display;

pub use std::boxed::Box;
pub use std::convert::From;
pub use std::mem::forget;
pub use std::option::Option::{self, None, Some};
pub use std::primitive::str;
pub use std::result::Result::{self, Err, Ok};

pub use crate::contract::{Contract, NamesResult, ResultId, Term};
pub use crate::error::Error;
pub use crate::evidence::Evidence;
pub use crate::governance::{ActionError, Authorization, Deed, Done, Executor, Limits, Profile, Ruling, recorder};
pub use crate::guard::call::{Audit, asks};
pub use crate::guard::end::End;
pub use crate::guard::future::{future, made};
pub use crate::guard::inputs::{BelongsToRun, Given, Inputs, ahead, inputs};
pub use crate::model::Durability;
pub use crate::model::digest::probe::{Probe, ViaAuditDigest, ViaNothing, ViaSerde};
pub use crate::model::digest::{AsText, AuditDigest, CanonicalError, CanonicalWriter};
pub use crate::site::{ByHand, ContractSite, Expects, Form, LeftOut, OnFailure, Options, Registered, Site};
pub use inventory;
pub use judge::{
    HoldByNothing, HoldBySend, JudgeByCode, JudgeByText, JudgeByTextAndCode, JudgeByType, JudgeNothing, Of,
    RefuseByErr, RefuseByPanic, held, refuse_by_panic, returned,
};

#[cfg(feature = "testkit")]
pub use crate::guard::inside::{
    FailsAsTold, FailsByAudit, FailsByForm, FailsByIo, FailsEmpty, FailsNot, Injectable, entered, questioned, step,
    tried,
};
pub use crate::site::Inside;
pub use crate::{
    __audited_awaiting as awaiting, __audited_entered as entered_here, __audited_judge as judge,
    __audited_judge_type as judge_type, __audited_left_out as left_out, __audited_question as question,
    __audited_site as site,
};

use crate::guard::end::text_of;
use crate::model::cbor::Value;

/// The value of a body that never returns.
pub use std::convert::Infallible as Never;

/// No inputs were asked for.
pub const NONE: Given = Given::Nothing;

/// A value that is never made, of a type that an async block thereby learns.
#[cold]
pub fn edge<T>() -> T {
    unreachable!("stands where the compiler reads types and nobody runs")
}

/// An output, of which a part may be digested.
pub struct Judged<'a, T: ?Sized>(pub &'a T);

/// The value of a `Result` that is one.
pub trait OkOfResult<'a> {
    /// Its type.
    type Value: ?Sized + 'a;
    /// The value.
    fn value(&self) -> Option<&'a Self::Value>;
}

/// All other outputs are values.
pub trait OkOfAny<'a> {
    /// Its type.
    type Value: ?Sized + 'a;
    /// The value.
    fn value(&self) -> Option<&'a Self::Value>;
}

impl<'a, T: 'a, E> OkOfResult<'a> for &Judged<'a, Result<T, E>> {
    type Value = T;
    fn value(&self) -> Option<&'a T> {
        self.0.as_ref().ok()
    }
}

impl<'a, T: ?Sized + 'a> OkOfAny<'a> for Judged<'a, T> {
    type Value = T;
    fn value(&self) -> Option<&'a T> {
        Some(self.0)
    }
}

/// A value, to be asked for the result that an acknowledgement names.
pub struct Named<'a, T: ?Sized>(pub &'a T);

/// Values that name their result.
pub trait ResultOfNamed {
    /// The result.
    fn result_id(&self) -> Option<ResultId>;
}

/// All others do not.
pub trait ResultOfAny {
    /// No result.
    fn result_id(&self) -> Option<ResultId>;
}

impl<T: NamesResult + ?Sized> ResultOfNamed for &Named<'_, T> {
    fn result_id(&self) -> Option<ResultId> {
        self.0.result_id()
    }
}

impl<T: ?Sized> ResultOfAny for Named<'_, T> {
    fn result_id(&self) -> Option<ResultId> {
        None
    }
}

/// The limits of a payload where none are declared.
#[must_use]
pub fn limits() -> Limits {
    Limits::default()
}

/// A time that an annotation writes.
#[must_use]
pub const fn nanos(within_ns: u64) -> std::time::Duration {
    std::time::Duration::from_nanos(within_ns)
}

/// An error type into which an audit error can be made.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot carry an audit error, so a refused call would have nothing to return",
    label = "the error type of this audited function",
    note = "first cure: write `impl From<audit_runtime::Error> for {Self}`",
    note = "second cure: `#[audited(on_audit_failure = panic)]` panics with the audit error",
    note = "third cure: `#[audited(on_audit_failure = degrade)]` runs the body and leaves a counted gap"
)]
pub trait CarriesAuditError {
    /// The audit error in this type's clothes.
    fn carry(error: Error) -> Self;
}

#[diagnostic::do_not_recommend]
impl<E: From<Error>> CarriesAuditError for E {
    fn carry(error: Error) -> E {
        E::from(error)
    }
}

/// A value that `record(..)` keeps.
pub struct Recorded<'a, T: ?Sized>(pub &'a T);

/// Values with a form of their own in the record.
pub trait RecordedAsValue {
    /// Keeps it.
    fn recorded(&self, inputs: &mut Inputs, key: &'static str);
}

/// Values that are kept as text.
pub trait RecordedAsText<T: ?Sized> {
    /// Keeps its scrubbed text.
    fn recorded(&self, inputs: &mut Inputs, key: &'static str)
    where
        T: Recordable;
}

impl<T: Plain + ?Sized> RecordedAsValue for &Recorded<'_, T> {
    fn recorded(&self, inputs: &mut Inputs, key: &'static str) {
        inputs.record(key, self.0.plain());
    }
}

impl<T: ?Sized> RecordedAsText<T> for Recorded<'_, T> {
    fn recorded(&self, inputs: &mut Inputs, key: &'static str)
    where
        T: Recordable,
    {
        inputs.record(key, Value::Text(self.0.recordable()));
    }
}

/// Values with a form of their own.
pub trait Plain {
    /// The form.
    fn plain(&self) -> Value;
}

/// What `record(key = expr)` can keep as text.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be recorded",
    label = "a recorded value is a number, a truth value or has a text",
    note = "implement `Display` for it, record one of its fields, or digest it with `digest(..)`"
)]
pub trait Recordable {
    /// The text.
    fn recordable(&self) -> String;
}

#[diagnostic::do_not_recommend]
impl<T: Display + ?Sized> Recordable for T {
    fn recordable(&self) -> String {
        text_of(&self)
    }
}

macro_rules! plain {
    ($($ty:ty)*, $from:expr) => { $(impl Plain for $ty {
        fn plain(&self) -> Value { ($from)(*self) }
    })* };
}
plain!(u8 u16 u32, |n| Value::Uint(u64::from(n)));
plain!(u64, Value::Uint);
plain!(i8 i16 i32, |n| i64::from(n).plain());
plain!(i64, |n| u64::try_from(n).map_or(Value::Int(n), Value::Uint));
plain!(usize, |n| Value::Uint(n as u64));
plain!(isize, |n: isize| u64::try_from(n).map_or(Value::Int(n as i64), Value::Uint));
plain!(bool, Value::Bool);
plain!(f32, |x| Value::Float(f64::from(x)));
plain!(f64, Value::Float);

impl<T: Plain> Plain for Option<T> {
    fn plain(&self) -> Value {
        self.as_ref().map_or(Value::Null, Plain::plain)
    }
}

impl<T: Plain + ?Sized> Plain for &T {
    fn plain(&self) -> Value {
        (**self).plain()
    }
}

/// Declares and registers a site.
#[doc(hidden)]
#[macro_export]
macro_rules! __audited_site {
    ($name:ident $form:ident $function:literal 0u32 0u32 { $($field:ident: $value:expr),* $(,)? }) => {
        $crate::__audited_site!(@ $name $form $function (::core::line!()) (::core::column!()) { $($field: $value),* });
    };
    ($name:ident $form:ident $function:literal $line:literal $column:literal { $($field:ident: $value:expr),* $(,)? }) => {
        $crate::__audited_site!(@ $name $form $function ($line) ($column) { $($field: $value),* });
    };
    (@ $name:ident $form:ident $function:literal ($line:expr) ($column:expr) { $($field:ident: $value:expr),* $(,)? }) => {
        static $name: $crate::__private::Site = $crate::__private::Site::new(
            $function,
            ::core::module_path!(),
            (::core::file!(), $line, $column),
            $crate::__private::Form::$form,
            {
                let mut options = $crate::__private::Options::NONE;
                $(options.$field = $value;)*
                options
            },
        );
        $crate::__private::inventory::submit! { $crate::__private::Registered::Site(&$name) }
    };
}

/// Registers a function that is left out.
#[doc(hidden)]
#[macro_export]
macro_rules! __audited_left_out {
    ($function:literal $line:literal $column:literal $reason:literal) => {
        $crate::__private::inventory::submit! {
            $crate::__private::Registered::LeftOut($crate::__private::LeftOut {
                function: $function,
                module: ::core::module_path!(),
                file: ::core::file!(),
                line: $line,
                column: $column,
                reason: $reason,
            })
        }
    };
}

/// The first statement of an audited body.
#[cfg(feature = "testkit")]
#[doc(hidden)]
#[macro_export]
macro_rules! __audited_entered {
    ($site:ident) => {
        $crate::__private::entered(&$site)
    };
}

/// The first statement of an audited body.
#[cfg(not(feature = "testkit"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __audited_entered {
    ($site:ident) => {};
}

/// An `.await` of an audited body.
#[cfg(feature = "testkit")]
#[doc(hidden)]
#[macro_export]
macro_rules! __audited_awaiting {
    ($site:ident $nth:literal $awaited:expr) => {
        $crate::__private::step(&$site, $nth, $awaited)
    };
}

/// An `.await` of an audited body.
#[cfg(not(feature = "testkit"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __audited_awaiting {
    ($site:ident $nth:literal $awaited:expr) => {
        $awaited
    };
}

/// The operand of a `?` of an audited body.
#[cfg(feature = "testkit")]
#[doc(hidden)]
#[macro_export]
macro_rules! __audited_question {
    ($site:ident $nth:literal $value:expr) => {
        match $value {
            value => {
                use $crate::__private::{
                    FailsAsTold as _, FailsByAudit as _, FailsByForm as _, FailsByIo as _, FailsEmpty as _,
                    FailsNot as _,
                };
                let maker = (&&&&&&$crate::__private::tried(&value)).maker();
                match maker {
                    $crate::__private::Some(make) if $crate::__private::questioned(&$site, $nth, true) => make(),
                    $crate::__private::Some(_) => value,
                    $crate::__private::None => {
                        $crate::__private::questioned(&$site, $nth, false);
                        value
                    }
                }
            }
        }
    };
    ($site:ident $nth:literal blind $value:expr) => {
        match $value {
            value => {
                $crate::__private::questioned(&$site, $nth, false);
                value
            }
        }
    };
}

/// The operand of a `?` of an audited body.
#[cfg(not(feature = "testkit"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __audited_question {
    ($site:ident $nth:literal $($value:tt)*) => {
        $($value)*
    };
}
