//! When the jobs of a schedule are due.

use std::collections::HashSet;
use std::time::Duration;

use sidetask_core::__private::check_name;
use sidetask_core::Timestamp;

#[cfg(feature = "cron")]
mod cron;

/// When a periodic job is due: a name, and a rhythm that says its times, the *ticks*. Given to
/// [`WorkerBuilder::schedule`](crate::WorkerBuilder::schedule), which says what each tick stores.
///
/// **The name is the schedule.** The store keeps for each name the last tick taken, for good, and takes each tick once:
/// it does not matter how many workers have the schedule, or which of them come and go. Give two schedules two names,
/// and keep the name where only the rhythm or the call changes: a time of the new rhythm that lies between the last tick
/// and now counts as [missed](Self::missed). A new name begins anew, which is also the way out where a clock was far ahead
/// for a while and the last tick taken lies in the future.
///
/// ```
/// # use std::time::Duration;
/// use sidetask::{Missed, Schedule};
///
/// let poll = Schedule::every("inbox.poll", Duration::from_secs(30)).missed(Missed::Skip);
/// ```
#[derive(Clone, Debug)]
#[must_use = "a schedule does nothing until it is given to a worker"]
pub struct Schedule {
    name: String,
    rhythm: Rhythm,
    #[cfg(feature = "cron")]
    time_zone: Option<String>,
    missed: Missed,
}

#[derive(Clone, Debug)]
enum Rhythm {
    Every(Duration),
    #[cfg(feature = "cron")]
    Cron(String),
}

/// What becomes of a tick at whose time no worker stored its job: because none ran, it was paused, or the store was out
/// of reach.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Missed {
    /// The latest one is made up as soon as a worker can; those before it are not. A schedule that the store has never
    /// heard of begins with its next tick: nothing is made up from before its first worker.
    #[default]
    Once,
    /// It is left out where it is over a minute late.
    Skip,
}

/// A later tick than this was missed.
const LATE: Duration = Duration::from_secs(60);

const SHORTEST_PERIOD: Duration = Duration::from_secs(1);

impl Schedule {
    /// Ticks at the multiples of `period` since 1970-01-01T00:00:00Z, so that all workers agree on them whenever they
    /// began: with 15 minutes, at each quarter of an hour. `period` is at least 1 s.
    pub fn every(name: impl Into<String>, period: Duration) -> Self {
        Self::new(name.into(), Rhythm::Every(period))
    }

    /// Ticks at the times of a cron expression: minute, hour, day of the month, month and day of the week, with seconds
    /// before them where there are six fields. `*`, lists, ranges, steps and English names of months and days are known,
    /// as are `L`, `W`, `#`, `@hourly`, `@daily`, `@weekly`, `@monthly` and `@yearly`. Where both days are given, one of
    /// them is enough. Days of the week are 0 to 6 from Sunday, and 7 is Sunday too.
    ///
    /// It is read when the worker starts, which fails where it cannot be, or where none of its times will ever come.
    ///
    /// # When clocks change
    /// The time is that of [`time_zone`](Self::time_zone); where nothing is said UTC, which never changes. Elsewhere, each
    /// time of day comes exactly once:
    /// - one that is skipped, as 02:30 is when clocks go from 02:00 to 03:00, comes at the moment of the change, which
    ///   is 03:00. Several that are skipped together make one tick, and none where 03:00 has a tick of its own;
    /// - one that comes twice, as 02:30 does when clocks go from 03:00 back to 02:00, counts the first time.
    ///
    /// An expression for all 24 hours, such as `*/15 * * * *`, follows the clock through the change instead: what is
    /// skipped does not come, and what is repeated comes again, so that there is a tick every quarter of an hour.
    ///
    /// ```
    /// use sidetask::Schedule;
    ///
    /// let nightly = Schedule::cron("reports.nightly", "0 3 * * *").time_zone("Europe/Berlin");
    /// let on_work_days = Schedule::cron("digest", "30 8-18/2 * * MON-FRI").time_zone("America/New_York");
    /// let every_ten_seconds = Schedule::cron("probe", "*/10 * * * * *");
    /// ```
    #[cfg(feature = "cron")]
    pub fn cron(name: impl Into<String>, expression: impl Into<String>) -> Self {
        Self::new(name.into(), Rhythm::Cron(expression.into()))
    }

