//! `audited coverage`: what test processes left, merged, judged, and told in four forms. The lines are written here as the
//! testkit writes them; `tests/lab` asks the same program about lines of real runs.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::support::{Said, program, said};

/// A program's file: its build line, then the lines.
fn file(dir: &Path, name: &str, program: &str, built: u64, lines: &[String]) {
    let build = format!("{{\"v\":1,\"line\":\"build\",\"program\":\"{program}\",\"built\":{built},\"began\":{built}}}");
    let text = format!("{build}\n{}\n", lines.join("\n"));
    fs::write(dir.join(name), text).expect("written");
}

fn site(name: &str, at: u32, form: &str) -> String {
    format!(
        "{{\"v\":1,\"line\":\"site\",\"site\":\"{name}\",\"node\":\"{name}\",\"file\":\"src/billing.rs\",\"at\":{at},\
         \"form\":\"{form}\",\"awaits\":[],\"questions\":[],\"blind\":[]}}"
    )
}

fn moment(site: &str, phase: &str, can_fail: bool) -> String {
    format!(
        "{{\"v\":1,\"line\":\"moment\",\"site\":\"{site}\",\"phase\":\"{phase}\",\"at\":1,\"can_fail\":{can_fail},\
         \"can_cancel\":true}}"
    )
}

fn exit(site: &str, exit: &str, grade: &str, kind: &str) -> String {
    format!(
        "{{\"v\":1,\"line\":\"exit\",\"test\":\"t\",\"site\":\"{site}\",\"exit\":\"{exit}\",\"grade\":\"{grade}\",\
         \"kind\":\"{kind}\"}}"
    )
}

fn case(site: &str, phase: &str, kind: &str) -> String {
    format!(
        "{{\"v\":1,\"line\":\"case\",\"test\":\"t\",\"case\":\"v1;{site}#1;{phase};{kind}\",\"site\":\"{site}\",\
         \"phase\":\"{phase}\",\"kind\":\"{kind}\",\"fired\":true}}"
    )
}

fn failed(site: &str, phase: &str, kind: &str) -> String {
    let case = format!("v1;{site}#1;{phase};{kind}");
    format!(
        "{{\"v\":1,\"line\":\"failed\",\"test\":\"t\",\"case\":\"{case}\",\"site\":\"{site}\",\"kind\":\"{kind}\",\
         \"broke\":[\"I1 <no> terminal & \\u001b[31m\"],\"replay\":\"AUDIT_CASE='{case}' cargo test t -- --exact --nocapture\"}}"
    )
}

/// Two programs: one ends `charge` in every way but by an error, the other saw `refund` succeed alone.
fn two_programs(dir: &Path) {
    let charge = [
        site("billing::charge", 41, "async"),
        "{\"v\":1,\"line\":\"fallible\",\"site\":\"billing::charge\"}".to_owned(),
        moment("billing::charge", "after-begin", true),
        exit("billing::charge", "returned", "natural", ""),
        exit("billing::charge", "panicked", "origin", "panic"),
        exit("billing::charge", "cancelled", "passed", "cancel"),
        exit("billing::charge", "cancelled", "origin", "cancel"),
        exit("billing::charge", "lost", "origin", "kill"),
        exit("billing::charge", "errored", "origin", "failed-close"),
        "{\"v\":1,\"line\":\"asserted\",\"test\":\"t\",\"site\":\"billing::charge\",\"exit\":\"returned\",\"kind\":\"\"}"
            .to_owned(),
        site("billing::refund", 90, "sync"),
    ];
    file(dir, "one-1.jsonl", "billing/one", 10, &charge);
    let refund = [
        site("billing::refund", 90, "sync"),
        moment("billing::refund", "after-begin", false),
        exit("billing::refund", "returned", "natural", ""),
        site("billing::import", 12, "sync"),
    ];
    file(dir, "two-1.jsonl", "billing/two", 20, &refund);
}

fn home() -> tempfile::TempDir {
    tempfile::tempdir().expect("a directory")
}

