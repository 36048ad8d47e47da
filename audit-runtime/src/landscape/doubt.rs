//! Sink writes that earlier processes of a resumed run have left. What is durable gets its outcomes and is never written
//! again; what is in doubt is read back, and until then nothing is written behind it.
//!
//! ```text
//! intent, no receipt ─→ InDoubt ─read_back─┬ NotApplied ─→ SINK_ANSWERED ERROR; its tokens are on their way again
//!                                          ├ Applied, this content ─→ SINK_ANSWERED RETURNED ─ SINK_RECEIPT ─ outcomes
//!                                          └ Unknown, other content ─→ still in doubt; successors wait
//! receipt, no outcomes ─→ states COMPLETED ─ outcomes, by the resume itself
//! ```

use super::graph::{Landscape, Node};
use super::sink::SinkReceipt;
use super::token::Token;
use super::visit::Visit;
use super::write::{Fault, ids, scrubbed};
use crate::error::{Code, Error};
use crate::ledger::{Owed, Stage, WritePast};
use crate::model::digest::{Digest, Slot};
use crate::model::{BodyWriter, Durability, Id, Key, Kind, Status};
use crate::seeded;
use std::fmt::Display;

/// What reading a sink back has found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReadBack {
    /// The sink does not have the write.
    NotApplied,
    /// The sink has a write under this key, with content of this digest.
    Applied(Digest),
    /// Nobody can tell.
    Unknown,
}

/// A sink write of an earlier process whose effect may have happened.
#[derive(Clone, Debug)]
pub struct InDoubt {
    land: Landscape,
    id: Id,
    write: WritePast,
}

/// A durable write whose outcomes the resume has recorded.
pub(super) struct Delivery {
    sink: Node,
    receipt: Id,
    key: String,
    content: Digest,
    producer: Id,
}

impl Landscape {
    /// Sink writes of earlier processes whose effect may have happened, oldest first. Each is to be
    /// [read back](InDoubt::read_back) before anything else is written to its sink.
    #[must_use]
    pub fn in_doubt(&self) -> Vec<InDoubt> {
        let Some(left) = &self.0.past else { return Vec::new() };
        let left = left.lock();
        let doubts = left.past.in_doubt().into_iter();
        doubts.map(|(id, write)| InDoubt { land: self.clone(), id, write: write.clone() }).collect()
    }

    /// Receipts of earlier processes some of whose outcomes were missing: a resume has recorded those. Artifacts and a
    /// checkpoint that were to follow can be made from them. Each resume gives a receipt again until a checkpoint stands
    /// behind it; registering an artifact again gives the first one.
    #[must_use]
    pub fn receipts_again(&self) -> Vec<SinkReceipt> {
        let Some(left) = &self.0.past else { return Vec::new() };
        let delivered = std::mem::take(&mut left.lock().delivered);
        let receipt = |Delivery { sink, receipt, key, content, producer }| {
            let (land, tokens) = (self.clone(), Vec::new());
            SinkReceipt { land, sink, id: receipt, key, content, producer, tokens }
        };
        delivered.into_iter().map(receipt).collect()
    }

    pub(super) fn doubtful(&self, write: Id, doing: &str) -> Error {
        Error::new(Code::WriteInDoubt, doing).detail(format!("write {write}"))
    }

    pub(super) fn no_doubt_at(&self, sink: Node, doing: &str) -> Result<(), Error> {
        let Some(left) = &self.0.past else { return Ok(()) };
        let doubt = left.lock().past.doubt_at(&self.facts(sink).name);
        doubt.map_or(Ok(()), |write| Err(self.doubtful(write, doing)))
    }

    /// Records the outcomes that durable writes of earlier processes lack.
    pub(super) fn finish_durable(&self) -> Result<(), Error> {
        let Some(left) = &self.0.past else { return Ok(()) };
        let (owed, durable) = {
            let mut left = left.lock();
            (left.past.take_owed(), left.past.durable())
        };
        for Owed { receipt, write: WritePast { sink, key, content, producer, .. } } in owed {
            let Some(sink) = self.named(&sink) else { continue };
            let producer = producer.unwrap_or(Id::NONE);
            left.lock().delivered.push(Delivery { sink, receipt, key, content, producer });
        }
        for (id, receipt) in durable {
            if seeded::is("resume_repeats_sink_write") {
                left.lock().past.not_applied(id);
                continue;
            }
            let taken = left.lock().past.take_write(id);
            let Some((write, tokens)) = taken else { continue };
            let Some(sink) = self.named(&write.sink) else { continue };
            let visits = self.visit_again(sink, self.give_back(tokens))?;
            let (producer, tokens) = finish_visits(visits, &write)?;
            let (land, key, content) = (self.clone(), write.key, write.content);
            let mut receipt = SinkReceipt { land, sink, id: receipt, key, content, producer, tokens };
            receipt.outcomes()?;
            let (key, content) = (receipt.key().to_owned(), receipt.content().clone());
            left.lock().delivered.push(Delivery { sink, receipt: receipt.id(), key, content, producer });
        }
        Ok(())
    }

    /// Opens the sink's node states again where an earlier process did not complete them.
    fn visit_again(&self, sink: Node, tokens: Vec<Token>) -> Result<Vec<Arrived>, Error> {
        let arrive = |token: Token| match token.has_completed(sink) {
            true => Ok(Arrived::Before(token)),
            false => Ok(Arrived::Now(Box::new(token.enter(sink)?))),
        };
        tokens.into_iter().map(arrive).collect()
    }
}

