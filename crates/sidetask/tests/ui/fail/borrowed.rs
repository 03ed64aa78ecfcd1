//! Arguments and outputs are stored, and so must be owned.
#![allow(unused)]

use std::borrow::Cow;
use std::path::Path;

use sidetask::{Context, task};

#[task]
async fn text(to: &str) {}

#[task]
fn file(path: &Path) {}

#[task]
fn bytes(data: &[u8]) {}

#[task]
fn perhaps(text: Option<&'static str>, other: Cow<'_, str>) {}

#[task]
async fn context(cx: &Context) {}

#[task]
async fn state(#[state] pool: &String) {}

#[task]
async fn returns() -> &'static str {
    "text"
}

fn main() {}
