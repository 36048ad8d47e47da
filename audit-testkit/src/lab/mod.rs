//! One test's own trail, clock, plan and threads.
//!
//! | file | noun |
//! |---|---|
//! | `script` | the plan: what is armed, what was hit, what fired |
//! | `room` | the lab itself |
//! | `task` | work inside a lab: the scenario's future, tasks and threads |
//! | `hang` | scenarios that do not come to an end |
//! | `told` | what was acknowledged, kept where a kill does not take it |

mod hang;
mod room;
mod script;
mod task;
mod told;

pub use room::Lab;
pub(crate) use room::{ACKNOWLEDGED, STRUCK, Setup, die, fast_dir, hushed, plain};
pub use script::Hold;
pub(crate) use script::{Fired, INJECTED, Seen, can_happen};
pub(crate) use told::Told;
