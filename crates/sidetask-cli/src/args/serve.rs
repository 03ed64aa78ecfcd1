//! `worker`, `dev` and `dashboard`: what goes on until it is told to end.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::values::{Queue, duration, queue};

#[derive(Debug, Args)]
pub(crate) struct Worker {
    /// The queues to serve and how many jobs of each at once [default: the queue `default`]
    #[arg(long, value_name = "QUEUE[=NUMBER],..", value_delimiter = ',', value_parser = queue)]
    pub(crate) queues: Vec<Queue>,
    /// How many jobs at once of a queue that says nothing itself [default: twice the number of cores]
    #[arg(long, value_name = "NUMBER")]
    pub(crate) concurrency: Option<usize>,
    /// Ends when nothing is left that is due
    #[arg(long)]
    pub(crate) burst: bool,
    /// How long jobs that run may take to end after a first signal [default: 25s]
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(crate) shutdown_timeout: Option<Duration>,
    /// Serves /metrics, /livez and /readyz there, such as 127.0.0.1:9090
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) listen: Option<SocketAddr>,
}

#[derive(Debug, Args)]
pub(crate) struct Dev {
    /// Where the dashboard listens; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    pub(crate) listen: SocketAddr,
    /// Runs this program's own tasks alone, and enqueues nothing
    #[arg(long)]
    pub(crate) no_demo: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Dashboard {
    /// Where it listens; port 0 takes a free one [default: 127.0.0.1:8640]
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) listen: Option<SocketAddr>,
    /// Shows everything and changes nothing
    #[arg(long)]
    pub(crate) read_only: bool,
    /// Asks for the password in the first line of this file, with any user name. Otherwise one is made up and printed on
    /// standard error
    #[arg(long, value_name = "FILE", conflicts_with = "open")]
    pub(crate) password_file: Option<PathBuf>,
    /// Asks for no password; on addresses of this machine alone
    #[arg(long)]
    pub(crate) open: bool,
}
