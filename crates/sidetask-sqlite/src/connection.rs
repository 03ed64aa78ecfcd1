//! Opening the file, with the settings that were measured to be best.

use std::cell::Cell;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, OpenFlags};

/// How long a writer waits for another process before it gives up.
pub(crate) const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// Between two looks at a lock that another process holds. SQLite's own handler backs off to 100 ms, which made waits of
/// up to 1 s between two writing processes; this one kept them under 32 ms.
const BUSY_PAUSE: Duration = Duration::from_micros(100);

const PAGE_BYTES: i64 = 4096;

/// A connection for writing.
pub(crate) fn writer(path: &Path) -> rusqlite::Result<Connection> {
    let conn = open(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE)?;
    // Has an effect on an empty file only.
    conn.pragma_update(None, "page_size", PAGE_BYTES)?;
    enter_wal_mode(&conn)?;
    conn.pragma_update(None, "synchronous", "FULL")?;
    conn.pragma_update(None, "cache_size", -65_536)?;
    // The checkpointer keeps the log short; this is the backstop.
    conn.pragma_update(None, "wal_autocheckpoint", 16_000)?;
    conn.pragma_update(None, "journal_size_limit", 64 * 1024 * 1024)?;
    Ok(conn)
}

/// Keeps the database under `bytes`.
pub(crate) fn limit(conn: &Connection, bytes: u64) -> rusqlite::Result<()> {
    let pages = (i64::try_from(bytes).unwrap_or(i64::MAX) / PAGE_BYTES).max(1);
    conn.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(()))
}

/// Moves what it can of the log into the database, waiting for nobody. Answers how many pages the log has.
pub(crate) fn checkpoint(conn: &Connection) -> rusqlite::Result<i64> {
    conn.prepare_cached("PRAGMA wal_checkpoint(PASSIVE)")?.query_row([], |row| row.get(1))
}

/// A connection for checkpoints. A checkpoint that waited for a lock would hold up the next one, so it waits for none.
pub(crate) fn checkpointer(path: &Path) -> rusqlite::Result<Connection> {
    let mut conn = open(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    conn.busy_handler(None::<fn(i32) -> bool>)?;
    conn.pragma_update(None, "cache_size", -64)?;
    Ok(conn)
}

/// A connection for reading.
pub(crate) fn reader(path: &Path) -> rusqlite::Result<Connection> {
    let conn = open(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    conn.pragma_update(None, "query_only", true)?;
    conn.pragma_update(None, "cache_size", -16_384)?;
    Ok(conn)
}

fn open(path: &Path, flags: OpenFlags) -> rusqlite::Result<Connection> {
    let mut conn = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    conn.busy_handler(Some(wait_for_lock))?;
    conn.pragma_update(None, "temp_store", "MEMORY")?;
    conn.set_prepared_statement_cache_capacity(64);
    Ok(conn)
}

/// SQLite tells how often this was asked, which says little of the time: a short sleep takes much longer than it should.
fn wait_for_lock(asked: i32) -> bool {
    thread_local!(static BEGUN: Cell<Option<Instant>> = const { Cell::new(None) });
    if asked == 0 {
        BEGUN.set(Some(Instant::now()));
    }
    thread::sleep(BUSY_PAUSE);
    BEGUN.get().is_some_and(|begun| begun.elapsed() < BUSY_TIMEOUT)
}

/// SQLite answers "busy" at once, without its handler, where two processes create one database.
fn enter_wal_mode(conn: &Connection) -> rusqlite::Result<()> {
    let begun = Instant::now();
    loop {
        match conn.pragma_update(None, "journal_mode", "WAL") {
            Err(error)
                if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) && begun.elapsed() < BUSY_TIMEOUT =>
            {
                thread::sleep(BUSY_PAUSE);
            }
            result => return result,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_for_a_lock_is_measured_in_time() {
        assert!(wait_for_lock(0));
        assert!(wait_for_lock(i32::MAX), "however often it was asked, hardly any time has passed");
    }
}
