//! The crates driven by the testkit, one matrix each, their annotated sources as they stand. What it finds of theirs is
//! told by `docs/testkit.md`, which is compared; a copy with a mistake in it is found out.

use crate::copies::{annotate, cargo, fetched, lay_out, repository, runtime, target};
use std::fs;
use std::path::Path;

/// The page that tells the counts.
const DOCUMENT: &str = include_str!("../../docs/testkit.md");
const TOLD: &str = include_str!("driven/told.rs");

/// A crate, its scenario, and a mistake: the text of its sources that makes way for another.
struct Driven {
    name: &'static str,
    scenario: &'static str,
    file: &'static str,
    right: &'static str,
    wrong: &'static str,
    /// A case that finds the mistake, and nothing else.
    sign: fn(&str) -> bool,
}

const DRIVEN: &[Driven] = &[
    Driven {
        name: "bb8",
        scenario: include_str!("driven/bb8.rs"),
        file: "src/inner.rs",
        right: "locked.connect_failed(approval);",
        wrong: "drop((&mut locked, approval));",
        // A connection that cannot be made keeps its place for ever.
        sign: |case| case.contains("connect") && case.ends_with(";error"),
    },
    Driven {
        name: "tokio-retry",
        scenario: include_str!("driven/tokio_retry.rs"),
        file: "src/lib.rs",
        right: "match self.as_mut().project().strategy.next() {",
        wrong: "match { let this = self.as_mut().project(); this.strategy.next(); this.strategy.next() } {",
        // Each retry uses two up.
        sign: |case| case.contains("attempt") && case.ends_with(";error"),
    },
];

/// What a matrix over a copy said.
struct Said {
    /// Addresses of cases in which the crate broke its own promise.
    found: Vec<String>,
    /// The line of counts.
    counts: String,
    text: String,
}

fn drive(dir: &Path) -> Said {
    let (passes, text) = cargo(dir, &["test", "--test", "driven", "--", "--nocapture", "--test-threads=1"]);
    assert!(passes, "{text}");
    let behind = |word: &'static str| text.lines().filter_map(move |line| line.trim().strip_prefix(word));
    let found = behind("FOUND ").map(str::to_owned).collect();
    let counts = behind("DRIVEN ").next().unwrap_or_else(|| panic!("no counts: {text}")).to_owned();
    Said { found, counts, text }
}

fn more(dir: &Path, scenario: &str) -> String {
    let tests = dir.join("tests");
    fs::create_dir_all(tests.join("told")).expect("a directory");
    fs::write(tests.join("driven.rs"), scenario).expect("written");
    fs::write(tests.join("told/mod.rs"), TOLD).expect("written");
    let testkit = repository().join("audit-testkit");
    format!(
        "{}\n[dev-dependencies.audit-testkit]\npath = {testkit:?}\nfeatures = [\"lab\"]\n\
         [[test]]\nname = \"driven\"\npath = \"tests/driven.rs\"\n",
        runtime()
    )
}

#[test]
fn t16_published_crates_are_driven_and_a_mistake_in_them_is_found() {
    let mut rows = Vec::new();
    for ((driven, source), version) in DRIVEN.iter().zip(fetched()).zip(crate::copies::CRATES) {
        let Driven { name, scenario, file, right, wrong, sign } = driven;
        let dir = target().join("adoption").join(format!("{name}-driven"));
        drop(fs::remove_dir_all(&dir));
        fs::create_dir_all(&dir).expect("a directory");
        let manifest = more(&dir, scenario);
        lay_out(source, &dir, &manifest);
        annotate(&dir);
        let sound = drive(&dir);
        println!("{name} {}: {}\n  {}", version.1, sound.counts, sound.found.join("\n  "));
        assert!(sound.counts.contains(", 0 of ours,"), "{name}: {}", sound.text);
        let row = format!("| {name} {} | {} |", version.1, sound.counts.replace(", ", " | "));
        rows.push(row);

        let path = dir.join(file);
        let text = fs::read_to_string(&path).expect("a source");
        assert_eq!(text.matches(right).count(), 1, "{name}: `{right}` stands in {file}");
        fs::write(&path, text.replace(right, wrong)).expect("written");
        let mistaken = drive(&dir);
        let new: Vec<&String> = mistaken.found.iter().filter(|case| !sound.found.contains(case)).collect();
        assert!(!sound.found.iter().any(|case| sign(case)), "{name}: {:?}", sound.found);
        assert!(new.iter().any(|case| sign(case)), "{name}: the mistake escaped: {}", mistaken.text);
        println!("{name} with a mistake: {} more cases of its own", new.len());
    }
    let missing: Vec<&String> = rows.iter().filter(|row| !DOCUMENT.contains(*row)).collect();
    assert!(missing.is_empty(), "docs/testkit.md should have: {missing:#?}");
}
