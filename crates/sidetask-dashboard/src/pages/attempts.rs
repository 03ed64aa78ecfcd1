//! What the attempts of a job said.

use std::collections::BTreeMap;

use maud::{Markup, html};
use sidetask::{AttemptError, AttemptLog, JobRecord, Timestamp};

use super::text;
use crate::format::{bytes, time};

/// The latest attempt first, each with its error and its log. Those that said nothing are left out.
pub(super) fn attempts(job: &JobRecord, logs: &[AttemptLog], now: Timestamp) -> Markup {
    let mut said: BTreeMap<u32, (Option<&AttemptError>, Option<&AttemptLog>)> = BTreeMap::new();
    for error in &job.errors {
        said.entry(error.attempt).or_default().0 = Some(error);
    }
    for log in logs {
        said.entry(log.attempt).or_default().1 = Some(log);
    }
    html! {
        section aria-labelledby="attempts" {
            h2 #attempts { "Attempts" }
            @if said.is_empty() { p.empty { "None of them left an error or a log." } }
            @for (attempt, (error, log)) in said.iter().rev() {
                article.attempt {
                    h3 { "Attempt " (attempt) @if let Some(error) = error { ", failed " (time(error.at, now)) } }
                    @if let Some(error) = error { (text::error(&format!("trace-{attempt}"), &error.message)) }
                    @if let Some(log) = log {
                        details id={ "log-" (attempt) } open[error.is_none() && *attempt == job.attempt] {
                            summary { "Log, " (bytes(log.text.len())) }
                            (text::block(&log.text))
                        }
                    }
                }
            }
        }
    }
}

/// What happened to a job, in order.
pub(super) fn timeline(job: &JobRecord, now: Timestamp) -> Markup {
    let mut events: Vec<(Timestamp, String)> = vec![(job.created_at, "stored".to_owned())];
    if job.run_at != job.created_at {
        events.push((job.run_at, if job.run_at > now { "will be due" } else { "due" }.to_owned()));
    }
    for error in &job.errors {
        events.push((error.at, format!("attempt {} failed", error.attempt)));
    }
    if let Some(at) = job.attempted_at {
        events.push((at, format!("attempt {} began", job.attempt)));
    }
    if let Some(at) = job.finished_at {
        events.push((at, job.state.to_string()));
    }
    events.sort_by_key(|(at, _)| *at);
    html! {
        section aria-labelledby="timeline" {
            h2 #timeline { "Timeline" }
            ol.timeline { @for (at, what) in &events { li { span { (what) } " " (time(*at, now)) } } }
        }
    }
}
