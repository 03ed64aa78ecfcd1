use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State as Extract;
use maud::{Markup, html};
use sidetask::{QueueStats, State, Timestamp};

use super::ask::{query, term};
use super::where_supported;
use crate::failure::Failure;
use crate::format::{brief, number, time};
use crate::layout::{Frame, Section, page};
use crate::shared::Shared;

/// What waits where.
pub(crate) async fn queues(Extract(shared): Extract<Arc<Shared>>, frame: Frame) -> Result<Markup, Failure> {
    let now = shared.client.clock().now();
    let stats = shared.client.stats().await?;
    let oldest = where_supported(shared.client.oldest_due().await)?.unwrap_or_default().into_iter().collect();
    let content = if stats.queues.is_empty() {
        html! { p.empty { "No queue was seen yet: one begins with its first job." } }
    } else {
        table(&frame, &stats.queues, &oldest, now)
    };
    Ok(page(&frame, Section::Queues, "Queues", frame.live(content)))
}

fn table(frame: &Frame, queues: &[QueueStats], oldest: &BTreeMap<String, Timestamp>, now: Timestamp) -> Markup {
    html! {
        div.scroll tabindex="0" role="region" aria-label="Queues" {
            table {
                caption { (number(queues.len() as u64)) " seen" }
                thead { tr {
                    th scope="col" { "Queue" }
                    @for state in State::ALL { th.number scope="col" { (state) } }
                    th scope="col" { "Oldest due" }
                    @if !frame.read_only { th scope="col" { "Actions" } }
                } }
                tbody {
                    @for (at, queue) in queues.iter().enumerate() {
                        tr {
                            th scope="row" {
                                a href=(jobs_of(frame, queue, None)) { (brief(&queue.queue, 80)) }
                                @if queue.paused { " " span.badge { "paused" } }
                            }
                            @for (state, count) in queue.counts.iter() {
                                td.number {
                                    @if count == 0 { span.none { "0" } }
                                    @else { a href=(jobs_of(frame, queue, Some(state))) { (number(count)) } }
                                }
                            }
                            td { @match oldest.get(&queue.queue) {
                                Some(due) => (time(*due, now)),
                                None => span.none { "–" },
                            } }
                            @if !frame.read_only { td { (pause(frame, queue, at)) } }
                        }
                    }
                }
            }
        }
    }
}

fn pause(frame: &Frame, queue: &QueueStats, at: usize) -> Markup {
    let (action, word) = if queue.paused { ("resume", "Resume") } else { ("pause", "Pause") };
    html! {
        form method="post" action=(frame.to(format!("queues/{action}"))) hx-boost="true" hx-target="#main" hx-select="#main"
            hx-swap="outerHTML" {
            input type="hidden" name="queue" value=(queue.queue);
            button id={ "pause-" (at) } aria-label={ (word) " queue " (queue.queue) } { (word) }
        }
    }
}

fn jobs_of(frame: &Frame, queue: &QueueStats, state: Option<State>) -> String {
    let state = state.map(State::as_str).unwrap_or_default();
    frame.to(format!("jobs{}", query(&[("filter", &term("queue", &queue.queue)), ("state", &state)])))
}
