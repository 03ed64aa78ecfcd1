//! One transaction of the writer, shared by all requests of a group.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::{CachedStatement, Connection, OptionalExtension, params};
use sidetask_core::lifecycle::Outcome;
use sidetask_core::{Activity, Claimed, Event, IdSource, JobId, Slot, Slots, State, Timestamp, WorkerId};

use crate::ops::activity;

/// What a group of requests reads, writes and leaves to be done once it is committed.
pub(crate) struct Unit<'a> {
    pub(crate) conn: &'a Connection,
    pub(crate) now: Timestamp,
    pub(crate) ids: &'a IdSource,
    lent: &'a Lent,
    rows: &'a Rows,
    /// Whether somebody wants each step in the life of jobs.
    is_detailed: bool,
    queues: Vec<Queue>,
    handed: Vec<(Slot, Claimed)>,
    events: Vec<Event>,
}

/// What this unit knows of one queue.
struct Queue {
    name: Arc<str>,
    moved: [i64; State::ALL.len()],
    done: Option<Activity>,
    announced: bool,
    hand_off: Option<bool>,
}

/// The slots that workers of this process lend.
#[derive(Debug, Default)]
pub(crate) struct Lent(Mutex<Vec<Slots>>);

impl Lent {
    pub(crate) fn add(&self, slots: Slots) {
        let mut lent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lent.retain(|slots| !slots.is_closed());
        lent.push(slots);
    }

    fn serving(&self, queue: &str) -> Vec<Slots> {
        let lent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lent.iter().filter(|slots| slots.serves(queue) && !slots.is_closed()).cloned().collect()
    }

    pub(crate) fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn reserve(&self, queue: &str, kind: &str) -> Option<(WorkerId, Slot)> {
        let lent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lent.iter().find_map(|slots| Some((slots.worker(), slots.reserve(queue, kind)?)))
    }
}

/// Where the jobs are that were claimed here: finishing them then needs no look-up, which took a fifth of the writer's
/// time. It is a guess that the statement which uses it checks.
#[derive(Debug, Default)]
pub(crate) struct Rows(RefCell<HashMap<JobId, Row>>);

/// Where a job is, and what is to be kept up when it ends.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) seq: i64,
    pub(crate) queue: Arc<str>,
    pub(crate) lane: Option<Arc<str>>,
    /// When it was due.
    pub(crate) due: Timestamp,
    /// When it was claimed.
    pub(crate) begun: Timestamp,
}

impl Rows {
    /// Jobs that end elsewhere are never asked for again. When there are too many of them all are forgotten.
    const MOST: usize = 100_000;

    fn remember(&self, id: JobId, row: Row) {
        let mut rows = self.0.borrow_mut();
        if rows.len() >= Self::MOST {
            rows.clear();
        }
        rows.insert(id, row);
    }
}

/// What is left to do once a unit is committed.
pub(crate) struct Aftermath {
    handed: Vec<(Slot, Claimed)>,
    pub(crate) events: Vec<Event>,
}

impl Aftermath {
    /// Starts the jobs that were handed off.
    pub(crate) fn hand_off(&mut self) {
        for (slot, job) in self.handed.drain(..) {
            slot.fill(job);
        }
    }
}

impl<'a> Unit<'a> {
    pub(crate) fn new(conn: &'a Connection, now: Timestamp, ids: &'a IdSource, lent: &'a Lent, rows: &'a Rows) -> Self {
        let (queues, handed, events) = (Vec::new(), Vec::new(), Vec::new());
        Self { conn, now, ids, lent, rows, is_detailed: false, queues, handed, events }
    }

    /// Tells of each step in the life of jobs as well, where somebody wants that.
    pub(crate) const fn in_detail(mut self, is_detailed: bool) -> Self {
        self.is_detailed = is_detailed;
        self
    }

