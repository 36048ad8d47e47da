use audit_runtime::contract;

contract! {
    order {
        domain orders {
            reserve;
            finally close within 5s;
        }
    }
}

fn main() {
    let _ = order();
}
