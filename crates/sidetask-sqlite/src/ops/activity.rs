//! How much was done in each minute.

use std::time::Duration;

use rusqlite::{Connection, params};
use sidetask_core::{Activity, Timestamp};

use crate::rows;
use crate::unit::Unit;

/// Adds what was done to its minute.
pub(crate) fn add(conn: &Connection, done: &Activity) -> rusqlite::Result<()> {
    conn.prepare_cached(
        "INSERT INTO sidetask_activity (minute, queue, completed, failed, discarded, waited, ran, longest, attempts)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
         ON CONFLICT (minute, queue) DO UPDATE SET
             completed = min(completed, ?10) + excluded.completed,
             failed = min(failed, ?10) + excluded.failed,
             discarded = min(discarded, ?10) + excluded.discarded,
             waited = min(waited, ?10) + excluded.waited,
             ran = min(ran, ?10) + excluded.ran,
             longest = max(longest, excluded.longest),
             attempts = min(attempts, ?10) + excluded.attempts",
    )?
    .execute(params![
        done.minute.as_micros(),
        done.queue,
        integer(done.completed),
        integer(done.failed),
        integer(done.discarded),
        micros(done.waited),
        micros(done.ran),
        micros(done.longest),
        integer(done.attempts),
        MOST,
    ])?;
    Ok(())
}

/// Half of what SQLite's integers can hold, so that two of these have a sum, and no damaged row fails a commit.
const MOST: i64 = i64::MAX / 2;

fn micros(time: Duration) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(MOST).min(MOST)
}

fn integer(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(MOST).min(MOST)
}

pub(crate) fn forget_old(unit: &Unit<'_>) -> rusqlite::Result<()> {
    let kept = Activity::minute_of(unit.now.before(Activity::KEPT));
    unit.statement("DELETE FROM sidetask_activity WHERE minute < ?1")?.execute(params![kept.as_micros()])?;
    Ok(())
}

pub(crate) fn read(conn: &Connection, since: Timestamp) -> rusqlite::Result<Vec<Activity>> {
    let mut query = conn.prepare_cached(
        "SELECT minute, queue, completed, failed, discarded, waited, ran, longest, attempts FROM sidetask_activity
         WHERE minute >= ?1 ORDER BY minute, queue",
    )?;
    let activity = query.query_map(params![Activity::minute_of(since).as_micros()], |row| {
        Ok(Activity {
            minute: Timestamp::from_micros(row.get(0)?),
            queue: rows::text(row, 1)?,
            completed: rows::count(row, 2)?,
            failed: rows::count(row, 3)?,
            discarded: rows::count(row, 4)?,
            waited: rows::micros(row, 5)?,
            ran: rows::micros(row, 6)?,
            longest: rows::micros(row, 7)?,
            attempts: rows::count(row, 8)?,
        })
    })?;
    activity.collect()
}
