//! Where settings come from: flags, then the environment, then one file.

use std::fmt;
use std::fs;
use std::io::Read as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use etcetera::BaseStrategy as _;
use serde::{Deserialize, Deserializer};

use crate::args::{self, Global, Queue};
use crate::exit::Failure;
use crate::output::{Color, Format};

mod url;

pub(crate) use url::without_secrets;

const NAME: &str = "sidetask.toml";
const VARIABLE: &str = "SIDETASK_URL";
/// How many bytes a settings file has at most. Some files have no end.
const MOST: u64 = 1024 * 1024;

/// What holds for this run.
#[derive(Debug)]
pub(crate) struct Settings {
    /// The store, and who named it.
    pub(crate) url: Option<(String, Source)>,
    /// The settings file that was read.
    pub(crate) read: Option<PathBuf>,
    pub(crate) file: File,
    pub(crate) format: Format,
    pub(crate) color: Color,
}

/// Who said something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    Flag,
    Environment,
    File(PathBuf),
}

/// What may stand in a settings file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct File {
    url: Option<String>,
    #[serde(default, deserialize_with = "queues")]
    pub(crate) queues: Vec<Queue>,
    pub(crate) concurrency: Option<usize>,
    #[serde(default, deserialize_with = "duration")]
    pub(crate) shutdown_timeout: Option<Duration>,
    /// Where a worker serves its probes.
    pub(crate) listen: Option<SocketAddr>,
    output: Option<Format>,
    color: Option<Color>,
}

impl Settings {
    pub(crate) fn load(global: &Global) -> Result<Self, Failure> {
        let (read, file) = match find(global.config.as_deref()) {
            Some(path) => {
                let file = read(&path)?;
                (Some(path), file)
            }
            None => (None, File::default()),
        };
        let from_file = || Some((file.url.clone()?, Source::File(read.clone()?)));
        let url = global.url.clone().map(|url| (url, Source::Flag)).or_else(from_environment).or_else(from_file);
        let format = global.output.or(file.output).unwrap_or_default();
        let color = global.color.or(file.color).unwrap_or_default();
        Ok(Self { url, read, file, format, color })
    }

    /// The store.
    pub(crate) fn url(&self) -> Result<&str, Failure> {
        let named = self.url.as_ref().map(|(url, _)| url.as_str());
        named.ok_or_else(|| {
            Failure::usage(format!(
                "no store is named: give --url, such as --url sqlite:tasks.db, set {VARIABLE}, or write url = \"..\" \
                 into {NAME}"
            ))
        })
    }
}

fn from_environment() -> Option<(String, Source)> {
    let url = std::env::var(VARIABLE).ok().filter(|url| !url.is_empty())?;
    Some((url, Source::Environment))
}

/// The file that was named; otherwise the first that is there.
fn find(named: Option<&Path>) -> Option<PathBuf> {
    let home = || Some(etcetera::choose_base_strategy().ok()?.config_dir().join("sidetask").join(NAME));
    let found = || [Some(PathBuf::from(NAME)), home()].into_iter().flatten().find(|path| path.is_file());
    named.map(Path::to_owned).or_else(found)
}

fn read(path: &Path) -> Result<File, Failure> {
    let shown = path.display();
    let mut text = String::new();
    fs::File::open(path)
        .and_then(|file| file.take(MOST + 1).read_to_string(&mut text))
        .map_err(|error| Failure::usage(format!("the settings file {shown} cannot be read")).because(error))?;
    if text.len() as u64 > MOST {
        return Err(Failure::usage(format!("the settings file {shown} is over {MOST} bytes: name another one")));
    }
    // What stands in the line is not repeated: there may be a password in it.
    toml::from_str(&text).map_err(|error| {
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        Failure::usage(format!("the settings file {shown} is not understood: line {line}: {}", error.message()))
    })
}

fn queues<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Queue>, D::Error> {
    let texts = Vec::<String>::deserialize(deserializer)?;
    texts.iter().map(|text| args::queue(text).map_err(serde::de::Error::custom)).collect()
}

fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    let text = String::deserialize(deserializer)?;
    args::duration(&text).map(Some).map_err(serde::de::Error::custom)
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag => f.write_str("--url"),
            Self::Environment => f.write_str(VARIABLE),
            Self::File(path) => path.display().fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<File, Failure> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(NAME);
        fs::write(&path, text).unwrap();
        read(&path)
    }

    #[test]
    fn a_settings_file_says_what_flags_say() {
        let file = parsed(
            "url = \"sqlite:x.db\"\nqueues = [\"mail=5\", \"default\"]\nconcurrency = 3\nshutdown_timeout = \"1m\"\n\
             listen = \"127.0.0.1:9090\"\noutput = \"jsonl\"\ncolor = \"never\"\n",
        )
        .unwrap();
        assert_eq!(file.url.as_deref(), Some("sqlite:x.db"));
        assert_eq!((file.queues.len(), file.concurrency), (2, Some(3)));
        assert_eq!(file.shutdown_timeout, Some(Duration::from_secs(60)));
        assert_eq!((file.output, file.color), (Some(Format::Jsonl), Some(Color::Never)));
    }

    #[test]
    fn what_is_not_understood_is_named_with_its_line_and_no_secret_is_repeated() {
        for (text, line, says) in [
            ("url = \"postgres://u:secret@h/d\"\nqueue = 3\n", "line 2", "unknown field `queue`"),
            ("url = \"postgres://u:secret@h/d\" oops\n", "line 1", ""),
            ("\nqueues = [\"mail=0\"]\n", "line 2", "such as mail=5"),
            ("\n\nshutdown_timeout = \"soon\"\n", "line 3", "such as 90s"),
        ] {
            let failure = format!("{:?}", parsed(text).unwrap_err());
            assert!(failure.contains(line) && failure.contains(says), "{failure}");
            assert!(!failure.contains("secret"), "{failure}");
        }
    }
}
