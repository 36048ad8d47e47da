//! `explain` for tokens and rows: the whole way, back to the source rows through every fork, batch and merge, and on to
//! the outcome. A row that came to more than one end is an error that lists them, never an arbitrary pick.

use rusqlite::Row;
use std::collections::BTreeSet;

use super::entry::{Direction, in_order};
use super::explain::Story;
use super::open::Trail;
use super::text;
use crate::error::{Code, Error};
use crate::index::json::Json;
use crate::index::key_of;
use crate::model::{Id, Key};

/// Tokens of a line that are told at most: an aggregation may have millions of ancestors.
const LONGEST: usize = 256;

/// A row of texts.
fn texts<const N: usize>(row: &Row<'_>) -> rusqlite::Result<[Option<String>; N]> {
    let mut out = [const { None }; N];
    for (at, slot) in out.iter_mut().enumerate() {
        *slot = match row.get_ref(at)? {
            rusqlite::types::ValueRef::Null => None,
            rusqlite::types::ValueRef::Integer(n) => Some(n.to_string()),
            other => Some(String::from_utf8_lossy(other.as_bytes().unwrap_or_default()).into_owned()),
        };
    }
    Ok(out)
}

impl Trail {
    fn rows_of<const N: usize>(&self, sql: &str, id: &str) -> Result<Vec<[Option<String>; N]>, Error> {
        self.rows_with(sql, &[Some(id)])
    }

    fn rows_with<const N: usize>(&self, sql: &str, ids: &[Option<&str>]) -> Result<Vec<[Option<String>; N]>, Error> {
        let mut statement = self.sql(self.index.store.conn.prepare(sql))?;
        let rows = self.sql(statement.query_map(rusqlite::params_from_iter(ids), texts::<N>))?;
        self.sql(rows.collect())
    }

    /// The story of a token or a source row; `None` when the id names neither.
    pub(super) fn explain_journey(&self, id: Id) -> Result<Option<Story>, Error> {
        let whole = format!("{id:#}");
        if self.token_row(&whole)?.is_some() {
            return self.explain_token(&whole).map(Some);
        }
        let sql = "SELECT 1 FROM rows WHERE row_id = ?1";
        if !self.rows_of::<1>(sql, &whole)?.is_empty() {
            return self.explain_row(&whole).map(Some);
        }
        let sql = "SELECT 1 FROM artifacts WHERE artifact_id = ?1";
        match self.rows_of::<1>(sql, &whole)?.is_empty() {
            true => Ok(None),
            false => self.explain_artifact(id, &whole).map(Some),
        }
    }

    /// An artifact's line begins at the tokens of the write whose receipt it was registered with.
    fn explain_artifact(&self, id: Id, whole: &str) -> Result<Story, Error> {
        let record = self.known_record(id)?;
        let text = |key| record.body.text(key).unwrap_or_default();
        let content = record.body.slot(Key::Content).and_then(|slot| slot.digest().cloned());
        let mut told = vec![format!(
            "{} is the artifact `{}` of `{}`: {} bytes, {}.",
            self.short(id),
            text(Key::Name),
            text(Key::Sink),
            record.body.uint(Key::Size).unwrap_or(0),
            content.map_or_else(|| "without a digest".to_owned(), |digest| digest.to_string())
        )];
        let receipt = record.body.id(Key::Receipt).unwrap_or(Id::NONE);
        let states = self.known_record(receipt)?;
        let states = states.body.get(Key::States).and_then(|list| list.as_array()).unwrap_or_default();
        let mut line: Vec<String> = Vec::new();
        let sql = format!(
            "SELECT token_id FROM node_states WHERE key = {} AND state_id = ?1 AND token_id IS NOT NULL",
            key_of("?1")
        );
        for state in states.iter().filter_map(|item| Id::from_bytes(item.as_bytes()?)) {
            line.extend(self.rows_of::<1>(&sql, &format!("{state:#}"))?.into_iter().filter_map(|[token]| token));
        }
        told.push(format!("The write {} took {} tokens.", self.short(receipt), line.len()));
        line.reverse();
        let facts = self.tell_line(line, &mut told)?;
        let facts = Json::object([
            ("artifact", whole.into()),
            ("receipt", format!("{receipt:#}").into()),
            ("tokens", Json::List(facts)),
        ]);
        Ok(Story { what: "artifact", id: whole.to_owned(), sentences: told, facts })
    }

