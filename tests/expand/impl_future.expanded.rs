fn import(rows: u32) -> impl Future<Output = Result<u32, Failure>> {
    ::audit_runtime::__private::site!(__AUDITED Async "import" 0u32 0u32 { text : "" });
    ::audit_runtime::__private::future::<
        Result<u32, Failure>,
        _,
        _,
    >(
        &__AUDITED,
        async move { fetch(rows).await },
        ::audit_runtime::__private::judge!(Result < u32, Failure >),
        {
            use ::audit_runtime::__private::{RefuseByErr as _, RefuseByPanic as _};
            let __of = &&::audit_runtime::__private::Of::<Result<u32, Failure>>::HERE;
            __of.refusal()
        },
        {
            use ::audit_runtime::__private::{HoldBySend as _, HoldByNothing as _};
            (&&::audit_runtime::__private::Of::<Result<u32, Failure>>::HERE).hold()
        },
        ::audit_runtime::__private::NONE,
    )
}
