//! The journal under storage that fails, hangs, lies or loses power.
//!
//! | file | promise |
//! |---|---|
//! | `story` | the scripted program, and what it was told |
//! | `oracle` | what must hold of any trail, whatever happened |
//! | `faults` | every operation fails in every way |

mod faults;

mod oracle;

mod story;