    fn explain_row(&self, row: &str) -> Result<Story, Error> {
        // What replaced a token is told by the tokens that came of it; the ends are those that nothing replaced.
        let sql = "WITH RECURSIVE run(id) AS (SELECT run_id FROM rows WHERE row_id = ?1),
          line(token) AS (SELECT token_id FROM tokens WHERE row_id = ?1
          UNION SELECT p.token_id FROM line, run JOIN token_parents p ON p.run_id = run.id AND p.parent_id = line.token)
          SELECT line.token FROM line JOIN run LEFT JOIN outcomes o
          ON o.run_id = run.id AND o.token_id = line.token AND o.terminal = 1
          WHERE coalesce(o.path, '') NOT IN ('fork_parent', 'expand_parent', 'batch_consumed')
          AND NOT (coalesce(o.path, '') = 'coalesced' AND o.sink IS NULL) ORDER BY 1";
        let ends: Vec<String> = self.rows_of::<1>(sql, row)?.into_iter().filter_map(|[token]| token).collect();
        match ends.as_slice() {
            [one] => {
                let mut story = self.explain_token(one)?;
                (story.what, story.id) = ("row", row.to_owned());
                Ok(story)
            }
            [] => Err(Error::new(Code::Corrupt, format!("explaining row {}", self.short_text(row)))
                .detail("none of its tokens is known")),
            many => {
                let list: Vec<String> = many.iter().take(20).map(|token| self.short_text(token)).collect();
                let more = if many.len() > list.len() { ", …" } else { "" };
                Err(Error::new(Code::AmbiguousRow, format!("explaining row {}", self.short_text(row))).detail(format!(
                    "{} tokens: {}{more}",
                    many.len(),
                    list.join(", ")
                )))
            }
        }
    }

    fn explain_token(&self, token: &str) -> Result<Story, Error> {
        let mut told = Vec::new();
        let facts = self.tell_line(vec![token.to_owned()], &mut told)?;
        let facts = Json::object([("tokens", Json::List(facts))]);
        Ok(Story { what: "token", id: token.to_owned(), sentences: told, facts })
    }

    /// Tells of tokens, the last one first, and of those that they came from.
    fn tell_line(&self, mut line: Vec<String>, told: &mut Vec<String>) -> Result<Vec<Json>, Error> {
        let mut facts = Vec::new();
        let mut seen = BTreeSet::new();
        while let Some(next) = line.pop() {
            if !seen.insert(next.clone()) {
                continue;
            }
            if seen.len() > LONGEST {
                told.push(format!("Its line goes on behind {LONGEST} tokens; explain one of the ancestors."));
                break;
            }
            let parents = self.tell(&next, told, &mut facts)?;
            line.extend(parents.into_iter().rev());
        }
        Ok(facts)
    }

    fn token_row(&self, token: &str) -> Result<Option<[Option<String>; 6]>, Error> {
        let sql = "SELECT run_id, row_id, fork_group, expand_group, join_group, branch FROM tokens WHERE token_id = ?1";
        Ok(self.rows_of::<6>(sql, token)?.into_iter().next())
    }

    /// Tells of one token, and gives its parents.
    fn tell(&self, token: &str, told: &mut Vec<String>, facts: &mut Vec<Json>) -> Result<Vec<String>, Error> {
        let short = self.short_text(token);
        let Some([run, row, fork, expand, join, branch]) = self.token_row(token)? else {
            let what = format!("explaining token {short}");
            return Err(Error::new(Code::Corrupt, what).detail("our own records name it, and it leads nowhere"));
        };
        let parents =
            "SELECT parent_id FROM token_parents WHERE run_id IS (SELECT run_id FROM tokens WHERE token_id = ?1)
          AND token_id = ?1 ORDER BY ordinal";
        let parents: Vec<String> = self.rows_of::<1>(parents, token)?.into_iter().filter_map(|[id]| id).collect();
        let from: Vec<String> = parents.iter().take(5).map(|parent| self.short_text(parent)).collect();
        let more = if parents.len() > 5 { format!(" and {} more", parents.len() - 5) } else { String::new() };
        let from = format!("{}{more}", from.join(", "));
        let of_run = run.as_deref().map_or_else(String::new, |run| format!(", in run {}", self.short_text(run)));
        told.push(match (&fork, &expand, &join, parents.is_empty()) {
            (Some(_), ..) => format!("{short} is branch `{}` of {from}{of_run}.", branch.as_deref().unwrap_or("?")),
            (_, Some(_), ..) => format!("{short} is one child of the expansion of {from}{of_run}."),
            (_, _, Some(_), _) => format!("{short} is the merge of {from}{of_run}."),
            (.., false) => format!("{short} came out of a batch of {from}{of_run}."),
            (.., true) => format!("{short} is the token of a source row{of_run}."),
        });
        let mut payload = Json::Null;
        if let Some(row) = row.as_deref().filter(|_| parents.is_empty()) {
            let sql = "SELECT node_id, identity, digest, at FROM rows WHERE row_id = ?1";
            for [node, identity, digest, at] in self.rows_of::<4>(sql, row)? {
                let when = at.and_then(|at| at.parse().ok()).map(text::time).unwrap_or_default();
                told.push(format!(
                    "The row is `{}` of `{}`, read {when}, {}.",
                    identity.as_deref().unwrap_or(""),
                    node.as_deref().unwrap_or(""),
                    digest.as_deref().unwrap_or("without a digest")
                ));
            }
            payload = self.payload_of_row(row, told)?;
        }
        let visits = self.visits(run.as_deref(), token, told)?;
        let outcome = self.outcome(token, told)?;
        facts.push(Json::object([
            ("token", token.into()),
            ("run", run.into()),
            ("row", row.into()),
            ("branch", branch.into()),
            ("parents", parents.clone().into()),
            ("payload", payload),
            ("visits", Json::List(visits)),
            ("outcomes", Json::List(outcome)),
        ]));
        Ok(parents)
    }

