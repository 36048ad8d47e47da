fn serve(port: u16) -> ! {
    ::audit_runtime::__private::site!(__AUDITED Sync "serve" 0u32 0u32 { text : "" });
    let __asks = ::audit_runtime::__private::asks(&__AUDITED);
    let mut __audit = ::audit_runtime::__private::Audit::<
        ::audit_runtime::__private::Never,
    >::new();
    match if __asks {
        __audit
            .open(
                &__AUDITED,
                ::audit_runtime::__private::NONE,
                ::audit_runtime::__private::refuse_by_panic,
            )
    } else {
        ::audit_runtime::__private::Ok(())
    } {
        ::audit_runtime::__private::Ok(()) => {
            let __out = __audit
                .body(move || {
                    let _ = (&port,);
                    loop {
                        accept(port);
                    }
                });
            match __audit
                .leave(
                    __asks,
                    &__AUDITED,
                    __out,
                    ::audit_runtime::__private::returned,
                    ::audit_runtime::__private::refuse_by_panic,
                )
            {}
        }
        ::audit_runtime::__private::Err(__refused) => match __refused {}
    }
}
