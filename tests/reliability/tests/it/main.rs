//! The guarantee, attacked: at least once; an acknowledged job is never lost; at most one attempt of a job finalizes it.
//!
//! One module a test, by its number.

#![expect(clippy::unwrap_used, reason = "a step that fails is the test's failure")]

mod disk;
mod effects;
mod kit;
mod r01_enqueue_in;
mod r02_lost_replies;
mod r03_killed_in_mid_job;
mod r04_killed_before_the_acknowledgement;
mod r05_stopped_past_the_lease;
mod r06_long_job;
mod r07_database_down;
mod r08_connections_terminated;
mod r09_notifications_dropped;
mod r10_half_open;
#[cfg(target_os = "linux")]
mod r11_clock;
mod r12_leader;
mod r13_downtime;
mod r14_uniqueness;
mod r15_lanes;
mod r16_refused;
mod r17_poison;
mod r18_rolling_deploy;
mod r19_sqlite;
mod r20_history;
mod tables;
mod world;
