//! A task that fails.

use std::io::{self, ErrorKind};

use sidetask::TaskError;
use sidetask_aws::zappa::{App, AsyncException, run, task};

/// Charges for an order; a customer who cannot pay is told so, once.
#[task(name = "pies.pay")]
pub async fn pay(order: String) -> Result<u32, TaskError> {
    match charge(&order) {
        Ok(amount) => Ok(amount),
        // The bank does not answer: Lambda runs it again, up to `max_attempts`.
        Err(error) if error.kind() == ErrorKind::ConnectionReset => Err(error.into()),
        Err(error) => {
            write_to_customer(&order, &error);
            // It is over: the failure is recorded, and nothing runs again.
            Err(TaskError::permanent(error))
        }
    }
}

/// Charges later.
pub async fn check_out(app: &App, order: String) -> Result<(), AsyncException> {
    run(app, pay::call(order)).await?;
    Ok(())
}

fn charge(order: &str) -> io::Result<u32> {
    match order {
        "offline" => Err(ErrorKind::ConnectionReset.into()),
        "poor" => Err(ErrorKind::PermissionDenied.into()),
        _ => Ok(12),
    }
}

fn write_to_customer(_: &str, _: &io::Error) {}
