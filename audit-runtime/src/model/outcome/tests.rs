//! The table cell by cell: enum, load check and CHECK agree, for every pair and every set of fields.

use super::*;
use crate::model::digest::{Scope, digest_bytes};
use crate::model::record::{Header, Invalid, Record};
use crate::model::{Kind, RunId, Status, StreamId};

fn id() -> Id {
    Id::new(StreamId([7; 16]), 3)
}

fn write(field: Field, body: &mut BodyWriter) {
    match field {
        Field::Sink => body.text(Key::Sink, "out"),
        Field::Error => body.slot(Key::ErrorDigest, &digest_bytes(Scope::Bytes, b"e").into()),
        Field::Children => body.uint(Key::Children, 2),
        Field::Fork | Field::Expand | Field::Join | Field::Batch => body.id(field.key(), id()),
    };
}

fn decoded(body: BodyWriter) -> Result<Record, Invalid> {
    let mut header = Header::new(Kind::TokenOutcome);
    (header.status, header.run, header.subject) = (Status::Ended, RunId(id()), id());
    Record::decode(&[&header.encode()[..], &body.finish()].concat())
}

/// Every subset of the fields, as a bit set.
fn subsets() -> impl Iterator<Item = Vec<Field>> {
    (0u32..1 << Field::ALL.len())
        .map(|bits| Field::ALL.iter().enumerate().filter(|(at, _)| bits >> at & 1 == 1).map(|(_, f)| *f).collect())
}

/// The specification's table, written out a second time by hand.
fn legal(path: &str, fields: &[Field]) -> bool {
    let (required, optional): (&[Field], &[Field]) = match path {
        "default_flow" | "gate_routed" => (&[Field::Sink], &[]),
        "gate_discarded" | "filter_dropped" => (&[], &[]),
        "coalesced" => (&[Field::Join], &[Field::Sink]),
        "on_error_routed" | "sink_fallback" => (&[Field::Sink, Field::Error], &[]),
        "unrouted" | "sink_discarded" => (&[Field::Error], &[]),
        "quarantined_at_source" => (&[Field::Error], &[Field::Sink]),
        "fork_parent" => (&[Field::Fork, Field::Children], &[]),
        "expand_parent" => (&[Field::Expand, Field::Children], &[]),
        "batch_consumed" | "buffered" => (&[Field::Batch], &[]),
        other => panic!("{other} is not in the specification"),
    };
    required.iter().all(|f| fields.contains(f)) && fields.iter().all(|f| required.contains(f) || optional.contains(f))
}

#[test]
fn l2_every_cell_of_the_table_is_the_specification_s() {
    assert_eq!(PAIRS.len(), 14);
    assert_eq!(PAIRS.iter().filter(|pair| pair.outcome.is_some()).count(), 13);
    for pair in PAIRS {
        for fields in subsets() {
            let mut body = BodyWriter::new();
            body.maybe(Key::TokenOutcome, pair.outcome).text(Key::Path, pair.path);
            fields.iter().for_each(|field| write(*field, &mut body));
            let mut bytes = Header::new(Kind::Note).encode().to_vec();
            bytes.extend(body.finish());
            let mut decoder = super::super::cbor::Decoder::new(&bytes[super::super::record::HEADER..]);
            decoder.open_map().unwrap();
            let mut stored = Body::default();
            while !decoder.closes() {
                let key = Key::from_code(decoder.value().unwrap().as_uint().unwrap()).unwrap();
                stored.fields.push((key, decoder.value().unwrap()));
            }
            assert_eq!(check(&stored).is_ok(), legal(pair.path, &fields), "{} {fields:?}", pair.path);
            if legal(pair.path, &fields) {
                let outcome = Outcome::read(&stored).unwrap();
                assert_eq!((outcome.name(), outcome.path()), (pair.outcome, pair.path));
            }
        }
    }
}

#[test]
fn l2_a_smuggled_pair_is_refused_when_it_is_loaded() {
    let mut body = BodyWriter::new();
    Outcome::DefaultFlow { sink: "out".into() }.write(&mut body);
    body.id(Key::Receipt, id());
    assert!(decoded(body).is_ok());
    let mut body = BodyWriter::new();
    Outcome::DefaultFlow { sink: "out".into() }.write(&mut body);
    assert!(decoded(body).is_err(), "a sink that no receipt proves");
    for (outcome, path) in [("FAILURE", "default_flow"), ("SUCCESS", "nowhere"), ("", "unrouted")] {
        let mut body = BodyWriter::new();
        body.text(Key::TokenOutcome, outcome).text(Key::Path, path).text(Key::Sink, "out");
        assert!(decoded(body).is_err(), "{outcome} {path}");
    }
    let mut body = BodyWriter::new();
    body.text(Key::TokenOutcome, "SUCCESS").text(Key::Path, "default_flow").text(Key::Sink, " ");
    assert!(decoded(body).is_err(), "a blank sink");
}

/// The CHECK and the sweep's lines are the same table: SQLite holds a row exactly when the specification allows it.
#[test]
fn l2_the_strict_schema_takes_exactly_the_legal_rows_and_the_sweep_names_the_others() {
    let columns = "run_id TEXT, token_id TEXT, terminal INTEGER, outcome TEXT, path TEXT, sink TEXT, error_digest TEXT,
      fork_group TEXT, expand_group TEXT, join_group TEXT, batch_id TEXT, children INTEGER";
    let conn = rusqlite::Connection::open_in_memory().unwrap();
    conn.execute_batch(&format!("CREATE TABLE strict({columns}, {}); CREATE TABLE outcomes({columns});", check_sql()))
        .unwrap();
    let mut sweep = conn.prepare(&format!("{} UNION ALL {}", illegal_pairs_sql(), wrong_fields_sql())).unwrap();
    for pair in PAIRS {
        for outcome in [Some("SUCCESS"), Some("FAILURE"), Some("TRANSIENT"), None] {
            for fields in subsets() {
                let stands = |field: Field| fields.contains(&field).then_some("x");
                let values = rusqlite::params![
                    "r",
                    "t",
                    i64::from(outcome.is_some()),
                    outcome,
                    pair.path,
                    stands(Field::Sink),
                    stands(Field::Error),
                    stands(Field::Fork),
                    stands(Field::Expand),
                    stands(Field::Join),
                    stands(Field::Batch),
                    stands(Field::Children)
                ];
                let put = |table| format!("INSERT INTO {table} VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12)");
                let taken = conn.execute(&put("strict"), values).is_ok();
                let right = outcome == pair.outcome && legal(pair.path, &fields);
                assert_eq!(taken, right, "{outcome:?} {} {fields:?}", pair.path);
                // A missing outcome on a terminal path is S3's; the generated lines are asked where S3 is silent.
                if outcome.is_some() || pair.outcome.is_none() {
                    conn.execute(&put("outcomes"), values).unwrap();
                    assert_eq!(!sweep.exists(["r"]).unwrap(), right, "{outcome:?} {} {fields:?}", pair.path);
                    conn.execute("DELETE FROM outcomes", []).unwrap();
                }
            }
        }
    }
}

#[test]
fn the_documents_show_this_table() {
    let page = include_str!("../../../../docs/landscape.md");
    assert!(page.contains(&markdown()), "docs/landscape.md needs:\n{}", markdown());
}