    fn payload_of_row(&self, row: &str, told: &mut Vec<String>) -> Result<Json, Error> {
        let Some(id) = Id::parse(row) else { return Ok(Json::Null) };
        let Some(view) = self.payloads(id)?.into_iter().next() else { return Ok(Json::Null) };
        told.push(view.sentence());
        Ok(view.json())
    }

    fn visits(&self, run: Option<&str>, token: &str, told: &mut Vec<String>) -> Result<Vec<Json>, Error> {
        let mut facts = Vec::new();
        let of_token = "WHERE s.run_id IS (SELECT run_id FROM tokens WHERE token_id = ?1) AND s.token_id = ?1";
        for entry in self.entries(&format!("{of_token} {}", in_order(Direction::OldestFirst)), [token])? {
            let took = entry.duration_ns.map_or_else(String::new, |ns| format!(" after {}", text::duration(ns)));
            let attempt = entry.attempt.filter(|n| *n > 0).map_or_else(String::new, |n| format!(", attempt {n}"));
            let again = entry
                .resume
                .as_deref()
                .map_or_else(String::new, |resume| format!(", driven again by the resume {}", self.short_text(resume)));
            let error = entry.error.as_deref().map_or_else(String::new, |error| format!(": {error}"));
            let ended = match entry.status.as_str() {
                "ABANDONED" => "ABANDONED, outcome unknown",
                status => status,
            };
            let (id, node) = (self.short_text(&entry.id), entry.node_name());
            told.push(format!("At `{node}` ({id}{attempt}{again}): {ended}{took}{error}."));
            let calls = "SELECT kind, endpoint, status, duration_ns, error FROM calls
              WHERE run_id IS ?2 AND state_id = ?1 ORDER BY ordinal";
            for [kind, endpoint, status, ns, error] in self.rows_with::<5>(calls, &[Some(&entry.id), run])? {
                let took =
                    ns.and_then(|ns| ns.parse().ok()).map(text::duration).unwrap_or_else(|| "unknown time".into());
                let part = |part: &Option<String>| part.clone().unwrap_or_default();
                let status = match status.as_deref() {
                    Some("ABANDONED") => "ABANDONED, outcome unknown".to_owned(),
                    _ => part(&status),
                };
                let error = error.map_or_else(String::new, |error| format!(": {error}"));
                told.push(format!("  It called {} {}: {status}, {took}{error}.", part(&kind), part(&endpoint)));
            }
            let routes = "SELECT mode, edges, reason_digest FROM routes WHERE token_id IS ?2 AND state_id = ?1";
            for [mode, edges, reason] in self.rows_with::<3>(routes, &[Some(&entry.id), Some(token)])? {
                let part = |part: Option<String>| part.unwrap_or_default();
                told.push(format!(
                    "  It was routed there: {} {}, because of {}.",
                    part(mode),
                    part(edges),
                    part(reason)
                ));
            }
            facts.push(entry.json());
        }
        Ok(facts)
    }

    fn outcome(&self, token: &str, told: &mut Vec<String>) -> Result<Vec<Json>, Error> {
        let sql = "SELECT terminal, outcome, path, sink, error_digest, batch_id, children FROM outcomes
          WHERE run_id IS (SELECT run_id FROM tokens WHERE token_id = ?1) AND token_id = ?1
          ORDER BY terminal, stream, seq";
        let mut facts = Vec::new();
        for [terminal, outcome, path, sink, error, batch, children] in self.rows_of::<7>(sql, token)? {
            let name = outcome.clone().unwrap_or_else(|| "waits".to_owned());
            let mut sentence = format!("Outcome: {name}, {}", path.as_deref().unwrap_or("?"));
            let parts = [("sink", &sink), ("error", &error), ("batch", &batch), ("children", &children)];
            for (what, value) in parts.into_iter().filter_map(|(what, value)| Some((what, value.as_ref()?))) {
                sentence.push_str(&format!(", {what} {value}"));
            }
            told.push(sentence + ".");
            facts.push(Json::object([
                ("terminal", (terminal.as_deref() == Some("1")).into()),
                ("outcome", outcome.into()),
                ("path", path.into()),
                ("sink", sink.into()),
                ("error_digest", error.into()),
                ("batch", batch.into()),
                ("children", children.into()),
            ]));
        }
        if !facts.iter().any(|fact| fact.get("terminal") == Some(&Json::Bool(true))) {
            told.push("It has no terminal outcome: what became of it is unknown.".to_owned());
        }
        Ok(facts)
    }
}