    /// A prepared statement, kept for the next time.
    pub(crate) fn statement(&self, sql: &str) -> rusqlite::Result<CachedStatement<'a>> {
        self.conn.prepare_cached(sql)
    }

    pub(crate) fn event(&mut self, event: Event) {
        self.events.push(event);
    }

    pub(crate) fn detail(&mut self, event: impl FnOnce() -> Event) {
        if self.is_detailed {
            self.events.push(event());
        }
    }

    /// The shared name of a queue.
    pub(crate) fn name(&mut self, queue: &str) -> Arc<str> {
        Arc::clone(&self.queue(queue).name)
    }

    /// Notes that a job came into a state, out of another where it had one. One that became available is announced.
    pub(crate) fn moved(&mut self, queue: &str, from: Option<State>, to: Option<State>) {
        let queue = self.queue(queue);
        if let Some(from) = from {
            queue.moved[usize::from(from.code())] -= 1;
        }
        let Some(to) = to else { return };
        queue.moved[usize::from(to.code())] += 1;
        let event = match to {
            State::Available if queue.announced => return,
            State::Available => {
                queue.announced = true;
                queue.hand_off = Some(false);
                Event::Available { queue: Arc::clone(&queue.name) }
            }
            State::Scheduled | State::Retryable => Event::Scheduled,
            _ => return,
        };
        self.events.push(event);
    }

    /// Notes how an attempt ended that was due and began at these times, and the state that its job is in now.
    pub(crate) fn ended(&mut self, queue: &str, outcome: &Outcome, state: State, due: Timestamp, begun: Timestamp) {
        let now = self.now;
        let done = &mut self.queue(queue).done;
        done.get_or_insert_with(|| Activity::empty(now, queue.to_owned())).count(outcome, state, due, begun, now);
    }

    /// Reserves a slot for a new job that is due: only where its queue is not paused and has no backlog, and the worker
    /// still holds its lease.
    pub(crate) fn reserve(&mut self, queue: &str, kind: &str) -> rusqlite::Result<Option<(WorkerId, Slot)>> {
        let open = match self.queue(queue).hand_off {
            Some(open) => open,
            None => {
                let open = self.may_hand_off(queue)?;
                self.queue(queue).hand_off = Some(open);
                open
            }
        };
        Ok(if open { self.lent.reserve(queue, kind) } else { None })
    }

    fn may_hand_off(&self, queue: &str) -> rusqlite::Result<bool> {
        let serving = self.lent.serving(queue);
        if serving.is_empty() {
            return Ok(false);
        }
        let mut alive = self.statement("SELECT 1 FROM sidetask_workers WHERE id = ?1 AND lease_until > ?2")?;
        for slots in serving {
            if !alive.exists(params![slots.worker().as_bytes(), self.now.as_micros()])? {
                return Ok(false);
            }
        }
        if self.is_paused(queue)? {
            return Ok(false);
        }
        let backlog =
            self.statement("SELECT 1 FROM sidetask_jobs WHERE state = 1 AND queue = ?1")?.exists(params![queue])?;
        Ok(!backlog)
    }

    pub(crate) fn is_paused(&self, queue: &str) -> rusqlite::Result<bool> {
        let paused: Option<bool> = self
            .statement("SELECT paused FROM sidetask_queues WHERE name = ?1")?
            .query_row(params![queue], |row| row.get(0))
            .optional()?;
        Ok(paused.unwrap_or(false))
    }

    /// Notes where a claimed job is.
    pub(crate) fn remember(&self, id: JobId, row: Row) {
        self.rows.remember(id, row);
    }

    /// Where a claimed job was.
    pub(crate) fn recall(&self, id: JobId) -> Option<Row> {
        self.rows.0.borrow_mut().remove(&id)
    }

    /// Leaves a claimed job to be given to its slot once the claim is committed.
    pub(crate) fn hand(&mut self, slot: Slot, job: Claimed) {
        self.handed.push((slot, job));
    }

    /// Writes the counts and what was done. What it answers is to be done after the commit.
    pub(crate) fn finish(self) -> rusqlite::Result<Aftermath> {
        for queue in &self.queues {
            if queue.moved.iter().any(|moved| *moved != 0) {
                write_counts(self.conn, &queue.name, &queue.moved)?;
            }
            if let Some(done) = queue.done.as_ref().filter(|done| !done.is_empty()) {
                activity::add(self.conn, done)?;
            }
        }
        Ok(Aftermath { handed: self.handed, events: self.events })
    }

    fn queue(&mut self, name: &str) -> &mut Queue {
        let at = match self.queues.iter().position(|queue| *queue.name == *name) {
            Some(at) => at,
            None => {
                let moved = [0; State::ALL.len()];
                self.queues.push(Queue { name: name.into(), moved, done: None, announced: false, hand_off: None });
                self.queues.len() - 1
            }
        };
        &mut self.queues[at]
    }
}

fn write_counts(conn: &Connection, queue: &str, moved: &[i64; State::ALL.len()]) -> rusqlite::Result<()> {
    let [scheduled, available, running, retryable, completed, cancelled, discarded] = *moved;
    conn.prepare_cached(
        "INSERT INTO sidetask_queues
             (name, scheduled, available, running, retryable, completed, cancelled, discarded)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
         ON CONFLICT (name) DO UPDATE SET
             scheduled = scheduled + excluded.scheduled,
             available = available + excluded.available,
             running = running + excluded.running,
             retryable = retryable + excluded.retryable,
             completed = completed + excluded.completed,
             cancelled = cancelled + excluded.cancelled,
             discarded = discarded + excluded.discarded",
    )?
    .execute(params![queue, scheduled, available, running, retryable, completed, cancelled, discarded])?;
    Ok(())
}
