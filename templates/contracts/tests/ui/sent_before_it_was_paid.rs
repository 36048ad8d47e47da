use contracts_template::send;

fn main() {
    drop(send(7));
}
