//! What `cargo xtask test` runs: first what the tests need, then the tests.

use crate::steps::Step;
use crate::tools;

/// The set-up and every suite, in order.
pub(crate) fn all() -> Vec<Step> {
    let mut steps = set_up();
    steps.extend(suites());
    steps
}

fn set_up() -> Vec<Step> {
    vec![tools::NEXTEST.step()]
}

fn suites() -> Vec<Step> {
    vec![
        // Nextest runs no documentation tests.
        Step::cargo("doc tests", &["test", "--doc", "--workspace"]),
        Step::cargo("tests", &["nextest", "run", "--workspace"]),
    ]
}
