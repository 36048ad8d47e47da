//! One SQLite file: made, opened, checked, and its errors named without statement text or values.

use std::cell::RefCell;
use std::fs;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, Params, Row, Statement};

use super::schema;
use crate::error::{Code, Error};

/// The first SQLite whose WAL survives every crash: older ones can lose a WAL reset.
const WAL_IS_SOUND: i32 = 3_051_003;

/// Version of the SQLite that was linked.
#[must_use]
pub fn sqlite_version() -> &'static str {
    rusqlite::version()
}

/// The journal mode that this SQLite gets: `wal`, or `delete` where its WAL cannot be trusted.
#[must_use]
pub fn journal_mode() -> &'static str {
    if rusqlite::version_number() >= WAL_IS_SOUND { "wal" } else { "delete" }
}

/// Why work on the index stopped: SQLite's answer, or ours.
#[derive(Debug)]
pub(crate) enum Failure {
    Sql(rusqlite::Error),
    Audit(Error),
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Failure {
        Failure::Sql(error)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure::Audit(error)
    }
}

impl Failure {
    /// Whether the file is no sound database: then it is made anew from the journal.
    pub(super) fn is_corrupt(&self) -> bool {
        let Failure::Sql(error) = self else { return false };
        match error.sqlite_error_code() {
            Some(code) => matches!(
                code,
                ErrorCode::DatabaseCorrupt
                    | ErrorCode::NotADatabase
                    | ErrorCode::ConstraintViolation
                    | ErrorCode::TypeMismatch
            ),
            None => matches!(
                error,
                rusqlite::Error::InvalidColumnType(..)
                    | rusqlite::Error::FromSqlConversionFailure(..)
                    | rusqlite::Error::IntegralValueOutOfRange(..)
            ),
        }
    }

    /// The error that a caller sees.
    pub(super) fn named(self, attempted: &str) -> Error {
        match self {
            Failure::Audit(error) => error,
            Failure::Sql(error) => failed(attempted, &error),
        }
    }
}

/// Whether the device or the permissions stand in the way, and not what the file holds.
pub(super) fn lacks_room(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(
            ErrorCode::DiskFull
                | ErrorCode::CannotOpen
                | ErrorCode::PermissionDenied
                | ErrorCode::ReadOnly
                | ErrorCode::SystemIoFailure
        )
    )
}

/// An error of SQLite in our words: its class only, because messages can hold statements, values and paths.
pub(crate) fn failed(attempted: &str, error: &rusqlite::Error) -> Error {
    let code = match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => Code::StorageFull,
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Code::IndexBusy,
        _ if lacks_room(error) => Code::StorageFailed,
        _ => Code::BadIndex,
    };
    Error::new(code, attempted).detail(why(error))
}

/// What SQLite answered.
pub(super) fn why(error: &rusqlite::Error) -> String {
    match error {
        rusqlite::Error::SqliteFailure(cause, _) => format!("SQLite answered {}", cause.extended_code),
        rusqlite::Error::InvalidColumnType(_, name, _) => format!("column {name} holds a value of another type"),
        rusqlite::Error::QueryReturnedNoRows => "a row is missing".to_owned(),
        _ => "SQLite could not run a statement".to_owned(),
    }
}

/// An open index file.
#[derive(Debug)]
pub(crate) struct Store {
    pub(crate) conn: Connection,
}

impl Store {
    /// Opens or makes the projection that one process writes.
    pub(super) fn writable(path: &Path) -> Result<Store, Failure> {
        touch_private(path).map_err(|e| Error::io(Code::StorageFailed, "making the index", e))?;
        let conn =
            Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
        conn.pragma_update(None, "journal_mode", journal_mode())?;
        // The journal is the truth: what a power cut takes from the index is projected again.
        conn.pragma_update(None, "synchronous", "NORMAL")?;
        conn.pragma_update(None, "cache_size", -65_536)?;
        conn.pragma_update(None, "wal_autocheckpoint", 4_096)?;
        Self::ready(conn, schema::INDEXES)
    }

    /// A projection of our own that nobody else sees and that need not survive us.
    pub(super) fn scratch(path: &Path) -> Result<Store, Failure> {
        touch_private(path).map_err(|e| Error::new(Code::NoScratch, "making a private index").detail(e.to_string()))?;
        let conn =
            Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
        conn.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
        conn.pragma_update(None, "journal_mode", "MEMORY")?;
        conn.pragma_update(None, "synchronous", "OFF")?;
        conn.pragma_update(None, "cache_size", -65_536)?;
        // Indexes are made by `finish`: sorting once is cheaper than keeping order row by row.
        Self::ready(conn, "")
    }

    /// Makes the indexes of a scratch store that was made from nothing.
    pub(super) fn finish(&self) -> Result<(), Failure> {
        let made = "SELECT count(*) FROM sqlite_schema WHERE name = 'states_by_run'";
        if self.conn.query_row(made, [], |row| row.get::<_, i64>(0))? == 0 {
            self.conn.execute_batch(&format!("BEGIN; {} COMMIT;", schema::INDEXES))?;
        }
        Ok(())
    }

