#[audited(
    node = "settle",
    kind = sink,
    run = run,
    token = order.token,
    attempt = nth,
    digest(order, order.id as text),
    digest_output,
    record(rows = order.rows.len()),
    err = type,
    effect = external,
    durable = disk,
    on_audit_failure = panic,
    expects(PAID within 5s),
    acknowledges(BOOKED)
)]
fn settle(run: &Run, order: Order, nth: u32) -> Result<Receipt, Failure> {
    order.settle()
}
