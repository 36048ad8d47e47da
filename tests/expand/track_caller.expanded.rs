#[track_caller]
fn here() -> &'static Location<'static> {
    ::audit_runtime::__private::site!(__AUDITED Sync "here" 0u32 0u32 { text : "" });
    let mut __entry = match ::audit_runtime::__private::begin(
        &__AUDITED,
        ::audit_runtime::__private::NONE,
    ) {
        ::audit_runtime::__private::Ok(__entry) => __entry,
        ::audit_runtime::__private::Err(__error) => {
            return ::audit_runtime::__private::refused(
                __error,
                ::audit_runtime::__private::refuse_by_panic,
            );
        }
    };
    let __out: &'static Location<'static> = { Location::caller() };
    ::audit_runtime::__private::end(
        __entry,
        __out,
        ::audit_runtime::__private::returned,
        ::audit_runtime::__private::refuse_by_panic,
    )
}
