use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State as Extract;
use maud::{Markup, html};
use sidetask::{Activity, Filter, QueueStats, State, Timestamp};

use super::ask::query;
use super::where_supported;
use crate::charts::sparkline;
use crate::failure::Failure;
use crate::format::{brief, number, time, visible};
use crate::layout::{Frame, Section, page};
use crate::shared::Shared;

/// What is drawn of each queue.
const HOUR: Duration = Duration::from_secs(60 * 60);

/// How many are on the card.
const ON_A_CARD: usize = 8;

/// Since when the job is due that has waited for the longest time in each queue.
pub(super) type Oldest = BTreeMap<String, Timestamp>;

/// What waits where.
pub(crate) async fn queues(Extract(shared): Extract<Arc<Shared>>, frame: Frame) -> Result<Markup, Failure> {
    let now = shared.client.clock().now();
    let stats = shared.client.stats().await?;
    let oldest = where_supported(shared.client.oldest_due().await)?.unwrap_or_default().into_iter().collect();
    let from = Activity::minute_of(now.before(HOUR));
    let activity = where_supported(shared.client.activity(from).await)?.unwrap_or_default();
    let done = done(&activity, from);
    let content = if stats.queues.is_empty() {
        html! { p.empty { "No queue was seen yet: one begins with its first job." } }
    } else {
        table(&frame, &stats.queues, &oldest, &done, now)
    };
    Ok(page(&frame, Section::Queues, "Queues", frame.live(content)))
}

/// How many jobs of each queue were completed in each minute of the hour.
fn done(activity: &[Activity], from: Timestamp) -> BTreeMap<&str, [f64; 60]> {
    let mut queues: BTreeMap<&str, [f64; 60]> = BTreeMap::new();
    for one in activity {
        let minute = usize::try_from(one.minute.since(from).as_secs() / 60).unwrap_or(usize::MAX);
        if let Some(sum) = queues.entry(&one.queue).or_insert([0.0; 60]).get_mut(minute) {
            *sum += one.completed as f64;
        }
    }
    queues
}

fn table(
    frame: &Frame,
    queues: &[QueueStats],
    oldest: &Oldest,
    done: &BTreeMap<&str, [f64; 60]>,
    now: Timestamp,
) -> Markup {
    html! {
        div.scroll tabindex="0" role="region" aria-label="Queues" {
            table {
                caption { (number(queues.len() as u64)) " seen" }
                thead { tr {
                    th scope="col" { "Queue" }
                    @for state in State::ALL { th.num scope="col" { (state) } }
                    th scope="col" { "Oldest due" }
                    th scope="col" { "Completed, last hour" }
                    @if !frame.read_only { th scope="col" { "Actions" } }
                } }
                tbody {
                    @for (at, queue) in queues.iter().enumerate() {
                        tr {
                            (name(frame, queue, 80))
                            @for state in State::ALL { (amount(frame, queue, state)) }
                            (oldest_due(oldest, queue, now))
                            td { @match done.get(queue.queue.as_str()) {
                                Some(minutes) => {
                                    @let sum = minutes.iter().sum::<f64>() as u64;
                                    (sparkline(&format!("{} completed in the last hour", number(sum)), "line-completed", minutes))
                                }
                                None => span.muted { "–" },
                            } }
                            @if !frame.read_only { td { (pause(frame, queue, at)) } }
                        }
                    }
                }
            }
        }
    }
}

/// The queues with the most to do, beside other things.
pub(super) fn card(frame: &Frame, queues: &[QueueStats], oldest: &Oldest, now: Timestamp) -> Markup {
    let mut busiest: Vec<&QueueStats> = queues.iter().collect();
    let to_do =
        |queue: &QueueStats| queue.counts.count(State::Available).saturating_add(queue.counts.count(State::Running));
    busiest.sort_by_key(|queue| Reverse(to_do(queue)));
    busiest.truncate(ON_A_CARD);
    html! {
        div.scroll tabindex="0" role="region" aria-label="Queues" {
            table {
                caption {
                    @if queues.len() > ON_A_CARD { (ON_A_CARD) " of " (number(queues.len() as u64)) " queues, those with the most to do" }
                    @else { "Queues" }
                }
                thead { tr {
                    th scope="col" { "Queue" }
                    th.num scope="col" { (State::Available) }
                    th.num scope="col" { (State::Running) }
                    th scope="col" { "Oldest due" }
                } }
                tbody {
                    @for queue in busiest {
                        tr {
                            (name(frame, queue, 28))
                            (amount(frame, queue, State::Available))
                            (amount(frame, queue, State::Running))
                            (oldest_due(oldest, queue, now))
                        }
                    }
                }
            }
            p.below { a href=(frame.to("queues")) { "All queues" } }
        }
    }
}

fn name(frame: &Frame, queue: &QueueStats, chars: usize) -> Markup {
    html! {
        th scope="row" {
            a href=(jobs_of(frame, queue, None)) { (brief(&queue.queue, chars)) }
            @if queue.paused { " " span.badge.warn { "paused" } }
        }
    }
}

fn amount(frame: &Frame, queue: &QueueStats, state: State) -> Markup {
    let count = queue.counts.count(state);
    html! {
        td.num {
            @if count == 0 { span.muted { "0" } }
            @else { a href=(jobs_of(frame, queue, Some(state))) { (number(count)) } }
        }
    }
}

fn oldest_due(oldest: &Oldest, queue: &QueueStats, now: Timestamp) -> Markup {
    html! {
        td { @match oldest.get(&queue.queue) {
            Some(due) => (time(*due, now)),
            None => span.muted { "–" },
        } }
    }
}

fn pause(frame: &Frame, queue: &QueueStats, at: usize) -> Markup {
    let (action, word) = if queue.paused { ("resume", "Resume") } else { ("pause", "Pause") };
    html! {
        form method="post" action=(frame.to(format!("queues/{action}"))) hx-boost="true" {
            input type="hidden" name="queue" value=(queue.queue);
            button id={ "pause-" (at) } aria-label={ (word) " queue " (visible(&queue.queue)) } { (word) }
        }
    }
}

fn jobs_of(frame: &Frame, queue: &QueueStats, state: Option<State>) -> String {
    let state = state.map(State::as_str).unwrap_or_default();
    let filter = Filter::all().queue(queue.queue.as_str());
    frame.to(format!("jobs{}", query(&[("filter", &filter), ("state", &state)])))
}
