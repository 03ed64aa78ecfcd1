use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::json;
use sidetask_aws_local::{Rie, Tools};

use crate::handlers::look;

#[tokio::test]
async fn the_emulator_of_aws_runs_a_program() {
    let dir = tempfile::tempdir().unwrap();
    let program = dir.path().join("handler");
    let root = env!("CARGO_MANIFEST_DIR");
    let python = Tools::find().unwrap().python();
    let lines = ["#!/bin/sh", &format!("export PYTHONPATH={root}/tests/it PYTHONDONTWRITEBYTECODE=1")];
    let run = format!("exec {} {root}/scripts/bootstrap.py handlers.handle", python.display());
    fs::write(&program, [lines[0], lines[1], &run].join("\n")).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let rie = Rie::start(&program, &[("COLOUR", "blue")]).await.unwrap();
    assert_eq!(rie.invoke(&json!({ "a": 1 })).await.unwrap(), json!({ "a": 1 }));
    assert_eq!(rie.invoke(&look()).await.unwrap()["env"]["COLOUR"], "blue");
    let error = rie.invoke(&json!({ "do": "fail" })).await.unwrap();
    assert_eq!(error["errorType"], "ValueError");
}
