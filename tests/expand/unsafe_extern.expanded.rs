pub unsafe extern "C" fn import(rows: *const u32) -> u32 {
    ::audit_runtime::__private::site!(
        __AUDITED Sync "import" 0u32 0u32 { text : "on_audit_failure = degrade",
        on_failure : ::audit_runtime::__private::OnFailure::Degrade }
    );
    let mut __audit = ::audit_runtime::__private::Audit::<
        u32,
    >::at(&__AUDITED, ::audit_runtime::__private::refuse_by_panic);
    match __audit.open(::audit_runtime::__private::NONE) {
        ::audit_runtime::__private::Ok(()) => {
            let __out = __audit
                .body(move || {
                    let _ = (&rows,);
                    unsafe { *rows }
                });
            __audit.leave(__out, ::audit_runtime::__private::returned)
        }
        ::audit_runtime::__private::Err(__refused) => __refused,
    }
}
