#[audited]
fn serve(port: u16) -> ! {
    loop {
        accept(port);
    }
}
