//! The tracing layer and the mirror file: what they show, what they keep, and what nobody can take away by them.

mod evidence;
mod mirror_file;
mod observers;
mod program;
mod the_seven_set_ups;
mod trail;
