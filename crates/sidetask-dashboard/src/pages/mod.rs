//! What people look at.

mod ask;
mod attempts;
mod edit;
mod job;
mod jobs;
mod overview;
mod queues;
mod sure;
mod text;
mod workers;

use maud::{Markup, html};
use sidetask::{Error, State};

pub(crate) use edit::{Edit, conflict, misread};
pub(crate) use job::job;
pub(crate) use jobs::{dead, jobs};
pub(crate) use overview::overview;
pub(crate) use queues::queues;
pub(crate) use sure::{MOST, Wish, refuse_to_guess, sure};
pub(crate) use workers::workers;

fn badge(state: State) -> Markup {
    html! { span class={ "state state-" (state) } { (state) } }
}

/// Nothing where the store does not have what was asked for.
fn where_supported<T>(asked: Result<T, Error>) -> Result<Option<T>, Error> {
    match asked {
        Ok(answer) => Ok(Some(answer)),
        Err(error) if error.is_unsupported() => Ok(None),
        Err(error) => Err(error),
    }
}
