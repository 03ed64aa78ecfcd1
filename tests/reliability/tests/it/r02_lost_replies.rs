//! 2. A crash between commit and reply: with an idempotency key there is one job.
//!
//! What a client does that hears no answer is to ask again, and so does a worker: for the jobs of a claim, and with the
//! report of an attempt. On SQLite no answer can be lost but with the process that waits for it.

mod claim;
mod enqueue;
mod finish;