/// Asks in a directory without a gate file of its own.
fn asked(dir: &Path, more: &[&str]) -> Said {
    let mut command = program();
    command.current_dir(dir).arg("coverage").arg(".").args(more);
    for name in ["AUDIT_COVERAGE", "CARGO_TARGET_DIR", "COLUMNS"] {
        command.env_remove(name);
    }
    said(command.output().expect("the program runs"))
}

fn gated(dir: &Path, gate: &str, more: &[&str]) -> Said {
    fs::write(dir.join("gate.toml"), gate).expect("written");
    asked(dir, &[&["--gate", "gate.toml", "--today", "2026-11-21"], more].concat())
}

fn cells(told: &Value, site: &str) -> Value {
    let sites = told["items"][0]["sites"].as_array().expect("sites").clone();
    sites.into_iter().find(|row| row["site"] == site).unwrap_or_else(|| panic!("no {site}: {told}"))["cells"].clone()
}

fn rules(told: &Value, weight: &str) -> Vec<(String, String)> {
    let findings = told["findings"].as_array().expect("findings").clone();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let wanted = findings.iter().filter(|found| found["weight"] == weight);
    wanted.map(|found| (text(&found["rule"]), text(&found["id"]))).collect()
}

#[test]
fn t20_two_programs_are_merged_and_every_cell_has_its_grade() {
    let dir = home();
    two_programs(dir.path());
    let told = asked(dir.path(), &["--json"]).json();
    let charge = serde_json::json!({ "success": "asserted", "error": "never", "panic": "origin",
        "cancelled": "origin", "killed": "origin", "store": "origin" });
    assert_eq!(cells(&told, "billing::charge"), charge);
    let refund = serde_json::json!({ "success": "natural", "error": "impossible", "panic": "never",
        "cancelled": "impossible", "killed": "never", "store": "never" });
    assert_eq!(cells(&told, "billing::refund"), refund, "it returns no Result, and it is no future");
    assert_eq!(told["items"][0]["tallies"]["total"]["covered"], 6);
    assert_eq!(told["items"][0]["tallies"]["total"]["of"], 15, "6 of charge, 4 of refund, 5 of import");
    assert_eq!(rules(&told, "note"), [("NEVER".to_owned(), "billing::import".to_owned())]);
}

#[test]
fn the_table_fits_80_columns_and_a_wide_one_says_where_sites_stand() {
    let dir = home();
    two_programs(dir.path());
    let long = "billing::a::module::of::a::module::of::a::module::charge_the_card_of_a_customer";
    file(dir.path(), "three-1.jsonl", "billing/three", 5, &[site(long, 7, "async")]);
    let narrow = asked(dir.path(), &[]);
    assert_eq!(narrow.code, 0, "nothing is asked for: {}", narrow.err);
    assert!(narrow.out.lines().all(|line| line.chars().count() <= 80), "{}", narrow.out);
    assert!(
        narrow.out.contains("charge_the_card_of_a_customer") && !narrow.out.contains("billing.rs"),
        "{}",
        narrow.out
    );
    let row = narrow.out.lines().find(|line| line.starts_with("billing::charge")).expect("a row");
    let letters: Vec<&str> = row.split_whitespace().skip(1).collect();
    assert_eq!(letters, ["a", "-", "o", "o", "o", "o", "·", "·"]);
    let wide = asked(dir.path(), &["--width", "140"]);
    let row = wide.out.lines().find(|line| line.starts_with("billing::charge")).expect("a row");
    assert!(row.contains("src/billing.rs:41") && row.chars().count() <= 140, "{row}");
}

