//! What `#[task]` adds, at run time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sidetask::{
    Backoff, Call, CancelToken, Context, Definition, Json, Registry, StateMap, TaskError, TaskErrorKind, TaskFunction,
    Work, task, task_sns,
};

use crate::kit::{Kit, over_stores, soon};

#[derive(Clone)]
struct Greeting(&'static str);

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Receipt {
    text: String,
    attempt: u32,
}

/// Greets.
#[task(
    name = "tests.greet",
    aliases = ["tests.welcome", "tests.hello"],
    queue = "mail",
    max_attempts = 5,
    timeout = "1500ms",
    priority = -3,
    backoff = "5s"
)]
async fn greet(#[state] greeting: Greeting, cx: Context, name: String, mut marks: u8) -> Result<Receipt, TaskError> {
    if name.is_empty() {
        return Err(TaskError::permanent("nobody to greet"));
    }
    marks += 1;
    let marks = "!".repeat(marks.into());
    Ok(Receipt { text: format!("{} {name}{marks}", greeting.0), attempt: cx.attempt() })
}

#[task]
fn sum(numbers: Vec<i64>) -> i64 {
    numbers.iter().sum()
}

#[task]
async fn nothing() {}

#[task]
async fn r#match(r#type: String) -> String {
    r#type
}

mod inner {
    #[sidetask::task]
    pub(crate) async fn placed() {}
    pub(crate) const PLACED_AT: u32 = line!() - 1;
}

#[task]
async fn renamed(#[serde(alias = "file", rename = "path")] source: String, #[serde(default)] width: u32) -> String {
    format!("{source} {width}")
}

#[task]
#[expect(clippy::too_many_arguments, reason = "the generated `call` must not warn of what the function already does")]
fn eight(a: u8, b: u8, c: u8, d: u8, e: u8, f: u8, g: u8, h: u8) -> [u8; 8] {
    [a, b, c, d, e, f, g, h]
}

fn states() -> StateMap {
    let mut states = StateMap::new();
    states.insert(Greeting("Hello"));
    states.insert::<Arc<str>>("shared".into());
    states
}

async fn run_with(kind: &str, args: &str, states: &StateMap) -> Result<String, TaskError> {
    let mut registry = Registry::discovered();
    registry.check()?;
    let definition = registry.find(kind).unwrap_or_else(|| panic!("{kind} is not registered"));
    let cx = Context::in_process(kind, 2, 5, CancelToken::new());
    let output = match definition.run(&Json::from_stored(args), cx, states)? {
        Work::Async(future) => future.await?,
        Work::Blocking(f) => f()?,
        other => panic!("{other:?}"),
    };
    Ok(output.as_str().to_owned())
}

async fn run(kind: &str, args: &str) -> Result<String, TaskError> {
    run_with(kind, args, &states()).await
}

