//! `queues`.

use std::time::Duration;

use clap::Subcommand;
use sidetask::State;

use super::values::duration;

#[derive(Debug, Subcommand)]
pub(crate) enum Queues {
    /// Lists queues with their numbers
    List,
    /// Holds queues back, for all workers; what runs goes on
    Pause {
        /// Which ones
        #[arg(required = true, value_name = "QUEUE")]
        queues: Vec<String>,
    },
    /// Lets paused queues go on
    Resume {
        /// Which ones
        #[arg(required = true, value_name = "QUEUE")]
        queues: Vec<String>,
    },
    /// Deletes jobs of a queue that have ended
    Purge {
        /// Which one
        queue: String,
        /// In which state they ended
        #[arg(long, default_value = "completed", value_parser = final_state)]
        state: State,
        /// How long ago they ended at least
        #[arg(long, value_name = "DURATION", default_value = "0s", value_parser = duration)]
        older: Duration,
        /// Does not ask
        #[arg(long, short)]
        yes: bool,
        /// Says what would be done
        #[arg(long)]
        dry_run: bool,
    },
}

fn final_state(text: &str) -> Result<State, String> {
    match text.parse::<State>() {
        Ok(state) if state.is_final() => Ok(state),
        _ => Err("jobs end completed, cancelled or discarded; for others use `jobs delete --filter`".to_owned()),
    }
}
