use audit_runtime::{audited, contract};

contract! {
    order {
        domain orders {
            reserve within 1s;
            finally close within 5s;
        }
    }
}

#[audited(acknowledges(order::RESERV))]
fn reserve() {}

fn main() {
    let _ = order();
}
