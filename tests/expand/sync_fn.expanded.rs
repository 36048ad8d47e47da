fn import(rows: u32, mut names: Vec<String>) -> Result<usize, Failure> {
    ::audit_runtime::__private::site!(__AUDITED Sync "import" 0u32 0u32 { text : "" });
    match ::audit_runtime::__private::enter::<
        Result<usize, Failure>,
    >(
        &__AUDITED,
        {
            use ::audit_runtime::__private::{RefuseByErr as _, RefuseByPanic as _};
            let __of = &&::audit_runtime::__private::Of::<Result<usize, Failure>>::HERE;
            __of.refusal()
        },
        ::audit_runtime::__private::NONE,
    ) {
        ::audit_runtime::__private::Ok(mut __audit) => {
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
