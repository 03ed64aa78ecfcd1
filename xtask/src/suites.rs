//! What `cargo xtask test` runs: first what the tests need, then the tests.

use crate::steps::{Step, cargo, succeed};
use crate::{aws, browser, postgres, tools};

/// The set-up and every suite, in order.
pub(crate) fn all() -> Vec<Step> {
    let mut steps = set_up();
    steps.extend(suites());
    steps
}

fn set_up() -> Vec<Step> {
    vec![aws::set_up(), browser::set_up(), postgres::set_up(), tools::NEXTEST.step()]
}

fn suites() -> Vec<Step> {
    vec![
        // Nextest runs no documentation tests.
        Step::cargo("doc tests", &["test", "--doc", "--workspace", "--features", "sidetask/sqlx"]),
        // What the facade says where a store is not built in. All that follows has every store.
        Step::cargo(
            "tests, no features",
            &["nextest", "run", "--package", "sidetask", "--lib", "--no-default-features"],
        ),
        Step::check("tests", || {
            // Each test is a process of its own, and servers take seconds to start.
            let (_moto, endpoint) = aws::Moto::start()?;
            let postgres = postgres::start()?;
            eprintln!("==> tests: cargo nextest run --workspace --features sidetask/sqlx");
            let mut nextest = cargo();
            nextest
                .args(["nextest", "run", "--workspace", "--features", "sidetask/sqlx"])
                .env("SIDETASK_TEST_MOTO", endpoint);
            succeed(nextest.envs(postgres.as_ref().map(postgres::variable)))?;
            Ok("all passed".to_owned())
        }),
    ]
}
