//! Which seeds are run.

use std::env;

use crate::run::{Ended, run};

/// How many seeds the tests run together, where `SIDETASK_SIM_SEEDS` does not say it.
const SEEDS: u64 = 1_500;
/// Among how many tests they are divided, so that each has a core.
const PARTS: u64 = 4;
/// How much of a failed run is shown.
const SHOWN: usize = 50;

#[test]
fn nothing_breaks_a_rule_in_the_first_quarter_of_the_seeds() {
    run_part(0);
}

#[test]
fn nothing_breaks_a_rule_in_the_second_quarter_of_the_seeds() {
    run_part(1);
}

#[test]
fn nothing_breaks_a_rule_in_the_third_quarter_of_the_seeds() {
    run_part(2);
}

#[test]
fn nothing_breaks_a_rule_in_the_last_quarter_of_the_seeds() {
    run_part(3);
}

#[test]
fn a_seed_replays_exactly() {
    for seed in 0..30 {
        let (first, second) = (run(seed, false), run(seed, false));
        if first.digest != second.digest {
            let at = first.trace.iter().zip(&second.trace).position(|(one, other)| one != other);
            let at = at.unwrap_or(first.trace.len().min(second.trace.len()));
            let around =
                |trace: &[String]| trace[at.saturating_sub(5).min(trace.len())..trace.len().min(at + 3)].join("\n");
            panic!(
                "seed {seed} was not repeated, from line {at}:\n{}\n\nand then:\n{}",
                around(&first.trace),
                around(&second.trace)
            );
        }
    }
}

/// Every `PARTS`th seed, or the one that is asked for.
fn run_part(part: u64) {
    if let Some(seed) = number("SIDETASK_SIM_SEED") {
        if part == 0 {
            check(seed, run(seed, true));
        }
        return;
    }
    let seeds = number("SIDETASK_SIM_SEEDS").unwrap_or(SEEDS);
    for seed in (part..seeds).step_by(PARTS as usize) {
        check(seed, run(seed, false));
    }
}

fn check(seed: u64, ended: Ended) {
    let Ended { broken: Some(broken), trace, .. } = ended else { return };
    let last = trace[trace.len().saturating_sub(SHOWN)..].join("\n");
    panic!(
        "seed {seed} broke a rule: {broken}\n\nThe last of {} lines:\n{last}\n\nTo see it again:\n\
         SIDETASK_SIM_SEED={seed} cargo test -p sidetask-simulation nothing_breaks_a_rule -- --nocapture",
        trace.len()
    );
}

fn number(variable: &str) -> Option<u64> {
    let text = env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("`{variable}` must be a number: got {text:?}")))
}
