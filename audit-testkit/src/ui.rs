//! What must not compile: a team's own contracts, broken in one file each. The compiler's words stand beside each file
//! (`NAME.stderr`), so that a mistake which compiles one day, or which is told otherwise, fails the test.

use std::path::{Path, PathBuf};

/// Compiles every file that the pattern names, and wants each refused with the words that stand beside it. The path begins
/// at the package's directory; `*` may stand in the file's name. Missing words are written where `TRYBUILD=overwrite` is
/// set. All packages of a workspace share one build directory for this.
///
/// ```no_run
/// # fn main() {
/// audit_testkit::compile_fail("tests/ui/*.rs");
/// # }
/// ```
///
/// # Panics
/// When the pattern names no file: a test without cases proves nothing. When a file compiles, or is refused with other
/// words.
#[track_caller]
pub fn compile_fail(pattern: &str) {
    let package = std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| PathBuf::from("."), PathBuf::from);
    let cases = match cases(&package, pattern) {
        Ok(cases) => cases,
        Err(why) => panic!("{why}"),
    };
    let builder = trybuild::TestCases::new();
    cases.iter().for_each(|case| builder.compile_fail(case));
}

/// The files that a pattern names, from the package's directory.
fn cases(package: &Path, pattern: &str) -> Result<Vec<PathBuf>, String> {
    let (folder, name) = pattern.rsplit_once('/').unwrap_or((".", pattern));
    if folder.contains('*') {
        return Err(format!("`{pattern}`: `*` may stand in the file's name only"));
    }
    let there = package.join(folder);
    let entries = std::fs::read_dir(&there)
        .map_err(|error| format!("`{pattern}` names no file: {} cannot be read: {error}", there.display()))?;
    let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    let mut found: Vec<PathBuf> =
        names.filter(|file| fits(name, file)).map(|file| Path::new(folder).join(file)).collect();
    found.sort();
    match found.is_empty() {
        true => Err(format!("`{pattern}` names no file in {}: nothing would be tested", package.display())),
        false => Ok(found),
    }
}

/// Whether a name fits a pattern in which `*` stands for anything.
fn fits(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((head, rest)) => name.strip_prefix(head).is_some_and(|tail| {
            let mut ends = tail.char_indices().map(|(at, _)| at).chain([tail.len()]);
            ends.any(|at| fits(rest, &tail[at..]))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::{cases, fits};
    use std::path::Path;

    #[test]
    fn a_star_stands_for_anything_and_for_nothing() {
        for (pattern, name) in
            [("*.rs", "a.rs"), ("*.rs", ".rs"), ("a_*_b.rs", "a_x_b.rs"), ("a.rs", "a.rs"), ("*", "x")]
        {
            assert!(fits(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [("*.rs", "a.stderr"), ("a_*.rs", "b_a.rs"), ("a.rs", "b.rs"), ("*.rs", "a.rs~")] {
            assert!(!fits(pattern, name), "{pattern} {name}");
        }
    }

    #[test]
    fn a_pattern_that_names_no_file_is_an_error_and_not_a_pass() {
        let package = Path::new(env!("CARGO_MANIFEST_DIR"));
        for (pattern, why) in [
            ("src/*.nothing", "names no file in"),
            ("nowhere/*.rs", "cannot be read"),
            ("s*c/lib.rs", "in the file's name only"),
        ] {
            let said = cases(package, pattern).expect_err(pattern);
            assert!(said.contains(pattern) && said.contains(why), "{said}");
        }
        let found = cases(package, "src/u*.rs").expect("this very file");
        assert_eq!(found, [Path::new("src/ui.rs")]);
    }
}
