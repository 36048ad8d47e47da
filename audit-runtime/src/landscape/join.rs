//! A merge: branches that wait for each other at a coalesce node. A token that waits is a parked guard, its visit stays
//! open; dropped, it is FAILED like any other visit.
//!
//! ```text
//!            ┌ policy met ──→ every held state COMPLETED, one record: the merged token, the parents' outcomes
//! arrive ─→ held
//!            ├ policy cannot be met any more (lost branch, timeout, end of source) ──→ every held state FAILED, unrouted
//!            └ dropped ──→ every held state FAILED(cancelled), unrouted
//! arrive behind the end ──→ FAILED late_arrival, unrouted
//! ```

use super::graph::{Landscape, Node};
use super::token::{Course, Rejected, Token};
use super::visit::Visit;
use super::write::{Fault, ids, texts};
use crate::error::{Code, Error};
use crate::ledger::{Fate, Origin};
use crate::model::cbor::{self, Value};
use crate::model::digest::Slot;
use crate::model::graph::NodeKind;
use crate::model::{BodyWriter, Id, Key, Kind, Outcome, Status};
use std::collections::BTreeSet;
use std::fmt;

/// When branches merge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// When all of them are there; one that is lost fails the merge.
    RequireAll,
    /// When so many of them are there.
    Quorum(u32),
    /// When all that can come are there, and at the latest when the wait ends.
    BestEffort,
    /// With the first one.
    First,
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Policy::RequireAll => f.write_str("require_all"),
            Policy::Quorum(n) => write!(f, "quorum {n}"),
            Policy::BestEffort => f.write_str("best_effort"),
            Policy::First => f.write_str("first"),
        }
    }
}

/// Why nothing more is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitOver {
    /// The time is up.
    Timeout,
    /// The source has ended.
    EndOfSource,
}

/// What became of a token that arrived.
#[derive(Debug)]
#[must_use = "a merged token that is dropped is recorded as FAILURE/unrouted"]
pub enum Arrival {
    /// It waits.
    Held,
    /// It completed the merge: the merged token goes on.
    Merged(Token),
    /// The merge was over: its state is FAILED `late_arrival`, it is FAILURE/unrouted, and the merge is untouched.
    Late,
}

/// One merge. Tokens that still wait when it is dropped have failed.
#[must_use = "tokens that wait at a merge that is dropped are recorded as failed"]
pub struct Join {
    land: Landscape,
    node: Node,
    policy: Policy,
    expected: Vec<String>,
    held: Vec<Held>,
    lost: BTreeSet<String>,
    over: bool,
}

struct Held {
    branch: String,
    visit: Visit,
    since_ns: u64,
}

impl fmt::Debug for Join {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Join({}, {} of {:?} held)", self.policy, self.held.len(), self.expected)
    }
}

impl Landscape {
    /// Begins a merge of these branches.
    ///
    /// # Errors
    /// `AUD0705` for no branch, a branch that stands twice, or a quorum that these branches cannot reach; `AUD0701`,
    /// `AUD0707` for a node that is no coalesce node of this run.
    pub fn join(&self, node: Node, policy: Policy, branches: &[&str]) -> Result<Join, Error> {
        const DOING: &str = "beginning a merge";
        self.own(node, &[NodeKind::Coalesce], DOING)?;
        let unique: BTreeSet<_> = branches.iter().collect();
        let reachable = match policy {
            Policy::Quorum(n) => n > 0 && n as usize <= branches.len(),
            Policy::RequireAll | Policy::BestEffort | Policy::First => true,
        };
        if branches.is_empty() || unique.len() < branches.len() || !reachable {
            return Err(Error::new(Code::EmptyGroup, DOING));
        }
        let expected = branches.iter().map(|branch| (*branch).to_owned()).collect();
        let (land, held, lost) = (self.clone(), Vec::new(), BTreeSet::new());
        Ok(Join { land, node, policy, expected, held, lost, over: false })
    }
}

impl Join {
    /// How many tokens wait.
    #[must_use]
    pub fn held(&self) -> usize {
        self.held.len()
    }

