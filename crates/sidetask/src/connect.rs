use std::sync::Arc;

use sidetask_core::Error;

use crate::client::{Backend, ClientBuilder};
use crate::{Client, MemoryStore, scheme};

/// Opens the store or service that a URL names, with the default settings of a [`Client`].
///
/// | URL | where jobs go | it is in |
/// |---|---|---|
/// | `memory:` | this process's memory, a new one each time; nothing survives the process | this crate |
/// | `sqlite:path` | a SQLite file, relative to the working directory or absolute; made where it is missing | feature `sqlite` (default) |
/// | `postgres://user:password@host/database` | a schema of a PostgreSQL database, for programs on many machines; its tables are made where they are missing; `postgresql://` is the same | feature `postgres` |
/// | `lambda:function` | an AWS Lambda function, which runs them | crate `sidetask-aws`, feature `lambda` |
/// | `sns:topic-arn`, `sqs:queue-url` | an SNS topic, an SQS queue, from where a Lambda function gets and runs them | the same, `sns`, `sqs` |
///
/// The last two rows only send: such a client has no store, no workers and no lists of jobs. A function's attribute or
/// [`Call::to`](crate::Call::to) may name another destination of the same form for its jobs.
///
/// Other crates add schemes of their own with [`scheme!`](crate::scheme!). A crate is linked only where something of it is
/// named: `use sidetask_aws as _;` is enough.
///
/// # Errors
/// [`is_url`](Error::is_url) where the URL is not understood, or what it names is not in this program; the store's own
/// where it cannot be opened.
///
/// # Cancel safety
/// Dropping the future may leave an empty database file, or tables that were made, and nothing else.
///
/// ```
/// # async fn example() -> Result<(), sidetask::Error> {
/// let client = sidetask::connect("memory:").await?;
/// assert_eq!(client.stats().await?.total().total(), 0);
///
/// let error = sidetask::connect("tasks.db").await.unwrap_err();
/// assert!(error.to_string().contains("sqlite:tasks.db"));
/// # Ok(())
/// # }
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(example()).unwrap();
/// ```
pub async fn connect(url: impl AsRef<str>) -> Result<Client, Error> {
    open(url.as_ref()).await.map(|backend| ClientBuilder::of(backend).build())
}

async fn open(url: &str) -> Result<Backend, Error> {
    let Some((scheme, rest)) = split(url) else {
        if url.contains('@') {
            return Err(Error::url(
                "this URL names no store, and is not repeated, since there may be a password in it: write \
                 `postgres://user:password@host:port/database`",
            ));
        }
        return Err(Error::url(format!(
            "`{url}` names no store: for a SQLite file write `sqlite:{url}`, for this process's memory `memory:`"
        )));
    };
    match scheme {
        "memory" if rest.is_empty() => Ok(Backend::Store(Arc::new(MemoryStore::new()))),
        "memory" => Err(Error::url(format!("`{url}` is not understood: `memory:` takes nothing after the colon"))),
        "sqlite" if rest.is_empty() => {
            Err(Error::url("`sqlite:` names no file: write the path after the colon, such as `sqlite:tasks.db`"))
        }
        "sqlite" => sqlite(url).await,
        "postgres" | "postgresql" => postgres(scheme, url).await,
        _ => match scheme::find(scheme) {
            Some(found) => found.open(url).await,
            None => Err(unknown(scheme)),
        },
    }
}

fn unknown(scheme: &str) -> Error {
    match scheme {
        "lambda" | "sns" | "sqs" => Error::url(format!(
            "`{scheme}:` is not in this program: add the crate `sidetask-aws` with its feature `{scheme}`, and name it \
             somewhere (`use sidetask_aws as _;` is enough), since a crate that is not named is not linked"
        )),
        _ => Error::url(format!(
            "`{scheme}:` is not a store that is known here: use `sqlite:path` for a SQLite file, \
             `postgres://user:password@host/database`, or `memory:`{}",
            scheme::names().map(|name| format!(", or `{name}:`")).collect::<String>()
        )),
    }
}

/// The scheme and what follows its colon. One letter is a drive, as in `C:\tasks.db`.
fn split(url: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = url.split_once(':')?;
    let is_scheme = scheme.len() > 1
        && scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
    is_scheme.then_some((scheme, rest))
}

#[cfg(feature = "sqlite")]
async fn sqlite(url: &str) -> Result<Backend, Error> {
    Ok(Backend::Store(Arc::new(sidetask_sqlite::SqliteOptions::from_url(url)?.open().await?)))
}

#[cfg(not(feature = "sqlite"))]
async fn sqlite(url: &str) -> Result<Backend, Error> {
    Err(Error::url(format!("`{url}` cannot be opened: this build of sidetask lacks the feature `sqlite`; turn it on")))
}

#[cfg(feature = "postgres")]
async fn postgres(_: &str, url: &str) -> Result<Backend, Error> {
    Ok(Backend::Store(Arc::new(sidetask_postgres::PostgresStore::open(url).await?)))
}

/// The URL stays out of what is said: there may be a password in it.
#[cfg(not(feature = "postgres"))]
async fn postgres(scheme: &str, _: &str) -> Result<Backend, Error> {
    Err(Error::url(format!(
        "`{scheme}:` stores cannot be opened: this build of sidetask lacks the feature `postgres`; turn it on"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_cannot_be_opened_is_refused_with_advice() {
        for (url, advice) in [
            ("tasks.db", "sqlite:tasks.db"),
            ("./dir/tasks.db", "sqlite:./dir/tasks.db"),
            (r"C:\tasks.db", r"sqlite:C:\tasks.db"),
            ("", "memory:"),
            ("memory:x", "nothing after the colon"),
            ("sqlite:", "sqlite:tasks.db"),
            ("redis://localhost", "`sqlite:path`"),
            ("mysql://u:secret@localhost/x", "`postgres://user:password@host/database`"),
            ("postgres//u:secret@localhost/x", "`postgres://user:password@host:port/database`"),
            #[cfg(not(feature = "postgres"))]
            ("postgres://u:secret@localhost/x", "lacks the feature `postgres`"),
            #[cfg(feature = "postgres")]
            ("postgresql://localhost/x?pool=3", "max_connections"),
            ("lambda:function", "add the crate `sidetask-aws` with its feature `lambda`"),
            ("sns:arn:aws:sns:eu-west-1:1:t", "add the crate `sidetask-aws` with its feature `sns`"),
            ("sqs:https://sqs/q", "add the crate `sidetask-aws` with its feature `sqs`"),
        ] {
            let error = connect(url).await.unwrap_err();
            assert!(error.is_url(), "{url}: {error}");
            assert!(error.to_string().contains(advice), "{url}: {error}");
            assert!(!error.to_string().contains("secret"), "{url}: {error}");
        }
    }
}
