//! How many jobs are in which state, and what attempts came to: changes are written down one by one, and added up by
//! whoever reads.

use std::collections::BTreeMap;
use std::time::Duration;

use sidetask_core::{Activity, State, Timestamp};
use tokio_postgres::types::{ToSql, Type};

use crate::database::{Database, Work};
use crate::error::Fault;
use crate::rows;
use crate::statement::Statement;

/// What one transaction changes in the counts, and says of attempts, by queue.
#[derive(Default)]
pub(crate) struct Tallies(BTreeMap<String, Tally>);

#[derive(Default)]
struct Tally {
    states: [i64; State::ALL.len()],
    /// What was done in this minute, where anything was.
    activity: Option<Activity>,
}

impl Tallies {
    /// A job left one state and came into another.
    pub(crate) fn moved(&mut self, queue: &str, from: State, to: State) {
        if from != to {
            let states = &mut self.of(queue).states;
            states[usize::from(from.code())] -= 1;
            states[usize::from(to.code())] += 1;
        }
    }

    /// A job that was in this state is gone.
    pub(crate) fn deleted(&mut self, queue: &str, from: State) {
        self.of(queue).states[usize::from(from.code())] -= 1;
    }

    /// An attempt ended.
    pub(crate) fn ended(&mut self, activity: &Activity) {
        if activity.is_empty() {
            return;
        }
        match &mut self.of(&activity.queue).activity {
            Some(minute) => minute.add(activity),
            none => *none = Some(activity.clone()),
        }
    }

    fn of(&mut self, queue: &str) -> &mut Tally {
        self.0.entry(queue.to_owned()).or_default()
    }

    pub(crate) async fn write(self, work: &Work<'_>) -> Result<(), Fault> {
        if self.0.is_empty() {
            return Ok(());
        }
        let queues: Vec<&str> = self.0.keys().map(String::as_str).collect();
        let activities = || self.0.values().map(|tally| tally.activity.as_ref());
        let minutes: Vec<Option<i64>> =
            activities().map(|activity| activity.map(|activity| activity.minute.as_micros())).collect();
        let state = |state: State| self.0.values().map(|tally| tally.states[usize::from(state.code())]).collect();
        let states: [Vec<i64>; 7] = State::ALL.map(state);
        let done = |of: fn(&Activity) -> i64| activities().map(|activity| activity.map_or(0, of)).collect();
        let done: [Vec<i64>; 5] = [
            done(|activity| activity.failed.cast_signed()),
            done(|activity| activity.attempts.cast_signed()),
            done(|activity| rows::micros(activity.waited)),
            done(|activity| rows::micros(activity.ran)),
            done(|activity| rows::micros(activity.longest)),
        ];
        let mut values: Vec<&(dyn ToSql + Sync)> = vec![&queues, &minutes];
        values.extend(states.iter().chain(&done).map(|column| column as &(dyn ToSql + Sync)));
        work.query(&WRITE, &values).await?;
        Ok(())
    }
}

static WRITE: Statement = Statement {
    text: "INSERT INTO {s}.tallies
               (queue, minute, scheduled, available, running, retryable, completed, cancelled, discarded, failed, attempts,
                waited, ran, longest)
           SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
    types: &[
        Type::TEXT_ARRAY,
        Type::INT8_ARRAY,
        Type::INT8_ARRAY,
        Type::INT8_ARRAY,
        Type::INT8_ARRAY,
        Type::INT8_ARRAY,
        Type::INT8_ARRAY,
        Type::INT8_ARRAY,
        Type::INT8_ARRAY,
        Type::INT8_ARRAY,
        Type::INT8_ARRAY,
        Type::INT8_ARRAY,
        Type::INT8_ARRAY,
        Type::INT8_ARRAY,
    ],
};

