//! A scenario, once for every fault at every moment.
//!
//! ```text
//! two clean runs ─equal→ moments ─→ cases ─→ each: a fresh lab, one fault, the check ─→ one clean run ─→ report
//!        └ unequal: the sites that wobble, and the end           └ did not fire: INERT, which fails
//! ```
//!
//! | file | noun |
//! |---|---|
//! | `build` | what a test asks for, and the order of the runs |
//! | `scenario` | the test's own work, and how it came back |
//! | `record` | the clean runs and the cases that follow from them |
//! | `attempt` | one case in this process |
//! | `judge` | what a trail must look like behind a fault |
//! | `kill` | cases that end a child process, and recoveries that are killed as well |
//! | `mortal` | the child's side of it, and a storage that ends the process |
//! | `lanes` | as many cases at a time as the machine has processors |
//! | `store` | cases on a sick storage |
//! | `images` | what a power cut leaves |
//! | `runner` | who runs a case, and what became of its cases |
//! | `cells` | the ends that functions can have, and which of them were shown |
//! | `report` | what is printed |

mod attempt;
mod build;
mod cells;
mod images;
mod judge;
mod kill;
mod lanes;
mod mortal;
mod record;
mod report;
mod runner;
mod scenario;
mod store;

pub use build::Matrix;
pub use cells::{Cell, Cells};
pub use report::{Failure, Report};
pub use runner::{Runner, Tally};
pub use scenario::Told;
