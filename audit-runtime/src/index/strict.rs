//! The strict copy: the same tables with the constraints that the definitions call for. The live index takes whatever the
//! journal holds, so that the sweep can see it; this one refuses what cannot be, so that a copy that was made is sound as far
//! as a row, its keys and its run go. What takes several rows to see (a token without an outcome, children that were
//! promised) stays the sweep's.

use std::path::Path;

use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags, params_from_iter};

use super::private::Index;
use super::schema::{self, DUMPED, LOCAL};
use super::store::{Failure, touch_private};
use crate::error::{Code, Error};
use crate::model::graph::NodeKind;
use crate::model::{check, outcome};

/// Writes a strict copy of an index into a new file.
///
/// # Errors
/// `AUD0728` for a row that the definitions forbid, naming its table; what SQLite or the file system says.
pub fn export_strict(index: &Index, into: &Path) -> Result<(), Error> {
    const WHAT: &str = "writing a strict copy of the index";
    copy(&index.store.conn, into).map_err(|failure| failure.named(WHAT))
}

fn copy(from: &Connection, into: &Path) -> Result<(), Failure> {
    touch_private(into).map_err(|cause| Error::io(Code::StorageFailed, "making a strict copy", cause))?;
    let to = Connection::open_with_flags(into, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    to.execute_batch("PRAGMA foreign_keys = ON; BEGIN;")?;
    for (table, _) in DUMPED {
        to.execute_batch(&definition(table)?)?;
    }
    to.execute_batch(UNIQUE)?;
    for (table, _) in DUMPED {
        rows(from, &to, table).map_err(|failure| forbidden(failure, table))?;
    }
    // Keys that lead nowhere are told now, whatever the order of the tables.
    to.execute_batch("COMMIT").map_err(|error| forbidden(error.into(), "a key that leads nowhere"))?;
    Ok(())
}

/// Names and types of a table's columns, those that say how far the projector has read left out.
fn columns(table: &str) -> Result<Vec<(String, String)>, Failure> {
    let conn = Connection::open_in_memory()?;
    conn.execute_batch(&[schema::TABLES, schema::LANDSCAPE].concat())?;
    let mut statement = conn.prepare("SELECT name, type FROM pragma_table_info(?1) ORDER BY cid")?;
    let columns = statement.query_map([table], |row| Ok((row.get::<_, String>(0)?, row.get(1)?)))?;
    let columns: Vec<(String, String)> = columns.collect::<Result<_, _>>()?;
    Ok(columns.into_iter().filter(|(name, _)| !LOCAL.contains(&name.as_str())).collect())
}

fn definition(table: &str) -> Result<String, Failure> {
    let columns = columns(table)?.into_iter().map(|(name, kind)| format!("{name} {kind}"));
    let parts: Vec<String> = columns.chain(constraints(table)).collect();
    Ok(format!("CREATE TABLE {table}({}) STRICT;", parts.join(", ")))
}

fn quoted<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    names.into_iter().map(|name| format!("'{name}'")).collect::<Vec<_>>().join(", ")
}

/// A key into another table, within the run.
fn leads(column: &str, table: &str, to: &str) -> String {
    format!("FOREIGN KEY(run_id, {column}) REFERENCES {table}(run_id, {to}) DEFERRABLE INITIALLY DEFERRED")
}

