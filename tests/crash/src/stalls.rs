//! A program whose task blocks its thread: first as the environment has it, then with a detector of its own, then with
//! that removed again. It logs on its standard output, and says there which part begins.
#![expect(clippy::print_stdout, reason = "that is how it tells what it does")]

use std::error::Error;
use std::time::Duration;

use sidetask::Task;
use sidetask::stall::Detector;

const BLOCKED: Duration = Duration::from_millis(160);
const THRESHOLD: Duration = Duration::from_millis(150);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt().with_ansi(false).with_writer(std::io::stdout).init();
    stall().await?;
    println!("installing");
    let installed = Detector::new().threshold(THRESHOLD).on_stall(|_| panic!("no paper")).install()?;
    stall().await?;
    println!("removing");
    installed.remove();
    stall().await?;
    println!("done");
    Ok(())
}

async fn stall() -> Result<(), sidetask::Error> {
    Task::new(|| async { std::thread::sleep(BLOCKED) }).named("the culprit").await
}
