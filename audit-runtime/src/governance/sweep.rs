//! Trails that contradict themselves about decisions and actions, and actions that have been PENDING for too long.
//!
//! | rule | contradiction |
//! |---|---|
//! | `S21` | two decisions on one attempt |
//! | `S22` | a terminal without PENDING |
//! | `S23` | two terminals of one attempt |
//! | `S24` | an attempt behind a DENY |
//! | `S25` | an attempt before its decision, or without one |
//! | `S26` | BLOCKED and PENDING behind one decision |
//! | `S27` | PENDING for longer than the limit, in a living process |
//! | `UNRECOVERED` | PENDING, and its process is gone |

use crate::error::{Code, Error};
use crate::journal::{Layout, Reader, owner};
use crate::model::record::{Header, Invalid, flag};
use crate::model::{Id, Key, Kind, Record, RunId, Status, StreamId};
use crate::trail::{Finding, Weight};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

/// What contradicts itself, each under its own rule. `records` are all decisions and action records of a trail, in order of
/// their streams; others are passed over.
#[must_use]
pub fn inconsistencies(records: &[(Id, Header)]) -> Vec<Finding> {
    let of = |kind: Kind| records.iter().filter(move |(_, header)| header.kind == kind);
    let decisions: BTreeMap<Id, &Header> = of(Kind::Decision).map(|(id, header)| (*id, header)).collect();
    let attempts: BTreeMap<Id, &Header> = of(Kind::ActionPending).map(|(id, header)| (*id, header)).collect();
    let mut found = Vec::new();
    let mut bad = |rule, id: Id, message: String| {
        found.push(Finding { rule, weight: Weight::Integrity, id: format!("{id:#}"), message, place: None });
    };
    let mut decided = BTreeSet::new();
    for (id, header) in of(Kind::Decision) {
        let attempt = header.subject.some().unwrap_or(*id);
        if !decided.insert(attempt) {
            bad("S21", *id, format!("INCONSISTENT: decides on {attempt} a second time"));
        }
    }
    let mut ended = BTreeSet::new();
    for (id, header) in of(Kind::ActionClosed) {
        let subject = header.subject;
        if !attempts.contains_key(&subject) {
            bad("S22", *id, format!("INCONSISTENT: ends {subject}, which was never PENDING"));
        } else if !ended.insert(subject) {
            bad("S23", *id, format!("INCONSISTENT: ends {subject} a second time"));
        }
    }
    let mut begun = BTreeSet::new();
    for (id, header) in of(Kind::ActionPending) {
        let parent = header.parent;
        match decisions.get(&parent) {
            Some(decision) if decision.status == Status::Deny => {
                bad("S24", *id, format!("INCONSISTENT: begins although {parent} denied it"));
            }
            Some(_) if parent.stream == id.stream && parent.seq > id.seq => {
                bad("S25", *id, format!("INCONSISTENT: begins before {parent} allowed it"));
            }
            Some(_) => drop(begun.insert(parent)),
            None if attempts.contains_key(&parent) => {}
            None => bad("S25", *id, "INCONSISTENT: begins without a decision".to_owned()),
        }
    }
    for (id, header) in of(Kind::ActionBlocked).filter(|(_, header)| begun.contains(&header.parent)) {
        bad("S26", *id, format!("INCONSISTENT: blocked although what {} allowed had begun", header.parent));
    }
    found
}

/// Applies every rule to the trail in this directory, or to one run of it. `now_ns` is wall time, as ages are for people.
///
/// # Errors
/// What the journal's files say.
pub fn sweep_actions(
    path: impl AsRef<Path>,
    run: Option<RunId>,
    now_ns: i64,
    limit: Duration,
) -> Result<Vec<Finding>, Error> {
    let layout = Layout::at(path);
    layout.check()?;
    let mut records = Vec::new();
    for stream in layout.streams()? {
        read(&layout, stream, &mut records)?;
    }
    if let Some(run) = run {
        records.retain(|(_, header)| header.run == run);
    }
    let mut found = inconsistencies(&records);
    let ended: BTreeSet<Id> =
        records.iter().filter(|(_, h)| h.kind == Kind::ActionClosed).map(|(_, header)| header.subject).collect();
    let mut lives: BTreeMap<StreamId, bool> = BTreeMap::new();
    for (id, header) in records.iter().filter(|(id, h)| h.kind == Kind::ActionPending && !ended.contains(id)) {
        let age = Duration::from_nanos(u64::try_from(now_ns.saturating_sub(header.wall_ns)).unwrap_or(0));
        let alive = *lives.entry(id.stream).or_insert_with(|| owner::is_alive(&layout, id.stream));
        let (rule, message) = match alive {
            true if age <= limit => continue,
            true => ("S27", format!("PENDING for {:.1} s", age.as_secs_f64())),
            false => ("UNRECOVERED", "PENDING, and its process is gone".to_owned()),
        };
        found.push(Finding { rule, weight: Weight::Problem, id: format!("{id:#}"), message, place: None });
    }
    Ok(found)
}

