//! What a program asks for by mistake. The values do not have it, and the compiler says what to do instead: each of these
//! methods asks for a trait that nothing implements.

use super::graph::Landscape;
use super::sink::SinkReceipt;
use super::token::Token;
use crate::error::Error;

/// Nothing is: a token is one travelling instance of a row.
#[diagnostic::on_unimplemented(
    message = "a token cannot be cloned: it is one travelling instance of its row, and ends once",
    label = "replace it by children instead",
    note = "`let [left, right] = token.fork([\"left\", \"right\"])?` gives one child for each branch, `token.expand(n)` n of them"
)]
pub trait Cloneable {
    #[doc(hidden)]
    fn twin(self) -> Token;
}

/// Nothing is: only a sink can say that it has taken a token.
#[diagnostic::on_unimplemented(
    message = "a token reaches a sink by the sink's receipt, not by its own word",
    label = "there is no receipt here",
    note = "enter the sink, write, sync: `land.prepare(sink, key, content, visits)?` … `.receipt()?.deliver()?`"
)]
pub trait Arrived {
    #[doc(hidden)]
    fn arrive(self) -> Result<(), Error>;
}

/// Nothing is: a checkpoint stands behind what a sink has made durable.
#[diagnostic::on_unimplemented(
    message = "a checkpoint is made from what a sink has delivered, and from nothing else",
    label = "nothing is delivered here",
    note = "`receipt.deliver()?.checkpoint(\"line 7\")?`: the receipt proves that the sink's write is durable"
)]
pub trait BehindAReceipt {
    #[doc(hidden)]
    fn remember(self) -> Result<(), Error>;
}

// The lifetime keeps the compiler from judging the bound here, where it cannot hold, and not where the mistake is made.

impl Token {
    #[doc(hidden)]
    #[expect(clippy::should_implement_trait, reason = "it is what a program that is mistaken asks for")]
    pub fn clone<'a>(&'a self) -> Token
    where
        &'a Token: Cloneable,
    {
        self.twin()
    }

    #[doc(hidden)]
    pub fn deliver<'a>(&'a self, _sink: &str) -> Result<(), Error>
    where
        &'a Token: Arrived,
    {
        self.arrive()
    }
}

impl Landscape {
    #[doc(hidden)]
    pub fn checkpoint<'a>(&'a self, _position: &str) -> Result<(), Error>
    where
        &'a Landscape: BehindAReceipt,
    {
        self.remember()
    }
}

impl SinkReceipt {
    #[doc(hidden)]
    pub fn checkpoint<'a>(&'a self, _position: &str) -> Result<(), Error>
    where
        &'a SinkReceipt: BehindAReceipt,
    {
        self.remember()
    }
}
