//! How the last hour went, and what there is to do.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State as Extract;
use maud::{Markup, html};
use sidetask::{Activity, Counts, Timestamp};

use super::ask::query;
use super::queues::{Oldest, card};
use super::where_supported;
use crate::charts::{Chart, Line, Unit, draw, stack};
use crate::depth::Sample;
use crate::failure::Failure;
use crate::format::{foreign, number, span};
use crate::layout::{Frame, Section, page};
use crate::shared::Shared;

const HOUR: Duration = Duration::from_secs(60 * 60);
const MINUTE: Duration = Duration::from_secs(60);

/// Numbers of all jobs, and how the last hour went.
pub(crate) async fn overview(Extract(shared): Extract<Arc<Shared>>, frame: Frame) -> Result<Markup, Failure> {
    let client = &shared.client;
    let now = client.clock().now();
    let from = Activity::minute_of(now.before(HOUR));
    let stats = client.stats().await?;
    let counts = stats.total();
    let activity = where_supported(client.activity(from).await)?;
    let oldest: Oldest = where_supported(client.oldest_due().await)?.unwrap_or_default().into_iter().collect();
    let depth = shared.depth.look(Arc::downgrade(&shared), &counts, now);
    let content = html! {
        (cards(&frame, &counts))
        @if let Some((queue, due)) = oldest.iter().min_by_key(|(_, due)| **due) {
            p { "The job that has waited for the longest time was due " strong { (span(now.since(*due))) " ago" }
                " in queue " (foreign(queue)) "." }
        }
        section.charts aria-label="The last hour, and the queues" {
            @match &activity {
                Some(activity) => {
                    (throughput(activity, from, now))
                    (latency(activity, from, now))
                }
                None => p { "This store does not keep how much was done in each minute." },
            }
            (depths(&depth, from, now))
            @if !stats.queues.is_empty() { (card(&frame, &stats.queues, &oldest, now)) }
        }
    };
    Ok(page(&frame, Section::Overview, "Overview", frame.live(content)))
}

fn cards(frame: &Frame, counts: &Counts) -> Markup {
    html! {
        section aria-label="Jobs by state" {
            ul.tiles {
                @for (state, count) in counts.iter() {
                    li {
                        a class={ "tile tile-" (state) } href=(frame.to(format!("jobs{}", query(&[("state", &state)])))) {
                            strong { (number(count)) } " " span { (state) }
                        }
                    }
                }
            }
        }
    }
}

/// All queues together, for each minute that anything was done in.
fn by_minute(activity: &[Activity]) -> BTreeMap<Timestamp, Activity> {
    let mut minutes: BTreeMap<Timestamp, Activity> = BTreeMap::new();
    for one in activity {
        minutes.entry(one.minute).and_modify(|sum| sum.add(one)).or_insert_with(|| one.clone());
    }
    minutes
}

fn throughput(activity: &[Activity], from: Timestamp, until: Timestamp) -> Markup {
    let minutes = by_minute(activity);
    let line = |name, class, count: fn(&Activity) -> u64| {
        let mut points = Vec::new();
        let mut minute = from;
        // The minute under way is not over, and would look like a fall.
        while minute.after(MINUTE) <= until {
            points.push((minute, minutes.get(&minute).map_or(0, count) as f64));
            minute = minute.after(MINUTE);
        }
        Line { name, class, points }
    };
    let lines = [
        line("completed", "line-completed", |activity| activity.completed),
        // An attempt after which its job is discarded counts as both.
        line("other failed attempts", "line-failed", |activity| activity.failed.saturating_sub(activity.discarded)),
        line("discarded", "line-discarded", |activity| activity.discarded),
    ];
    stack(&Chart { title: "Jobs a minute", unit: Unit::Count, from, until, lines: &lines })
}

fn latency(activity: &[Activity], from: Timestamp, until: Timestamp) -> Markup {
    let minutes = by_minute(activity);
    let line = |name, class, seconds: fn(&Activity) -> f64| {
        let points = minutes.iter().filter(|(_, activity)| activity.attempts > 0);
        Line { name, class, points: points.map(|(minute, activity)| (*minute, seconds(activity))).collect() }
    };
    let lines = [
        line("waited, on average", "line-waited", |minute| minute.waited.as_secs_f64() / minute.attempts as f64),
        line("ran, on average", "line-ran", |minute| minute.ran.as_secs_f64() / minute.attempts as f64),
        line("ran longest", "line-longest", |minute| minute.longest.as_secs_f64()),
    ];
    draw(&Chart { title: "How long attempts waited and ran", unit: Unit::Seconds, from, until, lines: &lines })
}

fn depths(samples: &[Sample], from: Timestamp, until: Timestamp) -> Markup {
    let line = |name, class, count: fn(&Sample) -> u64| {
        let points = samples.iter().filter(|sample| sample.at >= from);
        Line { name, class, points: points.map(|sample| (sample.at, count(sample) as f64)).collect() }
    };
    let lines = [
        line("available", "line-available", |sample| sample.available),
        line("running", "line-running", |sample| sample.running),
        line("later", "line-later", |sample| sample.later),
    ];
    draw(&Chart { title: "Jobs there are, while somebody looks", unit: Unit::Count, from, until, lines: &lines })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_attempt_is_in_one_part_of_a_bar() {
        let from = Timestamp::from_micros(0);
        let minute = |queue: &str, completed, failed, discarded| {
            let empty = Activity::empty(from, queue.to_owned());
            Activity { completed, failed, discarded, attempts: completed + failed, ..empty }
        };
        let activity = [minute("a", 5, 2, 1), minute("b", 1, 2, 2)];
        let chart = throughput(&activity, from, from.after(HOUR)).into_string();
        assert!(chart.contains("discarded: 3\nother failed attempts: 1\ncompleted: 6"), "{chart}");
    }
}
