//! Changing many jobs at once: what is offered, and the question before it is done.

use std::sync::Arc;

use axum::extract::State as Extract;
use maud::{Markup, html};
use serde::Deserialize;
use sidetask::{Bulk, State};

use super::ask::{Ask, query};
use super::jobs::Counts;
use crate::failure::Failure;
use crate::flash::Did;
use crate::format::{foreign, number};
use crate::layout::{Frame, Section, page};
use crate::posted::Asked;
use crate::shared::Shared;
use crate::view::{Count, Reach};

/// How many jobs are changed at once.
pub(crate) const MOST: usize = 100_000;

/// Something that can be done to jobs, and to those in which states.
pub(crate) struct Doable {
    pub(crate) did: Did,
    pub(crate) bulk: Bulk,
    pub(crate) word: &'static str,
    states: &'static [State],
}

pub(crate) const DOABLE: [Doable; 4] = [
    Doable {
        did: Did::Retry,
        bulk: Bulk::Retry,
        word: "Retry",
        states: &[State::Scheduled, State::Retryable, State::Completed, State::Cancelled, State::Discarded],
    },
    Doable { did: Did::RunNow, bulk: Bulk::RunNow, word: "Run now", states: &[State::Scheduled] },
    Doable {
        did: Did::Cancel,
        bulk: Bulk::Cancel,
        word: "Cancel",
        states: &[State::Scheduled, State::Available, State::Running, State::Retryable],
    },
    Doable {
        did: Did::Delete,
        bulk: Bulk::Delete,
        word: "Delete",
        states: &[
            State::Scheduled,
            State::Available,
            State::Retryable,
            State::Completed,
            State::Cancelled,
            State::Discarded,
        ],
    },
];

impl Doable {
    pub(crate) fn applies_to(&self, state: State) -> bool {
        self.states.contains(&state)
    }
}

/// What was asked to be done to many jobs.
#[derive(Debug, Deserialize)]
pub(crate) struct Wish {
    #[serde(rename = "do")]
    pub(crate) to_do: Did,
    /// Where to go back to: the dead letters, or else the jobs.
    #[serde(default)]
    pub(crate) from: String,
    #[serde(default)]
    filter: String,
    #[serde(default)]
    state: String,
}

impl Wish {
    pub(crate) fn ask(&self) -> Ask {
        Ask { filter: self.filter.clone(), state: self.state.clone(), after: String::new() }
    }

    /// What can be done of it, if it can.
    pub(crate) fn doable(&self) -> Result<&'static Doable, Failure> {
        let found = DOABLE.iter().find(|doable| doable.did == self.to_do);
        found.ok_or_else(|| Failure::bad_request("this is not done to many jobs at once"))
    }

    /// The list that it was asked on.
    pub(crate) fn list(&self) -> String {
        match self.from.as_str() {
            "dead" => format!("dead{}", query(&[("filter", &self.filter)])),
            _ => format!("jobs{}", self.ask().query()),
        }
    }
}

/// Links to the question, for each thing that can be done to the jobs of a list.
pub(super) fn links(frame: &Frame, ask: &Ask, from: &str, counts: &Counts) -> Markup {
    let offered = DOABLE.iter().filter_map(|doable| {
        let concerned = concerned(doable, ask, counts)?;
        let link = query(&[("do", &doable.did), ("from", &from), ("filter", &ask.filter), ("state", &ask.state)]);
        Some((doable, concerned, frame.to(format!("bulk{link}"))))
    });
    html! {
        div.actions role="group" aria-label="All of these jobs" {
            @for (doable, count, link) in offered { a.button href=(link) { (label(doable, count)) } }
        }
    }
}

/// How many jobs it would be done to; `None` where there are none.
fn concerned(doable: &Doable, ask: &Ask, counts: &Counts) -> Option<Count> {
    let is_chosen = |state: State| ask.state.is_empty() || ask.state == state.as_str();
    let concerned = counts.iter().filter(|(state, _)| doable.applies_to(*state) && is_chosen(*state));
    let sum = Count::sum(concerned.map(|(_, count)| *count));
    (sum.count > 0 || !sum.is_exact).then_some(sum)
}

fn label(doable: &Doable, count: Count) -> String {
    match (doable.word, count) {
        (word, Count::UNKNOWN) => format!("{word} an unknown number of jobs"),
        (word, Count { count: 1, is_exact: true }) => format!("{word} 1 job"),
        (word, count) => format!("{word} {count} jobs"),
    }
}

/// Asks whether it is really to be done.
pub(crate) async fn sure(
    Extract(shared): Extract<Arc<Shared>>,
    frame: Frame,
    Asked(wish): Asked<Wish>,
) -> Result<Markup, Failure> {
    let doable = wish.doable()?;
    let ask = wish.ask();
    let count = match ask.filter()? {
        Some(filter) => {
            refuse_to_guess(&shared, &filter)?;
            concerned(doable, &ask, &shared.counts(&filter, Reach::Listed).await?)
        }
        None => None,
    };
    let content = html! {
        @match count {
            None => p { "There is no such job any more." },
            Some(count) => {
                p { (label(doable, count)) "? They are those that pass "
                    @if ask.filter.trim().is_empty() { "no filter" } @else { "the filter " code { (foreign(&ask.filter)) } }
                    @if !ask.state.is_empty() { " and are " strong { (foreign(&ask.state)) } } "." }
                @if count == Count::UNKNOWN { p { "Many jobs were looked at, and none of those passes: there may be some among the others." } }
                p { "Jobs that come to pass it until then are among them. At most " (number(MOST as u64)) " are changed at once." }
                form method="post" action=(frame.to("bulk")) {
                    input type="hidden" name="do" value=(wish.to_do);
                    input type="hidden" name="from" value=(wish.from);
                    input type="hidden" name="filter" value=(ask.filter);
                    input type="hidden" name="state" value=(ask.state);
                    @if !frame.read_only { button.danger { (label(doable, count)) } }
                }
            }
        }
        p { a href=(frame.to(wish.list())) { "Back, and change nothing" } }
    };
    Ok(page(&frame, Section::Jobs, &format!("{} jobs", doable.word), content))
}

/// A bulk change is made by the store, which would ask the arguments themselves: how many it changed would tell what they
/// are.
pub(crate) fn refuse_to_guess(shared: &Shared, filter: &sidetask::Filter) -> Result<(), Failure> {
    if !shared.is_sifted(filter) {
        return Ok(());
    }
    Err(Failure::bad_request(
        "jobs are not changed together by their arguments or by free text where arguments are redacted: choose them by kind, \
         queue, key or time",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_is_offered_and_said_to_be_unknown() {
        let [retry, ..] = &DOABLE;
        let ask = Ask { state: "discarded".to_owned(), ..Ask::default() };
        for (count, is_exact, offered) in [
            (0, true, None),
            (0, false, Some("Retry an unknown number of jobs")),
            (1, true, Some("Retry 1 job")),
            (1, false, Some("Retry 1+ jobs")),
            (2000, true, Some("Retry 2,000 jobs")),
        ] {
            let counts = [(State::Discarded, Count { count, is_exact }), (State::Completed, Count::UNKNOWN)];
            let label = concerned(retry, &ask, &counts).map(|count| label(retry, count));
            assert_eq!(label.as_deref(), offered);
        }
    }
}
