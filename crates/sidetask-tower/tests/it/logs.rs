//! What is logged, and which span tasks run in.

use std::fmt;
use std::sync::{Arc, Mutex};

use http::{Request, Response};
use sidetask::{Call, Task};
use sidetask_tower::{Background, BackgroundLayer};
use tracing::field::{Field, Visit};
use tracing::span;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;

use crate::kit::{Client, Frames, Ran, call, get, read};

/// What was logged. Clones are one record.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Logged>>);

#[derive(Default)]
struct Logged {
    errors: Vec<String>,
    /// The names of spans, and of those that they follow from.
    follows: Vec<(String, String)>,
}

impl Log {
    fn install(&self) -> tracing::subscriber::DefaultGuard {
        tracing::subscriber::set_default(tracing_subscriber::registry().with(self.clone()))
    }

    fn errors(&self) -> Vec<String> {
        self.0.lock().unwrap().errors.clone()
    }

    fn follows(&self) -> Vec<(String, String)> {
        self.0.lock().unwrap().follows.clone()
    }
}

impl<S: tracing::Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Log {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        if *event.metadata().level() == tracing::Level::ERROR {
            let mut text = Text(String::new());
            event.record(&mut text);
            self.0.lock().unwrap().errors.push(text.0);
        }
    }

    fn on_follows_from(&self, id: &span::Id, follows: &span::Id, cx: Context<'_, S>) {
        let name = |id: &span::Id| cx.span(id).unwrap().name().to_owned();
        self.0.lock().unwrap().follows.push((name(id), name(follows)));
    }
}

struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.push_str(&format!("{}={value:?} ", field.name()));
    }
}

#[tokio::test]
async fn a_list_that_no_layer_takes_says_so() {
    let (log, ran) = (Log::default(), Ran::default());
    let _guard = log.install();
    let mut response = Response::new(Frames::two());
    Background::new(ran.task("lost")).attach(&mut response);
    assert!(log.errors().is_empty());
    drop(response);
    let [error] = &log.errors()[..] else { panic!("{:?}", log.errors()) };
    assert!(error.contains("no BackgroundLayer around this response") && error.contains("lost"), "{error}");

    drop(Background::new(ran.task("loose")));
    let errors = log.errors();
    assert!(errors[1].contains("attached to no response") && errors[1].contains("loose"), "{errors:?}");
}

#[tokio::test]
async fn a_list_that_a_layer_took_says_nothing() {
    let (log, ran, layer) = (Log::default(), Ran::default(), BackgroundLayer::in_process());
    let _guard = log.install();
    let response = get(&layer, async |_| {
        let mut response = Response::new(Frames::two());
        Background::new(ran.task("if sent")).only_if_sent().attach(&mut response);
        response
    })
    .await;
    read(response, Client::LeavesBeforeTheBody).await;
    assert!(ran.by_the_end_of(&layer).await.is_empty());
    assert!(log.errors().is_empty(), "{:?}", log.errors());
}

#[tokio::test]
async fn a_task_added_after_the_response_is_complete_says_so() {
    let (log, ran, layer) = (Log::default(), Ran::default(), BackgroundLayer::in_process());
    let _guard = log.install();
    let mut background = None;
    let response = get(&layer, async |request| {
        background = Background::of(&request);
        Response::new(Frames::two())
    })
    .await;
    read(response, Client::ReadsAll).await;
    let background = background.unwrap();
    background.add_task(ran.task("late"));
    background.add_durable(Call::new("late call", ()));
    let errors = log.errors();
    assert!(errors.len() == 2 && errors[0].contains("late") && errors[1].contains("late call"), "{errors:?}");
}

#[tokio::test]
async fn a_failure_is_logged_and_told_with_the_tasks_name_and_the_requests_id() {
    let (log, told) = (Log::default(), Arc::new(Mutex::new(Vec::new())));
    let _guard = log.install();
    let seen = Arc::clone(&told);
    let layer = BackgroundLayer::builder().on_error(move |failure| {
        let is_here = failure.place.is_some_and(|place| place.file() == file!());
        seen.lock().unwrap().push((failure.name.to_owned(), failure.origin.map(str::to_owned), is_here));
    });
    let layer = layer.build().unwrap();
    for (name, in_request) in [("fails", true), ("panics", false)] {
        let mut request = Request::builder();
        if in_request {
            request = request.header("x-request-id", "r-9");
        }
        let handler = |_| {
            let mut response = Response::new(Frames::two());
            response.headers_mut().insert("x-request-id", "of the response".parse().unwrap());
            let run = move || async move {
                assert_eq!(name, "fails", "by order");
                Err::<(), _>(std::io::Error::other("no luck"))
            };
            Background::new(Task::new(run).named(name)).attach(&mut response);
            async { Ok::<_, &str>(response) }
        };
        read(call(&layer, request.body(()).unwrap(), handler).await.unwrap(), Client::ReadsAll).await;
    }
    layer.shutdown(crate::kit::LONG).await;
    let owned = |name: &str, origin: &str| (name.to_owned(), Some(origin.to_owned()), true);
    assert_eq!(*told.lock().unwrap(), [owned("fails", "r-9"), owned("panics", "of the response")]);
    let errors = log.errors();
    assert!(errors.iter().any(|error| error.contains("fails") && error.contains("r-9")), "{errors:?}");
    assert_eq!((layer.stats().failed, errors.len()), (2, 2));
}

#[tokio::test]
async fn a_task_follows_from_the_span_that_it_was_added_in_else_from_the_responses() {
    let (log, ran, layer) = (Log::default(), Ran::default(), BackgroundLayer::in_process());
    let _guard = log.install();
    let loose = Background::new(ran.task("outside"));
    let request = tracing::info_span!("request");
    let respond = get(&layer, async |_| {
        let mut response = Response::new(Frames::two());
        loose.attach(&mut response);
        tracing::info_span!("handler").in_scope(|| Background::new(ran.task("inside")).attach(&mut response));
        response
    });
    let response = tracing::Instrument::instrument(respond, request).await;
    read(response, Client::ReadsAll).await;
    ran.by_the_end_of(&layer).await;
    let pair = |span: &str, of: &str| (span.to_owned(), of.to_owned());
    assert_eq!(log.follows(), [pair("task", "request"), pair("task", "handler")]);
}
