//! What depends on the type of an output, as functions: who judges it, who answers a refusal, where it waits. The type
//! alone decides, so functions that return the same type share them, and an expansion makes no closure of its own.

use std::any::type_name;
use std::fmt::Display;
use std::marker::PhantomData;
use std::task::Poll;

use super::CarriesAuditError;
use crate::error::Error;
use crate::evidence::Evidence;
use crate::guard::end::{End, text_of};
use crate::guard::future::{Held, Unheld};

/// Reads the outcome off an output.
pub type Judge<R> = fn(&R, &mut End);
/// What the caller gets in the place of a value.
pub type Refuse<R> = fn(Error) -> R;

/// The type of an output.
pub struct Of<R>(PhantomData<fn() -> R>);

impl<R> Of<R> {
    /// The only value.
    pub const HERE: Of<R> = Of(PhantomData);

    /// That of a value whose type nobody has written.
    pub fn value(_: &R) -> Of<R> {
        Of::HERE
    }
}

/// Outputs that can hold an error.
pub trait MayFail {
    /// The error's type.
    type Error;
    /// The error, if it is one.
    fn failure(&self) -> Option<&Self::Error>;
}

impl<T, E> MayFail for Result<T, E> {
    type Error = E;
    fn failure(&self) -> Option<&E> {
        self.as_ref().err()
    }
}

impl<T, E> MayFail for Option<Result<T, E>> {
    type Error = E;
    fn failure(&self) -> Option<&E> {
        self.as_ref()?.as_ref().err()
    }
}

impl<T, E> MayFail for Poll<Result<T, E>> {
    type Error = E;
    fn failure(&self) -> Option<&E> {
        match self {
            Poll::Ready(Err(error)) => Some(error),
            Poll::Ready(Ok(_)) | Poll::Pending => None,
        }
    }
}

impl<T, E> MayFail for Poll<Option<Result<T, E>>> {
    type Error = E;
    fn failure(&self) -> Option<&E> {
        match self {
            Poll::Ready(Some(Err(error))) => Some(error),
            Poll::Ready(Some(Ok(_)) | None) | Poll::Pending => None,
        }
    }
}

fn errored(end: &mut End, text: Option<&dyn Display>, error_type: &'static str, code: Option<&str>) {
    end.errored(text.map(text_of), error_type, code.map(str::to_owned));
}

fn by_text_and_code<R: MayFail<Error: Display + Evidence>>(out: &R, end: &mut End) {
    if let Some(error) = out.failure() {
        errored(end, Some(error), type_name::<R::Error>(), Some(error.error_code()));
    }
}

fn by_text<R: MayFail<Error: Display>>(out: &R, end: &mut End) {
    if let Some(error) = out.failure() {
        errored(end, Some(error), type_name::<R::Error>(), None);
    }
}

fn by_code<R: MayFail<Error: Evidence>>(out: &R, end: &mut End) {
    if let Some(error) = out.failure() {
        errored(end, None, type_name::<R::Error>(), Some(error.error_code()));
    }
}

fn by_type<R: MayFail>(out: &R, end: &mut End) {
    if out.failure().is_some() {
        errored(end, None, type_name::<R::Error>(), None);
    }
}

/// Errors with a text and a code.
pub trait JudgeByTextAndCode<R> {
    /// Who judges.
    fn judge(&self) -> Judge<R>;
}

impl<R: MayFail<Error: Display + Evidence>> JudgeByTextAndCode<R> for &&&&Of<R> {
    fn judge(&self) -> Judge<R> {
        by_text_and_code
    }
}

/// Errors with a text.
pub trait JudgeByText<R> {
    /// Who judges.
    fn judge(&self) -> Judge<R>;
}

impl<R: MayFail<Error: Display>> JudgeByText<R> for &&&Of<R> {
    fn judge(&self) -> Judge<R> {
        by_text
    }
}

/// Errors with a code.
pub trait JudgeByCode<R> {
    /// Who judges.
    fn judge(&self) -> Judge<R>;
}

