//! Lists of jobs.

use std::sync::Arc;

use axum::extract::State as Extract;
use axum::response::{IntoResponse, Response};
use futures_util::future::try_join;
use maud::{Markup, html};
use sidetask::{Error, JobRecord, Listed, Page, State, Timestamp};

use super::ask::{Ask, query};
use super::badge;
use super::sure::links;
use super::text::without_backtrace;
use crate::failure::{Failure, status_of};
use crate::format::{brief, time, visible};
use crate::layout::{self, Frame, Section};
use crate::posted::Asked;
use crate::shared::Shared;
use crate::view::{Count, Reach};

/// A list with its name, its place in the menu, and what it shows of each job.
#[derive(Clone, Copy)]
struct List {
    title: &'static str,
    path: &'static str,
    section: Section,
    /// The only state that it is about.
    only: Option<State>,
}

const JOBS: List = List { title: "Jobs", path: "jobs", section: Section::Jobs, only: None };
const DEAD: List = List { title: "Dead letters", path: "dead", section: Section::Dead, only: Some(State::Discarded) };

/// How many on a page.
const ON_A_PAGE: usize = 50;

/// All jobs, by what people ask for.
pub(crate) async fn jobs(
    Extract(shared): Extract<Arc<Shared>>,
    frame: Frame,
    Asked(ask): Asked<Ask>,
) -> Result<Response, Failure> {
    list(&shared, &frame, JOBS, ask).await
}

/// Jobs that were given up on.
pub(crate) async fn dead(
    Extract(shared): Extract<Arc<Shared>>,
    frame: Frame,
    Asked(ask): Asked<Ask>,
) -> Result<Response, Failure> {
    list(&shared, &frame, DEAD, ask).await
}

async fn list(shared: &Shared, frame: &Frame, list: List, mut ask: Ask) -> Result<Response, Failure> {
    if let Some(only) = list.only {
        ask.state = only.to_string();
    }
    let mut page = Page::first(ON_A_PAGE);
    if !ask.after.is_empty() {
        page = page.after(ask.after.parse().map_err(|error: Error| Failure::bad_request(error.to_string()))?);
    }
    let (listed, counts) = match look(shared, &ask, page).await {
        Err(error) if is_of_the_filter(&error) => return Ok(misunderstood(frame, list, &ask, &error)),
        found => found?,
    };
    let now = shared.client.clock().now();
    let may_change = !frame.read_only && !ask.is_all() && !shared.is_sifted(&ask.typed()?);
    let content = html! {
        (search(frame, list, &ask, None))
        (frame.live(html! {
            @if list.only.is_none() { (tabs(frame, &ask, &counts)) }
            @if may_change { (links(frame, &ask, list.path, &counts)) }
            (table(frame, list, &listed.jobs, now))
            (paging(frame, list, &ask, &listed))
        }))
    };
    Ok(layout::page(frame, list.section, list.title, content).into_response())
}

/// How many jobs there are in each state that the filter lets pass.
pub(super) type Counts = [(State, Count)];

async fn look(shared: &Shared, ask: &Ask, page: Page) -> Result<(Listed, Vec<(State, Count)>), Error> {
    let typed = ask.typed()?;
    let counts = shared.counts(&typed, Reach::Brief);
    let Some(filter) = ask.filter()? else { return Ok((Listed::default(), counts.await?)) };
    // At once, where the store has more than one connection to read by.
    let (listed, mut counts) = try_join(shared.search(&filter, page), counts).await?;
    // The list looks further than the counts do.
    for (state, count) in &mut counts {
        *count = count.or_seen(listed.jobs.iter().filter(|job| job.state == *state).count());
    }
    Ok((listed, counts))
}

/// Whether it is for whoever typed the filter to mend it.
fn is_of_the_filter(error: &Error) -> bool {
    error.is_filter() || error.is_not_found() || error.is_configuration()
}

fn misunderstood(frame: &Frame, list: List, ask: &Ask, error: &Error) -> Response {
    let content = search(frame, list, ask, Some(error));
    (status_of(error), layout::page(frame, list.section, list.title, content)).into_response()
}

