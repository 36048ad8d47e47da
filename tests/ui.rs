//! What does not compile, and what the compiler says then: one file a mistake, named for it.

#[test]
fn p6_each_mistake_is_told_with_its_cure() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("ui/*.rs");
}

/// A case without a cure is a riddle, not a message.
#[test]
fn every_case_has_its_message() {
    let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("ui");
    let files = std::fs::read_dir(dir).expect("the cases").map(|entry| entry.expect("an entry").path());
    let (sources, messages): (Vec<_>, Vec<_>) = files.partition(|path| path.extension().is_some_and(|ext| ext == "rs"));
    assert_eq!(sources.len(), messages.len(), "a case and its message come in pairs");
    assert!(sources.len() >= 120, "{} cases", sources.len());
}
