//! A whole trail as JSON lines: one for each record, with every field, and one for each stream, with its end and root.

use audit_runtime::journal::frame::{self, Found, SPOOL_SEGMENT};
use audit_runtime::journal::tree::Tree;
use audit_runtime::journal::{Committed, Layout, Reader};
use audit_runtime::model::cbor::{Decoder, Value as Cbor};
use audit_runtime::model::record::HEADER;
use audit_runtime::model::{Header, Id, Key, Kind, Record, StreamId};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn id(id: Id) -> Value {
    id.some().map_or(Value::Null, |id| json!([id.stream.text(), id.seq, id.ord]))
}

fn value(item: &Cbor) -> Value {
    match item {
        Cbor::Uint(n) => json!(n),
        Cbor::Int(n) => json!(n),
        Cbor::Bytes(bytes) => json!({ "bytes": hex(bytes) }),
        Cbor::Text(text) => json!(text),
        Cbor::Array(items) => items.iter().map(value).collect(),
        Cbor::Map(pairs) => {
            json!({ "map": pairs.iter().map(|(k, v)| json!([value(k), value(v)])).collect::<Vec<_>>() })
        }
        Cbor::Bool(truth) => json!(truth),
        Cbor::Null => Value::Null,
        Cbor::Float(x) => json!({ "double": hex(&x.to_be_bytes()) }),
    }
}

fn body(bytes: &[u8]) -> Value {
    let mut decoder = Decoder::new(bytes);
    decoder.open_map().expect("a map");
    let mut fields = Vec::new();
    while !decoder.closes() {
        fields.push(json!([value(&decoder.value().expect("a key")), value(&decoder.value().expect("a value"))]));
    }
    Value::Array(fields)
}

fn record(bytes: &[u8]) -> Value {
    let h = Header::decode(bytes).expect("a header");
    json!({
        "version": bytes[0], "flags": h.flags, "kind": h.kind.code(), "status": h.status.code(), "exit": h.exit.code(),
        "durability": h.durability.code(), "seq": h.seq, "wall_ns": h.wall_ns, "mono_ns": h.mono_ns, "run": id(h.run.0),
        "subject": id(h.subject), "attempt": h.attempt, "parent": id(h.parent), "site": h.site,
        "duration_ns": h.duration_ns, "body": body(&bytes[HEADER..]),
    })
}

fn with(mut line: Value, more: Value) -> Value {
    if let (Value::Object(line), Value::Object(more)) = (&mut line, more) {
        line.extend(more);
    }
    line
}

/// What an ending record says of a stream, against what stands there.
fn ending(attested: Option<&Record>, leaves: &[Vec<u8>]) -> &'static str {
    let Some(record) = attested else { return "not attested" };
    let records = record.body.uint(Key::Records).expect("records") as usize;
    let mut tree = Tree::new();
    leaves.iter().take(records).for_each(|leaf| tree.push(leaf));
    match (record.header.kind, record.body.bytes(Key::Root) == Some(&tree.root())) {
        (Kind::StreamClosed, true) => "closed",
        (_, true) => "settled",
        (_, false) => "ROOT DIFFERS",
    }
}

/// The lines.
pub fn dump(trail: &Path) -> Vec<Value> {
    let layout = Layout::at(trail);
    layout.check().expect("a trail");
    let (mut lines, mut ends) = (Vec::new(), Vec::new());
    let mut attested: BTreeMap<StreamId, Record> = BTreeMap::new();
    let mut leaves: BTreeMap<StreamId, Vec<Vec<u8>>> = BTreeMap::new();
    for stream in layout.streams().expect("streams") {
        let mut counted = Committed::new(Reader::open(&layout, stream).expect("readable"));
        let counts: BTreeSet<u64> =
            std::iter::from_fn(|| counted.next().expect("a record")).map(|counted| counted.seq).collect();
        let mut reader = Reader::open(&layout, stream).expect("readable");
        let mut tree = Tree::new();
        while let Some(frame) = reader.next().expect("a frame") {
            let place = json!({ "stream": stream.text(), "segment": frame.segment, "offset": frame.offset,
                "counts": counts.contains(&frame.seq) });
            lines.push(with(record(frame.bytes), place));
            tree.push(frame.bytes);
            leaves.entry(stream).or_default().push(frame.bytes.to_vec());
            let decoded = Record::decode(frame.bytes).expect("a record");
            let of = match decoded.header.kind {
                Kind::StreamClosed => stream,
                Kind::StreamSettled => decoded.body.stream(Key::Stream).expect("a stream"),
                _ => continue,
            };
            attested.entry(of).or_insert(decoded);
        }
        let end = reader.end();
        ends.push((stream, json!({ "stream": stream.text(), "segment": end.segment, "offset": end.offset,
            "records": end.records, "torn": end.tear.is_some(), "torn_bytes": end.torn_bytes, "root": hex(&tree.root()) })));
    }
    lines.extend(spooled(trail));
    lines.extend(ends.into_iter().map(|(stream, end)| {
        let leaves = leaves.get(&stream).map_or(&[][..], Vec::as_slice);
        with(end, json!({ "ending": ending(attested.get(&stream), leaves) }))
    }));
    lines
}

fn spooled(trail: &Path) -> Vec<Value> {
    let mut lines = Vec::new();
    let mut files: Vec<_> = std::fs::read_dir(trail.join("spool")).expect("a spool").flatten().collect();
    files.sort_by_key(std::fs::DirEntry::file_name);
    for file in files {
        let name = file.file_name().to_string_lossy().into_owned();
        let Some(stream) = name.strip_suffix(".spool").and_then(StreamId::parse) else { continue };
        let bytes = std::fs::read(file.path()).expect("readable");
        let mut at = 0;
        while at < bytes.len() {
            let Found::Record(found) = frame::read(&bytes, at, frame::seed(stream, SPOOL_SEGMENT)) else {
                at += 1;
                continue;
            };
            let place = json!({ "stream": stream.text(), "spooled": true, "offset": at });
            lines.push(with(record(found), place));
            at += frame::framed(found.len());
        }
    }
    lines
}
