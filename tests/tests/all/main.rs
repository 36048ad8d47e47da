//! The promises, proven on whole processes and the real file system. Every harness here is also run against a build with
//! a planted bug that it must find (`controls`).

mod child;
mod controls;
mod crowd;
mod disk;
mod forked;
mod held;
mod killed;
mod meeting;
mod privacy;
mod recovery;
mod redis_server;
mod resumed;
mod watcher;
mod zoo;
