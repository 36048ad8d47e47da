#[automatically_derived]
impl ::audit_runtime::__private::Evidence for Failure {
    fn error_code(&self) -> &::audit_runtime::__private::str {
        match self {
            Failure::NoSuchRow { .. } => "NO_SUCH_ROW",
            Failure::Limit { .. } => "E_LIMIT",
            Failure::Inner(inner) => {
                ::audit_runtime::__private::Evidence::error_code(inner)
            }
        }
    }
}
