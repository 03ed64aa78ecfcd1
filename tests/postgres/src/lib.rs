//! What is tested against a real PostgreSQL. The tests are in `tests/it`.
