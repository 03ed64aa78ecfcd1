//! What was just done, told on the page that follows.

use std::fmt;

use serde::Deserialize;

use crate::format::number;

/// A few words in the query of the page: codes and numbers, so that nobody can put words of their own there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct Flash {
    did: Option<Did>,
    /// How many jobs were changed.
    n: Option<usize>,
    /// How many there were.
    of: Option<usize>,
}

/// Something that people do here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Did {
    Retry,
    Cancel,
    Delete,
    RunNow,
    Rewrite,
    Pause,
    Resume,
}

impl Did {
    const fn code(self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::Cancel => "cancel",
            Self::Delete => "delete",
            Self::RunNow => "run-now",
            Self::Rewrite => "rewrite",
            Self::Pause => "pause",
            Self::Resume => "resume",
        }
    }

    const fn words(self) -> &'static str {
        match self {
            Self::Retry => "The job is to run again.",
            Self::Cancel => "The job is cancelled, or asked to stop where it runs.",
            Self::Delete => "The job is deleted.",
            Self::RunNow => "The job is due now.",
            Self::Rewrite => "The job has its new arguments and is to run again.",
            Self::Pause => "The queue is paused: what runs goes on, nothing else begins.",
            Self::Resume => "The queue goes on.",
        }
    }

    const fn of_many(self) -> &'static str {
        match self {
            Self::Cancel => "cancelled or asked to stop",
            Self::Delete => "deleted",
            Self::RunNow => "made due now",
            _ => "made to run again",
        }
    }
}

impl Flash {
    /// What was done to one thing, as it is put in a query.
    pub(crate) fn of(did: Did) -> String {
        format!("did={}", did.code())
    }

    /// What was done to many jobs.
    pub(crate) fn of_many(did: Did, changed: usize, matched: usize) -> String {
        format!("did={}&n={changed}&of={matched}", did.code())
    }

    pub(crate) fn words(self) -> Option<String> {
        let did = self.did?;
        let Some(changed) = self.n else { return Some(did.words().to_owned()) };
        let jobs = |count: usize| format!("{} job{}", number(count as u64), if count == 1 { "" } else { "s" });
        let mut words = format!("{} {}.", jobs(changed), did.of_many());
        if let Some(left) = self.of.and_then(|of| of.checked_sub(changed)).filter(|&left| left > 0) {
            words.push_str(&format!(" {} left as they were.", jobs(left)));
        }
        Some(words)
    }
}

impl fmt::Display for Did {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_done_is_told_in_our_own_words_only() {
        for (query, words) in [
            ("did=delete", Some("The job is deleted.")),
            ("did=retry&n=42&of=42", Some("42 jobs made to run again.")),
            ("did=cancel&n=1&of=1001", Some("1 job cancelled or asked to stop. 1,000 jobs left as they were.")),
            ("n=42", None),
            ("", None),
        ] {
            let flash: Flash = serde_json_of(query);
            assert_eq!(flash.words().as_deref(), words, "{query}");
        }
    }

    fn serde_json_of(query: &str) -> Flash {
        let uri: axum::http::Uri = format!("/?{query}").parse().unwrap();
        axum::extract::Query::try_from_uri(&uri).unwrap().0
    }
}
