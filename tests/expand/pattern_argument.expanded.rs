fn import(this: &mut Import, (first, _): (u32, u32)) -> &mut u32 {
    ::audit_runtime::__private::site!(__AUDITED Sync "import" 0u32 0u32 { text : "" });
    match ::audit_runtime::__private::enter::<
        &mut u32,
    >(
        &__AUDITED,
        ::audit_runtime::__private::refuse_by_panic,
        ::audit_runtime::__private::NONE,
    ) {
        ::audit_runtime::__private::Ok(mut __audit) => {
            let __out = __audit
                .body(move || {
                    let _ = (&first, &this);
                    this.rows += first;
                    &mut this.rows
                });
            __audit.leave(__out, ::audit_runtime::__private::returned)
        }
        ::audit_runtime::__private::Err(__refused) => __refused,
    }
}
