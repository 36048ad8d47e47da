//! Work that nobody records is told of by a record: calls before there was a recorder, calls whose annotation lets them go
//! on unrecorded, contracts that are not reconciled, options that are not those in force.

use crate::bug;
use audit_runtime::model::{Key, Kind as RecordKind};
use audit_runtime::{Builder, Code, Durability};
use audit_testkit::{Kinds, Lab, Matrix, Story};
use lab_tests::work::{aside, parcels};
use lab_tests::{order, parse};

/// Calls that nobody records cost next to nothing, because each place remembers that there is nobody. The first recorder
/// makes all of them ask again.
#[test]
fn called_before_there_is_a_lab() {
    bug();
    for line in ["1", "2"] {
        drop(parse(line));
    }
    Matrix::of_sync(|_lab| drop(order(&["3"]))).matrix().run();
}

/// The same, where no runner looks.
#[test]
fn called_before_a_lab_by_hand() {
    bug();
    for line in ["1", "2"] {
        drop(parse(line));
    }
    let lab = Lab::new();
    drop(lab.scope(|| order(&["3"])));
    lab.finish();
}

#[test]
fn t12_called_before_an_installation() {
    bug();
    for line in ["1", "2", "x"] {
        drop(parse(line));
    }
    let dir = tempfile::tempdir().expect("a directory");
    let trail = dir.path().join("trail");
    let recorder = Builder::new(&trail).project(false).open().expect("the trail opens");
    let installed = recorder.install().expect("installed");
    drop(parse("3"));
    installed.close().expect("closed");
    let story = Story::read(&trail).expect("readable");
    let told: u64 = story.of_kind(RecordKind::Uninstalled).iter().filter_map(|told| told.body.uint(Key::Count)).sum();
    assert!(told >= 3, "silence without a record: three calls ran while nobody recorded, and {told} are told of");
}

/// A call that goes on without its opening is counted.
#[test]
fn t12_set_aside() {
    bug();
    Matrix::of_sync(|_lab| {
        aside(1);
        drop(parse("3"));
    })
    .kinds(Kinds::REFUSED_BEGIN)
    .run();
}

#[test]
fn t12_unreconciled() {
    bug();
    let lab = Lab::new();
    let run = lab.recorder().begin_run("unreconciled").expect("begun");
    let _declared = lab.recorder().declare_with(run.id(), &parcels(), false).expect("declared");
    let trail = lab.trail();
    let declared = trail.of_kind(RecordKind::ContractDeclared);
    let told = declared.iter().filter(|declared| declared.body.is(Key::Disabled)).count();
    assert_eq!((declared.len(), told), (1, 1), "silence without a record: nobody reconciles this contract");
    drop(run);
    lab.give_up();
}

#[test]
fn t12_opened_twice() {
    bug();
    let dir = tempfile::tempdir().expect("a directory");
    let builder = || Builder::new(dir.path().join("trail")).project(false);
    let first = builder().open().expect("the trail opens");
    let second = builder().durability(Durability::Disk).open();
    let refused = second.is_err_and(|error| error.code() == Code::OptionsDiffer);
    assert!(refused, "silence without a record: options that are not in force were accepted");
    first.close().expect("closed");
}
