//! What is reported, and what is asked of it.

use sidetask_bench_report::{Line, figure, less, over};

use crate::load::{CONNECTIONS, cores};
use crate::throughput::MEASURED;

pub(crate) static LINES: [Line; 30] = [
    figure("rps_plain"),
    figure("rps_again"),
    figure("rps_empty_layer"),
    figure("rps_layer"),
    figure("rps_spawn"),
    figure("rps_task"),
    figure("rps_task_stall"),
    figure("rps_spawn_blocking"),
    figure("rps_blocking"),
    over("again_over_plain", "rps_again", "rps_plain"),
    over("layer_over_plain", "rps_layer", "rps_plain").at_least(0.98),
    over("layer_over_empty_layer", "rps_layer", "rps_empty_layer"),
    over("spawn_over_plain", "rps_spawn", "rps_plain"),
    over("task_over_spawn", "rps_task", "rps_spawn").at_least(0.97),
    over("task_stall_over_task", "rps_task_stall", "rps_task").at_least(0.97),
    over("spawn_blocking_over_plain", "rps_spawn_blocking", "rps_plain"),
    over("blocking_over_plain", "rps_blocking", "rps_plain").at_least(0.75),
    figure("latency_plain_p50_us"),
    figure("latency_layer_p50_us"),
    figure("latency_spawn_p50_us"),
    figure("latency_task_p50_us"),
    figure("latency_plain_p99_us"),
    figure("latency_layer_p99_us"),
    figure("latency_spawn_p99_us"),
    figure("latency_task_p99_us"),
    less("latency_added_p50_us", "latency_task_p50_us", "latency_plain_p50_us"),
    less("latency_added_p99_us", "latency_task_p99_us", "latency_plain_p99_us").at_most(50.0),
    less("latency_layer_added_p99_us", "latency_layer_p99_us", "latency_plain_p99_us").at_most(50.0),
    less("latency_task_over_spawn_p99_us", "latency_task_p99_us", "latency_spawn_p99_us"),
    figure("blocking_1000x10ms_on_100_ratio").at_most(1.2),
];

/// What it was measured under, with so many threads of load.
pub(crate) fn conditions(threads: usize) -> String {
    format!(
        "Load: {CONNECTIONS} connections that are kept alive, {} ms a round on each server, in short windows taken in turn. \
         A\nserver's process with tokio's default threads shares {} cores with {threads} threads of load, and with whatever \
         else runs.",
        MEASURED.as_millis(),
        cores(),
    )
}
