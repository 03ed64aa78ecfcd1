//! What may stand on the command line.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::{ColorChoice, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use clap_complete::Shell;

use crate::output::{Color, Format};

mod jobs;
mod queues;
mod serve;
mod values;

pub(crate) use jobs::{Bulk, Enqueue, Jobs};
pub(crate) use queues::Queues;
pub(crate) use serve::{Dashboard, Dev, Worker};
pub(crate) use values::{Queue, duration, queue};

/// Runs background tasks, and looks after their jobs and queues.
#[derive(Debug, Parser)]
#[command(version, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Global {
    /// The store, such as sqlite:tasks.db or postgres://user@host/database. Other users of this machine may see it here:
    /// put a password into SIDETASK_URL or the settings file
    #[arg(long, global = true, value_name = "URL", help_heading = "Global options")]
    pub(crate) url: Option<String>,
    /// The settings file. Otherwise ./sidetask.toml, or sidetask/sidetask.toml in your configuration directory
    #[arg(long, global = true, value_name = "FILE", help_heading = "Global options")]
    pub(crate) config: Option<PathBuf>,
    /// In which form data is printed on standard output
    #[arg(long, short, global = true, value_name = "FORMAT", help_heading = "Global options")]
    pub(crate) output: Option<Format>,
    /// Whether colours are used; never where NO_COLOR is set
    #[arg(long, global = true, value_name = "WHEN", help_heading = "Global options")]
    pub(crate) color: Option<Color>,
    /// Says more on standard error; again for still more. RUST_LOG overrules it
    #[arg(long, short, global = true, action = clap::ArgAction::Count, help_heading = "Global options")]
    pub(crate) verbose: u8,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Shows a working system: a temporary database, tasks, a worker and the dashboard
    Dev(Dev),
    /// Runs the jobs of the store, until a signal ends it
    Worker(Worker),
    /// Stores a job
    Enqueue(Enqueue),
    /// Lists, shows and changes jobs
    #[command(subcommand)]
    Jobs(Jobs),
    /// Lists, pauses and empties queues
    #[command(subcommand)]
    Queues(Queues),
    /// Counts jobs by queue and state, and what was done in the last hour
    Stats {
        /// Again and again
        #[arg(long, short)]
        watch: bool,
        /// How long to wait in between
        #[arg(long, value_name = "DURATION", default_value = "2s", value_parser = duration)]
        interval: std::time::Duration,
    },
    /// Serves the dashboard
    Dashboard(Dashboard),
    /// Looks at and changes the form in which jobs are stored
    #[command(subcommand)]
    Migrate(Migrate),
    /// Checks settings, store, workers and queues; ends with 1 where something is wrong
    Doctor,
    /// Prints the completions of a shell
    Completions {
        /// Which shell
        shell: Shell,
    },
}

#[derive(Clone, Copy, Debug, Subcommand)]
pub(crate) enum Migrate {
    /// Applies what is missing
    Up,
    /// Says what was applied and what is missing
    Status,
    /// Prints the SQL of what is missing
    Sql {
        /// Of every migration
        #[arg(long)]
        all: bool,
    },
}

impl Command {
    /// Whether what it does while it runs is news.
    pub(crate) fn works(&self) -> bool {
        matches!(self, Self::Dev(_) | Self::Worker(_) | Self::Dashboard(_))
    }
}

/// The program's arguments, under the name that it was called by.
pub(crate) fn parse(mut arguments: Vec<OsString>) -> Result<Cli, clap::Error> {
    arguments.iter_mut().for_each(shield);
    let color = match asked_color(&arguments) {
        Some(Color::Always) => ColorChoice::Always,
        Some(Color::Never) => ColorChoice::Never,
        Some(Color::Auto) | None => ColorChoice::Auto,
    };
    let matches = command(&arguments).color(color).try_get_matches_from(&arguments)?;
    Cli::from_arg_matches(&matches)
}

/// The command line as this process was called.
pub(crate) fn this_command() -> clap::Command {
    command(&std::env::args_os().collect::<Vec<_>>())
}

/// The command line of this program, under its own name.
fn command(arguments: &[OsString]) -> clap::Command {
    let name = arguments.first().and_then(|path| Path::new(path).file_stem()).and_then(|name| name.to_str());
    let name = name.unwrap_or("sidetask").to_owned();
    let command = Cli::command().name(name.clone()).bin_name(name.clone());
    // Another program has versions of its own.
    if name == "sidetask" { command } else { command.version(concat!("with sidetask ", env!("CARGO_PKG_VERSION"))) }
}

/// Keeps a term of a filter that a dash turns around, such as `-state:completed`, from being taken for flags: filters do not
/// mind the space.
fn shield(argument: &mut OsString) {
    const FIELDS: [&str; 13] = [
        "state", "kind", "queue", "id", "key", "lane", "worker", "attempt", "priority", "args", "error", "older",
        "newer",
    ];
    let term = argument.to_str().and_then(|text| text.strip_prefix('-'));
    let field = term.and_then(|term| term.split_once([':', '.'])).map(|(field, _)| field);
    if field.is_some_and(|field| FIELDS.contains(&field)) {
        let mut shielded = OsString::from(" ");
        shielded.push(&argument);
        *argument = shielded;
    }
}

/// What `--color` says, known before anything can go wrong with the other arguments.
fn asked_color(arguments: &[OsString]) -> Option<Color> {
    let mut arguments = arguments.iter().filter_map(|argument| argument.to_str());
    let asked = arguments.find_map(|argument| argument.strip_prefix("--color"))?;
    match asked.strip_prefix('=').or_else(|| arguments.next())? {
        "always" => Some(Color::Always),
        "never" => Some(Color::Never),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        command(&["sidetask".into()]).debug_assert();
    }
}
