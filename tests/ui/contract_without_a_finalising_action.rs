use audit_runtime::contract;

contract! {
    order {
        domain orders {
            reserve within 5s;
        }
    }
}

fn main() {
    let _ = (order(), order::RESERVE);
}
