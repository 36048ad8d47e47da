use audit_runtime::contract;

contract! {
    order {
        domian orders {
            reserve within 5s;
        }
        domain mail {
            print within 5;
            send;
        }
    }
}

fn main() {
    let _ = order();
}
