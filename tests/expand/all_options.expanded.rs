fn settle(run: &Run, order: Order, nth: u32) -> Result<Receipt, Failure> {
    ::audit_runtime::__private::site!(
        __AUDITED Sync "settle" 0u32 0u32 { text :
        "node = \"settle\", kind = sink, run = run, token = order.token, attempt = nth, digest(order, order.id as text), digest_output, record(rows = order.rows.len()), err = type, effect = external, durable = disk, on_audit_failure = panic, expects(PAID within 5s), acknowledges(BOOKED)",
        node : ::audit_runtime::__private::Some("settle"), kind :
        ::audit_runtime::__private::Some("sink"), durable :
        ::audit_runtime::__private::Some(::audit_runtime::__private::Durability::Disk),
        on_failure : ::audit_runtime::__private::OnFailure::Panic, external : true,
        expects : & [::audit_runtime::__private::Expects { term : PAID, within_ns :
        5000000000u64 }], acknowledges : & [BOOKED] }
    );
    let __inputs = ::audit_runtime::__private::inputs(
        &__AUDITED,
        |__inputs: &mut ::audit_runtime::__private::Inputs| {
            __inputs.digests();
            __inputs.run(&(run));
            __inputs.token(&(order.token));
            __inputs.attempt(&(nth));
            {
                use ::audit_runtime::__private::{
                    ViaAuditDigest as _, ViaSerde as _, ViaNothing as _,
                };
                __inputs
                    .arg(
                        "order",
                        &(&&&::audit_runtime::__private::Probe(&order)).audit_value(),
                    );
            }
            __inputs.text_arg("order.id", &order.id);
            {
                use ::audit_runtime::__private::{
                    RecordedAsValue as _, RecordedAsText as _,
                };
                (&&::audit_runtime::__private::Recorded(&(order.rows.len())))
                    .recorded(__inputs, "rows");
            }
        },
    );
    let __refuse = ::audit_runtime::__private::refuse_by_panic;
    let __asks = ::audit_runtime::__private::asks(&__AUDITED);
    let mut __audit = ::audit_runtime::__private::Audit::<
        Result<Receipt, Failure>,
    >::new();
    match if __asks {
        __audit.open(&__AUDITED, __inputs, __refuse)
    } else {
        ::audit_runtime::__private::Ok(())
    } {
        ::audit_runtime::__private::Ok(()) => {
            let __out = __audit
                .body(move || {
                    let _ = (&nth, &order, &run);
                    order.settle()
                });
            let __out = __audit
                .leave(
                    __asks,
                    &__AUDITED,
                    __out,
                    |__out, __end| {
                        ::audit_runtime::__private::judge_type!(__out __end);
                        {
                            use ::audit_runtime::__private::{
                                OkOfResult as _, OkOfAny as _, ViaAuditDigest as _,
                                ViaSerde as _, ViaNothing as _,
                            };
                            if let ::audit_runtime::__private::Some(__value) = (&&::audit_runtime::__private::Judged(
                                __out,
                            ))
                                .value()
                            {
                                __end
                                    .output(
                                        &(&&&::audit_runtime::__private::Probe(__value))
                                            .audit_value(),
                                    );
                            }
                        }
                        {
                            use ::audit_runtime::__private::{
                                OkOfResult as _, OkOfAny as _, ResultOfNamed as _,
                                ResultOfAny as _,
                            };
                            if let ::audit_runtime::__private::Some(__value) = (&&::audit_runtime::__private::Judged(
                                __out,
                            ))
                                .value()
                            {
                                __end
                                    .result(
                                        (&&::audit_runtime::__private::Named(__value)).result_id(),
                                    );
                            }
                        }
                    },
                    __refuse,
                );
            ::audit_runtime::__private::forget(__audit);
            __out
        }
        ::audit_runtime::__private::Err(__refused) => __refused,
    }
}
