async fn send(
    __authorization: Authorization,
    transfer: &Transfer,
) -> ::audit_runtime::__private::Result<
    Receipt,
    ::audit_runtime::__private::ActionError<BankError>,
> {
    ::audit_runtime::__private::site!(
        __AUDITED Async "send" 0u32 0u32 { text :
        "action(version = \"1.2.0\", executor = BANK, needs(\"ledger\"), limits(bytes = 200), within = 5s)",
        kind : ::audit_runtime::__private::Some("action") }
    );
    let __started = {
        let __executor: &::audit_runtime::__private::Executor = &(BANK);
        ::audit_runtime::__private::Deed::new(
                &__AUDITED,
                ("send", "1.2.0"),
                &["ledger"],
                ::audit_runtime::__private::Limits {
                    bytes: 200,
                    ..::audit_runtime::__private::limits()
                },
                __executor,
            )
            .within(::audit_runtime::__private::nanos(5000000000u64))
            .start(__authorization, &transfer)
    };
    match __started.begin_later().await {
        ::audit_runtime::__private::Ok(__begun) => {
            __begun
                .run_later_within(
                    ::audit_runtime::__private::nanos(5000000000u64),
                    async move {
                        if false {
                            return ::audit_runtime::__private::edge::<
                                Result<Receipt, BankError>,
                            >();
                        }
                        let receipt = transfer.send().await?;
                        Ok(receipt)
                    },
                )
                .await
        }
        ::audit_runtime::__private::Err(__stopped) => {
            ::audit_runtime::__private::Err(
                ::audit_runtime::__private::From::from(__stopped),
            )
        }
    }
}
