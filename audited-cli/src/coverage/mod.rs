//! Failure-path coverage: what test runs left, merged, and what a gate file asks of it. The testkit writes the lines; its
//! module `coverage` describes them.
//!
//! ```text
//! files ─ lines ─→ book (site x column) ─→ judge ─→ findings
//!                                gate, base ──┘
//! ```
//!
//! | file | noun |
//! |---|---|
//! | `line` | one line, as a test process wrote it |
//! | `left` | everything that lies in the directories, the newest build of each program |
//! | `column` | the ends that a call can have, and how well one was tested |
//! | `book` | every site with its cells |
//! | `gate` | what a file asks for |
//! | `base` | what was reached before |
//! | `judge` | what falls short of it |

mod base;
mod book;
mod column;
mod gate;
mod judge;
mod left;
mod line;

pub(crate) use base::Base;
pub(crate) use book::{Book, Cell, Failure, Row, Tally};
pub(crate) use column::{Column, Grade, Measure};
pub(crate) use gate::{Gate, is_day};
pub(crate) use judge::{Judged, judge};
pub(crate) use left::Left;
