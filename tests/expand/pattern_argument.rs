#[audited]
fn import(this: &mut Import, (first, _): (u32, u32)) -> &mut u32 {
    this.rows += first;
    &mut this.rows
}