#[test]
fn a_kind_is_the_functions_path_unless_it_is_pinned() {
    assert_eq!(sum::KIND, "it.macros.sum");
    assert_eq!(inner::placed::KIND, "it.macros.inner.placed");
    assert_eq!(r#match::KIND, "it.macros.match");
    assert_eq!(greet::KIND, "tests.greet");
    assert_eq!(<greet as TaskFunction>::KIND, greet::KIND);
}

#[tokio::test]
async fn the_function_can_be_called_as_ever() {
    let cx = Context::in_process("x", 1, 1, CancelToken::new());
    let receipt = greet(Greeting("Hi"), cx, "Ada".into(), 0).await.unwrap();
    assert_eq!(receipt, Receipt { text: "Hi Ada!".into(), attempt: 1 });
    assert_eq!(sum(vec![1, 2]), 3);
}

#[test]
fn a_call_stores_an_object_by_parameter_name() {
    let table = [
        (greet::call("Ada".into(), 2).args().unwrap().as_str().to_owned(), r#"{"name":"Ada","marks":2}"#),
        (sum::call(vec![1, 2]).args().unwrap().as_str().to_owned(), r#"{"numbers":[1,2]}"#),
        (nothing::call().args().unwrap().as_str().to_owned(), "{}"),
        (r#match::call("x".into()).args().unwrap().as_str().to_owned(), r#"{"type":"x"}"#),
        (renamed::call("a".into(), 1).args().unwrap().as_str().to_owned(), r#"{"path":"a","width":1}"#),
    ];
    for (stored, expected) in table {
        assert_eq!(stored, expected);
    }
}

#[test]
fn a_call_carries_kind_options_and_the_type_of_its_output() {
    let call: Call<Receipt> = greet::call("Ada".into(), 0);
    let job = call.into_new_job(None, 1024).unwrap();
    assert_eq!((&*job.kind, &*job.queue, job.max_attempts, job.priority), ("tests.greet", "mail", 5, -3));
}

#[tokio::test]
async fn arguments_are_taken_by_name_and_by_position() {
    let expected = r#"{"text":"Hello Ada!!","attempt":2}"#;
    for args in [r#"{"marks":1,"name":"Ada"}"#, r#"["Ada",1]"#, r#"{"name":"Ada","marks":1,"removed":true}"#] {
        assert_eq!(run("tests.greet", args).await.unwrap(), expected, "{args}");
    }
    for args in ["{}", "[]", "null"] {
        assert_eq!(run("it.macros.nothing", args).await.unwrap(), "null", "{args}");
    }
}

#[tokio::test]
async fn arguments_of_the_wrong_shape_are_an_error_that_says_what_is_wrong() {
    let table = [
        (r#"{"name":"Ada"}"#, "missing field `marks`"),
        (r#"["Ada"]"#, "expected the arguments of `greet`, as an object by parameter name or an array by position"),
        (r#"{"name":"Ada","marks":256}"#, "256"),
        ("null", "expected the arguments of `greet`"),
        (r#"["Ada",1,2]"#, "trailing"),
        ("{", "EOF"),
    ];
    for (args, expected) in table {
        let error = run("tests.greet", args).await.unwrap_err().to_string();
        assert!(error.contains(expected) && error.contains("greet"), "{args}: {error}");
    }
}

#[tokio::test]
async fn serde_attributes_apply_to_the_stored_form() {
    for args in [r#"{"path":"a.png"}"#, r#"{"file":"a.png"}"#, r#"["a.png"]"#] {
        assert_eq!(run("it.macros.renamed", args).await.unwrap(), r#""a.png 0""#, "{args}");
    }
}

#[tokio::test]
async fn more_than_seven_arguments_keep_their_order() {
    let call = eight::call(1, 2, 3, 4, 5, 6, 7, 8);
    assert_eq!(run(eight::KIND, call.args().unwrap().as_str()).await.unwrap(), "[1,2,3,4,5,6,7,8]");
}

#[test]
fn options_are_those_of_the_attribute_or_the_defaults() {
    let options = Definition::of::<greet>().options().clone();
    assert_eq!((&*options.queue, options.max_attempts, options.priority), ("mail", 5, -3));
    assert_eq!(options.timeout, Some(Duration::from_millis(1500)));
    assert_eq!(format!("{:?}", options.backoff), "fixed(5s)");
    let options = Definition::of::<sum>().options().clone();
    assert_eq!((&*options.queue, options.max_attempts, options.priority, options.timeout), ("default", 20, 0, None));
    assert_eq!(format!("{:?}", options.backoff), format!("{:?}", Backoff::default()));
}

#[test]
fn the_names_of_the_stored_arguments_are_known_in_their_order() {
    let table: [(Definition, &[&str]); 5] = [
        (Definition::of::<greet>(), &["name", "marks"]),
        (Definition::of::<sum>(), &["numbers"]),
        (Definition::of::<nothing>(), &[]),
        (Definition::of::<r#match>(), &["type"]),
        (Definition::of::<renamed>(), &["path", "width"]),
    ];
    for (definition, names) in table {
        assert_eq!(definition.parameters(), names, "{}", definition.kind());
    }
}

#[task(to = "sqs:https://sqs.eu-west-1.amazonaws.com/1/mail")]
async fn sent_whole() {}

#[task(remote_aws_lambda_function_name = "thumbs:live", remote_aws_region = "eu-west-1")]
async fn sent_in_parts() {}

#[task_sns(capture_response = true, queue = "mail")]
async fn published(a: u8, b: u8) -> u8 {
    a + b
}

#[test]
fn a_destination_is_that_of_the_attribute_or_none() {
    let to = |definition: Definition| definition.options().to.clone().map(std::borrow::Cow::into_owned);
    let table = [
        (Definition::of::<sum>(), None),
        (Definition::of::<sent_whole>(), Some("sqs:https://sqs.eu-west-1.amazonaws.com/1/mail")),
        (Definition::of::<sent_in_parts>(), Some("lambda:thumbs:live?region=eu-west-1")),
        (Definition::of::<published>(), Some("sns:?capture=true")),
    ];
    for (definition, expected) in table {
        let kind = definition.kind().to_owned();
        assert_eq!(to(definition).as_deref(), expected, "{kind}");
    }
    assert_eq!(&*published::options().queue, "mail");
}

over_stores! {
    a_store_takes_no_notice_of_destinations,
}

async fn a_store_takes_no_notice_of_destinations(kit: Kit) {
    let mut registry = Registry::new();
    registry.add::<published>();
    let _worker = kit.client.worker().registry(registry).queue("mail", 1).start().await.unwrap();
    let job = kit.client.enqueue(published::call(1, 2).to("lambda:elsewhere")).await.unwrap();
    assert_eq!(soon(job.output()).await.unwrap(), 3);
}

mod backoffs {
    use super::*;

    const FIRST: Duration = Duration::from_millis(10);

    #[task(backoff = Backoff::exponential(FIRST, Duration::from_secs(1)))]
    pub(super) async fn exponential() {}

    fn linear(attempt: u32) -> Duration {
        Duration::from_secs(attempt.into())
    }

    #[task(backoff = linear)]
    pub(super) async fn function() {}

    #[task(backoff = |attempt: u32| Duration::from_secs(7) * attempt)]
    pub(super) async fn closure() {}

    #[task(backoff = Duration::from_secs(3))]
    pub(super) async fn wait() {}
}

#[test]
fn a_backoff_is_any_expression_that_becomes_one() {
    fn wait<F: TaskFunction>() -> Duration {
        F::options().backoff.wait(2, &mut fastrand::Rng::with_seed(1))
    }
    assert!((Duration::from_millis(10)..=Duration::from_millis(20)).contains(&wait::<backoffs::exponential>()));
    assert_eq!(wait::<backoffs::function>(), Duration::from_secs(2));
    assert_eq!(wait::<backoffs::closure>(), Duration::from_secs(14));
    assert_eq!(wait::<backoffs::wait>(), Duration::from_secs(3));
    assert_eq!(wait::<greet>(), Duration::from_secs(5));
}

#[test]
fn discovery_finds_every_task_under_its_kind_and_aliases() {
    let mut registry = Registry::discovered();
    registry.check().unwrap();
    for kind in [greet::KIND, sum::KIND, nothing::KIND, inner::placed::KIND] {
        assert_eq!(registry.find(kind).unwrap().kind(), kind);
    }
    for alias in ["tests.welcome", "tests.hello"] {
        assert_eq!(registry.find(alias).unwrap().kind(), greet::KIND);
        assert!(registry.kinds().contains(alias));
    }
}

#[test]
fn the_place_of_a_task_is_its_function() {
    let mut registry = Registry::discovered();
    registry.check().unwrap();
    let place = registry.find(inner::placed::KIND).unwrap().place();
    assert!(place.file().ends_with("tests/it/macros.rs"), "{place}");
    assert_eq!(place.line(), inner::PLACED_AT, "{place}");
}

#[test]
fn another_function_that_claims_a_tasks_kind_is_refused() {
    let mut registry = Registry::new();
    registry.add::<sum>();
    registry.register(sum::KIND, |(): ()| async {});
    let error = registry.check().unwrap_err();
    assert!(error.is_configuration() && error.to_string().contains(sum::KIND), "{error}");
}

#[test]
fn a_task_inside_a_function_is_one_as_well() {
    #[task]
    async fn local(n: u8) -> u8 {
        n
    }
    assert_eq!(local::KIND, "it.macros.local");
    assert!(Registry::discovered().iter().any(|known| known.kind() == local::KIND));
}

#[tokio::test]
async fn a_missing_state_names_task_and_type() {
    let definition = Definition::of::<greet>();
    definition.check_states(&states()).unwrap();
    let early = definition.check_states(&StateMap::new()).unwrap_err();
    assert!(early.is_missing_state());
    let late = run_with("tests.greet", r#"["Ada",1]"#, &StateMap::new()).await.unwrap_err();
    for error in [early.to_string(), late.to_string()] {
        assert!(error.contains("tests.greet") && error.contains("Greeting"), "{error}");
    }
}

mod several_states {
    use super::*;

    #[task]
    pub(super) fn joined(#[state] shared: Arc<str>, n: u8, #[state] greeting: Greeting, cx: Context) -> String {
        format!("{shared} {n} {} {}", greeting.0, cx.kind())
    }
}

#[tokio::test]
async fn states_arguments_and_context_may_stand_in_any_order() {
    assert_eq!(several_states::joined::call(7).args().unwrap().as_str(), r#"{"n":7}"#);
    let kind = several_states::joined::KIND;
    assert_eq!(run(kind, r#"{"n":7}"#).await.unwrap(), format!(r#""shared 7 Hello {kind}""#));
}

#[test]
fn async_functions_run_on_the_runtime_and_plain_ones_on_threads() {
    let work = |definition: Definition, args: &str| {
        let cx = Context::in_process("x", 1, 1, CancelToken::new());
        definition.run(&Json::from_stored(args), cx, &states()).unwrap()
    };
    assert!(matches!(work(Definition::of::<nothing>(), "{}"), Work::Async(_)));
    assert!(matches!(work(Definition::of::<sum>(), "[[1]]"), Work::Blocking(_)));
}

mod failing {
    use super::*;

    #[derive(Debug)]
    pub(super) struct Own;

    impl std::fmt::Display for Own {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("own error")
        }
    }

    impl std::error::Error for Own {}

    #[task]
    pub(super) async fn own() -> Result<(), Own> {
        Err(Own)
    }

    #[task]
    pub(super) async fn io() -> std::io::Result<u8> {
        Err(std::io::Error::other("disk"))
    }

    #[task]
    pub(super) fn with_anyhow() -> anyhow::Result<()> {
        Err(anyhow::anyhow!("inner").context("outer"))
    }

    #[task]
    pub(super) async fn boxed() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        Err("boxed".into())
    }

    #[task]
    pub(super) fn text() -> Result<(), String> {
        Err("text".into())
    }

    #[task]
    pub(super) async fn snoozed() -> Result<(), TaskError> {
        Err(TaskError::snooze(Duration::from_secs(9)))
    }
}

#[tokio::test]
async fn every_kind_of_error_becomes_the_attempts_failure() {
    let table = [
        (failing::own::KIND, TaskErrorKind::Retry, "own error"),
        (failing::io::KIND, TaskErrorKind::Retry, "disk"),
        (failing::with_anyhow::KIND, TaskErrorKind::Retry, "outer: inner"),
        (failing::boxed::KIND, TaskErrorKind::Retry, "boxed"),
        (failing::text::KIND, TaskErrorKind::Retry, "text"),
        (failing::snoozed::KIND, TaskErrorKind::Snooze(Duration::from_secs(9)), "snoozed"),
    ];
    for (kind, asks, text) in table {
        let error = run(kind, "{}").await.unwrap_err();
        assert_eq!((error.kind(), error.to_string().as_str()), (asks, text), "{kind}");
    }
    let error = run("tests.greet", r#"["",0]"#).await.unwrap_err();
    assert_eq!((error.kind(), error.to_string().as_str()), (TaskErrorKind::Permanent, "nobody to greet"));
}

#[tokio::test]
async fn no_parameter_name_clashes_with_a_generated_one() {
    #[task]
    #[expect(clippy::too_many_arguments, reason = "many names")]
    async fn names(
        args: u8,
        cx: u8,
        work: u8,
        self_: u8,
        arg0: u8,
        _states: u8,
        state0: u8,
        error: u8,
        names: u8,
    ) -> BTreeMap<String, u8> {
        let all = [args, cx, work, self_, arg0, _states, state0, error, names];
        all.into_iter().map(|n| (format!("n{n}"), n)).collect()
    }
    let call = names::call(0, 1, 2, 3, 4, 5, 6, 7, 8);
    let output = run(names::KIND, call.args().unwrap().as_str()).await.unwrap();
    assert!(output.starts_with(r#"{"n0":0,"n1":1,"#) && output.ends_with(r#""n8":8}"#), "{output}");
}

macro_rules! tasks {
    ($($name:ident($argument:ident: $type:ty) -> $output:ty = $attempts:expr;)*) => {$(
        #[task(max_attempts = $attempts)]
        async fn $name($argument: $type) -> $output {
            Ok($argument)
        }
    )*};
}

tasks! {
    made_by_a_macro(n: u8) -> Result<u8, TaskError> = 3;
}

#[tokio::test]
async fn a_macro_may_write_tasks() {
    assert_eq!(run(made_by_a_macro::KIND, made_by_a_macro::call(4).args().unwrap().as_str()).await.unwrap(), "4");
    assert_eq!(made_by_a_macro::options().max_attempts, 3);
}
