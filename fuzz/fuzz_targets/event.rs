//! Any bytes, taken for an event of the Lambda handler.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| sidetask_aws::__fuzz::event(bytes));
