//! What annotated calls owe the trail, by what they were seen to do: a body that ran has its opening (I5) and its
//! expectations behind that, one that ended has an acknowledgement that fits its end (I9).

use crate::lab::Seen;
use crate::sites::site_name;
use crate::story::{Entry, Story};
use audit_runtime::contract::Term;
use audit_runtime::fault::Phase;
use audit_runtime::model::record::flag;
use audit_runtime::model::{Key, Kind, Record};
use audit_runtime::site::OnFailure;
use audit_runtime::{Id, Status};
use std::collections::BTreeSet;

/// What is missing, or says otherwise.
pub(crate) fn kept(seen: &[Seen], story: &Story) -> Vec<String> {
    let mut broke = openings(seen, story);
    broke.extend(pledges(seen, story));
    broke
}

/// Bodies that ran without an opening of their own. Where the annotation allows it, a record has to tell of them.
fn openings(seen: &[Seen], story: &Story) -> Vec<String> {
    let entered = seen.iter().filter(|seen| seen.hit.phase == Phase::Entered);
    let bare = entered.filter(|seen| {
        let own = story.entries.get(&seen.hit.state);
        own.is_none_or(|entry| entry.site != site_name(seen.hit.site))
    });
    let degrades = |seen: &&Seen| matches!(seen.hit.site.options.on_failure, OnFailure::Degrade);
    let (allowed, wrong): (Vec<&Seen>, Vec<&Seen>) = bare.partition(degrades);
    let mut broke: Vec<String> = wrong
        .iter()
        .map(|seen| format!("I5 the body of {} ran without an opening of its own", site_name(seen.hit.site)))
        .collect();
    let told: u64 = story.of_kind(Kind::Gap).iter().filter_map(|gap| gap.body.uint(Key::Count)).sum();
    if told < allowed.len() as u64 {
        let names: BTreeSet<String> = allowed.iter().map(|seen| site_name(seen.hit.site)).collect();
        broke.push(format!(
            "I5 {} bodies of {} ran without an opening, and gap records tell of {told}",
            allowed.len(),
            names.into_iter().collect::<Vec<_>>().join(", ")
        ));
    }
    broke
}

/// What calls have declared and acknowledged.
fn pledges(seen: &[Seen], story: &Story) -> Vec<String> {
    let entered = seen.iter().filter(|seen| seen.hit.phase == Phase::Entered);
    let own = entered.filter_map(|seen| {
        let entry = story.entries.get(&seen.hit.state)?;
        (entry.site == site_name(seen.hit.site)).then_some((seen.hit.site, entry))
    });
    let mut broke = Vec::new();
    for (site, entry) in own {
        let missing = site.options.expects.iter().filter(|expects| !declares(story, entry.id, &expects.term));
        broke.extend(missing.map(|expects| format!("I9 {entry} expects {}, and has not declared it", expects.term)));
        for term in site.options.acknowledges {
            broke.extend(answer(story, entry, term));
        }
    }
    broke
}

fn names(record: &Record, term: &Term) -> bool {
    record.body.text(Key::Domain) == Some(term.domain()) && record.body.text(Key::Action) == Some(term.action())
}

fn declares(story: &Story, state: Id, term: &Term) -> bool {
    let of = |record: &Record| record.header.kind == Kind::ExpectationDeclared && record.header.parent == state;
    story.points.iter().any(|(_, record)| of(record) && names(record, term))
}

/// What is wrong with what an entry said of an action. An end that only recovery knows has nothing to say.
fn answer(story: &Story, entry: &Entry, term: &Term) -> Option<String> {
    let [(_, end)] = entry.ends.as_slice() else { return None };
    if end.header.status == Status::Abandoned || end.header.flags & flag::SPOOLED != 0 {
        return None;
    }
    let of = |record: &Record| record.header.kind == Kind::ContractAck && record.header.parent == entry.id;
    let mut said = story.points.iter().filter(|(_, record)| of(record) && names(record, term));
    let (first, second) = (said.next(), said.next());
    let wanted = if end.header.status == Status::Completed { "success" } else { "failure" };
    match (first, second) {
        (Some((_, ack)), None) if ack.body.text(Key::Outcome) == Some(wanted) => None,
        (Some((id, ack)), None) => {
            let told = ack.body.text(Key::Outcome).unwrap_or_default();
            Some(format!("I9 {entry}, and {id} says `{told}` of {term}"))
        }
        (None, _) => Some(format!("I9 {entry}, and acknowledges nothing of {term}")),
        (Some(_), Some(_)) => Some(format!("I9 {entry} acknowledges {term} twice")),
    }
}
