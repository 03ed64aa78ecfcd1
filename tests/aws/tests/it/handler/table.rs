//! With a table of responses.
