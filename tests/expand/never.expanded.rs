fn serve(port: u16) -> ! {
    ::audit_runtime::__private::site!(__AUDITED Sync "serve" 0u32 0u32 { text : "" });
    match ::audit_runtime::__private::call::<
        ::audit_runtime::__private::Never,
        _,
    >(
        &__AUDITED,
        ::audit_runtime::__private::NONE,
        move || {
            let _ = (&port,);
            loop {
                accept(port);
            }
        },
        ::audit_runtime::__private::returned,
        ::audit_runtime::__private::refuse_by_panic,
    ) {}
}
