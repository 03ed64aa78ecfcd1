//! The facade's tests, in one program.

mod macros;
mod ui;
