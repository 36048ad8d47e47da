use audit_runtime::governance::{Created, Governed};

pub fn hurry(run: Governed<Created>) {
    run.check();
}

fn main() {}
