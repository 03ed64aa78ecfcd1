use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sidetask_core::{Clock, JobId, RateLimit};

use super::permits::Permits;

/// The longest that a job waits for its permit in the place of a worker.
const SHORT: Duration = Duration::from_secs(1);

/// How long after its turn a job may still come back.
const LATE: Duration = Duration::from_secs(60);

/// How long after turns that nobody came for the others are not waited for either: their jobs were cancelled, or wait for
/// something else. Of a slow limit, this many turns.
const ABANDONED: (Duration, u32) = (Duration::from_secs(5), 3);

/// Gives out the permits of one limit. All times are by [`Clock::elapsed`].
///
/// Whether an attempt may begin is decided when it asks, by the permits alone. Turns only say when to ask: a job that
/// would wait for long is given one, comes back then, and waits for what little is left.
#[derive(Debug)]
pub(crate) struct Limiter {
    limit: RateLimit,
    state: Mutex<State>,
    /// Held by whoever waits for the next permit; the others wait for it in the order in which they came.
    first: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct State {
    /// Since the first use.
    permits: Option<Permits>,
    not_before: Duration,
    waiting: u32,
    /// The turn of the next job that comes for the first time, unless it is past.
    next_turn: Duration,
    /// The turns of the jobs that were given back.
    turns: HashMap<JobId, Duration>,
    /// When a job came for its turn, or the first turn was given.
    last_came: Duration,
    /// At this many turns, those that nobody came for are forgotten.
    sweep_at: usize,
}

/// What a job that wants to begin is told.
#[derive(Debug)]
pub(crate) enum Admission {
    /// It has a permit.
    Begin,
    /// It should wait for a [permit](Waiting::permit_soon), which takes about a second at most.
    Wait(Waiting),
    /// It should come back after this long.
    Later(Duration),
}

impl Limiter {
    pub(crate) fn new(limit: RateLimit) -> Self {
        Self { limit, state: Mutex::default(), first: tokio::sync::Mutex::default() }
    }

    pub(super) const fn limit(&self) -> &RateLimit {
        &self.limit
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Enters the line before the permits.
    pub(crate) fn queue(self: &Arc<Self>) -> Waiting {
        self.lock().waiting += 1;
        Waiting(Arc::clone(self))
    }

    /// Nobody begins until `wait` from `now`.
    pub(crate) fn pause(&self, now: Duration, wait: Duration) {
        let mut state = self.lock();
        state.not_before = state.not_before.max(now.saturating_add(wait));
    }

    /// Asks for a job that wants to begin. `may_wait`: whether it may wait where it is.
    pub(crate) fn admit(self: &Arc<Self>, job: JobId, now: Duration, may_wait: bool) -> Admission {
        let per = self.limit.per();
        let mut state = self.lock();
        let came_back = state.turns.remove(&job).is_some();
        if came_back {
            state.last_came = now;
        } else if state.next_turn > now && state.is_abandoned(per, now) {
            state.turns.clear();
            state.next_turn = now;
        }
        let first_wait = if state.waiting == 0 {
            match state.take(&self.limit, now) {
                Ok(()) => {
                    // One that jumps the line, since nobody else was there, makes the others a little later.
                    if !came_back && state.next_turn > now {
                        state.next_turn += per;
                    }
                    return Admission::Begin;
                }
                Err(wait) => wait,
            }
        } else {
            state.not_before.saturating_sub(now)
        };
        let mut turn = now.saturating_add(first_wait).saturating_add(per.saturating_mul(state.waiting));
        if !came_back {
            turn = turn.max(state.next_turn);
        }
        if may_wait && turn.saturating_sub(now) <= SHORT {
            if !came_back {
                state.next_turn = turn + per;
            }
            state.waiting += 1;
            return Admission::Wait(Waiting(Arc::clone(self)));
        }
        turn = turn.max(state.next_turn);
        state.next_turn = turn.saturating_add(per);
        state.book(job, turn, now);
        Admission::Later(turn.saturating_sub(now))
    }
}

impl State {
    /// Takes a permit, or says how long there is none.
    fn take(&mut self, limit: &RateLimit, now: Duration) -> Result<(), Duration> {
        if now < self.not_before {
            return Err(self.not_before.saturating_sub(now));
        }
        self.permits.get_or_insert_with(|| Permits::new(limit, now)).take(now)
    }

