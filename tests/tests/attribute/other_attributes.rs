//! Attributes that rewrite an `async fn` stand on it together with ours, in either order.

use crate::trail::{Fault, How, Told, Trail, act};
use audit_runtime::audited;
use audit_runtime::model::Exit;

#[tokio::main(flavor = "current_thread")]
#[audited]
async fn main_below(how: How) -> Told {
    tokio::task::yield_now().await;
    act(how)
}

#[audited]
#[tokio::main(flavor = "current_thread")]
async fn main_above(how: How) -> Told {
    tokio::task::yield_now().await;
    act(how)
}

type Main = fn(How) -> Told;

#[test]
fn audited_and_tokio_main_in_either_order_record_each_ending() {
    for (function, main) in [("main_below", main_below as Main), ("main_above", main_above)] {
        for (how, exit) in [(How::Ok, Exit::Returned), (How::Err, Exit::Errored), (How::Panic, Exit::Panicked)] {
            let trail = Trail::new();
            let told = trail.recorder.scope(|| crate::trail::caught(|| main(how)));
            assert_eq!(told.is_err(), how == How::Panic, "{function} {how:?}");
            assert_eq!(trail.only(function).exit(), exit, "{function} {how:?}");
        }
    }
}

#[tokio::test]
#[audited(on_audit_failure = degrade)]
async fn audited_below_tokio_test_leaves_the_test_a_test() {
    check().await.expect("it ends well");
}

#[audited(on_audit_failure = degrade)]
#[tokio::test]
async fn audited_above_tokio_test_leaves_the_test_a_test() {
    check().await.expect("it ends well");
}

async fn check() -> Result<(), Fault> {
    let trail = Trail::new();
    let told = trail.recorder.scope_async(async { step().await }).await;
    assert_eq!(trail.only("step").exit(), Exit::Returned);
    told.map(drop)
}

#[audited]
async fn step() -> Told {
    tokio::task::yield_now().await;
    act(How::Ok)
}