    /// Reads a file that nobody writes, without a lock, a WAL or any other trace.
    pub(super) fn immutable(path: &Path) -> Result<Store, Failure> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let conn = Connection::open_with_flags(uri(path), flags)?;
        conn.pragma_update(None, "cache_size", -65_536)?;
        let store = Store { conn };
        store.check()?;
        Ok(store)
    }

    fn ready(conn: Connection, indexes: &str) -> Result<Store, Failure> {
        conn.busy_timeout(std::time::Duration::from_millis(250))?;
        let tables: i64 = conn.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
        let store = Store { conn };
        if tables == 0 {
            store.fill(indexes)?
        } else {
            store.check()?
        }
        Ok(store)
    }

    /// Makes the schema in one transaction: a kill leaves an empty file or a whole schema.
    fn fill(&self, indexes: &str) -> Result<(), Failure> {
        let made = [schema::TABLES, schema::LANDSCAPE, schema::EAGER_INDEXES, indexes, schema::VIEWS].concat();
        self.conn.execute_batch(&format!(
            "BEGIN IMMEDIATE; PRAGMA application_id = {}; PRAGMA user_version = {}; {made} COMMIT;",
            schema::APPLICATION,
            schema::VERSION
        ))?;
        Ok(())
    }

    /// Refuses a file of another schema; a file that is no index of ours at all counts as corrupt.
    fn check(&self) -> Result<(), Failure> {
        let application: i64 = self.conn.query_row("PRAGMA application_id", [], |row| row.get(0))?;
        let version: i64 = self.conn.query_row("PRAGMA user_version", [], |row| row.get(0))?;
        if application != schema::APPLICATION || version != schema::VERSION {
            let found =
                if application == schema::APPLICATION { version.to_string() } else { "a foreign file".to_owned() };
            let error = Error::new(Code::IndexSchema, "opening the index")
                .detail(format!("found {found}, this build reads {}", schema::VERSION));
            return Err(Failure::Audit(error));
        }
        Ok(())
    }
}

/// Statements of one transaction, each prepared once. Statements are told apart by their text's address.
pub(super) struct Sql<'c> {
    conn: &'c Connection,
    prepared: RefCell<Vec<(&'static str, Statement<'c>)>>,
}

impl<'c> Sql<'c> {
    pub(super) fn new(conn: &'c Connection) -> Sql<'c> {
        Sql { conn, prepared: RefCell::new(Vec::new()) }
    }

    fn with<T>(
        &self,
        text: &'static str,
        work: impl FnOnce(&mut Statement<'c>) -> rusqlite::Result<T>,
    ) -> Result<T, Failure> {
        let mut prepared = self.prepared.borrow_mut();
        let at = match prepared.iter().position(|(known, _)| std::ptr::eq(*known, text)) {
            Some(at) => at,
            None => {
                prepared.push((text, self.conn.prepare(text)?));
                prepared.len() - 1
            }
        };
        Ok(work(&mut prepared[at].1)?)
    }

    /// Runs a statement that returns no rows.
    pub(super) fn run(&self, text: &'static str, values: impl Params) -> Result<(), Failure> {
        self.with(text, |statement| statement.execute(values).map(drop))
    }

    /// The first row of a query, if there is one.
    pub(super) fn one<T>(
        &self,
        text: &'static str,
        values: impl Params,
        read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>, Failure> {
        self.with(text, |statement| statement.query_row(values, read).optional())
    }

    /// Every row of a query.
    pub(super) fn all<T>(
        &self,
        text: &'static str,
        values: impl Params,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, Failure> {
        self.with(text, |statement| statement.query_map(values, read)?.collect())
    }
}

/// An empty file that only its owner can read, unless there is one already. SQLite gives its side files the same mode.
pub(super) fn touch_private(path: &Path) -> io::Result<()> {
    fs::OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path).map(drop)
}

/// `file:` URI of a path, with everything that a URI would read differently escaped.
fn uri(path: &Path) -> String {
    use std::os::unix::ffi::OsStrExt;
    let mut uri = String::from("file:");
    for byte in path.as_os_str().as_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' => uri.push(char::from(*byte)),
            other => uri.push_str(&format!("%{other:02X}")),
        }
    }
    uri.push_str("?immutable=1");
    uri
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn an_index_is_private_and_of_this_version() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a b?#%.sqlite");
        drop(Store::writable(&path).unwrap());
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(Store::immutable(&path).is_ok());
    }

    #[test]
    fn another_schema_is_refused_with_its_code_and_next_step() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("index.sqlite");
        Store::writable(&path).unwrap().conn.pragma_update(None, "user_version", 99).unwrap();
        let error = Store::writable(&path).unwrap_err().named("opening the index");
        assert_eq!(error.code(), Code::IndexSchema);
        assert!(error.to_string().contains("audited index rebuild"), "{error}");
    }

    #[test]
    fn j14_bytes_that_are_no_database_count_as_corrupt() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("index.sqlite");
        fs::write(&path, vec![7u8; 8192]).unwrap();
        assert!(Store::writable(&path).unwrap_err().is_corrupt());
    }
}
