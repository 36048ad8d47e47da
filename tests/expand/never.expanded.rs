fn serve(port: u16) -> ! {
    ::audit_runtime::__private::site!(__AUDITED Sync "serve" 0u32 0u32 { text : "" });
    let mut __audit = ::audit_runtime::__private::Audit::<
        ::audit_runtime::__private::Never,
    >::at(&__AUDITED, ::audit_runtime::__private::refuse_by_panic);
    match __audit.open(::audit_runtime::__private::NONE) {
        ::audit_runtime::__private::Ok(()) => {
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
