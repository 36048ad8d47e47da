//! A deadline that passes while the process lives, and a wait that gives the watcher time to tell of it.

use super::Words;
use audit_runtime::contract::{Contract, Expectation, Subject};
use audit_runtime::journal::{Committed, Layout, Reader};
use audit_runtime::model::Kind;
use audit_runtime::{Builder, Error};
use std::path::Path;
use std::time::{Duration, Instant};

/// `watch TRAIL ALERTS NOTES SECS`: declares two deadlines that pass, waits until the trail holds so many alerts and notes,
/// at most so many seconds, and says how many there were.
pub(super) fn watch(words: &Words) -> Result<(), Error> {
    let trail = words.trail();
    let recorder = Builder::new(&trail).project(false).watch(Duration::from_millis(50)).open()?;
    let run = recorder.begin_run("watched")?;
    let within = |action| Expectation::within(Subject::new("orders", action), Duration::from_millis(50));
    let contract = Contract::draft("order").expect(within("reserve")).finalised_by(within("close"));
    recorder.declare_with(run.id(), &contract, true)?;
    let (wanted, began) = ((words.number(2), words.number(3)), Instant::now());
    while counts(&trail)? < wanted && began.elapsed() < Duration::from_secs(words.number(4)) {
        std::thread::sleep(Duration::from_millis(20));
    }
    let (alerts, notes) = counts(&trail)?;
    println!("ALERTS {alerts} NOTES {notes}");
    run.fail("its deadlines have passed")?;
    recorder.close().map(drop)
}

/// Alerts and notes that the trail holds.
fn counts(trail: &Path) -> Result<(u64, u64), Error> {
    let layout = Layout::at(trail);
    let (mut alerts, mut notes) = (0, 0);
    for stream in layout.streams()? {
        let mut committed = Committed::new(Reader::open(&layout, stream)?);
        while let Some(counted) = committed.next()? {
            alerts += u64::from(counted.record.header.kind == Kind::ContractAlert);
            notes += u64::from(counted.record.header.kind == Kind::Note);
        }
    }
    Ok((alerts, notes))
}
