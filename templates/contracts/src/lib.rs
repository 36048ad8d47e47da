//! A shop that sends what was paid, and nothing else. Three kinds of contract, each with the test that keeps it:
//!
//! | contract | cannot be broken because |
//! |---|---|
//! | an order that was taken is paid and sent in time | `contract!` declares it once; what misses it does not compile, or is found by `assert_contracts_covered` |
//! | nothing is sent before it was paid | `send` takes a `Paid`, and only `pay` makes one |
//! | a payment is used once | `Paid` is consumed, and cannot be copied |
//!
//! `tests/contracts.rs` and the cases beside it are what to copy.

#![forbid(unsafe_code)]

use audit_runtime::{Error, audited, contract};

contract! {
    /// What every order promises to the one who placed it.
    pub orders {
        domain bank {
            order_paid within 5s;
        }
        domain post {
            parcel_sent within 1h;
            finally order_closed within 2h;
        }
    }
}

/// Proof that an order was paid. It is made by [`pay`] and used up by [`send`].
#[derive(Debug)]
#[must_use = "what was paid is sent"]
pub struct Paid {
    order: u32,
}

/// Takes an order: from here on the payment and the parcel are due.
///
/// # Errors
/// When the audit refuses.
#[audited(expects(orders::ORDER_PAID within 5s, orders::PARCEL_SENT within 1h))]
pub fn take(order: u32) -> Result<(), Error> {
    send(pay(order)?)
}

/// Asks the bank.
///
/// # Errors
/// When the audit refuses.
#[audited(effect = external, acknowledges(orders::ORDER_PAID))]
pub fn pay(order: u32) -> Result<Paid, Error> {
    Ok(Paid { order })
}

/// Hands the parcel to the post.
///
/// # Errors
/// When the audit refuses.
#[audited(effect = external, acknowledges(orders::PARCEL_SENT), record(order = paid.order))]
pub fn send(paid: Paid) -> Result<(), Error> {
    drop(paid);
    Ok(())
}
