//! Forks and expansions. One record makes all children and the parent's outcome: before it there is neither, after it
//! there is both.

use super::token::{Live, Rejected, Token};
use super::write::{Doing, texts};
use crate::error::{Code, Error};
use crate::ledger::Origin;
use crate::model::{BodyWriter, Id, Key, Kind, Outcome, Status};
use crate::seeded;
use std::collections::BTreeSet;
use std::num::NonZeroU32;

impl Token {
    /// Replaces the token by one child for each branch, in their order.
    ///
    /// ```no_run
    /// # fn f(token: audit_runtime::landscape::Token) -> Result<(), audit_runtime::Error> {
    /// let [left, right] = token.fork(["left", "right"])?;
    /// # left.filtered()?; right.filtered() }
    /// ```
    ///
    /// The number of children is the number of branches, and not zero:
    ///
    /// ```compile_fail
    /// # fn f(token: audit_runtime::landscape::Token) -> Result<(), audit_runtime::Error> {
    /// let [left, right, third] = token.fork(["left", "right"])?;
    /// # Ok(()) }
    /// ```
    ///
    /// ```compile_fail
    /// # fn f(token: audit_runtime::landscape::Token) {
    /// let [] = token.fork([]).unwrap();
    /// # }
    /// # std::hint::black_box(f as fn(_));
    /// ```
    ///
    /// # Errors
    /// `AUD0705` for a branch without a name or a name that stands twice; the token comes back.
    pub fn fork<const N: usize>(self, branches: [&str; N]) -> Result<[Token; N], Rejected<Token>> {
        const { assert!(N > 0, "a fork has at least one branch") };
        let mut seen = BTreeSet::new();
        if branches.iter().any(|name| name.trim().is_empty() || !seen.insert(*name)) {
            let error = Error::new(Code::EmptyGroup, format!("forking token {}", self.id()));
            return Err(Rejected { value: self, error });
        }
        let (parent, group) = self.replace(Kind::TokenForked, N as u32, Some(&branches))?;
        Ok(std::array::from_fn(|at| parent.child(Origin::Branch, group, at as u32 + 1, Some(branches[at].to_owned()))))
    }

    /// Replaces the token by `children` new ones.
    ///
    /// # Errors
    /// When the record cannot be written; the token comes back.
    pub fn expand(self, children: NonZeroU32) -> Result<Vec<Token>, Rejected<Token>> {
        let branch = self.branch().map(str::to_owned);
        let (parent, group) = self.replace(Kind::TokenExpanded, children.get(), None)?;
        Ok((1..=children.get()).map(|ord| parent.child(Origin::Child(ord - 1), group, ord, branch.clone())).collect())
    }

    fn replace(
        mut self,
        kind: Kind,
        children: u32,
        branches: Option<&[&str]>,
    ) -> Result<(Box<Live>, Id), Rejected<Token>> {
        let doing = Doing("replacing token", self.id());
        let Some(live) = self.0.take() else {
            return Err(Rejected { value: self, error: Error::new(Code::SecondOutcome, doing.to_string()) });
        };
        match live.replace(kind, children, branches, doing) {
            Ok(group) => Ok((live, group)),
            Err(error) => Err(Rejected { value: Token(Some(live)), error }),
        }
    }
}

impl Live {
    fn replace(&self, kind: Kind, children: u32, branches: Option<&[&str]>, doing: Doing) -> Result<Id, Error> {
        if self.land.book(doing, |book| book.standing(self.id))?.is_none() {
            return Err(Error::new(Code::SecondOutcome, doing.to_string()));
        }
        let mut header = self.land.header(kind, Status::Ended);
        header.subject = self.id;
        let mut body = BodyWriter::new();
        body.uint(Key::Children, u64::from(children));
        if let Some(branches) = branches {
            body.value(Key::Branches, &texts(branches.iter().copied()));
        }
        if let Some(row) = self.row.some() {
            body.id(Key::Row, row);
        }
        if seeded::is("fork_as_two_groups") && children > 1 {
            let mut half = BodyWriter::new();
            half.uint(Key::Children, 1).value(Key::Branches, &texts(branches.into_iter().flatten().take(1).copied()));
            self.land.point(header, &half.finish())?;
        }
        // A kill here leaves neither children nor outcome; behind it stand all of them.
        let group = self.land.point(header, &body.finish())?;
        let outcome = match kind {
            Kind::TokenForked => Outcome::ForkParent { fork: group, children },
            _ => Outcome::ExpandParent { expand: group, children },
        };
        self.land.book(doing, |book| {
            (1..=children).for_each(|ord| book.minted(Id { ord, ..group }, Some(group)));
            book.ended(self.id, &outcome);
        })?;
        Ok(group)
    }

    fn child(&self, origin: Origin, group: Id, ord: u32, branch: Option<String>) -> Token {
        let mut token = Token::new(&self.land, origin, Id { ord, ..group }, self.row, branch);
        if let Some(live) = &mut token.0 {
            live.course = self.course.inherited();
        }
        token
    }
}
