//! What is reported, and what is asked of it.

use sidetask_bench_report::{Line, figure, less, over};

pub(crate) static LINES: [Line; 27] = [
    figure("event_echo_us"),
    figure("event_us"),
    less("overhead_us", "event_us", "event_echo_us").at_most(50.0),
    figure("batch_1_ms"),
    figure("batch_10_ms"),
    over("batch_10_over_1", "batch_10_ms", "batch_1_ms").at_most(1.2),
    figure("cold_start_echo_ms"),
    figure("cold_start_ms"),
    over("cold_start_over_echo", "cold_start_ms", "cold_start_echo_ms").at_most(1.2),
    figure("size_echo_bytes"),
    figure("size_bytes"),
    over("size_over_echo", "size_bytes", "size_echo_bytes"),
    figure("dispatch_1000_lambda_requests"),
    figure("dispatch_1000_lambda_in_flight"),
    figure("dispatch_1000_lambda_bound_ms"),
    figure("dispatch_1000_lambda_ms"),
    over("dispatch_1000_lambda_over_bound", "dispatch_1000_lambda_ms", "dispatch_1000_lambda_bound_ms"),
    figure("dispatch_1000_sns_requests"),
    figure("dispatch_1000_sns_in_flight"),
    figure("dispatch_1000_sns_bound_ms"),
    figure("dispatch_1000_sns_ms"),
    over("dispatch_1000_sns_over_bound", "dispatch_1000_sns_ms", "dispatch_1000_sns_bound_ms"),
    figure("dispatch_1000_sqs_requests"),
    figure("dispatch_1000_sqs_in_flight"),
    figure("dispatch_1000_sqs_bound_ms"),
    figure("dispatch_1000_sqs_ms"),
    over("dispatch_1000_sqs_over_bound", "dispatch_1000_sqs_ms", "dispatch_1000_sqs_bound_ms"),
];
