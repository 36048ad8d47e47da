use audit_runtime::model::Outcome;

pub fn filtered() -> Outcome {
    Outcome::FilterDropped { sink: "orders.csv".to_owned() }
}

fn main() {}
