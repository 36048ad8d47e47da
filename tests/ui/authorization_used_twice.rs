use audit_runtime::governance::{Authorization, Catalog, Order};

pub fn twice(authorization: Authorization, catalog: &Catalog, order: &Order<'_>) {
    let first = authorization.execute(catalog, order, &1, |n| Ok::<_, std::io::Error>(*n));
    let second = authorization.execute(catalog, order, &1, |n| Ok::<_, std::io::Error>(*n));
    drop((first, second));
}

fn main() {}