#[test]
fn awaits_count_when_cut_on_both_sides_and_blind_spots_have_their_lines() {
    let dir = home();
    let site = site("billing::charge", 41, "async")
        .replace("\"awaits\":[]", "\"awaits\":[44,46]")
        .replace("\"questions\":[]", "\"questions\":[50,58]")
        .replace("\"blind\":[]", "\"blind\":[\"60 select\"]");
    let lines = [
        site,
        moment("billing::charge", "after-begin", true),
        moment("billing::charge", "question-0", true),
        moment("billing::charge", "question-1", false),
        exit("billing::charge", "returned", "natural", ""),
        case("billing::charge", "before-await-0", "cancel"),
        case("billing::charge", "after-await-0", "cancel"),
        case("billing::charge", "before-await-1", "cancel"),
        case("billing::charge", "question-0", "error"),
    ];
    file(dir.path(), "one-1.jsonl", "billing/one", 10, &lines);
    let said = asked(dir.path(), &[]);
    let row = said.out.lines().find(|line| line.starts_with("billing::charge")).expect("a row");
    assert!(row.ends_with(" 1/2     1/2"), "{row}");
    for (place, what) in
        [("46", "never cut on both sides"), ("58", "cannot be made"), ("60", "select! is not seen into")]
    {
        let line = said.out.lines().find(|line| line.contains(&format!("src/billing.rs:{place}")));
        assert!(line.is_some_and(|line| line.contains(what)), "{place} {what}: {}", said.out);
    }
}

#[test]
fn t20_a_failed_case_is_a_red_cell_with_its_replay_even_without_a_gate() {
    let dir = home();
    two_programs(dir.path());
    let lines = [
        site("billing::pay", 70, "async"),
        failed("billing::pay", "after-await-0", "cancel"),
        failed("store", "write", "full"),
    ];
    file(dir.path(), "three-1.jsonl", "billing/three", 30, &lines);
    let said = asked(dir.path(), &["--html", "page.html", "--junit", "junit.xml"]);
    assert_eq!(said.code, 1, "{}", said.out);
    let replay = "AUDIT_CASE='v1;billing::pay#1;after-await-0;cancel' cargo test t -- --exact --nocapture";
    assert!(said.out.contains(&format!("  replay {replay}\n")), "{}", said.out);
    assert!(!said.out.contains('\u{1b}'), "control characters are told, not sent");
    let told = asked(dir.path(), &["--json"]).json();
    assert_eq!(cells(&told, "billing::pay")["cancelled"], "failed");
    assert_eq!(cells(&told, "store")["store"], "failed", "what belongs to no site is not dropped");
    assert_eq!(rules(&told, "problem").len(), 2);

    let page = fs::read_to_string(dir.path().join("page.html")).expect("the page");
    assert!(page.contains(&replay.replace('\'', "&#39;")) && page.contains("I1 &lt;no&gt; terminal &amp; \\u{1b}[31m"));
    for outside in ["http://", "https://", "<script", "src=", "@import", "url("] {
        assert!(!page.contains(outside), "the page needs nothing from outside: {outside}");
    }
    let junit = fs::read_to_string(dir.path().join("junit.xml")).expect("the file");
    let suites = well_formed(&junit).unwrap_or_else(|why| panic!("{why}: {junit}"));
    assert_eq!(suites.iter().filter(|name| **name == "failure").count(), 2, "{junit}");
    assert!(junit.contains("failures=\"2\"") && junit.contains(replay), "{junit}");
}

/// The names of all elements, if the tags of a text open and close as XML asks, its attributes are quoted and hold no `<`,
/// and nothing stands in it that XML forbids.
fn well_formed(xml: &str) -> Result<Vec<&str>, String> {
    if let Some(bad) = xml.chars().find(|c| c.is_control() && *c != '\n') {
        return Err(format!("{bad:?} is no character of XML"));
    }
    let body = xml.strip_prefix("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n").ok_or("no declaration")?;
    let (mut open, mut names) = (Vec::new(), Vec::new());
    for piece in body.split('<').skip(1) {
        let (tag, text) = piece.split_once('>').ok_or_else(|| format!("`<{piece}` does not end"))?;
        let entities = [tag, text].concat();
        let sound = entities
            .split('&')
            .skip(1)
            .all(|rest| ["amp;", "lt;", "gt;", "quot;", "#10;"].iter().any(|entity| rest.starts_with(entity)));
        if !sound {
            return Err(format!("a bare & in `{piece}`"));
        }
        if let Some(name) = tag.strip_prefix('/') {
            if open.pop() != Some(name) {
                return Err(format!("</{name}> closes nothing"));
            }
            continue;
        }
        let (name, attributes) = tag.trim_end_matches('/').split_once(' ').unwrap_or((tag.trim_end_matches('/'), ""));
        if attributes.matches('"').count() % 2 != 0 {
            return Err(format!("quotes in `{tag}`"));
        }
        names.push(name);
        if !tag.ends_with('/') {
            open.push(name);
        }
    }
    if open.is_empty() { Ok(names) } else { Err(format!("{open:?} stay open")) }
}

