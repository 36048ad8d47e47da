fn import(this: &mut Import, (first, _): (u32, u32)) -> &mut u32 {
    ::audit_runtime::__private::site!(__AUDITED Sync "import" 0u32 0u32 { text : "" });
    ::audit_runtime::__private::call::<
        &mut u32,
        _,
    >(
        &__AUDITED,
        ::audit_runtime::__private::NONE,
        move || {
            let _ = (&first, &this);
            this.rows += first;
            &mut this.rows
        },
        ::audit_runtime::__private::returned,
        ::audit_runtime::__private::refuse_by_panic,
    )
}
