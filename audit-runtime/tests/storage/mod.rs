//! The journal under storage that fails, hangs, lies or loses power.
//!
//! | file | promise |
//! |---|---|
//! | `story` | the scripted program, and what it was told |
//! | `oracle` | what must hold of any trail, whatever happened |
//! | `faults` | every operation fails in every way |
//! | `groups` | a group larger than a segment is whole or absent |
//! | `waits` | storage that holds back or never answers |
//! | `company` | one caller's trouble with the storage is nobody else's |
//! | `space` | segments, reserve, limits, gaps, hints |
//! | `model` | any sequence of operations, against a small model |
//! | `codes` | every refusal has a code of its own and says what to do next |
//! | `private` | guessable values and errors give nothing away |
//! | `images` | power cuts, cuts at every byte, damaged and foreign segments |

mod codes;
mod company;
mod faults;
mod groups;
mod images;
mod model;
mod oracle;
mod private;
mod space;
mod story;
mod waits;

pub(crate) use story::{builder, scratch, tell};
