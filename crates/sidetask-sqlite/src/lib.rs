//! Keeps sidetask jobs in a SQLite file.
