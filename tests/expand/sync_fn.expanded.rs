fn import(rows: u32, mut names: Vec<String>) -> Result<usize, Failure> {
    ::audit_runtime::__private::site!(__AUDITED Sync "import" 0u32 0u32 { text : "" });
    let __refuse = {
        use ::audit_runtime::__private::{RefuseByErr as _, RefuseByPanic as _};
        let __of = &&::audit_runtime::__private::Of::<Result<usize, Failure>>::HERE;
        __of.refusal()
    };
    let __asks = ::audit_runtime::__private::asks(&__AUDITED);
    let mut __audit = ::audit_runtime::__private::Audit::<Result<usize, Failure>>::new();
    match if __asks {
        __audit.open(&__AUDITED, ::audit_runtime::__private::NONE, __refuse)
    } else {
        ::audit_runtime::__private::Ok(())
    } {
        ::audit_runtime::__private::Ok(()) => {
            let __out = __audit
                .body(move || {
                    let _ = (&names, &rows);
                    names.push(rows.to_string());
                    Ok(names.len())
                });
            let __out = __audit
                .leave(
                    __asks,
                    &__AUDITED,
                    __out,
                    ::audit_runtime::__private::judge!(Result < usize, Failure >),
                    __refuse,
                );
            ::audit_runtime::__private::forget(__audit);
            __out
        }
        ::audit_runtime::__private::Err(__refused) => __refused,
    }
}
