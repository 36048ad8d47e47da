//! Payloads as a stranger sees them: the files of the store, and the records of the journal that name them. Nothing here
//! asks the index or the store.

use audit_runtime::Id;
use audit_runtime::journal::{Committed, Layout, Reader};
use audit_runtime::model::digest::{Scope, Slot, digest_bytes};
use audit_runtime::model::{Key, Kind};
use std::collections::BTreeSet;
use std::path::Path;

/// Every payload of a trail: the digest in its name, and its bytes.
#[must_use]
pub fn kept(trail: &Path) -> Vec<([u8; 32], Vec<u8>)> {
    let mut found = Vec::new();
    let entries = |dir: &Path| std::fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path());
    for file in entries(&trail.join("payloads")).flat_map(|dir| entries(&dir)).flat_map(|dir| entries(&dir)) {
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let digit = |at: usize| u8::from_str_radix(name.get(at..at + 2).unwrap_or("x"), 16);
        let bytes = std::fs::read(&file).expect("a payload can be read");
        let mut hash = [0; 32];
        let whole = (0..32).all(|at| digit(2 * at).map(|byte| hash[at] = byte).is_ok());
        assert!(whole && name.len() == 64, "a file that is no payload: {name}");
        found.push((hash, bytes));
    }
    found
}

/// Records that name bytes which are not there, or are others, although no purge has taken them.
#[must_use]
pub fn absent(trail: &Path) -> Vec<String> {
    let layout = Layout::at(trail);
    let (mut named, mut purged) = (Vec::new(), BTreeSet::new());
    for stream in layout.streams().expect("streams") {
        let mut reader = Committed::new(Reader::open(&layout, stream).expect("a readable stream"));
        while let Some(counted) = reader.next().expect("sound records") {
            let (header, body) = (&counted.record.header, &counted.record.body);
            if let Some(Slot::Digest(digest)) = body.slot(Key::Payload) {
                named.push((Id::new(stream, counted.seq), header.run, *digest.bytes()));
            }
            if header.kind == Kind::PayloadsPurged {
                let list = body.get(Key::Payloads).and_then(|list| list.as_array()).unwrap_or_default();
                purged.extend(list.iter().filter_map(|item| Some((header.run, item.as_bytes()?.to_vec()))));
            }
        }
    }
    let kept = kept(trail);
    let sound = |hash: &[u8; 32]| {
        let of_hash =
            |(name, bytes): &&([u8; 32], Vec<u8>)| name == hash && digest_bytes(Scope::Bytes, bytes).bytes() == hash;
        kept.iter().any(|file| of_hash(&file))
    };
    named
        .into_iter()
        .filter(|(_, run, hash)| !purged.contains(&(*run, hash.to_vec())) && !sound(hash))
        .map(|(id, ..)| format!("{id:#} names a payload that is not there"))
        .collect()
}
