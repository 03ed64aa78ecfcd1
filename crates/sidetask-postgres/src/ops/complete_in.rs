use std::time::Duration;

use sidetask_core::lifecycle::Outcome;
use sidetask_core::{Json, State, Timestamp, Token, Verdict};
use tokio_postgres::types::Type;

use super::lane::lane_key;
use super::settle::{Held, Settlement, held};
use crate::database::Work;
use crate::error::Fault;
use crate::news::News;
use crate::rows;
use crate::statement::Statement;

/// Whoever would take the job away waits until the transaction ends, or goes past it. Its lane is locked first, as
/// everywhere, so that no two wait for each other.
static LOCK: Statement = Statement {
    text: concat!(
        "WITH locked AS MATERIALIZED (
             SELECT pg_advisory_xact_lock(",
        lane_key!(),
        ") FROM {s}.jobs WHERE id = $2 AND lane IS NOT NULL)
         SELECT ",
        held!(),
        ", {now} FROM (SELECT count(*) FROM locked) AS first, {s}.jobs WHERE id = $2 FOR UPDATE OF jobs"
    ),
    types: &[Type::INT8, Type::UUID],
};

/// The column of the time.
const TIME: usize = 14;

/// Completes a job, where the lifecycle says that this is what follows. What else follows is left undone.
pub(crate) async fn complete_in(work: &Work<'_>, token: &Token, output: Json) -> Result<(Verdict, News), Fault> {
    let (mut settlement, mut news) = (Settlement::default(), News::default());
    let rows = work.query(&LOCK, &[&work.now(), &rows::job_uuid(&token.job)]).await?;
    let Some(row) = rows.first() else { return Ok((Verdict::LeaseLost, news)) };
    let job = Held::read(row)?;
    if !job.is_held_by(token) {
        return Ok((Verdict::LeaseLost, news));
    }
    let now = Timestamp::from_micros(row.try_get(TIME)?);
    let state = settlement.end(&job, &Outcome::Completed(output), Duration::ZERO, now);
    if state == Some(State::Completed) {
        settlement.write(work, now, &mut news).await?;
    }
    Ok((state.map_or(Verdict::LeaseLost, Verdict::Accepted), news))
}
