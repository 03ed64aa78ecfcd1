//! A job's arguments, to be changed.

use std::error::Error as _;
use std::fmt::Write;

use axum::response::{IntoResponse, Response};
use maud::{Markup, html};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use sidetask::{Error, JobRecord, Json, State};

use super::job::heading;
use super::{badge, text};
use crate::failure::status_of;
use crate::format::{from_json, in_json, visible};
use crate::layout::{Frame, Section, page};
use crate::view::Shown;

/// What was typed, and the job as it was then.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Edit {
    args: String,
    pub(crate) fence: u64,
    attempt: u32,
    state: String,
    /// Tells its arguments from others: whoever changes them before anybody runs the job changes no fence.
    seen: String,
}

impl Edit {
    /// The job as it is, nothing typed.
    pub(crate) fn of(shown: &Shown) -> Self {
        let job = &shown.job;
        Self {
            args: in_json(&text::indented(&job.args)),
            fence: job.fence,
            attempt: job.attempt,
            state: job.state.to_string(),
            seen: digest(&job.args),
        }
    }

    /// The arguments as they are to be stored: without the lines that they were shown in.
    pub(crate) fn args(&self) -> Result<Json, Error> {
        Json::parse(&self.args)?;
        Ok(Json::from_stored(from_json(&text::compact(&self.args))))
    }

    /// Whether it is typed over what the job is still made of.
    pub(crate) fn is_current(&self, job: &JobRecord) -> bool {
        self.fence == job.fence && self.seen == digest(&job.args)
    }
}

fn digest(args: &Json) -> String {
    Sha256::digest(args.as_str()).iter().take(16).fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// Where arguments are changed.
pub(super) fn editor(frame: &Frame, edit: &Edit, shown: &Shown) -> Markup {
    html! {
        section aria-labelledby="edit" {
            h2 #edit { "Other arguments" }
            @if shown.is_redacted {
                p.empty { "Its arguments are not shown here in full, so that they cannot be changed here." }
            } @else if shown.job.state == State::Running {
                p.empty { "It runs: its arguments can be changed once it does not." }
            } @else {
                details #edit-args { summary { "Edit the arguments and run it again" } (form(frame, edit, shown)) }
            }
        }
    }
}

fn form(frame: &Frame, edit: &Edit, shown: &Shown) -> Markup {
    let now = Edit::of(shown);
    html! {
        form.edit method="post" action=(frame.to(format!("jobs/{}/edit", shown.job.id))) {
            label for="args" { "Arguments, as JSON" }
            // The line break after the tag is dropped, and one that the text begins with is kept.
            textarea #args name="args" rows="14" spellcheck="false" autocomplete="off" required { "\n" (edit.args) }
            input type="hidden" name="fence" value=(now.fence);
            input type="hidden" name="attempt" value=(now.attempt);
            input type="hidden" name="state" value=(now.state);
            input type="hidden" name="seen" value=(now.seen);
            button.primary { "Store and run again" }
        }
    }
}

/// The page where what was typed cannot be stored: it is kept.
pub(crate) fn misread(frame: &Frame, edit: &Edit, shown: &Shown, error: &Error) -> Response {
    let content = html! {
        p.notice.error role="alert" {
            (visible(&error.to_string())) @if let Some(source) = error.source() { ": " (visible(&source.to_string())) }
        }
        p { "Nothing was changed." }
        (form(frame, edit, shown))
        (back(frame, &shown.job))
    };
    (status_of(error), page(frame, Section::Jobs, &heading(&shown.job), content)).into_response()
}

/// The page where the job is not any more what was changed: it says how, and keeps what was typed.
pub(crate) fn conflict(frame: &Frame, edit: &Edit, shown: &Shown) -> Response {
    let job = &shown.job;
    let now = Edit::of(shown);
    let content = html! {
        p.notice.error role="alert" { "This job was changed meanwhile, so that nothing was stored. What you typed is kept below." }
        div.scroll tabindex="0" role="region" aria-label="What changed" {
            table {
                caption { "What changed" }
                thead { tr { th scope="col" { "" } th scope="col" { "When you opened it" } th scope="col" { "Now" } } }
                tbody {
                    tr { th scope="row" { "State" } td { (visible(&edit.state)) } td { (badge(job.state)) } }
                    tr { th scope="row" { "Attempt" } td { (edit.attempt) } td { (now.attempt) } }
                    tr { th scope="row" { "Fencing token" } td { (edit.fence) } td { (now.fence) } }
                    tr {
                        th scope="row" { "Arguments" }
                        td { @if edit.seen == now.seen { "the same" } @else { "others" } }
                        td { (text::json("arguments-now", &job.args)) }
                    }
                }
            }
        }
        @if job.state == State::Running { p { "It runs now: what you typed is not taken before it has ended." } }
        (form(frame, edit, shown))
        (back(frame, job))
    };
    (status_of(&Error::conflict("")), page(frame, Section::Jobs, &heading(job), content)).into_response()
}

fn back(frame: &Frame, job: &JobRecord) -> Markup {
    html! { p { a href=(frame.to(format!("jobs/{}", job.id))) { "Back to the job, and change nothing" } } }
}
