//! The past of a run, read from the journal: which processes have worked on it, and what each of them has left behind.
//!
//! A run may span many streams, and what a dead process left open is closed in the stream of whoever found it. So the
//! streams are looked through once, by their headers alone, for the places at which the run's processes begin; then each
//! process's records are folded in the order of the processes, and behind them what recovery says of it.

use crate::error::{Code, Error};
use crate::journal::{Committed, Layout, Reader};
use crate::ledger::Past;
use crate::model::record::{Header, Invalid, flag};
use crate::model::{Id, Key, Kind, Record, RunId, StreamId};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Where the records of one process of the run begin.
#[derive(Clone, Copy)]
struct Span {
    stream: StreamId,
    segment: u32,
    offset: u64,
    seq: u64,
}

/// What looking through all streams has found.
#[derive(Default)]
struct Survey {
    /// By number of the process.
    spans: BTreeMap<u32, Span>,
    /// Streams in which recovery speaks of the run.
    recovered: BTreeSet<StreamId>,
    /// Where settlements end streams.
    limits: HashMap<StreamId, (u32, u64)>,
    /// The nodes of the sites in the streams of the run's processes.
    sites: HashMap<(StreamId, u32), String>,
}

/// Reads what a run has come to.
///
/// # Errors
/// `AUD0601` for a run that the trail does not hold; `AUD0103`, `AUD0301` for a trail that cannot be read.
pub(crate) fn past(layout: &Layout, run: RunId) -> Result<Past, Error> {
    let mut survey = survey(layout, run)?;
    if !survey.spans.contains_key(&0) {
        return Err(Error::new(Code::UnknownId, format!("reading the past of run {run}")));
    }
    let mut recovered = Vec::new();
    for stream in &survey.recovered {
        survey.each(layout, *stream, None, |place, record| {
            if of_recovery(&record.header) && record.header.run == run {
                recovered.push((place, record));
            }
            true
        })?;
    }
    let mut past = Past::new();
    past.by_node.know(std::mem::take(&mut survey.sites));
    for span in survey.spans.values() {
        // The stream may hold a later process of the run too: it is another span.
        let next = survey.spans.values().filter(|next| next.stream == span.stream && next.seq > span.seq);
        let until = next.map(|next| next.seq).min().unwrap_or(u64::MAX);
        survey.each(layout, span.stream, Some(*span), |place, record| {
            let own = record.header.run == run || place == run.0;
            if place.seq < until && own && !of_recovery(&record.header) {
                past.take(place, &record);
            }
            place.seq < until
        })?;
        recovered.retain(|(place, record)| {
            let ends = record.header.kind == Kind::RunEnded && record.header.attempt == past.attempt;
            let here = ends || past.awaits(record.header.subject);
            if here {
                past.take(*place, record);
            }
            !here
        });
        past.process_ended();
    }
    past.finish();
    Ok(past)
}

/// A terminal that somebody else has written for a process that is gone.
fn of_recovery(header: &Header) -> bool {
    header.flags & flag::GROUPED != 0
}

fn survey(layout: &Layout, run: RunId) -> Result<Survey, Error> {
    let mut survey = Survey::default();
    for stream in layout.streams()? {
        let mut reader = Reader::open(layout, stream)?;
        // A process numbers its sites in all of its runs alike: they may stand before this run's records.
        let mut sites = Vec::new();
        while let Some(frame) = reader.next()? {
            let header = match Header::decode(frame.bytes) {
                Ok(header) => header,
                Err(Invalid::UnknownKind(_) | Invalid::UnknownVersion(_)) => continue,
                Err(invalid) => {
                    let what = format!("reading record {} of stream {stream}", frame.seq);
                    return Err(Error::new(Code::Corrupt, what).detail(invalid.to_string()));
                }
            };
            let begins = match header.kind {
                Kind::RunStarted => Id::new(stream, frame.seq) == run.0,
                Kind::RunResumed => header.run == run,
                _ => false,
            };
            if begins {
                let (segment, offset) = (frame.segment, frame.offset);
                survey.spans.insert(header.attempt, Span { stream, segment, offset, seq: frame.seq });
            } else if header.run == run && of_recovery(&header) {
                survey.recovered.insert(stream);
            } else if header.kind == Kind::StreamSettled {
                survey.limits.extend(Record::decode(frame.bytes).ok().and_then(|record| settled(&record)));
            } else if header.kind == Kind::Site {
                let node =
                    Record::decode(frame.bytes).ok().and_then(|record| Some(record.body.text(Key::Node)?.to_owned()));
                sites.extend(node.map(|node| ((stream, header.site), node)));
            }
        }
        if survey.spans.values().any(|span| span.stream == stream) {
            survey.sites.extend(sites);
        }
    }
    Ok(survey)
}

fn settled(record: &Record) -> Option<(StreamId, (u32, u64))> {
    let segment = u32::try_from(record.body.uint(Key::Segment)?).ok()?;
    Some((record.body.stream(Key::Stream)?, (segment, record.body.uint(Key::Offset)?)))
}

impl Survey {
    /// Hands out the records that count, from a place on, until `with` has enough.
    fn each(
        &self,
        layout: &Layout,
        stream: StreamId,
        from: Option<Span>,
        mut with: impl FnMut(Id, Record) -> bool,
    ) -> Result<(), Error> {
        let mut reader = match from {
            Some(span) => Reader::from(layout, stream, span.segment, span.offset, span.seq)?,
            None => Reader::open(layout, stream)?,
        };
        if let Some((segment, offset)) = self.limits.get(&stream) {
            reader.limit(*segment, *offset);
        }
        let mut records = Committed::new(reader);
        while let Some(counted) = records.next()? {
            if !with(Id::new(stream, counted.seq), counted.record) {
                break;
            }
        }
        Ok(())
    }
}
