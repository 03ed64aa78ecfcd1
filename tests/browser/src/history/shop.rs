//! What a shop has done in the background.

use std::ops::Range;

use fastrand::Rng;
use serde_json::{Value, json};
use sidetask::Json;
use sidetask_testing::new_job;

/// One kind of its jobs.
pub(super) struct Kind {
    pub(super) name: &'static str,
    pub(super) queue: &'static str,
    /// How many there are of each hundred.
    pub(super) share: usize,
    /// How long an attempt takes, in milliseconds.
    pub(super) takes: Range<u64>,
    /// How many attempts of a hundred fail, and what they say.
    pub(super) fails: (u32, &'static str),
    args: fn(&mut Rng) -> Value,
    output: fn(&mut Rng) -> Value,
}

impl Kind {
    pub(super) fn job(&self, rng: &mut Rng) -> sidetask::core::NewJob {
        let args = Json::from_stored((self.args)(rng).to_string());
        sidetask::core::NewJob { queue: self.queue.into(), args, max_attempts: 5, ..new_job(self.name) }
    }

    pub(super) fn output(&self, rng: &mut Rng) -> Json {
        Json::from_stored((self.output)(rng).to_string())
    }
}

pub(super) const KINDS: [Kind; 7] = [
    Kind {
        name: "mail.order_confirmation",
        queue: "mail",
        share: 30,
        takes: 60..340,
        fails: (3, "smtp: 421 4.7.0 mx2.example.net: too many connections, try again later"),
        args: |rng| json!({ "to": person(rng), "order": order(rng) }),
        output: |rng| json!({ "message_id": format!("<{:010x}@mail.example.com>", rng.u32(..)) }),
    },
    Kind {
        name: "mail.password_reset",
        queue: "mail",
        share: 12,
        takes: 50..260,
        fails: (1, "smtp: 450 4.2.1 mailbox is busy"),
        args: |rng| json!({ "to": person(rng) }),
        output: |rng| json!({ "message_id": format!("<{:010x}@mail.example.com>", rng.u32(..)) }),
    },
    Kind {
        name: "payments.capture",
        queue: "payments",
        share: 16,
        takes: 180..900,
        fails: (5, "payment gateway answered 503 Service Unavailable after 3 tries"),
        args: |rng| json!({ "order": order(rng), "amount_cents": rng.u32(900..48_000), "currency": "EUR" }),
        output: |rng| json!({ "charge": format!("ch_{:08x}", rng.u32(..)), "status": "captured" }),
    },
    Kind {
        name: "images.resize",
        queue: "media",
        share: 20,
        takes: 300..2400,
        fails: (2, PANIC),
        args: |rng| {
            let file = format!("uploads/2026/03/{:08x}.jpg", rng.u32(..));
            json!({ "path": file, "widths": [320, 640, 1280] })
        },
        output: |rng| json!({ "files": 3, "bytes": rng.u32(90_000..700_000) }),
    },
    Kind {
        name: "search.index_product",
        queue: "default",
        share: 14,
        takes: 20..120,
        fails: (1, "search index answered 429 Too Many Requests"),
        args: |rng| json!({ "product": rng.u32(1000..9999), "reason": "stock changed" }),
        output: |_| Value::Null,
    },
    Kind {
        name: "webhooks.deliver",
        queue: "webhooks",
        share: 6,
        takes: 90..1800,
        fails: (14, "https://hooks.partner.example/orders answered 502 Bad Gateway"),
        args: |rng| json!({ "url": "https://hooks.partner.example/orders", "event": "order.paid", "order": order(rng) }),
        output: |_| json!({ "status": 204 }),
    },
    Kind {
        name: "reports.daily_sales",
        queue: "reports",
        share: 2,
        takes: 4000..19_000,
        fails: (1, "canceling statement due to statement timeout"),
        args: |rng| json!({ "shop": format!("eu-{}", rng.u8(1..5)), "day": "2026-03-11", "format": "pdf" }),
        output: |rng| json!({ "pages": rng.u8(4..30) }),
    },
];

fn person(rng: &mut Rng) -> String {
    const NAMES: [&str; 10] =
        ["ada", "grace", "linus", "barbara", "edsger", "margaret", "ken", "frances", "tony", "radia"];
    const HOSTS: [&str; 4] = ["example.com", "example.org", "mail.example.net", "shop.example"];
    let name = NAMES[rng.usize(..NAMES.len())];
    format!("{name}.{}@{}", rng.u8(10..99), HOSTS[rng.usize(..HOSTS.len())])
}

fn order(rng: &mut Rng) -> String {
    format!("A-{}", rng.u32(104_000..109_999))
}

/// What an attempt leaves behind that panicked.
pub(super) const PANIC: &str = "\
the task panicked: called `Result::unwrap()` on an `Err` value: Decoding(UnexpectedEof { at: 18432 })
stack backtrace:
   0: core::panicking::panic_fmt
             at /rustc/library/core/src/panicking.rs:80:14
   1: core::result::unwrap_failed
             at /rustc/library/core/src/result.rs:1855:5
   2: core::result::Result<T,E>::unwrap
             at /rustc/library/core/src/result.rs:1226:23
   3: shop::images::decode
             at ./src/images/decode.rs:41:52
   4: shop::images::resize::{{closure}}
             at ./src/images/resize.rs:27:21
   5: sidetask::blocking::worker::run
             at ./src/blocking/worker.rs:88:9
   6: std::sys::backtrace::__rust_begin_short_backtrace
             at /rustc/library/std/src/sys/backtrace.rs:158:18";

/// What an attempt logs.
pub(super) const LOG: &str = "\
2026-03-12T14:59:41.120Z  INFO shop::reports: reading sales shop=eu-2 day=2026-03-11
2026-03-12T14:59:42.871Z  INFO shop::reports: 18,204 orders in 1.7 s
2026-03-12T14:59:44.015Z  WARN shop::reports: 3 orders have no country and are counted as unknown
2026-03-12T14:59:51.402Z  INFO shop::reports: drawing page 7 of 12";
