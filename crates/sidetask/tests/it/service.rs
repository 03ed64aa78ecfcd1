//! A service that jobs are sent to: it takes down what it is sent and asked, and answers from a table.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use sidetask::core::{IdSource, NewJob};
use sidetask::{Client, Clock, Dispatch, Enqueued, Error, JobId, JobRecord, Json, Progress, State};

#[derive(Debug)]
pub(crate) struct Service {
    clock: Arc<dyn Clock>,
    ids: IdSource,
    book: Mutex<Book>,
}

#[derive(Debug, Default)]
struct Book {
    sent: Vec<NewJob>,
    requests: Vec<usize>,
    /// What it keeps of jobs; `None` where it keeps nothing.
    table: Option<HashMap<JobId, JobRecord>>,
    /// The time of each question, and the jobs that it was about.
    asked: Vec<(Duration, Vec<JobId>)>,
    /// Kinds that it does not take.
    refused: Vec<&'static str>,
    /// The last jobs of each request are not answered for.
    silent_on: usize,
    is_down: bool,
    is_closed: bool,
}

impl Service {
    pub(crate) fn new(clock: impl Clock) -> Arc<Self> {
        let book = Book { table: Some(HashMap::new()), ..Book::default() };
        Arc::new(Self { clock: Arc::new(clock), ids: IdSource::new(), book: Mutex::new(book) })
    }

    pub(crate) fn client(self: &Arc<Self>) -> Client {
        Client::dispatching(Arc::clone(self) as Arc<dyn Dispatch>)
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap()
    }

    pub(crate) fn keeps_nothing(&self) {
        self.book().table = None;
    }

    pub(crate) fn refuses(&self, kind: &'static str) {
        self.book().refused.push(kind);
    }

    pub(crate) fn is_silent_on_the_last(&self, jobs: usize) {
        self.book().silent_on = jobs;
    }

    pub(crate) fn set_down(&self, is_down: bool) {
        self.book().is_down = is_down;
    }

    pub(crate) fn sent(&self) -> Vec<NewJob> {
        self.book().sent.clone()
    }

    /// How many jobs each request brought.
    pub(crate) fn requests(&self) -> Vec<usize> {
        self.book().requests.clone()
    }

    pub(crate) fn asked(&self) -> Vec<(Duration, Vec<JobId>)> {
        self.book().asked.clone()
    }

    fn change(&self, id: JobId, change: impl FnOnce(&mut JobRecord)) {
        change(self.book().table.as_mut().unwrap().get_mut(&id).unwrap());
    }

    pub(crate) fn complete(&self, id: JobId, output: &str) {
        self.change(id, |job| {
            job.state = State::Completed;
            job.output = Some(Json::from_stored(output));
        });
    }

    pub(crate) fn report(&self, id: JobId, done: u64) {
        self.change(id, |job| {
            job.state = State::Running;
            job.progress = Some(Progress { done, total: 9, message: None });
        });
    }

    pub(crate) fn forget(&self, id: JobId) {
        self.book().table.as_mut().unwrap().remove(&id);
    }
}

impl Book {
    fn check(&self) -> Result<(), Error> {
        match (self.is_closed, self.is_down) {
            (true, _) => Err(Error::closed("service")),
            (_, true) => Err(Error::storage("the service is down", "by order")),
            _ => Ok(()),
        }
    }

    fn take(&mut self, job: NewJob, service: &Service) -> Result<Enqueued, Error> {
        self.check()?;
        if let Some(kind) = self.refused.iter().find(|kind| **kind == job.kind) {
            return Err(Error::refused(format!("`{kind}` is not taken"), "AccessDenied"));
        }
        let now = service.clock.now();
        let id = job.id.unwrap_or_else(|| service.ids.job(now));
        if let Some(table) = &mut self.table {
            let (kind, queue) = (job.kind.to_string(), job.queue.to_string());
            table.insert(id, JobRecord::new(id, kind, queue, job.args.clone(), State::Available, now));
        }
        self.sent.push(job);
        Ok(Enqueued { id, existed: false })
    }
}

#[async_trait]
impl Dispatch for Service {
    fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.clock)
    }

    async fn send(&self, jobs: Vec<NewJob>) -> Vec<Result<Enqueued, Error>> {
        let mut book = self.book();
        book.requests.push(jobs.len());
        let answered = jobs.len() - book.silent_on.min(jobs.len());
        jobs.into_iter().take(answered).map(|job| book.take(job, self)).collect()
    }

    async fn jobs(&self, ids: Vec<JobId>) -> Result<Vec<Option<JobRecord>>, Error> {
        let mut book = self.book();
        book.asked.push((self.clock.elapsed(), ids.clone()));
        book.check()?;
        let Some(table) = &book.table else {
            return Err(Error::unsupported("no table is named: add one to the destination"));
        };
        Ok(ids.iter().map(|id| table.get(id).cloned()).collect())
    }

    async fn close(&self) -> Result<(), Error> {
        self.book().is_closed = true;
        Ok(())
    }
}
