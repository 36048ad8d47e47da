pub unsafe extern "C" fn import(rows: *const u32) -> u32 {
    ::audit_runtime::__private::site!(
        __AUDITED Sync "import" 0u32 0u32 { text : "on_audit_failure = degrade",
        on_failure : ::audit_runtime::__private::OnFailure::Degrade }
    );
    ::audit_runtime::__private::call::<
        u32,
        _,
    >(
        &__AUDITED,
        ::audit_runtime::__private::NONE,
        move || {
            let _ = (&rows,);
            unsafe { *rows }
        },
        ::audit_runtime::__private::returned,
        ::audit_runtime::__private::refuse_by_panic,
    )
}