#[test]
fn the_check_of_xml_finds_what_is_wrong() {
    let whole = |body: &str| format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{body}");
    assert_eq!(well_formed(&whole("<a b=\"1\"><c/>x &lt; y</a>")), Ok(vec!["a", "c"]));
    for bad in ["<a><b></a></b>", "<a>", "<a b=\"1>x</a>", "<a>x & y</a>", "<a>\u{1b}</a>"] {
        assert!(well_formed(&whole(bad)).is_err(), "{bad}");
    }
}

#[test]
fn a_missed_floor_fails_by_its_name_and_one_that_is_reached_does_not() {
    let dir = home();
    two_programs(dir.path());
    let said = gated(dir.path(), "[floors]\nsuccess = 60\ntotal = 40\n", &[]);
    assert_eq!(said.code, 0, "{}", said.out);
    let said =
        gated(dir.path(), "[floors]\nsuccess = 60\ntotal = 40.1\npanic = 34\n", &["--json", "--junit", "junit.xml"]);
    assert_eq!(said.code, 1);
    let problems = rules(&said.json(), "problem");
    assert_eq!(problems, [("FLOOR".into(), "total".into()), ("FLOOR".into(), "panic".into())]);
    assert!(said.out.contains("40.0 % is covered, 6 of 15; the floor is 40.1 %"), "{}", said.out);
    let junit = fs::read_to_string(dir.path().join("junit.xml")).expect("the file");
    assert!(junit.contains("name=\"floor success\"/>") && junit.contains("name=\"floor panic\"><failure"), "{junit}");
    well_formed(&junit).expect("XML");
}

#[test]
fn an_excuse_stands_until_its_day_and_then_fails_by_its_own_line() {
    let dir = home();
    two_programs(dir.path());
    let gate = |expires: &str| {
        format!(
            "sites = [\"billing::charge\"]\n[floors]\nerror = 100\n\n[[excuse]]\nsite = \"charge\"\nkind = \"error\"\n\
             reason = \"the bank's sandbox never refuses\"\nexpires = {expires}\n"
        )
    };
    let said = gated(dir.path(), &gate("2026-11-21"), &[]);
    assert_eq!(said.code, 0, "its last day is one of its days: {}", said.out);
    let row = said.out.lines().find(|line| line.starts_with("billing::charge")).expect("a row");
    assert!(row.contains("  a     x"), "{row}");
    let said = gated(dir.path(), &gate("\"2026-11-20\""), &["--json"]);
    assert_eq!(said.code, 1);
    let told = said.json();
    assert_eq!(rules(&told, "problem"), [("EXPIRED".into(), "charge".into()), ("FLOOR".into(), "error".into())]);
    let expired = told["findings"].as_array().expect("findings").iter().find(|found| found["rule"] == "EXPIRED");
    assert_eq!(expired.expect("it is told")["place"], "gate.toml:5");
    let needless =
        gate("2027-01-01").replace("kind = \"error\"", "kind = \"panic\"").replace("error = 100", "panic = 100");
    let told = gated(dir.path(), &needless, &["--json"]).json();
    assert_eq!(rules(&told, "note"), [("NEEDLESS".into(), "charge".into())]);
}

#[test]
fn a_red_cell_has_no_excuse() {
    let dir = home();
    let lines = [site("billing::pay", 70, "async"), failed("billing::pay", "after-await-0", "cancel")];
    file(dir.path(), "one-1.jsonl", "billing/one", 30, &lines);
    let gate = "[[excuse]]\nsite = \"pay\"\nkind = \"cancelled\"\nreason = \"later\"\nexpires = 2099-01-01\n";
    let said = gated(dir.path(), gate, &["--json"]);
    assert_eq!((said.code, rules(&said.json(), "problem")), (1, vec![("FAILED".into(), "billing::pay".into())]));
}

