//! What a test says of its trail reads like a sentence, and is refused with the trail in the text when it is not so.

use crate::alone::said;
use audit_testkit::Lab;
use lab_tests::order;

fn refused(say: impl FnOnce(&audit_testkit::Story)) -> String {
    let lab = Lab::new();
    drop(lab.scope(|| order(&["1", "x"])));
    let trail = lab.trail();
    said(|| say(&trail))
}

#[test]
fn a_wrong_sentence_is_refused_with_the_trail() {
    let said = refused(|trail| drop(trail.of("order").one().completed()));
    assert!(said.contains("should have completed") && said.contains("STATE_CLOSED order"), "{said}");
    let said = refused(|trail| trail.of("parse").none());
    assert!(said.contains("parse has 2 entries, not 0"), "{said}");
    let said = refused(|trail| drop(trail.of("nobody").cancelled()));
    assert!(said.contains("nobody has no entry"), "{said}");
    let said = refused(|trail| drop(trail.of("prase").one()));
    assert!(said.contains("prase has 0 entries, not 1; near names: lab_tests::parse, parse"), "{said}");
    let said = refused(|trail| drop(trail.of("order").inside("parse")));
    assert!(said.contains("did not happen inside parse"), "{said}");
    let said = refused(|trail| drop(trail.of("order").saying("no such text")));
    assert!(said.contains("does not say"), "{said}");
}
