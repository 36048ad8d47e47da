//! Errors that name what happened: `#[derive(Evidence)]` gives each variant a stable code.

/// An error type whose values carry a stable code. Nominal: a type that merely looks like it does not count.
#[diagnostic::on_unimplemented(
    message = "`{Self}` carries no evidence",
    label = "no stable code",
    note = "derive it: `#[derive(audit_runtime::Evidence)]`"
)]
pub trait Evidence {
    /// The code of this value, for example `VALIDATION_ERROR`. It names the variant, never a generic failure.
    fn error_code(&self) -> &str;
}
