//! A task cannot be generic.
#![allow(unused)]

use sidetask::task;

#[task]
async fn of_a_type<T: Send>(value: T) {}

#[task]
async fn of_a_lifetime<'a>(value: &'a str) {}

#[task]
async fn of_a_number<const N: usize>() {}

#[task]
async fn of_anything(value: impl Into<String>) {}

#[task]
fn into_anything() -> impl Iterator<Item = u8> {
    std::iter::empty()
}

fn main() {}
