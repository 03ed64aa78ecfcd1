//! What is in the file: whose it is, of which version, and how it gets from one version to the next.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};
use sidetask_core::{Error, Migration, Schema};

use crate::connection;
use crate::error::explain;

/// Names and SQL, numbered from 1. A migration that was released is never changed.
const MIGRATIONS: &[(&str, &str)] = &[
    ("jobs", include_str!("../migrations/0001_jobs.sql")),
    ("lanes", include_str!("../migrations/0002_lanes.sql")),
    ("schedules", include_str!("../migrations/0003_schedules.sql")),
    ("operate", include_str!("../migrations/0004_operate.sql")),
];

/// The version that this crate writes.
pub(crate) const VERSION: usize = MIGRATIONS.len();

const META: &str = "CREATE TABLE sidetask_meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID";

/// Brings the file to this crate's version, or says why not. Answers the store's own id, by which a connection to
/// another file is told apart.
pub(crate) fn prepare(conn: &mut Connection, path: &Path, shared: bool) -> Result<String, Error> {
    let action = format!("open {}", path.display());
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate).map_err(|error| explain(&action, error))?;
    if !is_ours(&tx).map_err(|error| explain(&action, error))? {
        let foreign = tables(&tx).map_err(|error| explain(&action, error))?;
        if !foreign.is_empty() && !shared {
            return Err(belongs_to_another(path, &foreign));
        }
        create(&tx).map_err(|error| explain(&action, error))?;
    }
    let version = version(&tx).map_err(|error| explain(&action, error))?;
    if version > VERSION {
        return Err(Error::unusable(format!(
            "{} has schema version {version} and this program knows versions up to {VERSION}: use a newer sidetask, or \
             another file",
            path.display()
        )));
    }
    for ((_, migration), number) in MIGRATIONS.iter().zip(1..).skip(version) {
        migrate(&tx, migration, number).map_err(|error| explain(&format!("{action} (migration {number})"), error))?;
    }
    let id = store_id(&tx).map_err(|error| explain(&action, error))?;
    tx.commit().map_err(|error| explain(&action, error))?;
    id.ok_or_else(|| Error::unusable(format!("{} has lost its store id: the file is damaged", path.display())))
}

/// What the file has, and what this crate writes.
pub(crate) fn read(conn: &Connection) -> rusqlite::Result<Schema> {
    let migration = |(number, (name, sql)): (u32, &(&str, &str))| Migration {
        number,
        name: (*name).to_owned(),
        sql: (*sql).to_owned(),
    };
    let version = if is_ours(conn)? { version(conn)? } else { 0 };
    Ok(Schema {
        version: u32::try_from(version).unwrap_or(u32::MAX),
        migrations: (1..).zip(MIGRATIONS).map(migration).collect(),
    })
}

/// What a file has, which is left as it is, and what this crate writes.
pub(crate) fn look(path: &Path, shared: bool) -> Result<Schema, Error> {
    let cannot = |error| explain(&format!("read {}", path.display()), error);
    let conn = connection::reader(path).map_err(cannot)?;
    let foreign = if is_ours(&conn).map_err(cannot)? { Vec::new() } else { tables(&conn).map_err(cannot)? };
    match foreign.is_empty() || shared {
        true => read(&conn).map_err(cannot),
        false => Err(belongs_to_another(path, &foreign)),
    }
}

/// The id of the store that a connection leads to; `None` where it leads to none.
pub(crate) fn store_id(conn: &Connection) -> rusqlite::Result<Option<String>> {
    if !is_ours(conn)? {
        return Ok(None);
    }
    meta(conn, "store")
}

fn is_ours(conn: &Connection) -> rusqlite::Result<bool> {
    conn.prepare_cached("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'sidetask_meta'")?.exists([])
}

fn tables(conn: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut query = conn.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name LIMIT 5")?;
    query.query_map([], |row| row.get(0))?.collect()
}

fn create(conn: &Connection) -> rusqlite::Result<()> {
    conn.execute_batch(META)?;
    conn.execute("INSERT INTO sidetask_meta VALUES ('version', '0'), ('store', lower(hex(randomblob(16))))", [])?;
    Ok(())
}

fn migrate(conn: &Connection, migration: &str, number: usize) -> rusqlite::Result<()> {
    conn.execute_batch(migration)?;
    conn.execute("UPDATE sidetask_meta SET value = ?1 WHERE name = 'version'", params![number.to_string()])?;
    Ok(())
}

/// A version that is not a number is newer than any.
fn version(conn: &Connection) -> rusqlite::Result<usize> {
    Ok(meta(conn, "version")?.and_then(|value| value.parse().ok()).unwrap_or(usize::MAX))
}

fn meta(conn: &Connection, name: &str) -> rusqlite::Result<Option<String>> {
    conn.prepare_cached("SELECT value FROM sidetask_meta WHERE name = ?1")?
        .query_row(params![name], |row| row.get(0))
        .optional()
}

fn belongs_to_another(path: &Path, tables: &[String]) -> Error {
    Error::unusable(format!(
        "{} is a database of another program (it has tables {}): give another path, or, to keep jobs beside your own \
         tables, open it with `shared` (in a URL: `?shared=true`)",
        path.display(),
        tables.join(", ")
    ))
}
