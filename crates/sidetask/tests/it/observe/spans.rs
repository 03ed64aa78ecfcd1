use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use sidetask::{Call, TaskError};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;

use crate::kit::{memory, soon, until};

/// What spans were made, with everything that was recorded on them.
#[derive(Clone, Default)]
struct Spans(Arc<Mutex<Vec<Made>>>);

#[derive(Clone, Debug)]
struct Made {
    id: Id,
    name: &'static str,
    level: Level,
    fields: BTreeMap<&'static str, String>,
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Spans {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, _: Context<'_, S>) {
        let metadata = attributes.metadata();
        let mut made =
            Made { id: id.clone(), name: metadata.name(), level: *metadata.level(), fields: BTreeMap::default() };
        attributes.record(&mut made);
        self.0.lock().unwrap().push(made);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, _: Context<'_, S>) {
        let mut spans = self.0.lock().unwrap();
        values.record(spans.iter_mut().rev().find(|made| made.id == *id).unwrap());
    }
}

impl Visit for Made {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.fields.insert(field.name(), value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.fields.insert(field.name(), format!("{value:?}"));
    }
}

impl Spans {
    fn named(&self, name: &str) -> Vec<Made> {
        self.0.lock().unwrap().iter().filter(|made| made.name == name).cloned().collect()
    }
}

#[tokio::test]
async fn spans_are_named_as_those_of_messaging_systems_are() {
    let spans = Spans::default();
    let _subscriber = tracing::subscriber::set_default(tracing_subscriber::registry().with(spans.clone()));
    let kit = memory().await;
    let task = |fails: bool| async move { if fails { Err(TaskError::permanent("no paper")) } else { Ok(()) } };
    let _worker = kit.worker().queue("print", 1).register("print.page", task).start().await.unwrap();
    let call = |fails| Call::new("print.page", fails).queue("print");
    let job = kit.client.enqueue(call(false)).await.unwrap();
    soon(job.wait()).await.unwrap();
    soon(kit.client.enqueue(call(true)).await.unwrap().wait()).await.unwrap();
    kit.client.enqueue_many([call(false), call(false)]).await.unwrap();

    let sent = spans.named("enqueue");
    assert_eq!(sent[0].level, Level::DEBUG);
    let expected = [
        ("messaging.destination.name", "print"),
        ("messaging.operation.name", "send"),
        ("messaging.operation.type", "send"),
        ("messaging.system", "sidetask"),
        ("otel.kind", "producer"),
        ("otel.name", "send print"),
        ("sidetask.job.kind", "print.page"),
    ];
    assert!(expected.iter().all(|(name, value)| sent[0].fields[name] == *value), "{sent:?}");
    assert_eq!(sent[2].fields["messaging.batch.message_count"], "2");

    let id = job.id().to_string();
    let expected = BTreeMap::from([
        ("messaging.destination.name", "print"),
        ("messaging.message.id", &id),
        ("messaging.operation.name", "process"),
        ("messaging.operation.type", "process"),
        ("messaging.system", "sidetask"),
        ("otel.kind", "consumer"),
        ("otel.name", "process print"),
        ("sidetask.job.attempt", "1"),
        ("sidetask.job.kind", "print.page"),
    ]);
    until("all have run", async || spans.named("job").len() == 4).await;
    let attempts = spans.named("job");
    assert_eq!(attempts[0].level, Level::INFO);
    assert_eq!(attempts[0].fields, expected.into_iter().map(|(name, value)| (name, value.to_owned())).collect());
    let failed = &attempts[1].fields;
    assert_eq!(
        ["otel.status_code", "otel.status_description", "error.type"].map(|name| &*failed[name]),
        ["error", "no paper", "permanent"]
    );
}
