use audit_runtime::contract::{Contract, Expectation, Subject};
use audit_runtime::{Error, Id, Recorder, RunId};
use std::time::Duration;

pub fn declare(recorder: &Recorder, run: RunId) -> Result<Id, Error> {
    let reserve = Expectation::within(Subject::new("orders", "reserve"), Duration::from_secs(5));
    recorder.declare(run, &Contract::draft("order").expect(reserve))
}

fn main() {}
