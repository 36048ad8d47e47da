#[audited]
trait Imports {
    fn name(&self) -> String;

    fn import(&self) -> Result<(), Failure> {
        Err(Failure::Named(self.name()))
    }
}