    /// A token arrives on its branch.
    ///
    /// # Errors
    /// `AUD0707` for a token of a branch that is not expected, `AUD0705` for a branch that is there already, `AUD0701` for
    /// a token of another run: it comes back, and nothing is written.
    pub fn arrive(&mut self, token: Token) -> Result<Arrival, Rejected<Token>> {
        let branch = match self.admit(&token) {
            Ok(branch) => branch,
            Err(error) => return Err(Rejected { value: token, error }),
        };
        self.learn(&token);
        let visit = token.enter(self.node)?;
        let gone = |error| Rejected { value: Token(None), error };
        if self.over {
            return self.late(visit).map(|()| Arrival::Late).map_err(gone);
        }
        let since_ns = self.land.0.recorder.clock().mono_ns();
        self.held.push(Held { branch, visit, since_ns });
        match self.settle(None).map_err(gone)? {
            Some(merged) => Ok(Arrival::Merged(merged)),
            None => Ok(Arrival::Held),
        }
    }

    /// A branch will not come. A merge that cannot be met any more fails; one that is met by that gives the merged token.
    ///
    /// # Errors
    /// In doubt: a record could not be written. What waits stays held.
    pub fn lose(&mut self, branch: &str) -> Result<Option<Token>, Error> {
        if self.expected.iter().any(|expected| expected == branch) && !self.arrived(branch) {
            self.lost.insert(branch.to_owned());
        }
        self.settle(None)
    }

    /// Nothing more is waited for: merges what the policy allows, fails what it does not.
    ///
    /// # Errors
    /// In doubt: a record could not be written. What waits stays held.
    pub fn end(&mut self, why: WaitOver) -> Result<Option<Token>, Error> {
        self.settle(Some(why))
    }

    fn arrived(&self, branch: &str) -> bool {
        self.held.iter().any(|held| held.branch == branch)
    }

    fn admit(&self, token: &Token) -> Result<String, Error> {
        let doing = || format!("merging token {}", token.id());
        if token.run() != self.land.run() {
            return Err(Error::new(Code::ForeignEntity, doing()));
        }
        match token.branch() {
            Some(branch) if !self.expected.iter().any(|expected| expected == branch) => {
                Err(Error::new(Code::WrongNode, doing()).detail(format!("branch `{branch}` is not expected here")))
            }
            None => Err(Error::new(Code::WrongNode, doing()).detail("it is on no branch")),
            Some(branch) if self.arrived(branch) => {
                Err(Error::new(Code::EmptyGroup, doing()).detail(format!("branch `{branch}` is there already")))
            }
            Some(branch) => Ok(branch.to_owned()),
        }
    }

    /// What an earlier process has seen of the other branches: those that ended will not come, and what it has merged
    /// is over.
    fn learn(&mut self, token: &Token) {
        let Some(earlier) = token.0.as_ref().and_then(|live| live.earlier.as_ref()) else { return };
        for (branch, fate) in earlier.branches.iter().filter(|(branch, _)| self.expected.contains(branch)) {
            match fate {
                Fate::Gone if !self.held.iter().any(|held| held.branch == *branch) => {
                    self.lost.insert(branch.clone());
                }
                Fate::Merged => self.over = true,
                Fate::Gone | Fate::Open | Fate::Replaced => {}
            }
        }
    }

    /// Applies the policy to what is there.
    fn settle(&mut self, wait: Option<WaitOver>) -> Result<Option<Token>, Error> {
        if self.over {
            return Ok(None);
        }
        let (held, expected) = (self.held.len(), self.expected.len());
        let possible = expected - self.lost.len();
        let over = wait.is_some();
        let (met, hopeless) = match self.policy {
            Policy::RequireAll => (held == expected, over || possible < expected),
            Policy::Quorum(n) => (held >= n as usize, over || possible < n as usize),
            Policy::BestEffort => (held > 0 && (over || held == possible), held == 0 && (over || possible == 0)),
            Policy::First => (held > 0, over || possible == 0),
        };
        if met {
            return self.merge().map(Some);
        }
        if hopeless {
            self.fail(wait)?;
        }
        Ok(None)
    }

