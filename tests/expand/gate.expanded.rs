fn may_send(
    transfer: &Transfer,
) -> ::audit_runtime::__private::Result<
    ::audit_runtime::__private::Ruling,
    ::audit_runtime::__private::Error,
> {
    ::audit_runtime::__private::site!(
        __AUDITED Sync "may_send" 0u32 0u32 { text :
        "gate(profile = PAYMENTS, expires = 1m)", kind :
        ::audit_runtime::__private::Some("gate") }
    );
    let __profile: &::audit_runtime::__private::Profile<_> = &(PAYMENTS);
    let __recorder = ::audit_runtime::__private::recorder(&__AUDITED)?;
    let __asked = __recorder
        .gate(__profile)
        .at(&__AUDITED)
        .expires(::audit_runtime::__private::nanos(60000000000u64))
        .see(&transfer);
    let policy: &Policy = __profile.policy();
    __asked.settle::<Decision>(move || -> Decision { judge(policy, transfer) })
}
