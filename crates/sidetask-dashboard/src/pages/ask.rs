//! Which jobs a page or a change is about.

use std::fmt::Display;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use sidetask::{Error, Filter, State};

/// What people type and choose. Whatever a page says of jobs, and whatever a button does to them, begins here.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Ask {
    /// The text of a filter.
    pub(crate) filter: String,
    /// The tab: one state, or none for all.
    pub(crate) state: String,
    /// The last job of the page before.
    pub(crate) after: String,
}

impl Ask {
    /// The filter that was typed.
    pub(crate) fn typed(&self) -> Result<Filter, Error> {
        Filter::parse(&self.filter)
    }

    /// The state that was chosen, if it is one.
    pub(crate) fn tab(&self) -> Result<Option<State>, Error> {
        if self.state.is_empty() { Ok(None) } else { self.state.parse().map(Some) }
    }

    /// Both together; `None` where no job can pass both.
    pub(crate) fn filter(&self) -> Result<Option<Filter>, Error> {
        let mut filter = self.typed()?;
        if let Some(state) = self.tab()? {
            if !filter.states.is_empty() && !filter.states.contains(&state) {
                return Ok(None);
            }
            filter.states = vec![state];
        }
        Ok(Some(filter))
    }

    /// Whether every job is meant.
    pub(crate) fn is_all(&self) -> bool {
        self.filter.trim().is_empty() && self.state.is_empty()
    }

    /// The query of a page about the same jobs.
    pub(crate) fn query(&self) -> String {
        query(&[("filter", &self.filter), ("state", &self.state)])
    }
}

/// A query, without what is empty.
pub(crate) fn query(pairs: &[(&str, &dyn Display)]) -> String {
    let mut query = String::new();
    for (name, value) in pairs {
        let value = value.to_string();
        if value.is_empty() {
            continue;
        }
        query.push(if query.is_empty() { '?' } else { '&' });
        query.push_str(name);
        query.push('=');
        query.extend(utf8_percent_encode(&value, NON_ALPHANUMERIC));
    }
    query
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_carries_any_text() {
        assert_eq!(query(&[("a", &""), ("b", &"é &=+\"")]), "?b=%C3%A9%20%26%3D%2B%22");
        assert_eq!(query(&[("a", &1), ("b", &2)]), "?a=1&b=2");
        assert_eq!(query(&[]), "");
    }
}
