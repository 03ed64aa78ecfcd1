//! Zappa's asynchronous tasks.
