//! What tasks do, by the seed.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use sidetask::{Clock, Context, TaskError};

use crate::world::{Condition, World};

/// What the runs of one job do, one after the other; the last is for all that follow.
#[derive(Clone, Debug)]
pub(crate) struct Plan(Vec<Step>);

#[derive(Clone, Copy, Debug)]
enum Step {
    Succeed(Duration),
    /// Takes no notice of being told to stop.
    Stubborn(Duration),
    /// Reports progress so many times.
    Report(u8),
    Fail(Duration),
    Panic,
    Permanent,
    GiveUp,
    Snooze(Duration),
    RetryAfter(Duration),
    /// Ends only when it is told to.
    UntilCancelled,
}

impl Plan {
    pub(crate) fn draw(random: &mut fastrand::Rng) -> Self {
        if random.u8(0..12) == 0 {
            return Self(vec![Step::UntilCancelled]);
        }
        let mut steps: Vec<Step> = (0..random.usize(0..4)).map(|_| unfinished(random)).collect();
        steps.push(match random.u8(0..10) {
            0 => Step::Permanent,
            1 => Step::GiveUp,
            2 => Step::Fail(span(random)),
            3 => Step::Report(random.u8(1..5)),
            4 => Step::Stubborn(span(random)),
            5 | 6 => Step::Succeed(Duration::ZERO),
            _ => Step::Succeed(span(random)),
        });
        Self(steps)
    }

    pub(crate) fn is_endless(&self) -> bool {
        matches!(self.0[..], [Step::UntilCancelled])
    }
}

fn unfinished(random: &mut fastrand::Rng) -> Step {
    match random.u8(0..6) {
        0 => Step::Panic,
        1 => Step::Snooze(span(random)),
        2 => Step::RetryAfter(span(random)),
        3 => Step::Snooze(Duration::ZERO),
        _ => Step::Fail(span(random)),
    }
}

/// From nothing to far beyond a lease.
fn span(random: &mut fastrand::Rng) -> Duration {
    let longest = match random.u8(0..8) {
        0 => 30_000,
        1..4 => 4_000,
        _ => 200,
    };
    Duration::from_millis(random.u64(0..longest))
}

/// One run of a job, over a link. What it returns is its claim's fence.
pub(crate) async fn run(world: Arc<World>, link: usize, plan: usize, cx: Context) -> Result<u64, TaskError> {
    let token = *cx.token().ok_or_else(|| TaskError::permanent("there is no job"))?;
    wake(&world, link).await;
    let attempt = world.begin(link, token);
    let step = {
        let mut scene = world.scene();
        let (plan, runs) = &mut scene.plans[plan];
        let step = plan.0[(*runs).min(plan.0.len() - 1)];
        *runs += 1;
        step
    };
    let ended = take(&world, link, step, &cx).await;
    // Not held while the report is on its way.
    drop(attempt);
    ended.map(|()| token.fence)
}

async fn take(world: &World, link: usize, step: Step, cx: &Context) -> Result<(), TaskError> {
    match step {
        Step::Succeed(span) => tokio::select! {
            biased;
            () = cx.cancelled() => return Err(TaskError::cancel("told to stop")),
            () = spend(world, link, span) => {}
        },
        Step::Stubborn(span) => spend(world, link, span).await,
        Step::Report(times) => {
            for done in 0..times {
                cx.progress(done.into(), times.into()).await?;
                spend(world, link, Duration::from_millis(300)).await;
            }
        }
        Step::Fail(span) => {
            spend(world, link, span).await;
            return Err(TaskError::new("failed by plan"));
        }
        // Without the hook, which would print it.
        Step::Panic => std::panic::resume_unwind(Box::new("panicked by plan")),
        Step::Permanent => return Err(TaskError::permanent("hopeless by plan")),
        Step::GiveUp => return Err(TaskError::cancel("given up by plan")),
        Step::Snooze(wait) => return Err(TaskError::snooze(wait)),
        Step::RetryAfter(wait) => return Err(TaskError::retry_after(wait, "refused by plan")),
        Step::UntilCancelled => {
            cx.cancelled().await;
            return Err(TaskError::cancel("told to stop"));
        }
    }
    Ok(())
}

/// Lets time pass, in a process that may be stopped or killed meanwhile.
async fn spend(world: &World, link: usize, span: Duration) {
    if !span.is_zero() {
        world.clock.sleep(span).await;
    }
    wake(world, link).await;
}

/// Goes on where the process does.
async fn wake(world: &World, link: usize) {
    loop {
        match world.condition(link) {
            Condition::Stalled => world.clock.sleep(Duration::from_millis(200)).await,
            Condition::Dead => return pending().await,
            _ => return,
        }
    }
}
