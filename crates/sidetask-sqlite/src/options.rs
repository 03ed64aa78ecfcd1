use std::path::{Path, PathBuf};
use std::sync::Arc;

use sidetask_core::{Clock, Error, Schema, SystemClock};

use crate::store::off_the_runtime;
use crate::{SqliteStore, schema};

/// How to open a [`SqliteStore`].
///
/// ```no_run
/// # async fn open() -> Result<(), sidetask_core::Error> {
/// let store = sidetask_sqlite::SqliteOptions::new("app.db").shared(true).open().await?;
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
#[must_use = "options do nothing until the store is opened"]
pub struct SqliteOptions {
    pub(crate) path: PathBuf,
    pub(crate) shared: bool,
    pub(crate) max_args_bytes: usize,
    pub(crate) max_bytes: Option<u64>,
    pub(crate) clock: Arc<dyn Clock>,
}

impl SqliteOptions {
    /// The defaults, for the database in the file `path`, which is created where it is not there. Its folder is not.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            shared: false,
            max_args_bytes: 1024 * 1024,
            max_bytes: None,
            clock: Arc::new(SystemClock),
        }
    }

    /// What a URL says: `sqlite:PATH[?shared=true]`. The path is taken as it is, relative to the working directory
    /// unless it begins with a slash; `sqlite://PATH` means the same.
    ///
    /// # Errors
    /// [`is_url`](Error::is_url): no path, an unknown option, or an option's value that is not understood.
    pub fn from_url(url: &str) -> Result<Self, Error> {
        let rest = url.strip_prefix("sqlite:").unwrap_or(url);
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let path = path.strip_prefix("//").unwrap_or(path);
        if path.is_empty() || path == ":memory:" {
            return Err(Error::url(format!(
                "`{url}` names no file: write `sqlite:PATH`, for instance `sqlite:tasks.db`, or use `memory:`"
            )));
        }
        let mut options = Self::new(path);
        for option in query.split('&').filter(|option| !option.is_empty()) {
            options.shared = match option.split_once('=') {
                Some(("shared", "true")) => true,
                Some(("shared", "false")) => false,
                _ => {
                    return Err(Error::url(format!(
                        "`{option}` in `{url}` is not understood: the options are `shared=true` and `shared=false`"
                    )));
                }
            };
        }
        Ok(options)
    }

    /// Whether the file may hold tables of other programs too. Default: `false`, so that a mistyped path does not write
    /// into a stranger's database. Needed for enqueueing in your own transactions, unless the file was made by sidetask.
    pub const fn shared(mut self, shared: bool) -> Self {
        self.shared = shared;
        self
    }

    /// The largest arguments that [`enqueue_in`](SqliteStore::enqueue_in) takes, in bytes. Default: 1 MiB.
    pub const fn max_args_bytes(mut self, bytes: usize) -> Self {
        self.max_args_bytes = bytes;
        self
    }

    /// The largest size that the database may grow to by this store, in bytes, in steps of its pages of 4 KiB; the
    /// write-ahead log comes on top. What does not fit fails with [`is_full`](Error::is_full). Default: no limit but the
    /// disk's.
    pub const fn max_bytes(mut self, bytes: u64) -> Self {
        self.max_bytes = Some(bytes);
        self
    }

    /// The clock to read. Default: the machine's.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// The path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads in what form the file is, and leaves it as it is: version 0 where there is nothing of ours in it.
    ///
    /// # Errors
    /// [`is_unusable`](Error::is_unusable): not a database, or one of another program. [`is_storage`](Error::is_storage): the
    /// file is not there, or cannot be read.
    pub async fn schema(&self) -> Result<Schema, Error> {
        let (path, shared) = (self.path.clone(), self.shared);
        off_the_runtime("read the schema's version", move || schema::look(&path, shared)).await?
    }

    /// Opens the store: creates the file or migrates it as needed, and starts its threads.
    ///
    /// # Errors
    /// [`is_unusable`](Error::is_unusable): not a database, one of another program, of a newer version, or damaged.
    /// [`is_storage`](Error::is_storage): the file cannot be opened, created or written.
    pub async fn open(self) -> Result<SqliteStore, Error> {
        SqliteStore::open_with(self).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_gives_path_and_options() {
        for url in ["sqlite:a b.db?shared=true", "sqlite://a b.db?shared=true"] {
            let options = SqliteOptions::from_url(url).unwrap();
            assert_eq!((options.path(), options.shared), (Path::new("a b.db"), true));
        }
        assert_eq!(SqliteOptions::from_url("sqlite:///var/x.db").unwrap().path(), Path::new("/var/x.db"));
    }

    #[test]
    fn a_url_that_is_not_understood_says_what_to_write() {
        for (url, says) in [
            ("sqlite:", "sqlite:tasks.db"),
            ("sqlite::memory:", "memory:"),
            ("sqlite:x?sync=off", "shared=true"),
            ("sqlite:x?shared=yes", "shared=true"),
        ] {
            let error = SqliteOptions::from_url(url).unwrap_err();
            assert!(error.is_url() && error.to_string().contains(says), "{url}: {error}");
        }
    }
}
