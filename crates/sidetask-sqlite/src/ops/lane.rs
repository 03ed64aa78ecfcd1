//! Who of a lane is under way, and who waits to be let in.

use std::borrow::Cow;

use rusqlite::{OptionalExtension, params};
use sidetask_core::{Lane, State, Timestamp, lifecycle};

use crate::rows;
use crate::unit::Unit;

/// The turn of a job that enters its lane now; `None` where it is let in.
pub(crate) fn enter(unit: &Unit<'_>, lane: &Lane) -> rusqlite::Result<Option<i64>> {
    let last: Option<i64> = unit
        .statement("SELECT max(held) FROM sidetask_jobs WHERE lane = ?1 AND held IS NOT NULL AND state < 4")?
        .query_row(params![lane.name], |row| row.get(0))?;
    Ok(match last {
        Some(last) => Some(last.saturating_add(1)),
        None if lane.lets_in(under_way(unit, &lane.name)?) => None,
        None => Some(1),
    })
}

/// Lets in the first of those held, as many as there is room for. To be called whenever a job of the lane has ended.
pub(crate) fn let_in(unit: &mut Unit<'_>, lane: &str) -> rusqlite::Result<()> {
    let Some(mut next) = first_held(unit, lane)? else { return Ok(()) };
    let mut under_way = under_way(unit, lane)?;
    while next.lane.lets_in(under_way) {
        let state = lifecycle::waits(false, next.run_at > unit.now);
        unit.statement("UPDATE sidetask_jobs SET state = ?2, held = NULL WHERE seq = ?1")?
            .execute(params![next.seq, state.code()])?;
        unit.moved(&next.queue, Some(State::Scheduled), Some(state));
        under_way += 1;
        let Some(after) = first_held(unit, lane)? else { break };
        next = after;
    }
    Ok(())
}

struct First {
    seq: i64,
    queue: String,
    run_at: Timestamp,
    lane: Lane,
}

// One condition is in the index's own words, so that SQLite uses it.
fn first_held(unit: &Unit<'_>, lane: &str) -> rusqlite::Result<Option<First>> {
    unit.statement(
        "SELECT seq, queue, run_at, width FROM sidetask_jobs
         WHERE lane = ?1 AND held IS NOT NULL AND state < 4 AND state = 0 ORDER BY held LIMIT 1",
    )?
    .query_row(params![lane], |row| {
        Ok(First {
            seq: row.get(0)?,
            queue: rows::text(row, 1)?,
            run_at: Timestamp::from_micros(row.get(2)?),
            lane: Lane { name: Cow::Owned(lane.to_owned()), width: rows::width(row, 3)? },
        })
    })
    .optional()
}

fn under_way(unit: &Unit<'_>, lane: &str) -> rusqlite::Result<u64> {
    unit.statement("SELECT count(*) FROM sidetask_jobs WHERE lane = ?1 AND held IS NULL AND state < 4")?
        .query_row(params![lane], |row| row.get::<_, i64>(0))
        .map(i64::unsigned_abs)
}