#[test]
fn the_base_may_not_be_fallen_below_and_what_is_new_is_named() {
    let dir = home();
    two_programs(dir.path());
    let base = ["--base", "base.json"];
    assert_eq!(asked(dir.path(), &[&base[..], &["--write-base"]].concat()).code, 0);
    assert_eq!(asked(dir.path(), &base).code, 0, "what it was made from does not fall below it");
    fs::remove_file(dir.path().join("one-1.jsonl")).expect("removed");
    let lines = [
        site("billing::charge", 41, "async"),
        moment("billing::charge", "after-begin", true),
        exit("billing::charge", "returned", "natural", ""),
        site("billing::void", 95, "sync"),
    ];
    file(dir.path(), "one-1.jsonl", "billing/one", 10, &lines);
    let said = asked(dir.path(), &[&base[..], &["--json"]].concat());
    assert_eq!(said.code, 1);
    let told = said.json();
    assert!(rules(&told, "problem").contains(&("RATCHET".into(), "total".into())), "{told}");
    assert!(rules(&told, "problem").contains(&("RATCHET".into(), "billing::charge".into())), "{told}");
    assert!(said.out.contains("was covered and is not any more: panic, cancelled, killed, store"), "{}", said.out);
    assert!(said.out.contains("fell from 40.0 % (6 of 15) to"), "{}", said.out);
    assert!(rules(&told, "note").contains(&("NEW".into(), "billing::void".into())), "{told}");
    assert_eq!(asked(dir.path(), &["--base", "nothing.json"]).code, 3);
    assert_eq!(asked(dir.path(), &["--write-base"]).code, 2, "it must be told which");
}

#[test]
fn every_mistake_in_a_gate_file_is_told_at_once_with_its_line_and_near_names() {
    let dir = home();
    two_programs(dir.path());
    let gate = "sites = [\"billing::chrage\"]\nflors = 3\n[floors]\npanik = 10\nerror = 101\n[[excuse]]\nsite = \"refnd\"\n\
                kind = \"killed\"\nexpires = 2026-02-30\n";
    let said = gated(dir.path(), gate, &[]);
    assert_eq!(said.code, 2);
    let gate = gate.replace("2026-02-30", "\"2026-02-30\"");
    let said = gated(dir.path(), &gate, &["--json"]);
    assert_eq!(said.code, 2);
    for wanted in [
        "gate.toml:1: no audited site of these runs is called `billing::chrage`; near names: billing::charge",
        "gate.toml:2: no key is called `flors`; did you mean floors?",
        "gate.toml:4: no kind is called `panik`; did you mean panic?",
        "gate.toml:5: a floor is a number of percent, 0 to 100",
        "gate.toml:7: no audited site of these runs is called `refnd`; near names: billing::refund",
        "gate.toml:9: `expires` is a day: 2027-06-30",
        "gate.toml:6: this excuse lacks `reason`",
    ] {
        assert!(said.err.contains(wanted), "{wanted}\n{}", said.err);
    }
    assert_eq!(rules(&said.json(), "problem").len(), 7);
    let said = gated(dir.path(), "sites = [\n", &[]);
    assert!(said.code == 2 && said.err.contains("gate.toml:"), "{}", said.err);
    assert_eq!(asked(dir.path(), &["--gate", "nothing.toml"]).code, 3);
    assert_eq!(asked(dir.path(), &["--today", "2026-02-30"]).code, 2);
}

#[test]
fn a_corrupt_line_is_told_with_its_place_and_is_not_the_end() {
    let dir = home();
    two_programs(dir.path());
    let path = dir.path().join("two-1.jsonl");
    let text = fs::read_to_string(&path).expect("read") + "{\"v\":1,\"line\":\"exit\",\"si";
    fs::write(&path, text).expect("written");
    let said = asked(dir.path(), &["--json"]);
    assert_eq!(said.code, 0);
    let told = said.json();
    let corrupt = told["findings"].as_array().expect("findings").iter().find(|found| found["rule"] == "CORRUPT");
    let place = corrupt.expect("it is told")["place"].as_str().expect("a place").to_owned();
    assert!(place.ends_with("two-1.jsonl:6"), "{place}");
    assert_eq!(cells(&told, "billing::refund")["success"], "natural", "what can be read counts");
}

