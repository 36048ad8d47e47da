//! What a resumed program can find out again of batches and sinks: rows name the batch that stands for them, tokens name
//! the batch that they came out of, and a sink tells where its durable content ends.

use super::trail::{Lab, row, write};
use audit_runtime::landscape::{Again, Trigger};

#[test]
fn l34_l41_rows_name_the_batch_that_stands_for_them_as_long_as_it_is_on_its_way() {
    let lab = Lab::new();
    let (run, land, nodes) = lab.begin();
    let released = |members: std::ops::RangeInclusive<u32>| {
        let mut batch = land.batch(nodes.agg).unwrap();
        members.for_each(|n| batch.add(row(&land, &nodes, n)).unwrap());
        (batch.id(), batch.release(Trigger::Count).unwrap().complete(1, &"sum").unwrap())
    };
    let (_, ended) = released(1..=2);
    write(&land, nodes.out, ended, Ok(()), Ok(())).unwrap().deliver().unwrap();
    let (consuming, underway) = released(3..=4);
    let mut gathering = land.batch(nodes.agg).unwrap();
    gathering.add(row(&land, &nodes, 5)).unwrap();
    let mut worked_on = land.batch(nodes.agg).unwrap();
    worked_on.add(row(&land, &nodes, 6)).unwrap();
    let executing = worked_on.release(Trigger::Count).unwrap();
    let (id, drafted) = (run.id(), gathering.id());
    run.interrupt("in the middle").unwrap();
    drop((underway, gathering, executing, land));

    let (run, land, nodes) = lab.resume(id);
    let batches = land.batches_again(nodes.agg).unwrap();
    let tokens = land.gathered_again().unwrap();
    assert_eq!((batches[0].id(), batches.len(), tokens.len()), (drafted, 2, 1));
    assert_eq!(tokens[0].batch(), Some(consuming));
    for n in 1..=6u32 {
        assert!(matches!(land.row_again(nodes.source, &n.to_string(), &n).unwrap(), Again::Done));
    }
    let of = |n: u32| land.batch_of(nodes.source, &n.to_string());
    assert_eq!([1, 2].map(of), [None, None], "what came out of their batch has its outcome");
    assert_eq!([3, 4].map(of), [Some(consuming); 2]);
    assert_eq!([5, 6].map(of), [Some(drafted), Some(batches[1].id())], "one is tried again, as another batch");
    assert_eq!(land.batch_of(nodes.out, "3"), None);
    tokens.into_iter().for_each(|token| token.filtered().unwrap());
    for batch in batches {
        batch.release(Trigger::EndOfSource).unwrap().complete(0, &()).unwrap();
    }
    run.finish().unwrap();
    assert_eq!(lab.sweep(), Vec::<String>::new());
}

#[test]
fn l35_a_sink_s_last_write_is_the_last_one_with_a_receipt() {
    let lab = Lab::new();
    let (run, land, nodes) = lab.begin();
    let token = row(&land, &nodes, 1);
    write(&land, nodes.out, vec![row(&land, &nodes, 2)], Ok(()), Ok(())).unwrap().deliver().unwrap();
    drop(write(&land, nodes.bad, vec![token], Err("full".to_owned()), Ok(())));
    let id = run.id();
    assert_eq!(land.last_write(nodes.out), None, "nothing was left by an earlier process");
    run.interrupt("in the middle").unwrap();
    let (run, land, nodes) = lab.resume(id);
    assert_eq!(land.last_write(nodes.out).as_deref(), Some("part-0"));
    assert_eq!((land.last_write(nodes.bad), land.last_write(nodes.agg)), (None, None));
    run.finish().unwrap();
    assert_eq!(lab.sweep(), Vec::<String>::new());
}
