//! What is reported, and what is asked of it.

use sidetask_bench_report::{Line, figure, over};

pub(crate) static LINES: [Line; 27] = [
    figure("raw_append_1"),
    figure("raw_sync_p50_ms"),
    figure("raw_sync_p99_ms"),
    figure("raw_append_64"),
    figure("enqueue_1"),
    figure("enqueue_64"),
    figure("bulk"),
    figure("e2e_64"),
    figure("claim_us_10k"),
    figure("claim_us_1m"),
    figure("claim_us_future"),
    figure("pickup_p50_ms"),
    figure("pickup_p99_ms"),
    figure("pickup_other_p50_ms"),
    figure("pickup_other_p99_ms"),
    figure("idle_cpu_percent"),
    figure("task_overhead_ratio"),
    over("enqueue_1_over_raw_append_1", "enqueue_1", "raw_append_1").at_least(0.6),
    over("enqueue_64_over_raw_append_64", "enqueue_64", "raw_append_64").at_least(0.2),
    over("bulk_over_enqueue_64", "bulk", "enqueue_64").at_least(2.5),
    over("e2e_64_over_raw_append_1", "e2e_64", "raw_append_1").at_least(3.5),
    over("claim_us_1m_over_claim_us_10k", "claim_us_1m", "claim_us_10k").at_most(1.3),
    over("claim_us_future_over_claim_us_10k", "claim_us_future", "claim_us_10k").at_most(1.3),
    over("pickup_p50_ms_over_raw_sync_p50_ms", "pickup_p50_ms", "raw_sync_p50_ms").at_most(3.0),
    over("pickup_p99_ms_over_raw_sync_p99_ms", "pickup_p99_ms", "raw_sync_p99_ms").at_most(5.0),
    over("pickup_other_p50_ms_over_raw_sync_p50_ms", "pickup_other_p50_ms", "raw_sync_p50_ms").at_most(40.0),
    over("pickup_other_p99_ms_over_raw_sync_p99_ms", "pickup_other_p99_ms", "raw_sync_p99_ms").at_most(60.0),
];
