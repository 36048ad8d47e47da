fn import(rows: u32, mut names: Vec<String>) -> Result<usize, Failure> {
    ::audit_runtime::__private::site!(__AUDITED Sync "import" 0u32 0u32 { text : "" });
    let mut __audit = ::audit_runtime::__private::Audit::<
        Result<usize, Failure>,
    >::at(
        &__AUDITED,
        {
            use ::audit_runtime::__private::{RefuseByErr as _, RefuseByPanic as _};
            let __of = &&::audit_runtime::__private::Of::<Result<usize, Failure>>::HERE;
            __of.refusal()
        },
    );
    match __audit.open(::audit_runtime::__private::NONE) {
        ::audit_runtime::__private::Ok(()) => {
            let __out = __audit
                .body(move || {
                    let _ = (&names, &rows);
                    names.push(rows.to_string());
                    Ok(names.len())
                });
            __audit
                .leave(
                    __out,
                    ::audit_runtime::__private::judge!(Result < usize, Failure >),
                )
        }
        ::audit_runtime::__private::Err(__refused) => __refused,
    }
}
