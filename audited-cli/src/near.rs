//! What was meant, perhaps: names near a mistyped one, trails near a directory that is none.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use audit_runtime::journal::Layout;

/// So many are named, and so many entries of a directory are looked at.
const NAMED: usize = 5;
const LOOKED_AT: usize = 500;

/// Trails inside a path, above it, beside it, and where the examples put theirs.
pub(crate) fn trails_near(path: &Path) -> Vec<PathBuf> {
    let parent = path.parent().map(|parent| if parent.as_os_str().is_empty() { Path::new(".") } else { parent });
    let above = path.ancestors().skip(1).filter(|above| !above.as_os_str().is_empty()).map(Path::to_owned);
    let beside = parent.into_iter().flat_map(|parent| inside(parent).into_iter().chain([parent.to_owned()]));
    let examples = inside(Path::new("target/trails"));
    let mut near: Vec<PathBuf> = Vec::new();
    for place in inside(path).into_iter().chain(above).chain(beside).chain(examples) {
        if near.len() < NAMED && !near.contains(&place) && Layout::at(&place).check().is_ok() {
            near.push(place);
        }
    }
    near
}

/// What a directory holds, in order of names.
fn inside(dir: &Path) -> BTreeSet<PathBuf> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    entries.take(LOOKED_AT).map(|entry| entry.path()).collect()
}

/// The names that are nearest to a mistyped one, at most three.
pub(crate) fn names_near<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let last = |path: &str| path.rsplit("::").next().unwrap_or(path).to_owned();
    let far = |known: &str| strsim::levenshtein(&last(name), &last(known)).min(strsim::levenshtein(name, known));
    let mut ranked: Vec<(usize, &str)> = known.map(|known| (far(known), known)).collect();
    ranked.sort_unstable();
    ranked.dedup();
    ranked.into_iter().filter(|(far, _)| *far <= name.len().max(4) / 2).take(3).map(|(_, known)| known).collect()
}
