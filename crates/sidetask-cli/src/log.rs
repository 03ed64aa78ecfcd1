//! What the program says of itself while it works, on standard error.

use std::io::{self, IsTerminal as _};

use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::args::Cli;
use crate::output::Color;

mod fields;

/// Logs from now on, unless the program has a subscriber already. `RUST_LOG` says what, otherwise the flags.
pub(crate) fn start(cli: &Cli) {
    let named = std::env::var("RUST_LOG").ok().and_then(|filter| filter.parse::<Targets>().ok());
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
    let _ = tracing_subscriber::registry().with(kept).with(format.with_filter(targets)).try_init();
}
