//! What every command works with.

use std::borrow::Cow;
use std::path::PathBuf;

use sidetask::{Client, Registry, Schema};

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
            Opening::Existing => {
                check_form(url).await?;
                Ok(sidetask::connect(unchanged(url)).await?)
            }
        }
    }

    /// In what form the store's jobs are stored, which is left as it is.
    pub(crate) async fn schema(&self) -> Result<Schema, Failure> {
        if let Some(schema) = form(self.settings.url()?).await? {
            return Ok(schema);
        }
        let client = self.open(Opening::Existing).await?;
        let schema = client.schema().await?;
        client.close().await?;
        Ok(schema)
    }
}

/// Refuses a file of an older form: opening it would change it, and programs of before could not open it any more.
async fn check_form(url: &str) -> Result<(), Failure> {
    let Some(schema) = form(url).await? else { return Ok(()) };
    let newest = schema.migrations.last().map_or(schema.version, |migration| migration.number);
    if schema.version >= newest {
        return Ok(());
    }
    Err(Failure::failed(format!(
        "the database has version {} of its form, and this program writes {newest}: bring it there with `migrate up`, after \
         which programs of before cannot open it any more",
        schema.version
    )))
}

/// The form of the file that a URL names, without changing it; `None` where it names no file that is there.
#[cfg(feature = "sqlite")]
async fn form(url: &str) -> Result<Option<Schema>, Failure> {
    match file(url).filter(|file| file.exists()) {
        Some(_) => Ok(Some(sidetask::sqlite::SqliteOptions::from_url(url)?.schema().await?)),
        None => Ok(None),
    }
}

#[cfg(not(feature = "sqlite"))]
async fn form(_: &str) -> Result<Option<Schema>, Failure> {
    Ok(None)
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