/// What others fold at the same time is left to them: each row is folded once, whoever does it. A reader sees the rows
/// from before or the one from after, never both.
///
/// Minutes are locked in their order, as by everybody who folds. Times beyond all bounds, which only a damaged row has, stop
/// at the greatest number.
static FOLD: Statement = Statement {
    text: "WITH folded AS (
               DELETE FROM {s}.tallies
               WHERE ctid = ANY (ARRAY (SELECT ctid FROM {s}.tallies LIMIT 100000 FOR UPDATE SKIP LOCKED))
               RETURNING *),
           minutes AS (
               INSERT INTO {s}.activity AS kept
                   (minute, queue, completed, discarded, failed, attempts, waited, ran, longest)
               SELECT minute, queue, sum(completed), sum(discarded), sum(failed), sum(attempts),
                   least(sum(waited), 9223372036854775807), least(sum(ran), 9223372036854775807), max(longest)
               FROM folded WHERE minute IS NOT NULL GROUP BY minute, queue ORDER BY minute, queue
               ON CONFLICT (minute, queue) DO UPDATE SET completed = kept.completed + excluded.completed,
                   discarded = kept.discarded + excluded.discarded, failed = kept.failed + excluded.failed,
                   attempts = kept.attempts + excluded.attempts,
                   waited = least(kept.waited::numeric + excluded.waited, 9223372036854775807),
                   ran = least(kept.ran::numeric + excluded.ran, 9223372036854775807),
                   longest = greatest(kept.longest, excluded.longest)),
           forgotten AS (DELETE FROM {s}.activity WHERE minute < ({now} - $2) / 60000000 * 60000000)
           INSERT INTO {s}.tallies
               (queue, scheduled, available, running, retryable, completed, cancelled, discarded)
           SELECT queue, sum(scheduled), sum(available), sum(running), sum(retryable), sum(completed), sum(cancelled),
               sum(discarded)
           FROM folded GROUP BY queue",
    types: &[Type::INT8, Type::INT8],
};

/// Folds the rows of each queue into one, and what they say of attempts into one a minute; forgets old minutes. A queue
/// keeps its row though all its counts are zero: it was seen.
pub(crate) async fn fold(database: &Database) -> Result<(), Fault> {
    database.query(&FOLD, &[&database.now(), &rows::micros(Activity::KEPT)]).await?;
    Ok(())
}

/// What is older than it is kept is not read, wherever it still is.
static ACTIVITY: Statement = Statement {
    text: "WITH first AS MATERIALIZED (
               SELECT greatest($2, ({now} - $3) / 60000000 * 60000000) AS minute)
           SELECT minute, queue, sum(completed)::bigint, sum(discarded)::bigint, sum(failed)::bigint,
               sum(attempts)::bigint, least(sum(waited), 9223372036854775807)::bigint,
               least(sum(ran), 9223372036854775807)::bigint, max(longest)
           FROM (
               SELECT minute, queue, completed, discarded, failed, attempts, waited, ran, longest
               FROM {s}.activity WHERE minute >= (SELECT minute FROM first)
               UNION ALL
               SELECT minute, queue, completed, discarded, failed, attempts, waited, ran, longest
               FROM {s}.tallies WHERE minute >= (SELECT minute FROM first)) AS all_of_them
           GROUP BY minute, queue",
    types: &[Type::INT8, Type::INT8, Type::INT8],
};

/// What was done since the minute of this time.
pub(crate) async fn activity(database: &Database, since: Timestamp) -> Result<Vec<Activity>, Fault> {
    let (since, kept) = (Activity::minute_of(since).as_micros(), rows::micros(Activity::KEPT));
    let found = database.read(&ACTIVITY, &[&database.now(), &since, &kept]).await?;
    let mut minutes = found.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    // By bytes, whatever the database's collation is.
    minutes.sort_unstable_by(|one, other| (one.minute, &one.queue).cmp(&(other.minute, &other.queue)));
    Ok(minutes)
}

fn read(row: &tokio_postgres::Row) -> Result<Activity, tokio_postgres::Error> {
    let number = |at: usize| row.try_get::<_, i64>(at).map(|number| number.max(0).unsigned_abs());
    let time = |at: usize| number(at).map(Duration::from_micros);
    Ok(Activity {
        minute: Timestamp::from_micros(row.try_get(0)?),
        queue: row.try_get(1)?,
        completed: number(2)?,
        discarded: number(3)?,
        failed: number(4)?,
        attempts: number(5)?,
        waited: time(6)?,
        ran: time(7)?,
        longest: time(8)?,
    })
}