fn search(frame: &Frame, list: List, ask: &Ask, error: Option<&Error>) -> Markup {
    html! {
        search {
            form.filter method="get" action=(frame.to(list.path)) {
                label for="filter" { "Filter" }
                input #filter type="search" name="filter" value=(ask.filter) autocomplete="off" spellcheck="false"
                    placeholder="kind:mail.* queue:mail args.user.id:42 older:1h \"text\"" aria-describedby="filter-said"
                    aria-invalid=[error.map(|_| "true")];
                @if list.only.is_none() { input type="hidden" name="state" value=(ask.state); }
                button { "Search" }
                @if !ask.filter.is_empty() { " " a href=(frame.to(list.path)) { "Clear" } }
            }
            div #filter-said {
                @if let Some(error) = error { pre.notice.error role="alert" { (visible(&error.to_string())) } }
            }
        }
    }
}

fn tabs(frame: &Frame, ask: &Ask, counts: &Counts) -> Markup {
    let all = Count::sum(counts.iter().map(|(_, count)| *count));
    let tab = |state: &str, name: &str, count: Count| {
        let link = frame.to(format!("jobs{}", query(&[("filter", &ask.filter), ("state", &state)])));
        html! {
            li {
                a.chip href=(link) aria-current=[(ask.state == state).then_some("page")] {
                    (name) " " span.count { (count) }
                }
            }
        }
    };
    html! {
        nav aria-label="States" {
            ul.chips {
                (tab("", "all", all))
                @for (state, count) in counts { (tab(state.as_str(), state.as_str(), *count)) }
            }
        }
    }
}

fn table(frame: &Frame, list: List, jobs: &[JobRecord], now: Timestamp) -> Markup {
    if jobs.is_empty() {
        return html! { p.empty { "No jobs here." } };
    }
    html! {
        div.scroll tabindex="0" role="region" aria-label=(list.title) {
            table.jobs {
                caption.visually-hidden { (list.title) ", newest first" }
                thead { tr {
                    th scope="col" { "Job" }
                    th scope="col" { "Queue" }
                    @if list.only.is_none() { th scope="col" { "State" } }
                    th.num scope="col" { "Attempt" }
                    th scope="col" { "Stored" }
                    th scope="col" { @if list.only.is_none() { "Due or ended" } @else { "Ended" } }
                    th.wide scope="col" { @if list.only.is_none() { "Arguments" } @else { "Last error" } }
                } }
                tbody { @for job in jobs { (row(frame, list, job, now)) } }
            }
        }
    }
}

fn row(frame: &Frame, list: List, job: &JobRecord, now: Timestamp) -> Markup {
    html! {
        tr {
            th scope="row" {
                a href=(frame.to(format!("jobs/{}", job.id))) { (brief(&job.kind, 60)) }
                br;
                small { code { (job.id) } }
            }
            td { (brief(&job.queue, 40)) }
            @if list.only.is_none() { td { (badge(job.state)) @if job.held { " " small.muted { "held by its lane" } } } }
            td.num { (job.attempt) " of " (job.max_attempts) }
            td { (time(job.created_at, now)) }
            td { (time(job.finished_at.unwrap_or(job.run_at), now)) }
            @if list.only.is_none() { td.wide { code { (brief(job.args.as_str(), 120)) } } }
            @else {
                td.wide { @if let Some(error) = job.errors.last() {
                    span { (brief(without_backtrace(&error.message).0, 160)) }
                } }
            }
        }
    }
}

fn paging(frame: &Frame, list: List, ask: &Ask, listed: &Listed) -> Markup {
    let state = if list.only.is_none() { ask.state.as_str() } else { "" };
    let at = |after: String| {
        frame.to(format!("{}{}", list.path, query(&[("filter", &ask.filter), ("state", &state), ("after", &after)])))
    };
    html! {
        nav.pager aria-label="Pages of the list" {
            @if !ask.after.is_empty() { a href=(at(String::new())) { "Newest" } }
            @if let Some(next) = listed.next {
                @if listed.jobs.len() < ON_A_PAGE {
                    span { "There may be more: many jobs were looked at, and the search stopped there." }
                    a rel="next" href=(at(next.to_string())) { "Search on" }
                } @else {
                    a rel="next" href=(at(next.to_string())) { "Older" }
                }
            }
        }
    }
}
