use audit_runtime::contract;

contract! {
    order {
        domain orders {
            finally close within 5s;
            finally archive within 5s;
        }
    }
}

fn main() {
    let _ = order();
}
