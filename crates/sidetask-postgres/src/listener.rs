//! Hearing what other processes change, on a connection of its own.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::task::AbortHandle;
use tokio_postgres::{AsyncMessage, Client};

use crate::clock::HEARING;
use crate::connect::Connection;
use crate::database::Database;
use crate::error::{Fault, unconnected};

/// Waits between attempts to connect: the first, and what they grow to.
const FIRST: Duration = Duration::from_millis(50);
const LONGEST: Duration = Duration::from_secs(5);

/// The task that listens, which ends with this.
#[derive(Debug, Default)]
pub(crate) struct Listener(Mutex<Option<AbortHandle>>);

impl Listener {
    /// Begins to listen, unless somebody does. Outside of a runtime nothing is heard until the next call within one.
    pub(crate) fn start(&self, database: &Database) {
        let mut task = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // One whose runtime has ended is finished too.
        if task.as_ref().is_none_or(AbortHandle::is_finished)
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            *task = Some(runtime.spawn(listen(database.clone())).abort_handle());
        }
    }

    pub(crate) fn stop(&self) {
        if let Some(task) = self.0.lock().unwrap_or_else(PoisonError::into_inner).take() {
            task.abort();
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.stop();
    }
}

async fn listen(database: Database) {
    let mut wait = FIRST;
    loop {
        let mut heard = false;
        let Err(fault) = hear(&database, &mut heard).await;
        if heard {
            wait = FIRST;
        }
        let error = fault.explain("listen to PostgreSQL");
        if wait == FIRST {
            tracing::warn!(%error, "changes of other processes are not heard until the next attempt to connect");
        } else {
            tracing::debug!(%error, "changes of other processes are still not heard");
        }
        tokio::time::sleep(wait.mul_f64(0.5 + fastrand::f64())).await;
        wait = (wait * 2).min(LONGEST);
    }
}

/// Listens as long as the connection lasts.
async fn hear(database: &Database, heard: &mut bool) -> Result<std::convert::Infallible, Fault> {
    let connect = async {
        database
            .connector
            .connect()
            .await
            .map_err(|error| Fault::Decided(unconnected(database.connector.place(), &error)))
    };
    let (client, connection) = match tokio::time::timeout(database.acquire_timeout, connect).await {
        Ok(connected) => connected?,
        Err(_) => return Err(Fault::TimedOut(database.acquire_timeout)),
    };
    let carry = pin!(carry(database, connection));
    let keep = pin!(keep(database, client, heard));
    tokio::select! {
        ended = carry => ended,
        failed = keep => failed,
    }
}

/// Moves what the connection has to say, and passes on what is heard.
async fn carry(database: &Database, mut connection: Connection) -> Result<std::convert::Infallible, Fault> {
    while let Some(message) = poll_fn(|cx| connection.poll_message(cx)).await {
        if let AsyncMessage::Notification(notification) = message? {
            database.announcer.heard(notification.payload());
        }
    }
    Err(Fault::Decided(sidetask_core::Error::storage("the connection that listens was closed", "end of file")))
}

/// Asks for notifications, then now and then for the time: a connection whose other end is gone shows in no other way.
async fn keep(database: &Database, client: Client, heard: &mut bool) -> Result<std::convert::Infallible, Fault> {
    let listen = format!("LISTEN \"{}\"", database.announcer.channel);
    database.within(async { Ok(client.batch_execute(&listen).await?) }).await?;
    *heard = true;
    // Nothing that happened before was heard.
    database.announcer.missed();
    loop {
        tokio::time::sleep(HEARING).await;
        database.hear_time_on(&client).await?;
    }
}
