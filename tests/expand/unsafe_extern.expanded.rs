pub unsafe extern "C" fn import(rows: *const u32) -> u32 {
    ::audit_runtime::__private::site!(
        __AUDITED Sync "import" 0u32 0u32 { text : "on_audit_failure = degrade",
        on_failure : ::audit_runtime::__private::OnFailure::Degrade }
    );
    let __refuse = ::audit_runtime::__private::refuse_by_panic;
    let __asks = ::audit_runtime::__private::asks(&__AUDITED);
    let mut __audit = ::audit_runtime::__private::Audit::<u32>::new();
    match if __asks {
        __audit.open(&__AUDITED, ::audit_runtime::__private::NONE, __refuse)
    } else {
        ::audit_runtime::__private::Ok(())
    } {
        ::audit_runtime::__private::Ok(()) => {
            let __out = __audit
                .body(move || {
                    let _ = (&rows,);
                    unsafe { *rows }
                });
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
