//! What a process that was killed while it opened the trail leaves beside the streams: a directory that never became a
//! stream, a probe of the file system's locks. No record is in them. Nothing younger than a minute is touched, so that a
//! process that is opening right now loses nothing.

use crate::journal::Layout;
use crate::journal::owner::Lock;
use std::fs;
use std::path::Path;
use std::time::Duration;

/// Younger ones may belong to a process that is opening the trail.
const AGE: Duration = Duration::from_secs(60);

/// Removes what is old and nobody holds. A failure leaves it for the next open.
pub(super) fn tidy(layout: &Layout) {
    for (dir, prefix) in [(layout.streams_dir(), ".new-"), (layout.runs_dir(), ".locks-")] {
        for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
            let path = entry.path();
            if entry.file_name().to_string_lossy().starts_with(prefix) && is_old(&path) {
                remove(&path);
            }
        }
    }
}

fn is_old(path: &Path) -> bool {
    let modified = fs::metadata(path).and_then(|found| found.modified());
    modified.is_ok_and(|when| when.elapsed().is_ok_and(|age| age > AGE))
}

fn remove(path: &Path) {
    if path.is_dir() {
        if matches!(Lock::take(&path.join("lock")), Ok(Some(_))) {
            drop(fs::remove_dir_all(path));
        }
    } else {
        drop(fs::remove_file(path));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::SystemTime;

    #[test]
    fn what_is_old_and_held_by_nobody_goes_and_the_rest_stays() {
        let dir = tempfile::tempdir().expect("a directory");
        let layout = Layout::at(dir.path().join("trail"));
        layout.create().expect("a trail");
        let [old, held, young] = [".new-old", ".new-held", ".new-young"].map(|name| layout.streams_dir().join(name));
        for path in [&old, &held, &young] {
            fs::create_dir(path).expect("a directory that never became a stream");
        }
        let _owner = Lock::take(&held.join("lock")).expect("a lock").expect("free");
        let probe = layout.runs_dir().join(".locks-1");
        fs::write(&probe, "").expect("a probe");
        let long_ago = SystemTime::now() - 2 * AGE;
        for path in [&old, &held, &probe] {
            fs::File::open(path).and_then(|file| file.set_modified(long_ago)).expect("its time is set back");
        }
        tidy(&layout);
        assert_eq!([old, held, young, probe].map(|path| path.exists()), [false, true, true, false]);
    }
}