    /// The time zone of a [`cron`](Self::cron) expression, by its name in the IANA database, such as `Europe/Berlin`.
    /// Default: UTC. The rules are read when the worker starts, from the system's database or, where there is none, from
    /// the one that this program was built with. Workers with different databases may disagree on ticks; what the store
    /// took is still never taken again.
    #[cfg(feature = "cron")]
    pub fn time_zone(mut self, name: impl Into<String>) -> Self {
        self.time_zone = Some(name.into());
        self
    }

    /// What becomes of missed ticks. Default: [`Missed::Once`].
    pub fn missed(mut self, missed: Missed) -> Self {
        self.missed = missed;
        self
    }

    fn new(name: String, rhythm: Rhythm) -> Self {
        Self {
            name,
            rhythm,
            #[cfg(feature = "cron")]
            time_zone: None,
            missed: Missed::default(),
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The tick that is to be stored `now`, if any: the latest, unless it was `taken` before or is to be left out.
    pub(crate) fn due(&self, ticks: &Ticks, now: Timestamp, taken: Option<Timestamp>) -> Option<Timestamp> {
        let at = ticks.latest(now)?;
        let is_new = taken.is_none_or(|taken| taken < at);
        let is_wanted = self.missed == Missed::Once || now.since(at) <= LATE;
        (is_new && is_wanted).then_some(at)
    }

    /// Reads the rhythm, or says what is wrong with it.
    fn ticks(&self, faults: &mut Vec<String>) -> Option<Ticks> {
        check_name("schedule's name", &self.name, faults);
        match &self.rhythm {
            Rhythm::Every(period) => {
                #[cfg(feature = "cron")]
                if let Some(zone) = &self.time_zone {
                    faults.push(format!(
                        "schedule `{}` has a period and the time zone `{zone}`: its ticks are the same in all zones",
                        self.name
                    ));
                }
                if *period < SHORTEST_PERIOD {
                    faults.push(format!(
                        "schedule `{}` has a period of {period:?}: it must be at least {SHORTEST_PERIOD:?}",
                        self.name
                    ));
                    return None;
                }
                Some(Ticks::Every(i64::try_from(period.as_micros()).unwrap_or(i64::MAX)))
            }
            #[cfg(feature = "cron")]
            Rhythm::Cron(expression) => {
                let zone = self.time_zone.as_deref().unwrap_or("UTC");
                match cron::Cron::parse(expression, zone) {
                    Ok(cron) => Some(Ticks::Cron(Box::new(cron))),
                    Err(found) => {
                        faults.extend(found.into_iter().map(|fault| format!("schedule `{}`: {fault}", self.name)));
                        None
                    }
                }
            }
        }
    }
}

/// Reads the schedules of one worker, in their order, and adds what is wrong with them to `faults`.
pub(crate) fn read<'a>(
    schedules: impl IntoIterator<Item = &'a Schedule>,
    now: Timestamp,
    faults: &mut Vec<String>,
) -> Vec<Ticks> {
    let mut names = HashSet::new();
    let mut all = Vec::new();
    for schedule in schedules {
        if !names.insert(&schedule.name) {
            faults.push(format!(
                "schedule `{}` is given twice: its name is what the store knows it by, so each needs one of its own",
                schedule.name
            ));
        }
        let Some(ticks) = schedule.ticks(faults) else { continue };
        if ticks.next(now).is_none() {
            faults.push(format!("schedule `{}` names times that never come", schedule.name));
        }
        all.push(ticks);
    }
    all
}

/// The times of a schedule.
#[derive(Debug)]
pub(crate) enum Ticks {
    /// A period in microseconds, over zero.
    Every(i64),
    #[cfg(feature = "cron")]
    Cron(Box<cron::Cron>),
}

impl Ticks {
    /// The first tick after `time`.
    pub(crate) fn next(&self, time: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Every(period) => {
                let since = time.as_micros().rem_euclid(*period);
                Some(Timestamp::from_micros(time.as_micros().checked_add(period - since)?))
            }
            #[cfg(feature = "cron")]
            Self::Cron(cron) => cron.next(time),
        }
    }

    /// The last tick at or before `time`.
    pub(crate) fn latest(&self, time: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Every(period) => {
                let since = time.as_micros().rem_euclid(*period);
                Some(Timestamp::from_micros(time.as_micros().checked_sub(since)?))
            }
            #[cfg(feature = "cron")]
            Self::Cron(cron) => cron.latest(time),
        }
    }
}

#[cfg(test)]
mod tests;
