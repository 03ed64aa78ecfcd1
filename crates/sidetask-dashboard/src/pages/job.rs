//! All that is known of one job.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, State as Extract};
use maud::{Markup, html};
use sidetask::{Error, JobId, JobRecord, Progress, State, Timestamp};

use super::attempts::{attempts, timeline};
use super::edit::{Edit, editor};
use super::sure::DOABLE;
use super::{badge, text, where_supported};
use crate::failure::Failure;
use crate::flash::Did;
use crate::format::{bytes, foreign, span, time, visible};
use crate::layout::{Frame, Section, page};
use crate::shared::Shared;

/// One job.
pub(crate) async fn job(
    Extract(shared): Extract<Arc<Shared>>,
    frame: Frame,
    Path(id): Path<String>,
) -> Result<Markup, Failure> {
    let id: JobId = id.parse()?;
    let shown = shared.job(id).await?.ok_or_else(|| Error::no_such_job(id))?;
    let job = &shown.job;
    let logs = where_supported(shared.client.logs(id).await)?.unwrap_or_default();
    let now = shared.client.clock().now();
    let content = html! {
        (frame.live(html! {
            (facts(job, now))
            @if !frame.read_only { (actions(&frame, job)) }
            @if let Some(reported) = &job.progress { (progress(reported)) }
            section aria-labelledby="arguments" {
                h2 #arguments { "Arguments" }
                (text::json("arguments-json", &job.args))
            }
            @if let Some(output) = &job.output {
                section aria-labelledby="output" {
                    h2 #output { "Output" }
                    (text::json("output-json", output))
                }
            }
            (attempts(job, &logs, now))
            (timeline(job, now))
        }))
        @if !frame.read_only { (editor(&frame, &Edit::of(&shown), &shown)) }
    };
    Ok(page(&frame, Section::Jobs, &heading(job), content))
}

/// What a job is called: its kind, which others chose.
pub(super) fn heading(job: &JobRecord) -> String {
    visible(&job.kind).into_owned()
}

fn facts(job: &JobRecord, now: Timestamp) -> Markup {
    html! {
        dl.card.facts {
            (fact("State", html! {
                (badge(job.state))
                @if job.cancel_requested { " asked to stop" }
                @if job.held { " held back by its lane" }
            }))
            (fact("Id", html! { code { (job.id) } }))
            (fact("Queue", foreign(&job.queue)))
            (fact("Attempt", html! { (job.attempt) " of " (job.max_attempts) }))
            (fact("Stored", time(job.created_at, now)))
            (fact("Due", time(job.run_at, now)))
            @if let Some(at) = job.attempted_at { (fact("Last begun", time(at, now))) }
            @if let Some(at) = job.finished_at { (fact("Ended", time(at, now))) }
            @if let Some(ran) = ran(job) { (fact("Ran for", html! { (span(ran)) })) }
            (fact("Priority", html! { (job.priority) }))
            @if let Some(timeout) = job.timeout { (fact("Time limit", html! { (span(timeout)) })) }
            (fact("Fencing token", html! { (job.fence) }))
            @if let Some(worker) = &job.worker { (fact("Worker", html! { code { (worker) } })) }
            @if let Some(key) = &job.key { (fact("Key", foreign(key))) }
            @if let Some(lane) = &job.lane { (fact("Lane", html! { (foreign(&lane.name)) ", " (lane.width) " at once" })) }
            @if let Some(trace) = &job.trace { (fact("Trace", html! { code { (trace) } })) }
            (fact("Arguments", html! { (bytes(job.args.size())) }))
        }
    }
}

/// For how long the last attempt ran, where the job ended with it and not later, by hand.
fn ran(job: &JobRecord) -> Option<Duration> {
    let (from, to) = (job.attempted_at?, job.finished_at?);
    let is_its_end = job.state == State::Completed || job.errors.last().is_some_and(|error| error.at == to);
    is_its_end.then(|| to.since(from))
}

fn fact(name: &str, value: Markup) -> Markup {
    html! { div { dt { (name) } dd { (value) } } }
}

fn actions(frame: &Frame, job: &JobRecord) -> Markup {
    html! {
        div.actions role="group" aria-label="Actions" {
            @for doable in DOABLE.iter().filter(|doable| doable.applies_to(job.state)) {
                @let action = frame.to(format!("jobs/{}/{}", job.id, doable.did));
                @if doable.did == Did::Delete {
                    // Leads to another page, with links that begin elsewhere: all of it has to be loaded.
                    form method="post" action=(action) data-confirm="Delete this job, with all that is kept of it?" {
                        button.danger #do-delete { (doable.word) }
                    }
                } @else {
                    form method="post" action=(action) hx-boost="true" {
                        button id={ "do-" (doable.did) } { (doable.word) }
                    }
                }
            }
        }
    }
}

fn progress(progress: &Progress) -> Markup {
    html! {
        section.progress aria-labelledby="progress" {
            h2 #progress { "Progress" }
            @if progress.total > 0 {
                progress aria-labelledby="progress" value=(progress.done.min(progress.total)) max=(progress.total) {}
                " " (progress.done) " of " (progress.total)
            } @else {
                (progress.done) " done"
            }
            @if let Some(message) = &progress.message { p { (foreign(message)) } }
        }
    }
}
