//! The times of a cron expression in a time zone.
//!
//! The library knows which times a wall clock shows match the expression. Which moments those are is decided here, one
//! stretch between two changes of the clock after the other: within a stretch the clock runs evenly.

use croner::parser::{CronParser, Year};
use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone};
use sidetask_core::Timestamp;

#[derive(Debug)]
pub(crate) struct Cron {
    pattern: croner::Cron,
    zone: TimeZone,
    /// It is for all hours of a day, and follows the clock through its changes.
    all_hours: bool,
}

impl Cron {
    /// Reads an expression, or says what is wrong with it and with the name of its zone.
    pub(super) fn parse(expression: &str, zone: &str) -> Result<Self, Vec<String>> {
        let mut faults = Vec::new();
        let pattern = CronParser::builder().year(Year::Disallowed).build().parse(expression).map_err(|error| {
            faults.push(format!(
                "the cron expression {expression:?} cannot be read ({}): it needs five fields, which are minute, hour, \
                 day of the month, month and day of the week, or six with seconds first",
                error.to_string().trim_end_matches('.')
            ));
        });
        let zone = TimeZone::get(zone).map_err(|_| {
            faults.push(format!(
                "there is no time zone {zone:?}: it needs a name of the IANA database, such as `Europe/Berlin`"
            ));
        });
        let (Ok(pattern), Ok(zone)) = (pattern, zone) else { return Err(faults) };
        let all_hours = pattern.pattern.hours.values().len() == 24;
        Ok(Self { pattern, zone, all_hours })
    }

    pub(super) fn next(&self, time: Timestamp) -> Option<Timestamp> {
        let time = moment(time)?;
        let mut stretch = Stretch::at(&self.zone, time);
        let mut from = stretch.offset.to_datetime(time);
        let mut inclusive = false;
        loop {
            if let Some(new_from) = stretch.new_from.filter(|new_from| !self.all_hours && from < *new_from) {
                (from, inclusive) = (new_from, true);
            }
            let shown = self.pattern.find_next_occurrence(&from, inclusive).ok()?;
            let found = stretch.offset.to_timestamp(shown).ok()?;
            let Some(end) = stretch.end.filter(|end| *end <= found) else { return Some(timestamp(found)) };
            let later = Stretch::at(&self.zone, end);
            if !self.all_hours && is_skipped(shown, end, stretch.offset, later.offset) {
                return Some(timestamp(end));
            }
            (from, inclusive) = (later.offset.to_datetime(end), true);
            stretch = later;
        }
    }

    pub(super) fn latest(&self, time: Timestamp) -> Option<Timestamp> {
        let time = moment(time)?;
        let mut stretch = Stretch::at(&self.zone, time);
        let mut from = stretch.offset.to_datetime(time);
        let mut inclusive = true;
        loop {
            let shown = self.pattern.find_previous_occurrence(&from, inclusive).ok()?;
            let found = stretch.offset.to_timestamp(shown).ok()?;
            let is_new = self.all_hours || stretch.new_from.is_none_or(|new_from| new_from <= shown);
            let Some(begin) = stretch.begin.filter(|begin| found < *begin || !is_new) else {
                return Some(timestamp(found));
            };
            let earlier = Stretch::at(&self.zone, just_before(begin)?);
            if !self.all_hours && is_skipped(shown, begin, earlier.offset, stretch.offset) {
                return Some(timestamp(begin));
            }
            (from, inclusive) = (earlier.offset.to_datetime(begin), false);
            stretch = earlier;
        }
    }
}

/// The time between two changes of a zone's clock.
struct Stretch {
    /// The change that it begins with; `None` before the first one.
    begin: Option<jiff::Timestamp>,
    end: Option<jiff::Timestamp>,
    offset: Offset,
    /// Where it began with the clock put back: before this, it shows again what it has shown.
    new_from: Option<DateTime>,
}

impl Stretch {
    fn at(zone: &TimeZone, time: jiff::Timestamp) -> Self {
        let offset = zone.to_offset(time);
        // The library answers what is strictly before.
        let after = time.checked_add(jiff::SignedDuration::from_nanos(1)).unwrap_or(time);
        let begin = zone.preceding(after).next().map(|change| change.timestamp());
        let end = zone.following(time).next().map(|change| change.timestamp());
        let before = begin.and_then(|begin| Some((begin, zone.to_offset(just_before(begin)?))));
        let new_from = before.filter(|(_, before)| *before > offset).map(|(begin, before)| before.to_datetime(begin));
        Self { begin, end, offset, new_from }
    }
}

/// Whether a clock that is changed at `change` never shows this time.
fn is_skipped(shown: DateTime, change: jiff::Timestamp, before: Offset, after: Offset) -> bool {
    before.to_datetime(change) <= shown && shown < after.to_datetime(change)
}

fn just_before(time: jiff::Timestamp) -> Option<jiff::Timestamp> {
    time.checked_sub(jiff::SignedDuration::from_nanos(1)).ok()
}

fn moment(time: Timestamp) -> Option<jiff::Timestamp> {
    jiff::Timestamp::from_microsecond(time.as_micros()).ok()
}

fn timestamp(time: jiff::Timestamp) -> Timestamp {
    Timestamp::from_micros(time.as_microsecond())
}

#[cfg(test)]
mod tests;