#[test]
fn nothing_to_read_is_an_error_and_no_pass() {
    let dir = home();
    let said = asked(dir.path(), &["--json"]);
    assert!(said.code == 3 && said.err.contains("no test run has left a readable line"), "{}", said.err);
    assert_eq!(rules(&said.json(), "problem").len(), 1);
    fs::write(dir.path().join("a.jsonl"), "garbage\n").expect("written");
    let said = asked(dir.path(), &[]);
    assert!(said.code == 3 && said.err.contains("a.jsonl:1"), "{}", said.err);
    let nowhere = asked(dir.path(), &["elsewhere"]);
    assert!(nowhere.code == 3 && nowhere.err.contains("elsewhere"), "{}", nowhere.err);
    file(dir.path(), "a.jsonl", "billing/one", 1, &[]);
    let said = asked(dir.path(), &[]);
    assert!(said.code == 3 && said.err.contains("no audited site"), "{}", said.err);
}

#[test]
fn of_each_program_the_newest_build_counts_and_of_each_site_the_newest_shape() {
    let dir = home();
    two_programs(dir.path());
    let saw = |at: u32| [site("billing::refund", at, "sync"), exit("billing::refund", "panicked", "origin", "panic")];
    file(dir.path(), "two-0.jsonl", "billing/two", 5, &saw(90));
    let told = asked(dir.path(), &["--json"]).json();
    assert_eq!(cells(&told, "billing::refund")["panic"], "never", "an older build of the same program");
    assert_eq!(told["items"][0]["older_processes_left_out"], 1);
    file(dir.path(), "three-1.jsonl", "billing/three", 7, &saw(80));
    let told = asked(dir.path(), &["--json"]).json();
    assert_eq!(cells(&told, "billing::refund")["panic"], "never", "another program with older code of it");
    assert!(rules(&told, "note").contains(&("STALE".into(), "billing::refund".into())), "{told}");
    file(dir.path(), "three-2.jsonl", "billing/three", 8, &saw(90));
    let told = asked(dir.path(), &["--json"]).json();
    assert_eq!(cells(&told, "billing::refund")["panic"], "origin", "built anew, it counts");
}

#[test]
fn the_latest_run_of_a_case_decides() {
    let dir = home();
    let red = [
        site("billing::pay", 70, "sync"),
        case("billing::pay", "after-begin", "panic"),
        failed("billing::pay", "after-begin", "panic"),
    ];
    file(dir.path(), "one-1.jsonl", "billing/one", 10, &red);
    assert_eq!(asked(dir.path(), &[]).code, 1);
    let later = "{\"v\":1,\"line\":\"build\",\"program\":\"billing/one\",\"built\":10,\"began\":99}";
    let again = [later.to_owned(), red[0].clone(), red[1].clone(), exit("billing::pay", "panicked", "origin", "panic")];
    fs::write(dir.path().join("one-2.jsonl"), again.join("\n")).expect("written");
    let said = asked(dir.path(), &["--json"]);
    assert_eq!((said.code, cells(&said.json(), "billing::pay")["panic"].as_str()), (0, Some("origin")), "{}", said.out);
}

#[test]
fn t20_an_end_under_a_name_that_no_catalogue_has_is_told() {
    let dir = home();
    two_programs(dir.path());
    let double = [site("billing::pay", 70, "sync"), exit("billing::FakeCharge::charge", "returned", "natural", "")];
    file(dir.path(), "four-1.jsonl", "billing/four", 40, &double);
    let told = asked(dir.path(), &["--json"]).json();
    let notes = rules(&told, "note");
    assert!(notes.contains(&("UNKNOWN".into(), "billing::FakeCharge::charge".into())), "{told}");
    assert!(notes.contains(&("NEVER".into(), "billing::pay".into())), "{told}");
}
