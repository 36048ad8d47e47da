//! What the command line tells of decisions, actions, contracts and settings.

use std::io;
use std::path::Path;

use audit_runtime::Recorder;
use audit_runtime::governance::{Action, Catalog, Correlation, Decision, Executor, Order, Profile, Rules};

use super::support::{audited, everything, program, recorder, said, story};

/// A request of a session and a tenant: decided, executed, answered.
fn request(recorder: &Recorder, answered: bool) {
    let profile = Profile::new("payments", 100, ["send"]).expect("a profile");
    let catalog = Catalog::new().action(Action::new("send", "1.0.0")).executor(Executor::new("bank", "2.0.0"));
    let order = Order { action: "send", version: "1.0.0", executor: "bank", executor_version: "2.0.0" };
    let correlation =
        Correlation::fresh().session("a rather long name of a session").tenant("acme").request("transfer", "r-1");
    let allow = |_: &i32, _: &u32| Decision::allow(Rules::new());
    let ruling = recorder.gate(&profile).correlation(correlation.clone()).decide(&7, allow).expect("a decision");
    let done = ruling.allowed().expect("an ALLOW").execute(&catalog, &order, &7, |n| Ok::<_, io::Error>(*n));
    assert!(done.is_ok());
    if answered {
        correlation.responded(recorder, "200").expect("a response");
    }
}

fn trail() -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a directory");
    let recorder = recorder(dir.path());
    request(&recorder, true);
    request(&recorder, false);
    recorder.close().expect("the stream closes");
    dir
}

fn ask(dir: &Path, arguments: &[&str]) -> String {
    let said = audited(dir, arguments);
    assert_eq!(said.code, 0, "{arguments:?}: {} {}", said.out, said.err);
    said.out
}

#[test]
fn a21_session_and_tenant_are_told_at_80_columns_and_as_json() {
    let dir = trail();
    for name in ["session:a rather long name of a session", "tenant:acme", "acme"] {
        let text = ask(dir.path(), &["explain", name]);
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        let at = |word: &str| text.find(word).unwrap_or_else(|| panic!("{word}: {text}"));
        let order = [" DECISION ", " EXECUTION_ATTEMPT ", " EXECUTION_RESULT ", " RESPONSE "].map(at);
        assert!(order.is_sorted(), "{text}");
        assert_eq!(text.matches("missing: the response to the request of").count(), 1, "{text}");
        let object = audited(dir.path(), &["explain", name, "--json"]).json();
        let facts = &object["items"][0]["facts"];
        assert_eq!(
            (facts["steps"].as_array().map(Vec::len), facts["missing"].as_array().map(Vec::len)),
            (Some(7), Some(1))
        );
    }
}

#[test]
fn metrics_are_a_text_and_the_same_facts_as_json() {
    let dir = trail();
    let text = ask(dir.path(), &["metrics"]);
    assert!(
        text.contains("# TYPE rac_reconciliation_total counter") && text.contains("\naudit_open_states 0\n"),
        "{text}"
    );
    let object = audited(dir.path(), &["metrics", "--json"]).json();
    let named = object["items"].as_array().expect("items").iter().filter_map(|item| item["metric"].as_str());
    assert!(named.into_iter().any(|name| name == "audit_open_states"), "{object}");
}

#[test]
fn doctor_prints_every_setting_with_its_default_and_finds_what_cannot_be_read() {
    let dir = trail();
    let text = ask(dir.path(), &["doctor"]);
    for line in ["RAC_ENABLED              true (default)", "AUDIT_REQUIRED           false (default)"] {
        assert!(text.contains(line), "{line}: {text}");
    }
    let mut odd = program();
    odd.arg("--trail").arg(dir.path()).args(["doctor", "--json"]);
    odd.env("RAC_ENABLED", "perhaps").env("AUDIT_REDIS_URL", "redis://app:canaryPASSWORD@db/0");
    let found = said(odd.output().expect("the program runs"));
    assert_eq!(found.code, 1);
    let object = found.json();
    assert_eq!(
        (&object["findings"][0]["rule"], &object["findings"][0]["id"]),
        (&"SETTING".into(), &"RAC_ENABLED".into())
    );
    assert!(!found.out.contains("canaryPASSWORD") && found.out.contains("[password]"), "{}", found.out);
}

#[test]
fn a_program_does_not_open_a_trail_under_a_setting_that_cannot_be_as_it_is() {
    let dir = tempfile::tempdir().expect("a directory");
    let run = format!("{:#}", story(dir.path()));
    let hold = ["hold", "add", &run, "--authority", "M. Okafor", "--reason", "an inquiry"];
    let open_with = |name: &str, value: &str| {
        let mut asked = program();
        asked.arg("--trail").arg(dir.path()).args(hold).env(name, value);
        said(asked.output().expect("the program runs"))
    };
    for (name, value) in [("RAC_ENABLED", "perhaps"), ("AUDIT_REDIS_ENABLED", "true"), ("AUDIT_REDIS_URL", "ftp://x")] {
        let before = everything(dir.path());
        let refused = open_with(name, value);
        assert_eq!(refused.code, 3, "{name}: {}", refused.err);
        assert!(refused.err.contains("AUD0810") && refused.err.contains(name), "{}", refused.err);
        assert_eq!(everything(dir.path()), before, "nothing is written");
    }
    assert_eq!(open_with("RAC_ENABLED", "FALSE").code, 0, "what can be read is no fault");
}
