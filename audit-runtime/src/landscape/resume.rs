//! What earlier processes of a resumed run have left, given back: rows that the source gives again, tokens on their way,
//! batches that gather. What has an outcome is never given back.
//!
//! ```text
//! row_again ─┬ never read ───────────────────────→ New(token)
//!            ├ read, tokens without an outcome ──→ Open(tokens): their next visits carry the resume's mark
//!            ├ read, nothing left to do ─────────→ Done
//!            └ other data, or nobody can tell ───→ refused
//! ```

use super::batch::Batch;
use super::doubt::Delivery;
use super::graph::{Landscape, Node};
use super::token::{Earlier, Live, Token, slot_or_why};
use super::write::{Fault, scrubbed, slot_of};
use crate::error::{Code, Error};
use crate::ledger::{Past, RowAgain, Standing};
use crate::model::Id;
use crate::model::digest::{AuditDigest, Scope, Slot};
use crate::model::graph::NodeKind;
use crate::seeded;
use std::fmt::Display;

/// What is to be done for a row that a source gives.
#[derive(Debug)]
#[must_use = "tokens that are dropped are recorded as FAILURE/unrouted"]
pub enum Again {
    /// It was read now, for the first time.
    New(Token),
    /// An earlier process of the run has read it, and these tokens of it have no outcome: see
    /// [`Token::has_completed`] for how far each of them came.
    Open(Vec<Token>),
    /// An earlier process has read it, and nothing is left to do: its tokens have their outcomes, or wait in a batch.
    Done,
}

/// A row of an earlier process with tokens on their way that the source has not given again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowInFlight {
    /// The row.
    pub row: Id,
    /// What was recorded of its data.
    pub digest: Slot,
    /// Whether its data stands in the payload store.
    pub stored: bool,
}

/// What earlier processes have left to a landscape.
pub(super) struct Left {
    pub(super) past: Past,
    /// Durable writes whose outcomes were missing.
    pub(super) delivered: Vec<Delivery>,
}

impl Left {
    pub(super) fn new(past: Past) -> Left {
        Left { past, delivered: Vec::new() }
    }
}

impl Landscape {
    /// Whether earlier processes have worked on the run.
    #[must_use]
    pub fn is_resumed(&self) -> bool {
        self.0.resume.is_some()
    }

    /// The record that says that the run was resumed; it stands before everything that is driven again.
    #[must_use]
    pub fn resume(&self) -> Option<Id> {
        self.0.resume
    }

    /// Takes in a row, in a run that may have been resumed: what it asks for in the code that reads the source is the
    /// same in the first process and in every later one.
    ///
    /// # Errors
    /// As [`row`](Self::row); `AUD0714` when the source gives other data under this identity than it gave before;
    /// `AUD0715` when nobody can tell whether it is the same row; `AUD0716` while one of its tokens waits for a sink
    /// write in doubt. Nothing is written then.
    pub fn row_again(&self, source: Node, identity: &str, data: &dyn AuditDigest) -> Result<Again, Error> {
        const DOING: &str = "reading a row again";
        self.own(source, &[NodeKind::Source], DOING)?;
        if self.0.past.is_some() {
            let slot = slot_of(Scope::Payload, data, DOING)?;
            if let Some(again) = self.known(source, identity, &slot, false)? {
                return Ok(again);
            }
        }
        self.row(source, identity, data).map(Again::New)
    }

    /// As [`quarantine`](Self::quarantine), in a run that may have been resumed.
    ///
    /// # Errors
    /// As [`row_again`](Self::row_again); a row without a digest is told by its identity alone here, because its data is
    /// used for nothing.
    pub fn quarantine_again(
        &self,
        source: Node,
        identity: &str,
        data: &dyn AuditDigest,
        error: impl Display,
    ) -> Result<Again, Error> {
        self.own(source, &[NodeKind::Source], "quarantining a row again")?;
        match self.known(source, identity, &slot_or_why(data), true)? {
            Some(Again::Open(mut tokens)) => {
                let fault = Fault::of(&error);
                tokens.iter_mut().try_for_each(|token| token.refused_at_source(&fault))?;
                Ok(Again::Open(tokens))
            }
            Some(again) => Ok(again),
            None => self.quarantine(source, identity, data, error).map(Again::New),
        }
    }