/// A token at a sink that has taken it.
enum Arrived {
    /// Its node state is COMPLETED.
    Before(Token),
    /// Its node state is open.
    Now(Box<Visit>),
}

/// Completes what is open. What the write came from is the node state that was COMPLETED first, by whichever process.
fn finish_visits(visits: Vec<Arrived>, write: &WritePast) -> Result<(Id, Vec<Token>), Error> {
    let output = Slot::Digest(write.content.clone());
    let now = visits.iter().find_map(|arrived| match arrived {
        Arrived::Before(_) => None,
        Arrived::Now(visit) => Some(visit.id()),
    });
    let end = |arrived| match arrived {
        Arrived::Before(token) => Ok(token),
        Arrived::Now(visit) => visit.completed(&output, None),
    };
    let tokens: Result<Vec<Token>, Error> = visits.into_iter().map(end).collect();
    Ok((write.producer.or(now).unwrap_or(Id::NONE), tokens?))
}

impl InDoubt {
    /// The id of the write.
    #[must_use]
    pub fn id(&self) -> Id {
        self.id
    }

    /// The name of the sink's node.
    #[must_use]
    pub fn sink(&self) -> &str {
        &self.write.sink
    }

    /// What names the write across attempts.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.write.key
    }

    /// The digest of what was to be written.
    #[must_use]
    pub fn content(&self) -> &Digest {
        &self.write.content
    }

    /// How many tokens wait for it.
    #[must_use]
    pub fn tokens(&self) -> usize {
        self.write.tokens.len()
    }

    /// Looks at the sink. A write that it does not have frees its tokens, which are driven again and written once; a
    /// write that it has is finalised without a second one, and its receipt comes back.
    ///
    /// # Errors
    /// `AUD0716` when the look failed, found other content, or could not tell: the write stays in doubt, and what comes
    /// behind it waits. When a record cannot be written.
    pub fn read_back<E: Display>(
        self,
        look: impl FnOnce(&InDoubt) -> Result<ReadBack, E>,
    ) -> Result<Option<SinkReceipt>, Error> {
        let doing = format!("reading back the write `{}` of `{}`", scrubbed(&self.write.key), self.write.sink);
        let stays = |why: String| Err(Error::new(Code::WriteInDoubt, doing.as_str()).detail(why));
        let found = match look(&self) {
            Ok(found) => found,
            Err(error) => return stays(Fault::of(&error).text),
        };
        self.land.book(&doing, |_| ())?;
        match found {
            ReadBack::Unknown => stays("nobody can tell".to_owned()),
            ReadBack::Applied(content) if content != self.write.content => {
                stays(format!("the sink holds {content}, not {}", self.write.content))
            }
            ReadBack::Applied(_) => self.applied().map(Some),
            ReadBack::NotApplied => self.not_applied().map(|()| None),
        }
    }

    fn answer(&self, status: Status, found: &str, fault: Option<&Fault>) -> Result<(), Error> {
        let mut header = self.land.header(Kind::SinkAnswered, status);
        header.durability = self.land.0.recorder.durability(None, Durability::Disk);
        header.subject = self.id;
        let mut body = BodyWriter::new();
        if let Some(fault) = fault {
            body.text(Key::Error, &fault.text).slot(Key::ErrorDigest, &fault.digest.clone().into());
        }
        body.text(Key::ReadBack, found);
        self.land.point(header, &body.finish()).map(drop)
    }

    fn not_applied(&self) -> Result<(), Error> {
        self.answer(Status::Error, "not_applied", Some(&Fault::of(&"read back: the sink does not have it")))?;
        if let Some(left) = &self.land.0.past {
            left.lock().past.not_applied(self.id);
        }
        self.land.book("reading back a sink write", |book| book.closed(self.id))
    }

    /// The sink has it: what an undisturbed process would have written behind the write follows now.
    fn applied(&self) -> Result<SinkReceipt, Error> {
        let land = &self.land;
        let gone = || Error::new(Code::UnknownEntity, "finalising a sink write");
        let (Some(left), Some(sink)) = (&land.0.past, land.named(&self.write.sink)) else { return Err(gone()) };
        let (write, tokens) = left.lock().past.take_write(self.id).ok_or_else(gone)?;
        let visits = land.visit_again(sink, land.give_back(tokens))?;
        if write.stage == Stage::InDoubt {
            self.answer(Status::Returned, "applied", None)?;
        }
        let states: Vec<Id> = visits
            .iter()
            .filter_map(|arrived| match arrived {
                Arrived::Before(_) => None,
                Arrived::Now(visit) => Some(visit.id()),
            })
            .collect();
        let mut header = land.header(Kind::SinkReceipt, Status::Finalized);
        header.durability = land.0.recorder.durability(None, Durability::Disk);
        header.subject = self.id;
        let mut body = BodyWriter::new();
        body.text(Key::Sink, &write.sink)
            .text(Key::IdempotencyKey, &write.key)
            .slot(Key::Content, &Slot::Digest(write.content.clone()))
            .value(Key::States, &ids(states));
        let id = land.point(header, &body.finish())?;
        land.book("finalising a sink write", |book| book.closed(self.id))?;
        let (producer, tokens) = finish_visits(visits, &write)?;
        let WritePast { key, content, .. } = write;
        Ok(SinkReceipt { land: land.clone(), sink, id, key, content, producer, tokens })
    }
}
