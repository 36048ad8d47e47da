#[audited(on_audit_failure = degrade)]
pub unsafe extern "C" fn import(rows: *const u32) -> u32 {
    unsafe { *rows }
}
