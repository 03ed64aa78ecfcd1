use std::collections::{HashSet, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sidetask_core::{Enqueued, Error, NewJob};
use tokio::sync::{Notify, oneshot};

use super::{careful, named, plain};
use crate::error::Fault;
use crate::store::Inner;

/// Requests that are stored together. One goes at once where nothing is under way; those that come meanwhile make up the
/// next statement, so that they share a round trip and a commit.
#[derive(Debug)]
pub(crate) struct Gather {
    way: Way,
    state: Mutex<State>,
    idle: Notify,
}

/// Which statement stores them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Plain,
    Named,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Request>,
    under_way: usize,
}

#[derive(Debug)]
struct Request {
    jobs: Vec<NewJob>,
    reply: oneshot::Sender<Result<Vec<Enqueued>, Error>>,
}

/// The most statements under way at once: while one is carried out, the next is on its way.
const UNDER_WAY: usize = 2;

/// The most jobs, and bytes of arguments, in one statement, unless one request alone has more.
const JOBS: usize = 1024;
const BYTES: usize = 1024 * 1024;

/// How often what failed for another transaction's sake is tried again.
const TRIES: u32 = 20;

impl Gather {
    pub(crate) fn new(way: Way) -> Self {
        Self { way, state: Mutex::default(), idle: Notify::new() }
    }

    /// Stores the jobs of one request: all or none, whatever it is gathered with.
    pub(super) async fn ask(&self, inner: &Arc<Inner>, jobs: Vec<NewJob>) -> Result<Vec<Enqueued>, Error> {
        let (reply, answer) = oneshot::channel();
        let request = Request { jobs, reply };
        let turn = Turn { inner: Arc::clone(inner), way: self.way, progress: Progress::Awaited };
        let (mine, begins) = {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            let is_first = state.under_way == 0;
            let begins = state.under_way < UNDER_WAY;
            state.under_way += usize::from(begins);
            if is_first {
                (Some(request), true)
            } else {
                state.waiting.push_back(request);
                (None, begins)
            }
        };
        match mine {
            // Alone it needs no task; those that come meanwhile do, also where this caller goes away.
            Some(request) => turn.begun().serve(vec![request]).await,
            // By itself, so that a caller who goes away takes no other's request along.
            None if begins => drop(tokio::spawn(turn.run())),
            None => turn.over(),
        }
        answer.await.map_err(|_| Error::closed("store"))?
    }

    /// Waits until nothing is under way.
    pub(crate) async fn idle(&self) {
        loop {
            let notified = self.idle.notified();
            if self.state.lock().unwrap_or_else(PoisonError::into_inner).under_way == 0 {
                return;
            }
            notified.await;
        }
    }

    /// The requests of the next statement. Where there are none, the turn of who asks is over.
    fn take(&self) -> Option<Vec<Request>> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let mut taken = Vec::new();
        let (mut jobs, mut bytes, mut names) = (0, 0, HashSet::new());
        while let Some(request) = state.waiting.front() {
            jobs += request.jobs.len();
            bytes += request.jobs.iter().map(|job| job.args.as_str().len()).sum::<usize>();
            let is_full = jobs > JOBS || bytes > BYTES;
            // A statement does not find what it stores itself: the same name again is the next one's.
            let is_known = request.jobs.iter().flat_map(named::names).any(|name| !names.insert(hash_of(&name)));
            if !taken.is_empty() && (is_full || is_known) {
                break;
            }
            taken.extend(state.waiting.pop_front());
        }
        if taken.is_empty() {
            self.end(&mut state);
            return None;
        }
        Some(taken)
    }

    fn end(&self, state: &mut State) {
        state.under_way -= 1;
        if state.under_way == 0 {
            self.idle.notify_waiters();
        }
    }

    async fn store(&self, inner: &Inner, jobs: &[&NewJob]) -> Result<Vec<Option<Enqueued>>, Fault> {
        match self.way {
            Way::Plain => plain::store(inner, jobs).await,
            Way::Named => named::store(inner, jobs).await,
        }
    }
}

/// Carries out statements until nothing waits.
struct Turn {
    inner: Arc<Inner>,
    way: Way,
    progress: Progress,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    /// A task for it was asked for. It never comes where the runtime is ending.
    Awaited,
    Begun,
    Over,
}