    /// Whether turns have passed for a while and nobody came for any. Permits decide who begins: one that comes after all
    /// has only asked once more.
    fn is_abandoned(&self, per: Duration, now: Duration) -> bool {
        let (least, turns) = ABANDONED;
        let long = least.max(per.saturating_mul(turns));
        let is_over = |since: &Duration| since.saturating_add(long) <= now;
        is_over(&self.last_came) && self.turns.values().any(is_over)
    }

    fn book(&mut self, job: JobId, turn: Duration, now: Duration) {
        if self.turns.is_empty() {
            self.last_came = now;
        }
        if self.turns.len() >= self.sweep_at {
            self.turns.retain(|_, turn| turn.saturating_add(LATE) > now);
            self.sweep_at = (2 * self.turns.len()).max(1024);
        }
        self.turns.insert(job, turn);
    }
}

/// A place in the line before the permits. Dropping it leaves the line.
#[derive(Debug)]
pub(crate) struct Waiting(Arc<Limiter>);

impl Waiting {
    /// Waits for a permit, in the order in which this is first polled. Cancel safe: no permit is lost.
    pub(crate) async fn permit(self, clock: &dyn Clock) {
        self.permit_within(Duration::MAX, clock).await;
    }

    /// The same, for who [was told](Admission::Wait) that it would not take long. False where it does after all, since
    /// the service wants a pause: it should ask again.
    pub(crate) async fn permit_soon(self, clock: &dyn Clock) -> bool {
        self.permit_within(SHORT, clock).await
    }

