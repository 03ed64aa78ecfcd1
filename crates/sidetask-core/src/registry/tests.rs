use super::*;
use crate::{CancelToken, RateLimit, TaskErrorKind};

fn context() -> Context {
    Context::in_process("test", 1, 1, CancelToken::new())
}

async fn run(registry: &Registry, kind: &str, args: &str) -> Result<String, TaskError> {
    let definition = registry.find(kind).unwrap();
    match definition.run(&Json::from_stored(args), context(), &StateMap::new())? {
        Work::Async(future) => future.await.map(|json| json.as_str().to_owned()),
        Work::Blocking(f) => f().map(|json| json.as_str().to_owned()),
    }
}

#[tokio::test]
async fn closures_take_and_return_what_json_carries() {
    let mut registry = Registry::new();
    registry.register("factorial", |n: u64| async move { (1..=n).product::<u64>() });
    registry.register("divide", |(a, b): (u32, u32)| async move { a.checked_div(b).ok_or(std::fmt::Error) });
    registry.register("which", |(): (), cx: Context| async move { cx.kind().to_owned() });
    registry.register_blocking("shout", |text: String| text.to_uppercase());
    registry.check().unwrap();

    assert_eq!(run(&registry, "factorial", "20").await.unwrap(), "2432902008176640000");
    assert_eq!(run(&registry, "divide", "[6, 3]").await.unwrap(), "2");
    assert!(run(&registry, "divide", "[6, 0]").await.is_err());
    assert_eq!(run(&registry, "which", "null").await.unwrap(), "\"test\"");
    assert_eq!(run(&registry, "shout", "\"hé\"").await.unwrap(), "\"HÉ\"");
}

#[tokio::test]
async fn arguments_that_do_not_fit_name_the_task_before_and_when_it_runs() {
    let mut registry = Registry::new();
    registry.register("shout", |text: String| async move { text.to_uppercase() });
    registry.add::<Greets>();
    for kind in ["shout", "greets"] {
        let error = registry.find(kind).unwrap().check(&Json::from_stored("7")).unwrap_err();
        assert!(error.is_decode() && error.to_string().contains(kind), "{error}");
        let error = run(&registry, kind, "7").await.unwrap_err();
        let expected = format!("the arguments do not fit task `{kind}`: invalid type");
        assert!(error.to_string().starts_with(&expected), "{error}");
    }
}

#[tokio::test]
async fn a_closure_may_fail_with_any_error() {
    let mut registry = Registry::new();
    registry.register("text", |(): ()| async { Err::<(), _>("no answer") });
    registry.register("string", |(): ()| async { Err::<(), _>("no answer".to_owned()) });
    registry
        .register("box", |(): ()| async { Err::<(), Box<dyn std::error::Error + Send + Sync>>("no answer".into()) });
    registry.register_blocking("error", |(): ()| Err::<(), _>(std::io::Error::other("no answer")));
    registry.register("ours", |(): ()| async { Err::<(), _>(TaskError::permanent("no answer")) });
    for (kind, asks_for) in [
        ("text", TaskErrorKind::Retry),
        ("string", TaskErrorKind::Retry),
        ("box", TaskErrorKind::Retry),
        ("error", TaskErrorKind::Retry),
        ("ours", TaskErrorKind::Permanent),
    ] {
        let error = run(&registry, kind, "null").await.unwrap_err();
        assert_eq!((error.kind(), error.to_string().as_str()), (asks_for, "no answer"), "{kind}");
    }
}

#[test]
fn a_kind_claimed_twice_is_refused_with_both_places() {
    let mut registry = Registry::new();
    registry.register("a", |(): ()| async {});
    registry.register("b", |(): ()| async {}).alias("a");
    let error = registry.check().unwrap_err();
    assert!(error.is_configuration());
    assert_eq!(error.to_string().matches("tests.rs:").count(), 2, "{error}");
}

#[test]
fn adding_one_function_twice_is_adding_it_once() {
    let mut registry = Registry::new();
    for _ in 0..2 {
        registry.register("a", |(): ()| async {});
    }
    registry.add::<Greets>();
    registry.add::<Greets>();
    registry.check().unwrap();
}

struct Greets;
impl TaskFunction for Greets {
    const KIND: &'static str = "greets";
    type Args = ();
    type Output = ();
    fn needs() -> Vec<StateNeed> {
        vec![StateNeed::of::<Arc<str>>()]
    }
    fn run((): (), _: Context, _: &StateMap) -> Result<Work<()>, TaskError> {
        Ok(Work::future(async { Ok(()) }))
    }
}

#[test]
fn a_missing_state_names_task_and_type() {
    let definition = Definition::of::<Greets>();
    let error = definition.check_states(&StateMap::new()).unwrap_err();
    assert!(error.is_missing_state());
    assert!(error.to_string().contains("greets") && error.to_string().contains("Arc<str>"), "{error}");
    let mut states = StateMap::new();
    states.insert::<Arc<str>>("hello".into());
    definition.check_states(&states).unwrap();
}

#[test]
fn rate_limits_that_cannot_be_used_or_differ_are_refused_and_named() {
    let second = std::time::Duration::from_secs(1);
    let limited = |name, burst| TaskOptions::new().rate_limit(RateLimit::new(name, second, burst));
    let mut registry = Registry::new();
    registry.register("one", |(): ()| async {}).set_options(limited("crm", 1));
    registry.register("same", |(): ()| async {}).set_options(limited("crm", 1));
    registry.check().unwrap();
    registry.add::<Greets>().set_options(limited("crm", 7));
    registry.add::<Greets>().set_options(limited("crm", 1));
    registry.check().expect("the later options hold");
    registry.register("other", |(): ()| async {}).set_options(limited("crm", 2));
    registry.register("none", |(): ()| async {}).set_options(limited("mail", 0));
    let error = registry.check().unwrap_err();
    assert!(error.is_configuration());
    for part in ["`one` and `other`", "burst of 1", "burst of 2", "task `none`", "burst of 0"] {
        assert!(error.to_string().contains(part), "{error}");
    }
}
