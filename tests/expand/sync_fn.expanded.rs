fn import(rows: u32, mut names: Vec<String>) -> Result<usize, Failure> {
    ::audit_runtime::__private::site!(__AUDITED Sync "import" 0u32 0u32 { text : "" });
    ::audit_runtime::__private::call::<
        Result<usize, Failure>,
        _,
    >(
        &__AUDITED,
        ::audit_runtime::__private::NONE,
        move || {
            let _ = (&names, &rows);
            names.push(rows.to_string());
            Ok(names.len())
        },
        |__out, __end| {
            ::audit_runtime::__private::judge!(__out __end);
        },
        |__error| {
            use ::audit_runtime::__private::{RefuseByErr as _, RefuseByPanic as _};
            let __refusal = &&::audit_runtime::__private::Refusal::<
                Result<usize, Failure>,
            >::HERE;
            __refusal.refuse(__error)
        },
    )
}
