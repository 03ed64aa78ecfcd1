//! What every command works with.

use std::borrow::Cow;
use std::path::PathBuf;

use sidetask::{Client, Registry};

use crate::exit::Failure;
use crate::output::Out;
use crate::settings::Settings;

/// The settings of this run, where its data goes, and the tasks that the program has.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) settings: Settings,
    pub(crate) out: Out,
    pub(crate) registry: Registry,
}

/// What a command wants of a store that is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opening {
    /// Make it, and stay: this process's memory will do.
    ToWork,
    /// Make it, for others to find.
    OrCreate,
    /// Fail, since there is nothing to look at: a mistyped path shows no empty store.
    Existing,
}

impl Session {
    pub(crate) fn new(settings: Settings, registry: Registry) -> Self {
        let out = Out::new(settings.format, settings.color);
        Self { settings, out, registry }
    }

    /// Opens the store.
    pub(crate) async fn open(&self, opening: Opening) -> Result<Client, Failure> {
        let url = self.settings.url()?;
        if url == "memory:" && opening != Opening::ToWork {
            return Err(Failure::usage(
                "`memory:` is the memory of this process, which ends with this command: name a store that lasts, such \
                 as sqlite:tasks.db",
            ));
        }
        if let (Opening::Existing, Some(file)) = (opening, file(url))
            && !file.exists()
        {
            return Err(Failure::failed(format!(
                "there is no database {}: correct the path, or have `worker`, `enqueue` or `migrate up` make it",
                file.display()
            )));
        }
        match opening {
            Opening::ToWork | Opening::OrCreate => Ok(sidetask::connect(url).await?),
            Opening::Existing => Ok(sidetask::connect(unchanged(url)).await?),
        }
    }
}

/// A URL that has what it leads to left in the form that it has, where nothing else was said.
fn unchanged(url: &str) -> Cow<'_, str> {
    let is_postgres = url.starts_with("postgres:") || url.starts_with("postgresql:");
    match url.split_once('?') {
        None if is_postgres => format!("{url}?migrate=false").into(),
        Some((_, options)) if is_postgres && !options.contains("migrate=") => format!("{url}&migrate=false").into(),
        _ => url.into(),
    }
}

/// The file that a URL names; `None` where it names none, or not well.
#[cfg(feature = "sqlite")]
pub(crate) fn file(url: &str) -> Option<PathBuf> {
    let options = url.starts_with("sqlite:").then(|| sidetask::sqlite::SqliteOptions::from_url(url));
    Some(options?.ok()?.path().to_owned())
}

#[cfg(not(feature = "sqlite"))]
pub(crate) fn file(_: &str) -> Option<PathBuf> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looking_at_a_database_leaves_its_form_alone_unless_the_url_says_otherwise() {
        for (url, opened) in [
            ("postgres://h/d", "postgres://h/d?migrate=false"),
            ("postgresql://h/d?sslmode=require", "postgresql://h/d?sslmode=require&migrate=false"),
            ("postgres://h/d?migrate=true", "postgres://h/d?migrate=true"),
            ("sqlite:tasks.db?shared=true", "sqlite:tasks.db?shared=true"),
        ] {
            assert_eq!(unchanged(url), opened);
        }
    }
}
