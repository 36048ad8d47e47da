//! Futures over storage that holds back: what they say is on the device when they are ready, and not before.

use super::trail::{any_reason, records};
use crate::storage::{builder, scratch};
use audit_runtime::governance::{Action, Authorization, Catalog, Decision, Executor, Order, Profile, Rules, Ruling};
use audit_runtime::model::Kind;
use audit_runtime::{Error, Recorder};
use audit_testkit::{FaultyStorage, Operation, Unsynced};
use std::cell::Cell;
use std::future::Future;
use std::io;
use std::path::{Path, PathBuf};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// A trail on a device that forgets what was not synced.
struct Device {
    dir: tempfile::TempDir,
    storage: FaultyStorage,
    recorder: Recorder,
    images: Cell<u32>,
}

impl Device {
    fn new() -> Device {
        let dir = scratch();
        let storage = FaultyStorage::new();
        let recorder = builder(&dir.path().join("trail"), storage.clone()).open().expect("opens");
        Device { dir, storage, recorder, images: Cell::new(0) }
    }

    /// How many records of a kind a power cut would leave now.
    fn kept(&self, kind: Kind) -> usize {
        self.images.set(self.images.get() + 1);
        let image: PathBuf = self.dir.path().join(format!("image {}", self.images.get()));
        self.storage.image(&self.dir.path().join("trail"), &image, Unsynced::Nothing).expect("an image");
        count(&image, kind)
    }

    /// Polls until the device is asked to sync, which it does not do; the future waits.
    fn polled_until_it_hangs<F: Future>(&self, mut future: Pin<&mut F>) {
        let mut cx = Context::from_waker(Waker::noop());
        while self.storage.hanging() == 0 {
            assert!(future.as_mut().poll(&mut cx).is_pending(), "ready before its record is on the device");
            std::thread::yield_now();
        }
        assert!(matches!(future.as_mut().poll(&mut cx), Poll::Pending));
    }

    fn allow(&self, profile: &Profile<u8>) -> Authorization {
        let ruling = self.recorder.gate(profile).decide(&1, |_, _| Decision::allow(Rules::new()));
        ruling.expect("recorded").allowed().expect("an ALLOW")
    }
}

fn count(trail: &Path, kind: Kind) -> usize {
    records(trail).iter().filter(|told| told.record.header.kind == kind).count()
}

fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(future)
}

fn profile() -> Profile<u8> {
    Profile::new("any", 0, ["send"]).expect("a profile")
}

#[test]
fn d3_an_async_gate_tells_its_decision_only_when_it_is_on_the_device() {
    for allows in [true, false] {
        let (device, profile) = (Device::new(), profile());
        device.storage.hold(Operation::Sync);
        let rules = async move {
            if allows { Decision::allow(Rules::new()) } else { Decision::deny(any_reason(), Rules::new()) }
        };
        let mut asked = pin!(device.recorder.gate(&profile).decide_async(&1, rules));
        device.polled_until_it_hangs(asked.as_mut());
        assert_eq!(device.kept(Kind::Decision), 0, "the control: what was not synced is not there");
        device.storage.release();
        let ruling: Result<Ruling, Error> = block_on(asked);
        assert_eq!(ruling.expect("recorded").allowed().is_ok(), allows);
        assert_eq!(device.kept(Kind::Decision), 1);
    }
}

