fn import(rows: u32) -> Pin<Box<dyn Future<Output = u32> + Send>> {
    ::audit_runtime::__private::site!(__AUDITED Async "import" 0u32 0u32 { text : "" });
    Box::pin(
        ::audit_runtime::__private::future::<
            u32,
            _,
            _,
        >(
            &__AUDITED,
            async move { rows },
            ::audit_runtime::__private::returned,
            ::audit_runtime::__private::refuse_by_panic,
            {
                use ::audit_runtime::__private::{HoldBySend as _, HoldByNothing as _};
                (&&::audit_runtime::__private::Of::<u32>::HERE).hold()
            },
            ::audit_runtime::__private::NONE,
        ),
    )
}
