use contracts_template::{Paid, send};

fn main() {
    drop(send(Paid { order: 7 }));
}
