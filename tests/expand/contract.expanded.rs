///The actions of contract `order`.
pub mod order {
    /// Goods are set aside.
    ///
    ///`orders/reserve`, within 5 s.
    pub const RESERVE: ::audit_runtime::__private::Term = ::audit_runtime::__private::Term::new(
        "order",
        ("orders", "reserve"),
        ::audit_runtime::__private::Some(5000000000u64),
        false,
        (::core::file!(), ::core::line!()),
    );
    ///`orders/close`, within patience; it ends the run.
    pub const CLOSE: ::audit_runtime::__private::Term = ::audit_runtime::__private::Term::new(
        "order",
        ("orders", "close"),
        ::audit_runtime::__private::None,
        true,
        (::core::file!(), ::core::line!()),
    );
    /// All of them, in order of declaration.
    pub const ALL: &[::audit_runtime::__private::Term] = &[RESERVE, CLOSE];
    static __CONTRACT: ::audit_runtime::__private::ContractSite = ::audit_runtime::__private::ContractSite {
        name: "order",
        module: ::core::module_path!(),
        file: ::core::file!(),
        line: ::core::line!(),
        terms: ALL,
    };
    ::audit_runtime::__private::inventory::submit! {
        ::audit_runtime::__private::Registered::Contract(& __CONTRACT)
    }
}
/// What every order promises.
///
///| action | within |
///|---|---|
///| `orders/reserve` | 5 s |
///| `orders/close`, ends the run | patience |
#[must_use]
pub fn order(patience: Duration) -> ::audit_runtime::__private::Contract {
    ::audit_runtime::__private::Contract::of_terms(
        "order",
        [
            (order::RESERVE, ::audit_runtime::__private::nanos(5000000000u64)),
            (order::CLOSE, patience),
        ],
    )
}
