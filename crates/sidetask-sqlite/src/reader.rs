//! Threads that read, so that a long list holds up no commit.

use std::path::Path;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use rusqlite::Connection;
use sidetask_core::Error;
use tokio::sync::oneshot;

use crate::error::explain;

const THREADS: usize = 2;

type Query = Box<dyn FnOnce(&Connection) + Send>;

/// Handles on the reading threads.
#[derive(Debug)]
pub(crate) struct Readers {
    queries: Mutex<Option<Sender<Query>>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Readers {
    pub(crate) fn start(path: &Path) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let (sender, receiver) = mpsc::channel::<Query>();
        let receiver = Arc::new(Mutex::new(receiver));
        let mut threads = Vec::with_capacity(THREADS);
        for _ in 0..THREADS {
            let conn = crate::connection::reader(path)?;
            let receiver = Arc::clone(&receiver);
            let thread = thread::Builder::new().name("sidetask-reader".into());
            threads.push(thread.spawn(move || {
                while let Some(query) = next(&receiver) {
                    query(&conn);
                }
            })?);
        }
        Ok(Self { queries: Mutex::new(Some(sender)), threads: Mutex::new(threads) })
    }

    /// Runs `read` on one of the threads.
    pub(crate) async fn ask<R, F>(&self, action: &'static str, read: F) -> Result<R, Error>
    where
        F: FnOnce(&Connection) -> rusqlite::Result<R> + Send + 'static,
        R: Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let query: Query = Box::new(move |conn| {
            if !reply.is_closed() {
                // Whoever asked may stop waiting at any time.
                let _ = reply.send(read(conn).map_err(|error| explain(action, error)));
            }
        });
        let queries = self.queries.lock().unwrap_or_else(PoisonError::into_inner).clone();
        queries.and_then(|queries| queries.send(query).ok()).ok_or_else(|| Error::closed("store"))?;
        answer.await.map_err(|_| Error::closed("store"))?
    }

    /// Ends the threads after what was asked before.
    pub(crate) fn close(&self) -> Vec<JoinHandle<()>> {
        self.queries.lock().unwrap_or_else(PoisonError::into_inner).take();
        std::mem::take(&mut self.threads.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn next(queries: &Mutex<Receiver<Query>>) -> Option<Query> {
    queries.lock().unwrap_or_else(PoisonError::into_inner).recv().ok()
}
