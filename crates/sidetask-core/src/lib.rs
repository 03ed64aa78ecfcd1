//! The contracts that every part of sidetask is built on: what a [`Call`] is, what a store keeps of it
//! ([`JobRecord`]), what happens next to a job ([`lifecycle`]), what a [`Store`] owes, and how a registered function
//! is found and run ([`Registry`], [`TaskFunction`]).
//!
//! Nothing in here does I/O or starts a thread or a task. Time comes in through a [`Clock`], randomness through a
//! seeded source, so that all of it can be tested without waiting.
//!
//! Users depend on the `sidetask` crate, which exports what they need. This crate is for those who write a store.

mod backoff;
mod call;
mod cancel;
mod clock;
mod context;
mod dispatch;
mod error;
mod events;
mod filter;
mod ids;
mod job;
mod json;
mod kind;
pub mod lifecycle;
mod new_job;
mod operate;
mod progress;
mod rate_limit;
mod registry;
mod slots;
mod state_map;
mod store;
mod task_error;
mod text;
mod trace_parent;

pub use backoff::Backoff;
pub use call::{Call, TaskOptions, When};
pub use cancel::CancelToken;
pub use clock::{Clock, SystemClock, Timestamp};
pub use context::{Context, Deadline};
pub use dispatch::{Dispatch, Report};
pub use error::Error;
pub use events::{Event, Events, Publisher};
pub use filter::{Condition, Filter, Listed, Page, Pattern};
pub use ids::{IdSource, JobId, WorkerId};
pub use job::{AttemptError, Counts, JobRecord, QueueStats, State, Stats};
pub use json::Json;
pub use new_job::{Lane, NewJob, Tick, TickVerdict};
pub use operate::{Activity, AttemptLog, Migration, Operate, Schema, WorkerRecord};
pub use progress::{Progress, ProgressReport};
pub use rate_limit::RateLimit;
pub use registry::{Definition, Handler, IntoOutcome, Kinds, Registration, Registry, StateNeed, TaskFunction, Work};
pub use slots::{Handed, Permit, Slot, Slots};
pub use state_map::StateMap;
pub use store::{
    Change, Claim, Claimed, Enqueued, Finish, Heartbeat, Joining, ProgressUpdate, Promoted, Purge, Rescued, Store,
    Token, Verdict, Want,
};
pub use task_error::{TaskError, TaskErrorKind};
pub use trace_parent::TraceParent;

/// What the macros and the facade need and nobody else should use.
#[doc(hidden)]
pub mod __private {
    pub use crate::kind::{kind_bytes, kind_len, kind_str};
    pub use crate::new_job::check_name;
    pub use crate::registry::Argument;
    pub use crate::task_error::{NotResult, Returns, ViaBox, ViaInto, Wrap};
    pub use crate::text::is_deceptive;
    pub use inventory;
    pub use serde;
    pub use std::time::Duration;
}