    /// What each state keeps of the merge: policy, expected and arrived branches, how long each waited.
    fn story(&self, now_ns: u64, reason: Option<&str>) -> Vec<u8> {
        let text = |text: &str| Value::Text(text.to_owned());
        let waits = self
            .held
            .iter()
            .map(|held| (text(&held.branch), Value::Uint(now_ns.saturating_sub(held.since_ns))))
            .collect();
        let mut pairs = vec![
            (text("policy"), text(&self.policy.to_string())),
            (text("expected"), texts(self.expected.iter().map(String::as_str))),
            (text("arrived"), texts(self.held.iter().map(|held| held.branch.as_str()))),
            (text("lost"), texts(self.lost.iter().map(String::as_str))),
            (text("waited_ns"), Value::Map(waits)),
        ];
        if let Some(reason) = reason {
            pairs.push((text("reason"), text(reason)));
        }
        let mut encoded = Vec::new();
        cbor::encode(&mut encoded, &Value::Map(pairs));
        encoded
    }

    fn merge(&mut self) -> Result<Token, Error> {
        const DOING: &str = "merging tokens";
        let story = self.story(self.land.0.recorder.clock().mono_ns(), None);
        self.over = true;
        let branches: Vec<String> = self.held.iter().map(|held| held.branch.clone()).collect();
        let held = std::mem::take(&mut self.held);
        let parents: Result<Vec<Token>, Error> =
            held.into_iter().map(|held| held.visit.completed(&Slot::NOT_REQUESTED, Some(&story))).collect();
        let mut parents = parents?;
        let mut rows: BTreeSet<Id> = parents.iter().map(|parent| parent.row().unwrap_or(Id::NONE)).collect();
        let row = rows.pop_first().filter(|_| rows.is_empty()).unwrap_or(Id::NONE);
        let header = self.land.header(Kind::TokensCoalesced, Status::Merged);
        let mut body = BodyWriter::new();
        body.text(Key::Node, &self.land.facts(self.node).name)
            .text(Key::Policy, &self.policy.to_string())
            .value(Key::Parents, &ids(parents.iter().map(Token::id)))
            .value(Key::Branches, &texts(branches.iter().map(String::as_str)));
        if let Some(row) = row.some() {
            body.id(Key::Row, row);
        }
        let group = self.land.point(header, &body.finish())?;
        let merged = Id { ord: 1, ..group };
        let outcome = Outcome::Coalesced { join: group, sink: None };
        self.land.book(DOING, |book| {
            book.minted(merged, None);
            parents.iter_mut().filter_map(|parent| parent.0.take()).for_each(|parent| book.ended(parent.id, &outcome));
        })?;
        let mut token = Token::new(&self.land, Origin::Merge, merged, row, None);
        if let Some(live) = &mut token.0 {
            live.course = Course::Joined(group);
        }
        Ok(token)
    }

    fn fail(&mut self, wait: Option<WaitOver>) -> Result<(), Error> {
        let why = match wait {
            Some(WaitOver::Timeout) => "timeout",
            Some(WaitOver::EndOfSource) => "end of source",
            None => "a branch was lost",
        };
        let arrived: Vec<&str> = self.held.iter().map(|held| held.branch.as_str()).collect();
        let text = format!(
            "merge failed: {why}; policy {}, expected {}, arrived {}",
            self.policy,
            self.expected.join(", "),
            if arrived.is_empty() { "none".to_owned() } else { arrived.join(", ") }
        );
        let story = self.story(self.land.0.recorder.clock().mono_ns(), Some(why));
        let fault = Fault::of(&text);
        self.over = true;
        for held in std::mem::take(&mut self.held) {
            held.visit.fallen(&fault, None, Some(&story))?.fail(&fault.text)?;
        }
        Ok(())
    }

    fn late(&self, visit: Visit) -> Result<(), Error> {
        let fault = Fault::of(&"late_arrival: the merge was over");
        visit.fallen(&fault, Some("late_arrival"), None)?.fail(&fault.text)
    }
}
