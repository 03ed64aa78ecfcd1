use serde_json::{Value, json};
use sidetask_aws_local::{Function, Lambda};

/// The name of the function under test.
pub(crate) const NAME: &str = "handler";

/// A function that does what its event says.
pub(crate) fn handler() -> Function {
    Function::python(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it"), "handlers.handle")
}

/// With only this function.
pub(crate) async fn lambda(function: Function) -> Lambda {
    let lambda = Lambda::start().await.unwrap();
    lambda.function(NAME, function);
    lambda
}

pub(crate) fn unique(prefix: &str) -> String {
    format!("{prefix}-{}", uuid::Uuid::new_v4())
}

pub(crate) fn told_to(what: &str) -> Value {
    json!({ "do": what })
}

pub(crate) fn look() -> Value {
    told_to("look")
}

/// What the handler saw, in the order of its runs.
pub(crate) fn returned(lambda: &Lambda) -> Vec<Value> {
    lambda.runs(NAME).iter().filter_map(|run| run.outcome.returned().cloned()).collect()
}
