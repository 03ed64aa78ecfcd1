//! The template that users deploy: what AWS's own linter says of it, and whether its parts fit together.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use sidetask_aws_local::Tools;

mod fits;
mod used;

/// The template as JSON, in which `!Ref X` is `{"Ref": "X"}`.
struct Template(Value);

impl Template {
    fn read() -> Self {
        const CONVERT: &str = "import cfn_flip, sys; print(cfn_flip.to_json(open(sys.argv[1]).read()))";
        let output = with_file(sidetask_aws::TEMPLATE, |file| {
            Command::new(tools().python()).args(["-c", CONVERT]).arg(file).output()
        });
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
        Self(serde_json::from_slice(&output.stdout).expect("JSON"))
    }

    fn properties(&self, resource: &str) -> &Value {
        &self.0["Resources"][resource]["Properties"]
    }
}

#[test]
fn the_linter_finds_nothing_in_the_template() {
    let output = lint(sidetask_aws::TEMPLATE);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.is_empty(), "{said}");
}

#[test]
fn the_linter_finds_what_is_wrong() {
    let faults = [
        ("Handler: bootstrap", "Handlr: bootstrap", "E3002"),
        ("BatchSize: 10", "BatchSize: many", "E3012"),
        ("!FindInMap [Attempts, !Ref EventAttempts, Retries]", "1", "W7001"),
        ("!GetAtt Queue.Arn", "!GetAtt Qeue.Arn", "E1010"),
        ("    DeletionPolicy: Retain\n    UpdateReplacePolicy: Retain\n", "", "I3011"),
    ];
    for (right, wrong, named) in faults {
        assert!(sidetask_aws::TEMPLATE.contains(right), "{right}");
        let output = lint(&sidetask_aws::TEMPLATE.replacen(right, wrong, 1));
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(!output.status.success() && said.contains(named), "{wrong}: {said}");
    }
}

/// Errors, warnings and hints.
fn lint(template: &str) -> Output {
    with_file(template, |file| {
        Command::new(tools().cfn_lint()).args(["--include-checks", "I", "--"]).arg(file).output()
    })
}

fn tools() -> Tools {
    Tools::find().expect("the tools are set up")
}

fn with_file(template: &str, run: impl FnOnce(&Path) -> std::io::Result<Output>) -> Output {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let file = dir.path().join("sidetask.yaml");
    std::fs::write(&file, template).expect("written");
    run(&file).expect("the program starts")
}
