//! The command line, driven as a user drives it, on trails written through the public recorder.
//!
//! | file | promise |
//! |---|---|
//! | `support` | trails to ask, and the program to ask them with |
//! | `answers` | what each command tells, as text and as JSON, with its exit code |
//! | `contracts` | an acknowledgement that is deleted is missed, with its place |
//! | `coverage` | what test runs left: merged, judged against a gate and a base, told in four forms |
//! | `governed` | decisions, actions and settings |
//! | `index` | the index can be lost, late, corrupt or of another schema |
//! | `integrity` | damage of any sort is found |
//! | `mistyped` | what is mistyped, and what a copy of a trail answers |
//! | `pages` | the documents say what the code does |
//! | `retention` | purges and holds are the only commands that write, and they say so |
//! | `reconcile` | declared against acknowledged: scoreboard, offenders, exit code |
//! | `unread` | a reader that goes away ends each command without a word |

mod answers;
mod contracts;
mod coverage;
mod governed;
mod index;
mod integrity;
mod mistyped;
mod pages;
mod reconcile;
mod retention;
mod support;
mod surface;
mod unread;
