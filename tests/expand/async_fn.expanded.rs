async fn import(rows: u32) -> Result<u32, Failure> {
    ::audit_runtime::__private::site!(__AUDITED Async "import" 0u32 0u32 { text : "" });
    ::audit_runtime::__private::future::<
        Result<u32, Failure>,
        _,
        _,
    >(
            &__AUDITED,
            ::audit_runtime::__private::NONE,
            async move {
                if let ::audit_runtime::__private::Some(__edge) = ::audit_runtime::__private::edge::<
                    Result<u32, Failure>,
                >() {
                    return __edge;
                }
                let _ = (&rows,);
                fetch(rows).await
            },
            |__out, __end| {
                ::audit_runtime::__private::judge!(__out __end);
            },
            |__error| {
                use ::audit_runtime::__private::{RefuseByErr as _, RefuseByPanic as _};
                let __refusal = &&::audit_runtime::__private::Refusal::<
                    Result<u32, Failure>,
                >::HERE;
                __refusal.refuse(__error)
            },
            {
                use ::audit_runtime::__private::{HoldBySend as _, HoldByNothing as _};
                (&&::audit_runtime::__private::Holding::<Result<u32, Failure>>::HERE)
                    .hold()
            },
        )
        .await
}
