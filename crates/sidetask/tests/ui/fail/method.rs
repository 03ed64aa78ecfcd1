//! A task is a free function.
#![allow(unused)]

use sidetask::task;

struct Mailer;

impl Mailer {
    #[task]
    async fn send(&self, to: String) {}

    #[task]
    async fn send_all(self: std::sync::Arc<Self>) {}
}

fn main() {}
