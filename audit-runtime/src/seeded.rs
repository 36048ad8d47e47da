//! Bugs planted on purpose. A proof is believed only once it has caught the bug it is there to catch, so each harness is
//! also run against a build in which that bug is switched on by name. Only the feature `seeded-bugs` compiles the
//! switches; in every other build `is` is a constant `false` and the planted line is gone.

#[cfg(feature = "seeded-bugs")]
static SWITCHED_ON: parking_lot::RwLock<Vec<String>> = parking_lot::RwLock::new(Vec::new());

/// Switches a planted bug on.
#[cfg(feature = "seeded-bugs")]
pub fn set(bug: &str) {
    SWITCHED_ON.write().push(bug.to_owned());
}

/// Switches every planted bug off.
#[cfg(feature = "seeded-bugs")]
pub fn clear() {
    SWITCHED_ON.write().clear();
}

/// Whether a planted bug is switched on.
#[cfg(feature = "seeded-bugs")]
pub(crate) fn is(bug: &str) -> bool {
    SWITCHED_ON.read().iter().any(|on| on == bug)
}

/// Whether a planted bug that strikes every third time is switched on, and strikes now.
#[cfg(feature = "seeded-bugs")]
pub(crate) fn strikes(bug: &str) -> bool {
    static ASKED: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    is(bug) && ASKED.fetch_add(1, std::sync::atomic::Ordering::Relaxed) % 3 == 2
}

/// Never, in a build without planted bugs.
#[cfg(not(feature = "seeded-bugs"))]
#[inline(always)]
pub(crate) const fn strikes(_bug: &str) -> bool {
    false
}

/// Never, in a build without planted bugs.
#[cfg(not(feature = "seeded-bugs"))]
#[inline(always)]
pub(crate) const fn is(_bug: &str) -> bool {
    false
}