/// What the definitions say of one table.
fn constraints(table: &str) -> Vec<String> {
    let one_of = |column: &str, names: &[&str]| format!("CHECK ({column} IN ({}))", quoted(names.iter().copied()));
    let key = |column: &str| format!("UNIQUE(run_id, {column})");
    match table {
        "runs" => vec![
            "UNIQUE(run_id)".into(),
            one_of(
                "status",
                &["RUNNING", "COMPLETED", "COMPLETED_WITH_FAILURES", "EMPTY", "FAILED", "INTERRUPTED", "ABANDONED"],
            ),
            "CHECK (status = 'RUNNING' OR ended_at IS NOT NULL)".into(),
        ],
        "nodes" => {
            let kinds: Vec<&str> = NodeKind::ALL.iter().map(|kind| kind.name()).collect();
            vec![key("node_id"), one_of("kind", &kinds)]
        }
        "rows" => vec![key("row_id")],
        "tokens" => vec![key("token_id"), leads("row_id", "rows", "row_id")],
        "token_parents" => vec![
            key("token_id, ordinal"),
            leads("token_id", "tokens", "token_id"),
            leads("parent_id", "tokens", "token_id"),
        ],
        "outcomes" => vec![
            outcome::check_sql(),
            "CHECK (run_id IS NOT NULL AND token_id IS NOT NULL)".into(),
            leads("token_id", "tokens", "token_id"),
            leads("batch_id", "batches", "batch_id"),
        ],
        "node_states" => vec![
            key("state_id"),
            format!("CHECK (NOT ({}))", check::wrong_state_sql()),
            "CHECK (opened_seq IS NOT NULL AND coalesce(duration_ns, 0) >= 0)".into(),
            "CHECK (coalesce(ended_stream <> opened_stream OR ended_seq > opened_seq, 1))".into(),
            leads("token_id", "tokens", "token_id"),
        ],
        "operations" => {
            vec![key("operation_id"), one_of("status", &["OPEN", "DEFERRED", "COMPLETED", "FAILED", "ABANDONED"])]
        }
        "batches" => vec![
            key("batch_id"),
            one_of("status", &["DRAFT", "EXECUTING", "COMPLETED", "FAILED", "ABANDONED"]),
            leads("retry_of", "batches", "batch_id"),
        ],
        "calls" => vec![
            key("call_id"),
            one_of("status", &["OPEN", "SUCCESS", "ERROR", "ABANDONED"]),
            "CHECK ((state_id IS NULL) <> (operation_id IS NULL) AND ordinal >= 0)".into(),
            leads("state_id", "node_states", "state_id"),
            leads("operation_id", "operations", "operation_id"),
        ],
        "routes" => vec![leads("state_id", "node_states", "state_id"), leads("token_id", "tokens", "token_id")],
        "artifacts" => vec![key("artifact_id"), leads("state_id", "node_states", "state_id")],
        // Places and points: each row stands for itself.
        _ => Vec::new(),
    }
}

/// One terminal for each token, one visit for each attempt, one call for each ordinal.
const UNIQUE: &str = "
CREATE UNIQUE INDEX one_terminal ON outcomes(run_id, token_id) WHERE terminal = 1;
CREATE UNIQUE INDEX one_attempt ON node_states(run_id, token_id, node_id, attempt) WHERE token_id IS NOT NULL;
CREATE UNIQUE INDEX one_call_of_a_state ON calls(run_id, state_id, ordinal) WHERE state_id IS NOT NULL;
CREATE UNIQUE INDEX one_call_of_an_operation ON calls(run_id, operation_id, ordinal) WHERE operation_id IS NOT NULL;
CREATE UNIQUE INDEX one_route ON routes(run_id, state_id);
";

fn rows(from: &Connection, to: &Connection, table: &str) -> Result<(), Failure> {
    let names: Vec<String> = columns(table)?.into_iter().map(|(name, _)| name).collect();
    let list = names.join(", ");
    let marks = vec!["?"; names.len()].join(", ");
    let mut read = from.prepare(&format!("SELECT {list} FROM {table}"))?;
    let mut write = to.prepare(&format!("INSERT INTO {table}({list}) VALUES ({marks})"))?;
    let mut found = read.query([])?;
    while let Some(row) = found.next()? {
        let values: Vec<Value> = (0..names.len()).map(|at| row.get(at)).collect::<Result<_, _>>()?;
        write.execute(params_from_iter(values))?;
    }
    Ok(())
}

/// A constraint's refusal in our words; never a value.
fn forbidden(failure: Failure, table: &str) -> Failure {
    match &failure {
        Failure::Sql(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::ConstraintViolation) => {
            let error = Error::new(Code::NotStrict, "writing a strict copy of the index");
            Failure::Audit(error.detail(table.to_owned()))
        }
        _ => failure,
    }
}
