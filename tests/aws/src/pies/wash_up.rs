//! A function that is no task by itself.

use sidetask::{Call, Registry};
use sidetask_aws::zappa::{App, AsyncException, run};

/// A function like any other, perhaps of another crate.
pub async fn wash_up((plates, cups): (u32, u32)) -> u32 {
    plates + cups
}

/// The tasks that the handler may run: those with an attribute, and this one.
pub fn tasks() -> Registry {
    let mut registry = Registry::discovered();
    registry.register("pies.wash_up", wash_up);
    registry
}

/// Has it run elsewhere.
pub async fn after_dinner(app: &App) -> Result<(), AsyncException> {
    run(app, Call::new("pies.wash_up", (12, 4))).await?;
    Ok(())
}