    /// What an earlier process has left of a row; `None` for a new one.
    fn known(&self, source: Node, identity: &str, slot: &Slot, refused: bool) -> Result<Option<Again>, Error> {
        let Some(left) = &self.0.past else { return Ok(None) };
        let (node, name) = (&self.facts(source).name, scrubbed(identity));
        let doing = || format!("reading row `{name}` of `{node}` again");
        let found = left.lock().past.row_again(node, &name, slot, refused);
        match found.map_err(|write| self.doubtful(write, &doing()))? {
            RowAgain::New => Ok(None),
            RowAgain::Done if seeded::is("resume_redrives_done") => Ok(None),
            RowAgain::Done => Ok(Some(Again::Done)),
            RowAgain::Open(tokens) => Ok(Some(Again::Open(self.give_back(tokens)))),
            RowAgain::Differs => Err(Error::new(Code::RowDiffers, doing())),
            RowAgain::Unclear => Err(Error::new(Code::NotReplayable, doing())),
        }
    }

    /// Tokens on their way that are of no single row, oldest first: they came out of batches, or of merges of several rows.
    ///
    /// # Errors
    /// `AUD0716` while one of them waits for a sink write in doubt.
    pub fn gathered_again(&self) -> Result<Vec<Token>, Error> {
        let Some(left) = &self.0.past else { return Ok(Vec::new()) };
        let found = left.lock().past.take_gathered();
        found
            .map(|tokens| self.give_back(tokens))
            .map_err(|write| self.doubtful(write, "going on with the tokens of no row"))
    }

    /// Batches of an aggregation that have not completed, oldest first, each with its members and its age. One in DRAFT
    /// is the same batch; one that failed, or whose process was lost while it worked on it, is tried again as a new one.
    ///
    /// # Errors
    /// `AUD0701`, `AUD0707` for a node that is no aggregation of this run; refused when a record cannot be written.
    pub fn batches_again(&self, node: Node) -> Result<Vec<Batch>, Error> {
        self.own(node, &[NodeKind::Aggregation], "going on with batches")?;
        let Some(left) = &self.0.past else { return Ok(Vec::new()) };
        let found: Vec<_> = {
            let mut left = left.lock();
            let past = &mut left.past;
            let batches = past.take_batches(node.at);
            batches.into_iter().map(|(id, batch)| (id, past.take_tokens(&batch.members), batch)).collect()
        };
        let go_on = |(id, members, batch)| {
            let again = self.batch_again(node, id, &batch, self.give_back(members))?;
            left.lock().past.tried_again(id, again.id());
            Ok(again)
        };
        found.into_iter().map(go_on).collect()
    }

    /// The batch that stands for a row of an earlier process, when [`row_again`](Self::row_again) says that nothing is left
    /// to do for it: the row's token waits in one of [`batches_again`](Self::batches_again), or a batch has consumed it
    /// and what came out is among [`gathered_again`](Self::gathered_again). By its rows a program finds out again what
    /// such a batch or token is.
    #[must_use]
    pub fn batch_of(&self, source: Node, identity: &str) -> Option<Id> {
        self.own(source, &[NodeKind::Source], "asking for a row's batch").ok()?;
        let left = self.0.past.as_ref()?.lock();
        left.past.batch_of(&self.facts(source).name, &scrubbed(identity))
    }

    /// The key of the last write to a sink for which an earlier process has a receipt: where the sink's durable content
    /// ends. Writes [in doubt](Self::in_doubt) come behind it.
    #[must_use]
    pub fn last_write(&self, sink: Node) -> Option<String> {
        self.own(sink, &[NodeKind::Sink], "asking for a sink's last write").ok()?;
        let left = self.0.past.as_ref()?.lock();
        left.past.last_write(&self.facts(sink).name).map(str::to_owned)
    }