impl Turn {
    async fn run(self) {
        let turn = self.begun();
        while let Some(requests) = turn.gather().take() {
            turn.serve(requests).await;
        }
        turn.over();
    }

    fn begun(mut self) -> Self {
        self.progress = Progress::Begun;
        self
    }

    fn over(mut self) {
        self.progress = Progress::Over;
    }

    fn gather(&self) -> &Gather {
        match self.way {
            Way::Plain => &self.inner.plain,
            Way::Named => &self.inner.named,
        }
    }

    /// Stores requests together; where what one of them brings is refused, each alone, so that it spoils no other.
    async fn serve(&self, mut requests: Vec<Request>) {
        for tries in 1.. {
            let jobs: Vec<&NewJob> = requests.iter().flat_map(|request| &request.jobs).collect();
            let fault = match self.gather().store(&self.inner, &jobs).await {
                Ok(answers) => {
                    requests = settle(requests, answers);
                    if requests.is_empty() {
                        return;
                    }
                    Fault::Overtaken
                }
                Err(fault) => fault,
            };
            let is_locked_out = fault.is_locked_out();
            if (fault.is_refusal() || is_locked_out) && requests.len() > 1 {
                for request in requests {
                    Box::pin(self.serve(vec![request])).await;
                }
                return;
            }
            if is_locked_out {
                requests.into_iter().for_each(|request| self.wait_apart(request));
                return;
            }
            if !fault.is_transient() || tries == TRIES {
                return fail(requests, fault);
            }
            tokio::time::sleep(Duration::from_millis(fastrand::u64(0..1 << tries.min(7)))).await;
        }
    }
}

impl Turn {
    /// Has a request wait for a transaction that holds its name by itself, so that it holds up no others.
    fn wait_apart(&self, request: Request) {
        let inner = Arc::clone(&self.inner);
        tokio::spawn(async move {
            let stored = careful::enqueue(&inner, &request.jobs).await;
            // Whoever asked may have stopped waiting.
            _ = request.reply.send(stored.map_err(|fault| fault.explain("enqueue")));
        });
    }
}

/// Where others wait by now, the next one goes on. A runtime that is ending drops what it is to spawn at once, which
/// leads here again: the lock is let go before, and a turn that never began asks for no other.
impl Drop for Turn {
    fn drop(&mut self) {
        let runtime = match self.progress {
            Progress::Over => return,
            Progress::Awaited => None,
            Progress::Begun => tokio::runtime::Handle::try_current().ok(),
        };
        let gather = self.gather();
        let mut state = gather.state.lock().unwrap_or_else(PoisonError::into_inner);
        match runtime {
            Some(runtime) if !state.waiting.is_empty() => {
                drop(state);
                let next = Turn { inner: Arc::clone(&self.inner), way: self.way, progress: Progress::Awaited };
                runtime.spawn(next.run());
            }
            _ => {
                gather.end(&mut state);
                if state.under_way == 0 {
                    // Nobody waits for what does not come.
                    state.waiting.clear();
                }
            }
        }
    }
}

/// Answers the requests that were carried out, and gives back those of a job that is to be asked for again.
fn settle(requests: Vec<Request>, answers: Vec<Option<Enqueued>>) -> Vec<Request> {
    let mut answers = answers.into_iter();
    let mut again = Vec::new();
    for request in requests {
        let answered: Option<Vec<Enqueued>> =
            answers.by_ref().take(request.jobs.len()).collect::<Vec<_>>().into_iter().collect();
        match answered {
            // Whoever asked may have stopped waiting.
            Some(answered) => _ = request.reply.send(Ok(answered)),
            None => again.push(request),
        }
    }
    again
}

/// Two names that look the same merely do not share a statement.
fn hash_of(name: &named::Name<'_>) -> u64 {
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    hasher.finish()
}

fn fail(requests: Vec<Request>, fault: Fault) {
    let errors = fault.explain("enqueue").repeated(requests.len());
    for (request, error) in requests.into_iter().zip(errors) {
        let _ = request.reply.send(Err(error));
    }
}
