//! The guide's five examples. A test compares them with its text.

pub mod count_words;
pub mod deliver;
pub mod make_pie;
pub mod pay;
pub mod wash_up;
