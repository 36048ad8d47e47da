fn serve(port: u16) -> ! {
    ::audit_runtime::__private::site!(__AUDITED Sync "serve" 0u32 0u32 { text : "" });
    match ::audit_runtime::__private::enter::<
        ::audit_runtime::__private::Never,
    >(
        &__AUDITED,
        ::audit_runtime::__private::refuse_by_panic,
        ::audit_runtime::__private::NONE,
    ) {
        ::audit_runtime::__private::Ok(mut __audit) => {
            let __out = __audit
                .body(move || {
                    let _ = (&port,);
                    loop {
                        accept(port);
                    }
                });
            match __audit.leave(__out, ::audit_runtime::__private::returned) {}
        }
        ::audit_runtime::__private::Err(__refused) => match __refused {}
    }
}