    /// Rows of earlier processes with tokens on their way that the source has not given again so far, oldest first. They go on
    /// without their source where their data stands in the payload store, by [`row_stored`](Self::row_stored), or where
    /// somebody else has it, by [`row_in_flight`](Self::row_in_flight).
    #[must_use]
    pub fn rows_in_flight(&self) -> Vec<RowInFlight> {
        let Some(left) = &self.0.past else { return Vec::new() };
        let left = left.lock();
        let rows = left.past.rows_in_flight().into_iter();
        rows.map(|(row, open)| RowInFlight { row, digest: open.slot.clone(), stored: open.stored }).collect()
    }

    /// The tokens of a row whose data was kept elsewhere.
    ///
    /// # Errors
    /// `AUD0714` for other data than was recorded; `AUD0716` while one of its tokens waits for a sink write in doubt.
    pub fn row_in_flight(&self, row: &RowInFlight, data: &dyn AuditDigest) -> Result<Vec<Token>, Error> {
        let doing = format!("going on with row {}", row.row);
        if slot_of(Scope::Payload, data, &doing)? != row.digest {
            return Err(Error::new(Code::RowDiffers, doing));
        }
        self.take_row(row.row, &doing)
    }

    /// The tokens of a row whose data stands in the payload store, with the data in canonical form: its digest is what was
    /// recorded of the row.
    ///
    /// # Errors
    /// `AUD0715` for a row whose data was not stored, `AUD0721`, `AUD0722` when the payload is gone or altered, `AUD0727`
    /// for a recorder without a payload store; `AUD0716` while one of its tokens waits for a sink write in doubt.
    pub fn row_stored(&self, row: &RowInFlight) -> Result<(Vec<u8>, Vec<Token>), Error> {
        let doing = format!("going on with row {}", row.row);
        let Slot::Digest(digest) = row.digest.clone() else { return Err(Error::new(Code::NotReplayable, doing)) };
        if !row.stored {
            return Err(Error::new(Code::NotReplayable, doing));
        }
        let bytes = self.0.recorder.stored(&digest, &doing)?;
        Ok((bytes, self.take_row(row.row, &doing)?))
    }

    fn take_row(&self, row: Id, doing: &str) -> Result<Vec<Token>, Error> {
        let Some(left) = &self.0.past else { return Ok(Vec::new()) };
        let found = left.lock().past.take_row(row);
        found.map(|tokens| self.give_back(tokens)).map_err(|write| self.doubtful(write, doing))
    }

    pub(super) fn give_back(&self, tokens: Vec<(Id, Standing)>) -> Vec<Token> {
        let Some(left) = &self.0.past else { return Vec::new() };
        let left = left.lock();
        let past = &left.past;
        let token = |(id, standing): (Id, Standing)| {
            let Standing { origin, row, branch, fork, course, refused, completed, .. } = standing;
            let refused = refused.and_then(|(sink, before)| Some((self.named(&sink)?, before)));
            let branches = fork.map(|fork| past.branches(fork)).unwrap_or_default();
            let earlier = Some(Earlier { completed, branches, batch: past.came_out_of(id) });
            let (land, row) = (self.clone(), row.unwrap_or(Id::NONE));
            Token(Some(Box::new(Live { land, origin, id, row, branch, course, refused, earlier })))
        };
        tokens.into_iter().map(token).collect()
    }
}

impl Token {
    /// Whether an earlier process of the run has left it on its way.
    #[must_use]
    pub fn is_again(&self) -> bool {
        self.0.as_ref().is_some_and(|live| live.earlier.is_some())
    }

    /// The batch of an earlier process that it came out of.
    #[must_use]
    pub fn batch(&self) -> Option<Id> {
        self.0.as_ref().and_then(|live| live.earlier.as_ref()).and_then(|earlier| earlier.batch)
    }

    /// Whether it has left this node with success in an earlier process of the run: its work there need not be done again.
    #[must_use]
    pub fn has_completed(&self, node: Node) -> bool {
        let earlier = self.0.as_ref().and_then(|live| live.earlier.as_ref());
        node.run == self.run() && earlier.is_some_and(|earlier| earlier.completed.contains(&node.at))
    }
}
