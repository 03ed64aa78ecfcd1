//! Tests against a real PostgreSQL, and with faults between it and us.

mod shared;
