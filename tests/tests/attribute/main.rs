//! The attribute's promises, seen through the door a user uses and read back from disk.

mod catalogue;
mod child;
mod context;
mod derives;
mod endings;
mod inputs;
mod installed;
mod joined;
mod other_attributes;
mod refusals;
mod shapes;
mod shapes_async;
mod shapes_sync;
#[path = "../../../audited-cli/src/surface.rs"]
#[allow(dead_code)]
mod surface;
mod surface_and_catalogue;
mod trail;
