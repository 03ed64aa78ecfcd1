//! What attempts logged.

use rusqlite::{Connection, params};
use sidetask_core::{AttemptLog, JobId, JobRecord, Token};

use crate::rows;
use crate::unit::Unit;

/// Keeps what an attempt has logged, in place of what was kept of it, and forgets the first of very many.
pub(crate) fn keep(unit: &Unit<'_>, token: &Token, log: &str) -> rusqlite::Result<()> {
    unit.statement(
        "INSERT INTO sidetask_logs (job, attempt, text) VALUES (?1, ?2, ?3)
         ON CONFLICT (job, attempt) DO UPDATE SET text = excluded.text",
    )?
    .execute(params![token.job.as_bytes(), token.attempt, AttemptLog::cut(log)])?;
    let surplus = i64::from(token.attempt) - JobRecord::MAX_ERRORS as i64;
    if surplus > 0 {
        unit.statement("DELETE FROM sidetask_logs WHERE job = ?1 AND attempt <= ?2")?
            .execute(params![token.job.as_bytes(), surplus])?;
    }
    Ok(())
}

/// Forgets those of jobs that are deleted. Costs one look where nothing was logged.
pub(crate) fn forget(unit: &Unit<'_>, jobs: impl IntoIterator<Item = JobId>) -> rusqlite::Result<()> {
    if !unit.statement("SELECT 1 FROM sidetask_logs LIMIT 1")?.exists([])? {
        return Ok(());
    }
    let mut delete = unit.statement("DELETE FROM sidetask_logs WHERE job = ?1")?;
    jobs.into_iter().try_for_each(|job| delete.execute(params![job.as_bytes()]).map(drop))
}

pub(crate) fn read(conn: &Connection, job: JobId) -> rusqlite::Result<Vec<AttemptLog>> {
    let mut query = conn.prepare_cached("SELECT attempt, text FROM sidetask_logs WHERE job = ?1 ORDER BY attempt")?;
    let logs = query.query_map(params![job.as_bytes()], |row| {
        Ok(AttemptLog { attempt: rows::number(row, 0)?, text: rows::text(row, 1)? })
    })?;
    logs.collect()
}
