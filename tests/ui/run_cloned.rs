use audit_runtime::recorder::Run;

pub fn twice(run: &Run) -> Run {
    run.clone()
}

fn main() {}
