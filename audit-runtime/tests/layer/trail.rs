//! A trail read back from disk.

use audit_runtime::Id;
use audit_runtime::journal::{Committed, Layout, Reader};
use audit_runtime::model::{Key, Kind, Record};
use std::collections::HashMap;
use std::path::Path;

/// Every record that counts, in order of stream and sequence.
pub fn records(trail: &Path) -> Vec<(Id, Record)> {
    let layout = Layout::at(trail);
    let mut all = Vec::new();
    for stream in layout.streams().expect("streams") {
        let mut committed = Committed::new(Reader::open(&layout, stream).expect("a readable stream"));
        while let Some(counted) = committed.next().expect("sound records") {
            all.push((Id::new(stream, counted.seq), counted.record));
        }
    }
    all
}

pub fn of_kind(trail: &Path, kind: Kind) -> Vec<Record> {
    records(trail).into_iter().map(|(_, record)| record).filter(|record| record.header.kind == kind).collect()
}

/// How many entries began, and how many of them completed.
pub fn entries(trail: &Path) -> (usize, usize) {
    use audit_runtime::Status;
    let closed = of_kind(trail, Kind::StateClosed);
    let completed = closed.iter().filter(|record| record.header.status == Status::Completed).count();
    (of_kind(trail, Kind::StateOpened).len(), completed)
}

/// What the trail says of a program, without times and ids: one line for each record of a node state or panic.
pub fn story(trail: &Path) -> Vec<String> {
    let mut nodes = HashMap::new();
    let mut story = Vec::new();
    for (_, record) in records(trail) {
        let header = &record.header;
        let text = |key| record.body.text(key).unwrap_or("-").to_owned();
        match header.kind {
            Kind::Site => drop(nodes.insert(header.site, text(Key::Node))),
            Kind::StateOpened | Kind::StateClosed | Kind::PanicObserved => story.push(format!(
                "{} {} {} {} {} {}",
                header.kind.name(),
                nodes.get(&header.site).map_or("-", String::as_str),
                header.status,
                header.exit,
                text(Key::Error),
                text(Key::Message),
            )),
            _ => {}
        }
    }
    story
}

/// Whether any file below a directory holds these bytes.
pub fn holds(dir: &Path, needle: &str) -> bool {
    std::fs::read_dir(dir).expect("a directory").flatten().any(|entry| {
        let path = entry.path();
        if path.is_dir() {
            holds(&path, needle)
        } else {
            let bytes = std::fs::read(&path).unwrap_or_default();
            bytes.windows(needle.len()).any(|window| window == needle.as_bytes())
        }
    })
}