#[test]
fn d3_d5_an_async_action_enters_its_body_behind_pending_and_is_ready_behind_its_terminal() {
    let (device, profile) = (Device::new(), profile());
    let catalog = Catalog::new().action(Action::new("send", "1.0.0")).executor(Executor::new("bank", "1.0.0"));
    let order = Order { action: "send", version: "1.0.0", executor: "bank", executor_version: "1.0.0" };
    let (authorization, entered) = (device.allow(&profile), Cell::new(false));
    device.storage.hold(Operation::Sync);
    let body = async {
        entered.set(true);
        assert_eq!((device.kept(Kind::ActionPending), device.kept(Kind::ActionClosed)), (1, 0));
        device.storage.hold(Operation::Sync);
        Ok::<_, io::Error>(7)
    };
    let mut executed = pin!(authorization.execute_async(&catalog, &order, &1, body));
    device.polled_until_it_hangs(executed.as_mut());
    assert!(!entered.get() && device.kept(Kind::ActionPending) == 0);
    device.storage.release();
    while !entered.get() {
        assert!(executed.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }
    device.polled_until_it_hangs(executed.as_mut());
    assert_eq!(device.kept(Kind::ActionClosed), 0, "the control: its terminal is not there yet");
    device.storage.release();
    assert_eq!(block_on(executed).expect("sent"), 7);
    assert_eq!((device.kept(Kind::ActionPending), device.kept(Kind::ActionClosed)), (1, 1));
}

/// A body that was never entered is no effect: dropped while PENDING waits, the attempt ends as cancelled.
#[test]
fn g6_an_async_action_that_is_dropped_before_pending_is_there_does_not_enter_its_body() {
    let (device, profile) = (Device::new(), profile());
    let catalog = Catalog::new().action(Action::new("send", "1.0.0")).executor(Executor::new("bank", "1.0.0"));
    let order = Order { action: "send", version: "1.0.0", executor: "bank", executor_version: "1.0.0" };
    let authorization = device.allow(&profile);
    device.storage.hold(Operation::Sync);
    {
        let body = async { panic!("the body was entered") };
        let executed = authorization.execute_async::<_, (), io::Error>(&catalog, &order, &1, body);
        device.polled_until_it_hangs(pin!(executed));
    }
    device.storage.release();
    let trail = device.dir.path().join("trail");
    let closed: Vec<_> =
        records(&trail).into_iter().filter(|told| told.record.header.kind == Kind::ActionClosed).collect();
    assert_eq!(
        closed.iter().map(|told| told.text(audit_runtime::model::Key::ErrorCode)).collect::<Vec<_>>(),
        ["EXECUTOR_CANCELLED"]
    );
}

/// The second sink hangs as well as the first: whoever waits for PENDING is refused in time all the same.
#[test]
fn d21_an_action_is_refused_in_time_although_the_second_sink_never_answers() {
    let dir = scratch();
    let (storage, spool) = (FaultyStorage::new(), dir.path().join("spool"));
    std::fs::create_dir(&spool).expect("a directory");
    let opened =
        builder(&dir.path().join("trail"), storage.clone()).spool(&spool).ack_timeout(Duration::from_millis(150));
    let recorder = opened.open().expect("opens");
    // Nobody reads from it, so whoever opens it to write waits.
    let pipe = spool.join(format!("{}.spool", recorder.stream().text()));
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().expect("mkfifo runs");
    assert!(made.success());
    let ruling = recorder.gate(&profile()).decide(&1, |_, _| Decision::allow(Rules::new())).expect("recorded");
    let authorization = ruling.allowed().expect("an ALLOW");
    storage.hold(Operation::Sync);
    let (tell, hear) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let catalog = Catalog::new().action(Action::new("send", "1.0.0")).executor(Executor::new("bank", "1.0.0"));
        let order = Order { action: "send", version: "1.0.0", executor: "bank", executor_version: "1.0.0" };
        let executed =
            authorization.execute::<_, (), io::Error>(&catalog, &order, &1, |_| panic!("the body was entered"));
        drop(tell.send(executed.map_err(|error| error.to_string())));
    });
    let refused = hear.recv_timeout(Duration::from_secs(60)).expect("an answer in time");
    assert!(refused.expect_err("PENDING was not acknowledged").contains("AUD0204"));
    // The control: the second sink was asked, and its answer waits for a reader of the pipe.
    let mut reader = std::fs::File::open(&pipe).expect("the other end");
    let mut length = [0; 4];
    std::io::Read::read_exact(&mut reader, &mut length).expect("a frame");
    assert!(u32::from_le_bytes(length) > 100);
    storage.release();
    drop(recorder.close());
}
