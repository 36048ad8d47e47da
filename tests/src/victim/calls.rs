//! Audited functions in every form that matters here; each leaves its effect first.

use super::say::{Effects, came_back};
use audit_runtime::audited;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::{Context, Waker};

fn act(n: u64, how: u64, effects: &Effects) -> io::Result<u64> {
    effects.happen(n)?;
    match how {
        1 => Err(io::Error::other("told to fail")),
        2 => panic!("told to panic"),
        _ => Ok(n),
    }
}

/// A call that is safe from a kill when it returns.
///
/// # Errors
/// Told to, or refused.
#[audited(node = "sync", record(n = n))]
pub fn plain(n: u64, how: u64, effects: &Effects) -> io::Result<u64> {
    act(n, how, effects)
}

/// A call that is on the device when it returns.
///
/// # Errors
/// Told to, or refused.
#[audited(node = "disk", durable = disk, digest(how), record(n = n))]
pub fn on_disk(n: u64, how: u64, effects: &Effects) -> io::Result<u64> {
    act(n, how, effects)
}

/// A call with another one inside.
///
/// # Errors
/// Told to, or refused.
#[audited(node = "outer", record(n = n))]
pub fn outer(n: u64, how: u64, effects: &Effects) -> io::Result<u64> {
    effects.happen(n)?;
    let inner = plain(n + 1, how, effects);
    came_back(n + 1, &inner);
    inner
}

/// A future that comes back once.
///
/// # Errors
/// Told to, or refused.
#[audited(node = "async", record(n = n))]
pub async fn later(n: u64, how: u64, effects: &Effects) -> io::Result<u64> {
    let out = act(n, how, effects);
    tokio::task::yield_now().await;
    out
}

/// One call of any form; says how it came back.
pub fn any(n: u64, form: u64, effects: &Effects) {
    let how = form / 8 % 3;
    let call = || match form % 4 {
        0 | 1 => plain(n, how, effects),
        2 => outer(n, if how == 2 { 0 } else { how }, effects),
        _ => on_disk(n, how, effects),
    };
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(outcome) => came_back(n, &outcome),
        Err(_) => println!("T {n} panicked"),
    }
}

/// One future, polled to its end or dropped in the middle; says how it ended.
pub async fn any_later(n: u64, form: u64, effects: &Effects) {
    if form.is_multiple_of(4) {
        let entered = {
            let mut call = pin!(later(n, 0, effects));
            call.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending()
        };
        if entered {
            println!("T {n} cancelled");
        }
    } else {
        came_back(n, &later(n, form / 8 % 2, effects).await);
    }
}
