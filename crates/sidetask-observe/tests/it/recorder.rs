//! Each in a process of its own, since a process has one recorder.

use std::process::Command;

use axum::http::StatusCode;
use metrics_util::debugging::DebuggingRecorder;
use sidetask_observe::Probes;

use crate::kit::{ask, value};

/// Whether this is the process for the test of this name; in any other, runs it in one.
fn alone(test: &str) -> bool {
    if std::env::var_os("SIDETASK_TEST_ALONE").is_some() {
        return true;
    }
    let test = format!("{}::{test}", module_path!().split_once("::").unwrap().1);
    let mut command = Command::new(std::env::current_exe().unwrap());
    let ended = command.args([&test, "--exact"]).env("SIDETASK_TEST_ALONE", "1").output().unwrap();
    let said = String::from_utf8_lossy(&ended.stdout) + String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success() && said.contains("1 passed"), "{said}");
    false
}

#[tokio::test]
async fn without_a_recorder_a_scrape_says_what_to_do() {
    if alone("without_a_recorder_a_scrape_says_what_to_do") {
        let router = Probes::new(sidetask::connect("memory:").await.unwrap()).router();
        let (status, text) = ask(&router, "/metrics").await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(text.contains("sidetask_observe::install"), "{text}");
    }
}

#[tokio::test]
async fn a_recorder_beside_ours_is_told_everything_as_well() {
    if alone("a_recorder_beside_ours_is_told_everything_as_well") {
        let other = DebuggingRecorder::new();
        let told = other.snapshotter();
        sidetask_observe::install_beside(other).unwrap();
        sidetask_observe::install().unwrap();
        metrics::counter!("of_the_program").increment(2);
        let router = Probes::new(sidetask::connect("memory:").await.unwrap()).router();
        assert_eq!(value(&ask(&router, "/metrics").await.1, "of_the_program"), Some(2.0));
        let told = told.snapshot().into_vec();
        assert!(told.iter().any(|(key, ..)| key.key().name() == "of_the_program"), "{told:?}");
    }
}

#[test]
fn another_recorder_is_not_replaced() {
    if alone("another_recorder_is_not_replaced") {
        DebuggingRecorder::new().install().unwrap();
        let error = sidetask_observe::install().unwrap_err();
        assert!(error.is_configuration() && error.to_string().contains("install_beside"), "{error}");
    }
}