    /// False where there is no permit within `longest` for the first in the line.
    async fn permit_within(self, longest: Duration, clock: &dyn Clock) -> bool {
        let Self(limiter) = &self;
        let _first = limiter.first.lock().await;
        loop {
            let taken = limiter.lock().take(&limiter.limit, clock.elapsed());
            match taken {
                Ok(()) => return true,
                Err(wait) if wait > longest => return false,
                Err(wait) => clock.sleep(wait).await,
            }
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.lock().waiting -= 1;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, VecDeque};

    use sidetask_core::{IdSource, SystemClock};

    use super::*;

    const PER: Duration = Duration::from_millis(10);
    const TICK: Duration = Duration::from_millis(1);

    fn jobs(count: usize) -> Vec<JobId> {
        let ids = IdSource::new();
        (0..count).map(|_| ids.job(SystemClock.now())).collect()
    }

    /// Has jobs ask, with `places` that may wait, until all have begun; those that were given back come together, once
    /// every `gap`. Answers when each began and how often they asked.
    fn simulate(limiter: &Arc<Limiter>, jobs: &[JobId], places: usize, gap: u32) -> (Vec<Duration>, usize) {
        let mut due = BTreeMap::from([(Duration::ZERO, jobs.to_vec())]);
        let mut waiting: VecDeque<Waiting> = VecDeque::new();
        let (mut begun, mut asked) = (Vec::new(), 0);
        let mut now = Duration::ZERO;
        while begun.len() < jobs.len() {
            while waiting.front().is_some_and(|_| limiter.lock().take(&limiter.limit, now).is_ok()) {
                waiting.pop_front();
                begun.push(now);
            }
            let later = due.split_off(&(now + Duration::from_nanos(1)));
            for job in std::mem::replace(&mut due, later).into_values().flatten() {
                asked += 1;
                match limiter.admit(job, now, waiting.len() < places) {
                    Admission::Begin => begun.push(now),
                    Admission::Wait(waits) => waiting.push_back(waits),
                    Admission::Later(wait) => {
                        let gaps = (now + wait).as_nanos().div_ceil((PER * gap).as_nanos());
                        due.entry(PER * gap * u32::try_from(gaps).unwrap()).or_default().push(job);
                    }
                }
            }
            now += TICK;
        }
        (begun, asked)
    }

    #[test]
    fn jobs_begin_as_often_as_the_limit_lets_and_ask_about_twice() {
        for (burst, places, gap) in [(1, 1, 1), (1, 5, 1), (5, 2, 1), (50, 0, 1), (1, 1000, 1), (1, 8, 4), (5, 8, 8)] {
            let limiter = Arc::new(Limiter::new(RateLimit::new("x", PER, burst)));
            let (begun, asked) = simulate(&limiter, &jobs(1000), places, gap);
            let burst = burst as usize;
            for (at, time) in begun.iter().enumerate() {
                for (more, last) in begun[at..].iter().skip(burst).enumerate() {
                    assert!(*last >= *time + PER * (more as u32 + 1), "burst {burst}, places {places}, gap {gap}");
                }
            }
            let longest = PER * 1000 + Duration::from_millis(200);
            assert!(begun.last() <= Some(&longest), "burst {burst}, places {places}, gap {gap}: {:?}", begun.last());
            assert!(asked <= 2100, "burst {burst}, places {places}, gap {gap}: {asked}");
        }
    }

    #[test]
    fn after_a_pause_nobody_begins_before_its_end_and_the_turns_are_after_it() {
        let limiter = Arc::new(Limiter::new(RateLimit::new("x", PER, 1)));
        let jobs = jobs(3);
        let end = Duration::from_secs(10);
        limiter.pause(Duration::ZERO, end);
        limiter.pause(TICK, TICK);
        for (job, turn) in jobs.iter().zip([end, end + PER, end + 2 * PER]) {
            match limiter.admit(*job, TICK, true) {
                Admission::Later(wait) => assert_eq!(TICK + wait, turn),
                other => panic!("{other:?}"),
            }
        }
        assert!(matches!(limiter.admit(jobs[0], end, true), Admission::Begin));
    }

    #[test]
    fn who_comes_while_nobody_waits_begins_though_others_have_turns() {
        let limiter = Arc::new(Limiter::new(RateLimit::new("x", PER, 1)));
        let jobs = jobs(500);
        for job in &jobs[..400] {
            limiter.admit(*job, Duration::ZERO, false);
        }
        assert!(matches!(limiter.admit(jobs[499], PER, false), Admission::Begin));
        assert!(matches!(limiter.admit(jobs[498], PER, false), Admission::Later(wait) if wait >= 399 * PER));
    }

    #[test]
    fn turns_of_jobs_that_were_cancelled_keep_nobody_waiting() {
        let second = Duration::from_secs(1);
        let limiter = Arc::new(Limiter::new(RateLimit::new("x", second, 1)));
        let jobs = jobs(1003);
        for job in &jobs[..1000] {
            limiter.admit(*job, Duration::ZERO, false);
        }
        // One comes for its turn, so that the others may as well.
        assert!(matches!(limiter.admit(jobs[1], second, false), Admission::Begin));
        assert!(matches!(limiter.admit(jobs[1000], second, false), Admission::Later(wait) if wait > 900 * second));
        assert!(matches!(limiter.admit(jobs[1001], 9 * second, false), Admission::Begin));
        assert!(matches!(limiter.admit(jobs[1002], 9 * second, false), Admission::Later(wait) if wait <= 2 * second));
    }

    #[test]
    fn turns_that_nobody_came_for_are_forgotten() {
        let limiter = Arc::new(Limiter::new(RateLimit::new("x", PER, 1)));
        let jobs = jobs(2000);
        let (before, after) = jobs.split_at(1000);
        for (jobs, now) in [(before, Duration::ZERO), (after, Duration::from_secs(3600))] {
            jobs.iter().for_each(|job| drop(limiter.admit(*job, now, false)));
        }
        let turns = &limiter.lock().turns;
        assert!(!before.iter().any(|job| turns.contains_key(job)) && turns.contains_key(&after[999]));
    }
}
