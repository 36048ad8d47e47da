//! What must hold of any trail once it was opened on good storage, whatever happened before: everything acknowledged is
//! there and identical, every opening has exactly one terminal, no terminal stands alone, refused bodies never ran.

use super::story::{Acked, Call, Saw, builder};
use audit_runtime::Id;
use audit_runtime::journal::{Committed, Layout, Reader};
use audit_runtime::model::{Key, Kind, Record};
use audit_runtime::recorder::Recovered;
use audit_runtime::trail::verify;
use audit_testkit::FaultyStorage;
use std::collections::BTreeMap;
use std::path::Path;

/// A trail as a reader finds it.
#[derive(Default)]
pub struct Found {
    /// Bytes of each record that counts.
    pub bytes: BTreeMap<Id, Vec<u8>>,
    pub records: BTreeMap<Id, Record>,
    pub open: BTreeMap<Id, Record>,
    pub terminals: BTreeMap<Id, Vec<Record>>,
}

impl Found {
    /// Terminals of the node states with this name.
    pub fn ends(&self, node: &str) -> Vec<&Record> {
        let named = |id: &&Id| self.open.get(id).is_some_and(|open| self.node(id, open) == node);
        self.terminals.keys().filter(named).flat_map(|id| &self.terminals[id]).collect()
    }

    fn node(&self, id: &Id, open: &Record) -> String {
        let site = |record: &&Record| record.header.kind == Kind::Site && record.header.site == open.header.site;
        let of_stream = self.records.iter().filter(|(place, _)| place.stream == id.stream).map(|(_, record)| record);
        let text = |record: &Record| record.body.text(Key::Node).unwrap_or_default().to_owned();
        match open.header.site {
            0 => text(open),
            _ => of_stream.into_iter().find(site).map(text).unwrap_or_default(),
        }
    }
}

/// Reads every record that counts.
pub fn read(trail: &Path) -> Found {
    let layout = Layout::at(trail);
    let mut found = Found::default();
    for stream in layout.streams().expect("streams") {
        let mut all = BTreeMap::new();
        let mut reader = Reader::open(&layout, stream).expect("a stream can be read");
        while let Some(frame) = reader.next().expect("a frame") {
            all.insert(frame.seq, frame.bytes.to_vec());
        }
        let mut counted = Committed::new(Reader::open(&layout, stream).expect("a stream can be read"));
        while let Some(one) = counted.next().expect("a record") {
            let id = Id::new(stream, one.seq);
            found.bytes.insert(id, all[&one.seq].clone());
            match one.record.header.kind {
                Kind::StateOpened | Kind::RunStarted => drop(found.open.insert(id, one.record.clone())),
                Kind::StateClosed => {
                    found.terminals.entry(one.record.header.subject).or_default().push(one.record.clone());
                }
                Kind::RunEnded => found.terminals.entry(one.record.header.run.0).or_default().push(one.record.clone()),
                _ => {}
            }
            found.records.insert(id, one.record);
        }
    }
    found
}

/// Opens the trail on storage that works, closes it again, and says what recovery found.
pub fn reopen(trail: &Path) -> Recovered {
    let recorder = builder(trail, FaultyStorage::new()).open().expect("the trail opens on good storage");
    let recovered = recorder.recovered();
    recorder.close().expect("it closes");
    recovered
}

/// What is wrong with the trail and with what the callers were told; empty when every promise is kept.
pub fn faults_of(trail: &Path, acked: &[Acked]) -> Vec<String> {
    let found = read(trail);
    let mut wrong = Vec::new();
    for ack in acked {
        match found.bytes.get(&ack.id) {
            Some(bytes) if *bytes == ack.bytes => {}
            Some(_) => wrong.push(format!("acknowledged record {} was altered", ack.id)),
            None => wrong.push(format!("acknowledged record {} is lost", ack.id)),
        }
    }
    for id in found.open.keys() {
        let ends = found.terminals.get(id).map_or(0, Vec::len);
        if ends != 1 {
            wrong.push(format!("{id} has {ends} terminals"));
        }
    }
    for id in found.terminals.keys().filter(|id| !found.open.contains_key(id)) {
        wrong.push(format!("{id} ended without having been opened"));
    }
    match verify(&Layout::at(trail), &mut |_| {}) {
        Ok(verdict) if verdict.is_intact() => {}
        Ok(verdict) => wrong.push(format!("not intact: {:?}", verdict.findings)),
        Err(error) => wrong.push(error.to_string()),
    }
    wrong
}

/// Whether the callers were told the truth about their bodies.
pub fn lies_in(calls: &[Call]) -> Vec<String> {
    let mut wrong = Vec::new();
    for call in calls {
        match (call.saw, call.entered) {
            (Saw::Refused, true) => wrong.push(format!("{} was refused, yet its body ran", call.node)),
            (Saw::InDoubt, false) => wrong.push(format!("{} is in doubt, yet its body never ran", call.node)),
            (Saw::Value | Saw::Own, false) => wrong.push(format!("{} answered without its body", call.node)),
            _ => {}
        }
    }
    wrong
}