impl<R: MayFail<Error: Evidence>> JudgeByCode<R> for &&Of<R> {
    fn judge(&self) -> Judge<R> {
        by_code
    }
}

/// Errors with nothing but a type.
pub trait JudgeByType<R> {
    /// Who judges.
    fn judge(&self) -> Judge<R>;
}

impl<R: MayFail> JudgeByType<R> for &Of<R> {
    fn judge(&self) -> Judge<R> {
        by_type
    }
}

/// All other outputs.
pub trait JudgeNothing<R> {
    /// Nobody judges.
    fn judge(&self) -> Judge<R>;
}

impl<R> JudgeNothing<R> for Of<R> {
    fn judge(&self) -> Judge<R> {
        returned
    }
}

/// The judge of an output that can only be a return.
pub fn returned<R>(_: &R, _: &mut End) {}

/// The answer to a refusal where no error can carry it.
#[cold]
pub fn refuse_by_panic<R>(error: Error) -> R {
    std::panic::panic_any(error)
}

#[cold]
fn refuse_by_err<T, E: CarriesAuditError>(error: Error) -> Result<T, E> {
    Err(E::carry(error))
}

/// Outputs that can carry an audit error.
pub trait RefuseByErr {
    /// The output.
    type Output;
    /// The error's type.
    type Error;
    /// Who answers a refusal.
    fn refusal(&self) -> Refuse<Self::Output>
    where
        Self::Error: CarriesAuditError;
}

impl<T, E> RefuseByErr for &Of<Result<T, E>> {
    type Output = Result<T, E>;
    type Error = E;
    fn refusal(&self) -> Refuse<Result<T, E>>
    where
        E: CarriesAuditError,
    {
        refuse_by_err
    }
}

/// All other outputs.
pub trait RefuseByPanic<R> {
    /// Who answers a refusal.
    fn refusal(&self) -> Refuse<R>;
}

impl<R> RefuseByPanic<R> for Of<R> {
    fn refusal(&self) -> Refuse<R> {
        refuse_by_panic
    }
}

/// Values that may cross threads are held.
pub trait HoldBySend<R> {
    /// The empty place.
    fn hold(&self) -> Held<R>;
}

impl<R: Send> HoldBySend<R> for &Of<R> {
    fn hold(&self) -> Held<R> {
        Held::EMPTY
    }
}

/// All others are not.
pub trait HoldByNothing {
    /// No place.
    fn hold(&self) -> Unheld;
}

impl<R> HoldByNothing for Of<R> {
    fn hold(&self) -> Unheld {
        Unheld
    }
}

/// The place of a value whose type is not written: it decides by itself whether the future is `Send`.
pub fn held<R>() -> Held<R> {
    Held::EMPTY
}

/// Who judges an output of this type, or this output.
#[doc(hidden)]
#[macro_export]
macro_rules! __audited_judge {
    ($ty:ty) => {{
        use $crate::__private::{JudgeByCode as _, JudgeByText as _, JudgeByTextAndCode as _};
        use $crate::__private::{JudgeByType as _, JudgeNothing as _};
        (&&&&&$crate::__private::Of::<$ty>::HERE).judge()
    }};
    ($out:ident $end:ident) => {{
        use $crate::__private::{JudgeByCode as _, JudgeByText as _, JudgeByTextAndCode as _};
        use $crate::__private::{JudgeByType as _, JudgeNothing as _};
        (&&&&&$crate::__private::Of::value($out)).judge()($out, $end)
    }};
}

/// As [`__audited_judge`], with the error's type in the place of its text.
#[doc(hidden)]
#[macro_export]
macro_rules! __audited_judge_type {
    ($ty:ty) => {{
        use $crate::__private::{JudgeByCode as _, JudgeByType as _, JudgeNothing as _};
        (&&&$crate::__private::Of::<$ty>::HERE).judge()
    }};
    ($out:ident $end:ident) => {{
        use $crate::__private::{JudgeByCode as _, JudgeByType as _, JudgeNothing as _};
        (&&&$crate::__private::Of::value($out)).judge()($out, $end)
    }};
}
