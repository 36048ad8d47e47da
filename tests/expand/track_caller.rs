#[audited]
#[track_caller]
fn here() -> &'static Location<'static> {
    Location::caller()
}