/// Headers of decisions and action records that count. Bodies are read for commits of groups only.
fn read(layout: &Layout, stream: StreamId, out: &mut Vec<(Id, Header)>) -> Result<(), Error> {
    let mut reader = Reader::open(layout, stream)?;
    let mut group: Vec<(Id, Header)> = Vec::new();
    while let Some(frame) = reader.next()? {
        let header = match Header::decode(frame.bytes) {
            Ok(header) => header,
            Err(Invalid::UnknownKind(_) | Invalid::UnknownVersion(_)) => continue,
            Err(invalid) => {
                let what = format!("reading record {} of stream {stream}", frame.seq);
                return Err(Error::new(Code::Corrupt, what).detail(invalid.to_string()));
            }
        };
        match header.kind {
            Kind::StreamSettled | Kind::GroupCommitted => {
                let first = Record::decode(frame.bytes).ok().and_then(|record| record.body.uint(Key::First));
                let first = first.unwrap_or(frame.seq);
                out.extend(group.drain(..).filter(|(id, _)| id.seq >= first));
            }
            Kind::Decision | Kind::ActionPending | Kind::ActionClosed | Kind::ActionBlocked => {
                let place = (Id::new(stream, frame.seq), header);
                if header.flags & flag::GROUPED != 0 { group.push(place) } else { out.push(place) }
            }
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Kind, status, subject, parent.
    type Told = (Kind, Status, Option<u64>, Option<u64>);

    /// A trail told by hand.
    fn trail(told: &[Told]) -> Vec<(Id, Header)> {
        let stream = StreamId([7; 16]);
        let at = |seq: Option<u64>| seq.map_or(Id::NONE, |seq| Id::new(stream, seq));
        let record = |(seq, (kind, status, subject, parent)): (u64, &Told)| {
            let mut header = Header::new(*kind);
            (header.seq, header.status) = (seq, *status);
            (header.subject, header.parent) = (at(*subject), at(*parent));
            (Id::new(stream, seq), header)
        };
        (1..).zip(told).map(record).collect()
    }

    #[test]
    fn a9_each_contradiction_has_a_rule_of_its_own_and_healthy_trails_none() {
        use Kind::{ActionBlocked as Blocked, ActionClosed as Closed, ActionPending as Pending, Decision};
        use Status as S;
        let allow = (Decision, S::Allow, None, None);
        let pending = |decision| (Pending, S::Pending, None, Some(decision));
        let closed = |attempt| (Closed, S::Success, Some(attempt), Some(1));
        let cells: &[(&str, Vec<_>)] = &[
            ("", vec![allow, pending(1), closed(2)]),
            ("", vec![allow, pending(1), pending(2), closed(3), closed(2)]),
            ("", vec![allow, (Blocked, S::Blocked, None, Some(1))]),
            ("S21", vec![allow, (Decision, S::Deny, Some(1), None)]),
            ("S22", vec![allow, closed(9)]),
            ("S23", vec![allow, pending(1), closed(2), closed(2)]),
            ("S24", vec![(Decision, S::Deny, None, None), pending(1), closed(2)]),
            ("S25", vec![pending(3), closed(1), allow]),
            ("S25", vec![pending(9), closed(1)]),
            ("S26", vec![allow, pending(1), (Blocked, S::Blocked, None, Some(1)), closed(2)]),
        ];
        for (rule, told) in cells {
            let found = inconsistencies(&trail(told));
            let rules: Vec<&str> = found.iter().map(|finding| finding.rule).collect();
            assert_eq!(rules, rule.split_terminator(' ').collect::<Vec<_>>(), "{told:?}");
            assert!(found.iter().all(|finding| finding.message.starts_with("INCONSISTENT")));
        }
    }
}
