#[track_caller]
fn here() -> &'static Location<'static> {
    ::audit_runtime::__private::site!(__AUDITED Sync "here" 0u32 0u32 { text : "" });
    let __refuse = ::audit_runtime::__private::refuse_by_panic;
    let __asks = ::audit_runtime::__private::asks(&__AUDITED);
    let mut __audit = ::audit_runtime::__private::Audit::<
        &'static Location<'static>,
    >::new();
    match if __asks {
        __audit.open_in_place(&__AUDITED, ::audit_runtime::__private::NONE, __refuse)
    } else {
        ::audit_runtime::__private::Ok(())
    } {
        ::audit_runtime::__private::Ok(()) => {
            let __out: &'static Location<'static> = { Location::caller() };
            let __out = __audit
                .leave(
                    __asks,
                    &__AUDITED,
                    __out,
                    ::audit_runtime::__private::returned,
                    __refuse,
                );
            ::audit_runtime::__private::forget(__audit);
            __out
        }
        ::audit_runtime::__private::Err(__refused) => __refused,
    }
}
