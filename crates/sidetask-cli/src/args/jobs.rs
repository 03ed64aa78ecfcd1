//! `enqueue` and `jobs`.

use std::time::Duration;

use clap::{Args, Subcommand};
use sidetask::JobId;

use super::values::{duration, moment};

#[derive(Debug, Args)]
pub(crate) struct Enqueue {
    /// The task's name
    pub(crate) kind: String,
    /// Its arguments as JSON, an object by name or an array by position; @FILE reads a file, - standard input
    #[arg(value_name = "JSON|@FILE|-", default_value = "null", allow_negative_numbers = true)]
    pub(crate) args: String,
    /// Due this long from now
    #[arg(long = "in", value_name = "DURATION", value_parser = duration)]
    pub(crate) delay: Option<Duration>,
    /// Due at this time, such as 2026-11-21T18:00:00Z
    #[arg(long, value_name = "TIME", value_parser = moment, conflicts_with = "delay")]
    pub(crate) at: Option<jiff::Timestamp>,
    /// Its queue, where it is not its task's own
    #[arg(long)]
    pub(crate) queue: Option<String>,
    /// Its priority: jobs with a smaller number are claimed first
    #[arg(long, allow_negative_numbers = true)]
    pub(crate) priority: Option<i16>,
    /// Adds nothing where a job of this kind with this key is there
    #[arg(long)]
    pub(crate) key: Option<String>,
    /// How many attempts it may use
    #[arg(long, value_name = "NUMBER")]
    pub(crate) max_attempts: Option<u32>,
    /// Waits until it has ended, and prints its output in place of its id
    #[arg(long)]
    pub(crate) wait: bool,
    /// Waits no longer than this; the job goes on
    #[arg(long, value_name = "DURATION", value_parser = duration, requires = "wait")]
    pub(crate) timeout: Option<Duration>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Jobs {
    /// Lists jobs, newest first
    List {
        /// Such as: state:retryable kind:mail.* args.user.id:42 older:1h "text"; a dash before a term turns it around
        filter: Vec<String>,
        /// At most this many
        #[arg(long, default_value_t = 50, value_name = "NUMBER")]
        limit: usize,
        /// Those that follow this one in the list
        #[arg(long, value_name = "ID")]
        after: Option<JobId>,
    },
    /// Shows all that is kept of a job
    Show {
        /// Which one
        id: JobId,
    },
    /// Makes jobs available now, also such as have ended
    Retry(Bulk),
    /// Cancels jobs; running ones are asked to stop
    Cancel(Bulk),
    /// Deletes jobs, with all that is kept of them, save those that run
    Delete(Bulk),
    /// Makes scheduled jobs due now
    RunNow(Bulk),
    /// Gives a job other arguments and retries it; refuses where it runs, or was run meanwhile
    Rewrite {
        /// Which one
        id: JobId,
        /// The arguments as JSON; @FILE reads a file, - standard input
        #[arg(value_name = "JSON|@FILE|-", allow_negative_numbers = true)]
        args: String,
        /// Only where it was claimed this often, as `jobs show` said
        #[arg(long, value_name = "NUMBER")]
        fence: Option<u64>,
        /// Says what would be done
        #[arg(long)]
        dry_run: bool,
    },
    /// Prints what happens to jobs, as it happens
    Tail {
        /// As for `jobs list`
        filter: Vec<String>,
        /// Begins with so many jobs that are there already
        #[arg(long, value_name = "NUMBER", default_value_t = 0)]
        recent: usize,
    },
}

/// A change to some jobs.
#[derive(Debug, Args)]
pub(crate) struct Bulk {
    #[command(flatten)]
    pub(crate) which: Which,
    /// Does not ask whether to change the jobs that a filter finds
    #[arg(long, short)]
    pub(crate) yes: bool,
    /// Says what would be done
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// At most this many of the jobs that a filter finds, newest first
    #[arg(long, value_name = "NUMBER", requires = "filter")]
    pub(crate) limit: Option<usize>,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Which {
    /// These jobs
    #[arg(value_name = "ID")]
    pub(crate) ids: Vec<JobId>,
    /// All jobs that pass a filter, written as for `jobs list`
    #[arg(long, value_name = "FILTER")]
    pub(crate) filter: Option<String>,
}
