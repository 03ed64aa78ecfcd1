//! The Runtime API as AWS speaks it.

use serde_json::json;
use sidetask_aws_local::Rie;
use tempfile::TempDir;

use super::message;

#[tokio::test]
async fn awss_own_emulator_runs_tasks_and_is_told_of_failures() {
    let directory = TempDir::new().unwrap();
    let log = directory.path().join("log");
    let rie = Rie::start(env!("CARGO_BIN_EXE_tasks"), &[("GREETING", "welcome")]).await.unwrap();
    let answer = rie.invoke(&message("test.greet", json!(["ada"]))).await.unwrap();
    assert_eq!(answer["output"], "welcome, ada");
    let failure = rie.invoke(&message("test.fail", json!([log, 1]))).await.unwrap();
    assert_eq!(failure["errorType"], "sidetask.Failed");
    assert!(failure["errorMessage"].as_str().unwrap().contains("failed 1 of 1 times"), "{failure}");
    let answer = rie.invoke(&message("test.fail", json!([log, 1]))).await.unwrap();
    assert_eq!(answer["output"], 2);
    assert_eq!(std::fs::read_to_string(log).unwrap().lines().count(), 2);
    let failure = rie.invoke(&json!({"hello": "world"})).await.unwrap();
    assert_eq!(failure["errorType"], "sidetask.Unreadable");
}
