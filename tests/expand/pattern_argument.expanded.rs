fn import(this: &mut Import, (first, _): (u32, u32)) -> &mut u32 {
    ::audit_runtime::__private::site!(__AUDITED Sync "import" 0u32 0u32 { text : "" });
    let mut __audit = ::audit_runtime::__private::Audit::<
        &mut u32,
    >::at(&__AUDITED, ::audit_runtime::__private::refuse_by_panic);
    match __audit.open(::audit_runtime::__private::NONE) {
        ::audit_runtime::__private::Ok(()) => {
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
