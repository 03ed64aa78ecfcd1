//! What the program says of itself while it works, on standard error.

use std::env::VarError;
use std::io::{self, IsTerminal as _};

use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::args::Cli;
use crate::exit::say;
use crate::output::{Color, clean};

mod fields;

/// Logs from now on, unless the program has a subscriber already. `RUST_LOG` says what, otherwise the flags.
pub(crate) fn start(cli: &Cli) {
    let (named, fault) = match named() {
        Ok(named) => (named, None),
        Err(fault) => (None, Some(fault)),
    };
    let targets = named.unwrap_or_else(|| {
        let level = match (cli.command.works(), cli.global.verbose) {
            // What goes wrong for good is said at the end.
            (false, 0) => LevelFilter::ERROR,
            (true, 0) | (false, 1) => LevelFilter::INFO,
            (true, 1) | (false, 2) => LevelFilter::DEBUG,
            _ => LevelFilter::TRACE,
        };
        // Databases and connections have a lot to say that is no news here.
        Targets::new().with_default(level.min(LevelFilter::INFO)).with_target("sidetask", level)
    });
    let styled = cli.global.color.unwrap_or(Color::Auto).is_on(io::stderr().is_terminal());
    let format = tracing_subscriber::fmt::layer()
        .fmt_fields(fields::Brief)
        .with_writer(io::stderr)
        .with_ansi(styled)
        .log_internal_errors(false);
    // What attempts log is kept with their jobs, whatever is shown here.
    let kept = cli.command.works().then(sidetask::logs::layer);
    let begun = tracing_subscriber::registry().with(kept).with(format.with_filter(targets)).try_init();
    if let (Ok(()), Some(fault)) = (begun, fault) {
        say(&format!("warning: RUST_LOG is not heeded: {}; write it such as warn,sidetask=debug", clean(&fault)));
    }
}

/// What `RUST_LOG` asks for, or why that is not known.
fn named() -> Result<Option<Targets>, String> {
    match std::env::var("RUST_LOG") {
        Ok(filter) if filter.trim().is_empty() => Ok(None),
        Ok(filter) => filter.parse().map(Some).map_err(|error| format!("`{filter}` is not understood: {error}")),
        Err(VarError::NotPresent) => Ok(None),
        Err(error) => Err(error.to_string()),
    }
}
