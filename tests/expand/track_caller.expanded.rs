#[track_caller]
fn here() -> &'static Location<'static> {
    ::audit_runtime::__private::site!(__AUDITED Sync "here" 0u32 0u32 { text : "" });
    match ::audit_runtime::__private::enter_in_place::<
        &'static Location<'static>,
    >(
        &__AUDITED,
        ::audit_runtime::__private::refuse_by_panic,
        ::audit_runtime::__private::NONE,
    ) {
        ::audit_runtime::__private::Ok(mut __audit) => {
            let __out: &'static Location<'static> = { Location::caller() };
            __audit.leave(__out, ::audit_runtime::__private::returned)
        }
        ::audit_runtime::__private::Err(__refused) => __refused,
    }
}
