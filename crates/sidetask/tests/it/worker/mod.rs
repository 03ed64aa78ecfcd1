mod cancel;
mod faults;
mod lease;
mod outcomes;
mod queues;
mod shutdown;
mod start;
mod when_needed;
