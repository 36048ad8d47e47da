//! The canonical dump: one JSON line a row, tables and rows in a fixed order, nothing that differs between two
//! projections of one journal.

use std::io::Write;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row};

use super::json::Json;
use super::private::Index;
use super::schema::{DUMPED, LOCAL};
use super::store::Failure;
use crate::error::{Code, Error};

/// Writes the dump.
///
/// # Errors
/// What SQLite or the writer says.
pub fn dump(index: &Index, out: &mut dyn Write) -> Result<(), Error> {
    dump_rows(&index.store.conn, out).map_err(|failure| failure.named("dumping the index"))
}

pub(super) fn dump_rows(conn: &Connection, out: &mut dyn Write) -> Result<(), Failure> {
    for (table, order) in DUMPED {
        let columns = columns(conn, table)?;
        let sql = format!("SELECT {} FROM {table} ORDER BY {order}", columns.join(", "));
        let mut statement = conn.prepare(&sql)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let mut members = vec![("table".to_owned(), Json::from(*table))];
            for (at, name) in columns.iter().enumerate() {
                let value = value(row, at)?;
                if value != Json::Null {
                    members.push((name.clone(), value));
                }
            }
            let written = writeln!(out, "{}", Json::Object(members));
            written.map_err(|e| Error::io(Code::StorageFailed, "writing the dump", e))?;
        }
    }
    Ok(())
}

fn columns(conn: &Connection, table: &str) -> Result<Vec<String>, Failure> {
    let mut statement = conn.prepare("SELECT name FROM pragma_table_info(?1) ORDER BY cid")?;
    let names = statement.query_map([table], |row| row.get::<_, String>(0))?;
    let names: Vec<String> = names.collect::<Result<_, _>>()?;
    Ok(names.into_iter().filter(|name| !LOCAL.contains(&name.as_str())).collect())
}

/// A column's value as JSON.
fn value(row: &Row<'_>, at: usize) -> rusqlite::Result<Json> {
    Ok(match row.get_ref(at)? {
        ValueRef::Null => Json::Null,
        ValueRef::Integer(n) => Json::Int(n),
        ValueRef::Real(x) => Json::Float(x),
        ValueRef::Text(text) => Json::Text(String::from_utf8_lossy(text).into_owned()),
        ValueRef::Blob(bytes) => Json::Text(super::json::hex(bytes)),
    })
}
