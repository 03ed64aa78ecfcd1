//! What the commands do, one file each.

use crate::args::{Cli, Command};
use crate::exit::Failure;
use crate::session::Session;
use crate::settings::Settings;
use crate::{App, args};

mod completions;
mod confirm;
mod dashboard;
mod dev;
mod doctor;
mod enqueue;
mod input;
mod jobs;
mod migrate;
mod queues;
mod serve;
mod stats;
mod stop;
mod worker;

pub(crate) async fn run(app: App, cli: Cli) -> Result<(), Failure> {
    let App { registry, setup, looks } = app;
    let settings = Settings::load(&cli.global)?;
    let session = Session::new(settings, registry);
    match cli.command {
        Command::Dev(dev) => dev::run(&session, setup, looks, dev).await,
        Command::Worker(worker) => worker::run(&session, setup, worker).await,
        Command::Enqueue(enqueue) => enqueue::run(&session, enqueue).await,
        Command::Jobs(jobs) => jobs::run(&session, jobs).await,
        Command::Queues(queues) => queues::run(&session, queues).await,
        Command::Stats { watch, interval } => stats::run(&session, watch.then_some(interval)).await,
        Command::Dashboard(dashboard) => dashboard::run(&session, looks, dashboard).await,
        Command::Migrate(migrate) => migrate::run(&session, migrate).await,
        Command::Doctor => doctor::run(&session).await,
        Command::Completions { shell } => completions::print(&session, shell, args::this_command()),
    }
}
