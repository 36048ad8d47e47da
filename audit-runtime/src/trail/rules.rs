//! The sweep's rules as SQL over the index, `?1` the run. S4, S5 and S16 are generated from tables, not written by hand.
//!
//! A run may have millions of tokens and states: what a rule looks up for each of them has an index or is gathered once.

use crate::index::key_of;
use crate::model::{check, outcome};

/// Which ended runs a rule leaves alone, because their work may still be resumed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exempt {
    None,
    Interrupted,
    InterruptedAndAbandoned,
}

/// One rule. The first column that its SQL returns names the offender.
#[derive(Clone, Debug)]
pub(super) struct Rule {
    pub(super) id: &'static str,
    pub(super) says: &'static str,
    pub(super) exempt: Exempt,
    pub(super) sql: String,
}

fn rule(id: &'static str, says: &'static str, exempt: Exempt, sql: impl Into<String>) -> Rule {
    Rule { id, says, exempt, sql: sql.into() }
}

/// Rules that hold at any time, also in a run that is under way and for entries without a run.
pub(super) const AT_ANY_TIME: [&str; 6] = ["S2", "S3", "S4", "S5", "S14", "S16"];

/// All rules.
pub(super) fn rules() -> Vec<Rule> {
    use Exempt as E;
    vec![
        rule("S1", "a token without a terminal outcome", E::InterruptedAndAbandoned,
            "SELECT t.token_id FROM tokens t WHERE t.run_id = ?1 AND NOT EXISTS (SELECT 1 FROM outcomes o
             WHERE o.run_id = t.run_id AND o.token_id = t.token_id AND o.terminal = 1)"),
        rule("S2", "a token with more than one terminal outcome", E::None,
            "SELECT token_id FROM outcomes WHERE run_id IS ?1 AND terminal = 1 GROUP BY token_id HAVING count(*) > 1"),
        rule("S3", "an outcome that is neither terminal nor `buffered`", E::None,
            "SELECT token_id FROM outcomes WHERE run_id IS ?1 AND coalesce(terminal, 2) <> 1
             AND NOT (coalesce(terminal, 2) = 0 AND outcome IS NULL AND coalesce(path, '') = 'buffered')"),
        rule("S4", "an outcome and path that do not belong together", E::None, outcome::illegal_pairs_sql()),
        rule("S5", "an outcome that lacks a field of its path, or has a forbidden one", E::None, outcome::wrong_fields_sql()),
        rule("S6", "an outcome that names a sink, but no COMPLETED state at a sink", E::None,
            "SELECT o.token_id FROM outcomes o WHERE o.run_id = ?1 AND o.terminal = 1 AND o.sink IS NOT NULL
             AND NOT EXISTS (SELECT 1 FROM node_states s WHERE s.run_id = o.run_id AND s.token_id = o.token_id
             AND s.status = 'COMPLETED' AND s.node_id IN (SELECT node_id FROM nodes WHERE run_id = ?1 AND kind = 'sink'))"),
        rule("S7", "a COMPLETED state at a sink, but no terminal outcome that names a sink", E::None,
            "SELECT DISTINCT s.token_id FROM nodes n CROSS JOIN node_states s ON n.run_id = s.run_id AND n.node_id = s.node_id
             WHERE n.run_id = ?1 AND n.kind = 'sink' AND s.status = 'COMPLETED' AND NOT EXISTS (SELECT 1 FROM outcomes o
             WHERE o.run_id = s.run_id AND o.token_id = s.token_id AND o.terminal = 1 AND o.sink IS NOT NULL)"),
        rule("S8", "a token minted by fork, expansion or merge without a parent", E::None,
            "SELECT t.token_id FROM tokens t WHERE t.run_id = ?1
             AND (t.fork_group IS NOT NULL OR t.expand_group IS NOT NULL OR t.join_group IS NOT NULL)
             AND NOT EXISTS (SELECT 1 FROM token_parents p WHERE p.run_id = t.run_id AND p.token_id = t.token_id)"),
        rule("S9", "work still open in an ended run", E::Interrupted,
            // What is open is little, whatever the run: the index of open states is asked, not that of the run's.
            "SELECT state_id FROM node_states WHERE +run_id = ?1 AND status IN ('OPEN', 'DEFERRED')
             UNION ALL SELECT operation_id FROM operations WHERE run_id = ?1 AND status IN ('OPEN', 'DEFERRED')
             UNION ALL SELECT call_id FROM calls WHERE run_id = ?1 AND status = 'OPEN'"),
        rule("S9", "a batch still open in an ended run", E::InterruptedAndAbandoned,
            "SELECT batch_id FROM batches WHERE run_id = ?1 AND status IN ('DRAFT', 'EXECUTING')"),
        rule("S10", "a replaced parent none of whose children has an outcome", E::InterruptedAndAbandoned,
            "SELECT o.token_id FROM outcomes o WHERE o.run_id = ?1 AND o.path IN ('fork_parent', 'expand_parent')
             AND NOT EXISTS (SELECT 1 FROM token_parents p JOIN outcomes c ON c.run_id = p.run_id
             AND c.token_id = p.token_id WHERE p.run_id = o.run_id AND p.parent_id = o.token_id)"),
        // A batch that is not named at all is S5's.
        rule("S10", "a consumed token whose batch did not complete", E::InterruptedAndAbandoned,
            "SELECT token_id FROM outcomes WHERE run_id = ?1 AND path = 'batch_consumed'
             AND coalesce(batch_id, '') <> '' AND batch_id NOT IN (SELECT batch_id FROM batches
             WHERE run_id = ?1 AND status = 'COMPLETED' AND batch_id IS NOT NULL)"),
        rule("S11", "promised and actual children differ", E::None,
            "SELECT o.token_id FROM outcomes o WHERE o.run_id = ?1 AND o.path IN ('fork_parent', 'expand_parent')
             AND o.children <> (SELECT count(*) FROM token_parents p WHERE p.run_id = o.run_id
             AND p.parent_id = o.token_id)"),
        rule("S12", "attempts of a token at a node are not 0, 1, 2, …", E::None,
            "SELECT token_id, node_id FROM node_states WHERE run_id = ?1 AND token_id IS NOT NULL
             GROUP BY token_id, node_id
             HAVING min(attempt) <> 0 OR max(attempt) + 1 <> count(*) OR count(DISTINCT attempt) <> count(*)"),
        rule("S13", "calls of a parent are not numbered 0, 1, 2, …", E::None,
            "SELECT coalesce(state_id, operation_id) FROM calls WHERE run_id = ?1 GROUP BY state_id, operation_id
             HAVING min(ordinal) <> 0 OR max(ordinal) + 1 <> count(*) OR count(DISTINCT ordinal) <> count(*)"),
        rule("S14", "an end before its beginning", E::None,
            "SELECT state_id FROM node_states WHERE run_id IS ?1
             AND (duration_ns < 0 OR (ended_stream = opened_stream AND ended_seq <= opened_seq))"),
        rule("S15", "an artifact whose producer is not COMPLETED", E::None,
            format!("SELECT a.artifact_id FROM artifacts a WHERE a.run_id = ?1 AND NOT EXISTS (SELECT 1 FROM node_states s
             WHERE s.key = {} AND s.run_id = a.run_id AND s.state_id = a.state_id AND s.status = 'COMPLETED')",
             key_of("a.state_id"))),
        rule("S16", "a node state whose fields do not fit its status", E::None,
            format!("SELECT state_id FROM node_states WHERE run_id IS ?1 AND ({})", check::wrong_state_sql())),
        rule("S17", "a call with no parent, two parents, or a parent of another run", E::None,
            format!("SELECT c.call_id FROM calls c WHERE c.run_id = ?1 AND ((c.state_id IS NULL) = (c.operation_id IS NULL)
             OR (c.state_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM node_states s
             WHERE s.key = {} AND s.run_id = c.run_id AND s.state_id = c.state_id))
             OR (c.operation_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM operations o
             WHERE o.run_id = c.run_id AND o.operation_id = c.operation_id)))", key_of("c.state_id"))),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rules of which a page does not say what they say.
    fn untold(page: &str) -> Vec<&'static str> {
        let told = |rule: &Rule| {
            let row = format!("| `{}` |", rule.id);
            page.lines().any(|line| line.starts_with(&row) && line.contains(rule.says))
        };
        rules().iter().filter(|rule| !told(rule)).map(|rule| rule.id).collect()
    }

    #[test]
    fn every_rule_of_the_sweep_is_described() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/cli.md");
        let page = std::fs::read_to_string(path).expect("docs/cli.md can be read");
        assert_eq!(untold(&page), Vec::<&str>::new(), "docs/cli.md");
        assert_eq!(untold(&page.replace("| `S13` |", "")), ["S13"]);
    }
}
