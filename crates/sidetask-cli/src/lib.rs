//! The `sidetask` program, for programs with tasks of their own: two lines of `main` and they have every command, `worker`
//! included.
//!
//! ```no_run
//! use std::process::ExitCode;
//!
//! fn main() -> ExitCode {
//!     sidetask_cli::run(sidetask::Registry::discovered())
//! }
//! ```
//!
//! Values for `#[state]` parameters, schedules and other settings of the worker and the dashboard are given by an [`App`].
//!
//! | exit code | meaning |
//! |---|---|
//! | 0 | done |
//! | 1 | failed: the store, a job that was waited for, a check |
//! | 2 | not understood: flags, a filter, an id, JSON, settings |
//! | 3 | not there, or a change matched nothing; a list of nothing is done |
//! | 4 | in another state than was asked for, or changed meanwhile |
//! | 124 | it took longer than was allowed |
//! | 130, 143 | a second interrupt or termination signal, before what ran had ended |

mod app;
mod args;
mod commands;
mod exit;
mod log;
mod output;
mod session;
mod settings;

use std::process::ExitCode;

use sidetask::Registry;

pub use app::App;
pub use sidetask_dashboard::Dashboard;

/// Runs the program with these tasks, as the command line says: the short form of an [`App`].
///
/// # Panics
/// Within a tokio runtime: use [`App::run_async`] there.
pub fn run(registry: Registry) -> ExitCode {
    App::new().registry(registry).run()
}
