//! Traces, as a collector receives them.

use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{TraceService, TraceServiceServer};
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use sidetask::{Call, TaskError};
use sidetask_observe::Traces;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};
use tracing_subscriber::layer::SubscriberExt as _;

use crate::kit::{PATIENCE, until};

/// A collector that keeps what it receives.
#[derive(Clone, Default)]
struct Collector(Arc<Mutex<Vec<ExportTraceServiceRequest>>>);

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        self.0.lock().unwrap().push(request.into_inner());
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

impl Collector {
    /// Begins to listen, and answers where.
    async fn listen(&self) -> String {
        let incoming = TcpIncoming::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let url = format!("http://{}", incoming.local_addr().unwrap());
        let service = TraceServiceServer::new(self.clone());
        tokio::spawn(Server::builder().add_service(service).serve_with_incoming(incoming));
        url
    }

    fn spans(&self) -> Vec<Span> {
        let received = self.0.lock().unwrap();
        let scopes = received.iter().flat_map(|request| &request.resource_spans).flat_map(|of| &of.scope_spans);
        scopes.flat_map(|scope| scope.spans.clone()).collect()
    }

    fn named(&self, name: &str) -> Vec<Span> {
        self.spans().into_iter().filter(|span| span.name == name).collect()
    }

    fn services(&self) -> Vec<String> {
        let received = self.0.lock().unwrap();
        let resources =
            received.iter().flat_map(|request| &request.resource_spans).filter_map(|of| of.resource.as_ref());
        resources.filter_map(|resource| attribute(&resource.attributes, "service.name")).collect()
    }
}

fn attribute(attributes: &[KeyValue], name: &str) -> Option<String> {
    let attribute = attributes.iter().find(|attribute| attribute.key == name)?;
    match &attribute.value {
        Some(AnyValue { value: Some(Value::StringValue(text)) }) => Some(text.clone()),
        Some(AnyValue { value: Some(Value::IntValue(number)) }) => Some(number.to_string()),
        other => Some(format!("{other:?}")),
    }
}

/// Enqueues a job of each sort, and waits for their ends.
async fn trade() -> Vec<String> {
    let client = sidetask::connect("memory:").await.unwrap();
    let task = |fails: bool| async move { if fails { Err(TaskError::permanent("no stock")) } else { Ok(()) } };
    let _worker = client.worker().queue("orders", 2).register("order.ship", task).start().await.unwrap();
    let mut ids = Vec::new();
    for fails in [false, true] {
        let request = tracing::info_span!("request", fails);
        let call = Call::new("order.ship", fails).queue("orders").max_attempts(1);
        let job = tracing::Instrument::instrument(client.enqueue(call), request).await.unwrap();
        job.wait().await.unwrap();
        ids.push(job.id().to_string());
    }
    ids
}

#[tokio::test]
async fn a_collector_receives_an_attempt_linked_to_where_its_job_was_enqueued() {
    let collector = Collector::default();
    let traces = Traces::start_to("shop", &collector.listen().await).unwrap();
    let guard = tracing::subscriber::set_default(tracing_subscriber::registry().with(traces.layer()));
    let ids = trade().await;
    drop(guard);
    // On the thread of this test's runtime, which the collector needs as well.
    tokio::task::spawn_blocking(|| traces.shutdown(Duration::from_secs(10))).await.unwrap().unwrap();

    let (sent, processed) = (collector.named("send orders"), collector.named("process orders"));
    assert_eq!((sent.len(), processed.len()), (2, 2), "{:?}", collector.spans());
    for ((sent, processed), id) in sent.iter().zip(&processed).zip(&ids) {
        assert_eq!((sent.kind(), processed.kind()), (SpanKind::Producer, SpanKind::Consumer));
        let said = |span: &Span, name: &str| attribute(&span.attributes, name);
        for (name, sending, processing) in [
            ("messaging.system", "sidetask", "sidetask"),
            ("messaging.operation.name", "send", "process"),
            ("messaging.operation.type", "send", "process"),
            ("messaging.destination.name", "orders", "orders"),
            ("sidetask.job.kind", "order.ship", "order.ship"),
        ] {
            assert_eq!(said(sent, name).as_deref(), Some(sending), "{name}");
            assert_eq!(said(processed, name).as_deref(), Some(processing), "{name}");
        }
        assert_eq!(said(processed, "messaging.message.id").as_ref(), Some(id));
        assert_eq!(said(processed, "sidetask.job.attempt").as_deref(), Some("1"));

        let [link] = &processed.links[..] else { panic!("{processed:?}") };
        assert_eq!((&link.trace_id, &link.span_id), (&sent.trace_id, &sent.span_id));
        assert!(processed.parent_span_id.is_empty() && processed.trace_id != sent.trace_id, "a link and no child");
    }
    let requests = collector.named("request");
    assert_eq!(
        sent.iter().map(|span| &span.parent_span_id).collect::<Vec<_>>(),
        [&requests[0].span_id, &requests[1].span_id]
    );
    let failed = processed[1].status.as_ref().unwrap();
    assert_eq!((failed.code(), &*failed.message), (StatusCode::Error, "no stock"));
    assert_eq!(attribute(&processed[1].attributes, "error.type").as_deref(), Some("permanent"));
    assert!(processed[0].status.as_ref().is_none_or(|status| status.code() == StatusCode::Unset));
    assert!(collector.services().iter().all(|service| service == "shop"));
}

#[tokio::test]
async fn a_call_may_say_what_its_attempts_are_linked_to() {
    let collector = Collector::default();
    let traces = Traces::start_to("shop", &collector.listen().await).unwrap();
    let _guard = tracing::subscriber::set_default(tracing_subscriber::registry().with(traces.layer()));
    let client = sidetask::connect("memory:").await.unwrap();
    let _worker = client.worker().queue("orders", 2).register("order.ship", |()| async {}).start().await.unwrap();
    let elsewhere = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".parse().unwrap();
    let job = client.enqueue(Call::new("order.ship", ()).queue("orders").trace_parent(elsewhere)).await.unwrap();
    assert_eq!(job.wait().await.unwrap().trace, Some(elsewhere));
    assert_eq!(sidetask::trace::current(), None, "outside of every span");
    tokio::task::spawn_blocking(|| drop(traces)).await.unwrap();
    let processed = collector.named("process orders").remove(0);
    assert_eq!(processed.links[0].trace_id, 0x4bf92f3577b34da6a3ce929d0e0e4736_u128.to_be_bytes());
    assert_eq!(processed.links[0].span_id, 0x00f067aa0ba902b7_u64.to_be_bytes());
}

/// A program of its own, on one thread, that finds the collector by the environment and ends as programs do.
#[test]
fn a_program_finds_its_collector_by_the_environment_and_sends_its_last_spans() {
    const NAME: &str = "a_program_finds_its_collector_by_the_environment_and_sends_its_last_spans";
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    if std::env::var_os("OTEL_EXPORTER_OTLP_ENDPOINT").is_some() {
        return runtime().block_on(async {
            let traces = Traces::start("shop").unwrap();
            tracing::subscriber::set_global_default(tracing_subscriber::registry().with(traces.layer())).unwrap();
            trade().await;
        });
    }
    let collector = Collector::default();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let url = runtime.block_on(collector.listen());
    let test = format!("{}::{NAME}", module_path!().split_once("::").unwrap().1);
    let mut program = Command::new(std::env::current_exe().unwrap());
    program.args([&test, "--exact"]).env("OTEL_EXPORTER_OTLP_ENDPOINT", url).env("OTEL_SERVICE_NAME", "the shop");
    let ended = program.output().unwrap();
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stdout));
    runtime.block_on(until("the spans", async || collector.named("process orders").len() == 2));
    assert!(collector.services().iter().all(|service| service == "the shop"), "{:?}", collector.services());
}

#[test]
fn a_url_that_is_none_is_refused() {
    assert!(Traces::start_to("shop", "not a url").unwrap_err().is_configuration());
}

#[test]
fn a_collector_that_is_not_there_holds_nobody_up_and_is_told_of() {
    let log = Arc::new(Mutex::new(Vec::new()));
    let writer = Arc::clone(&log);
    let written = tracing_subscriber::fmt::layer().with_ansi(false).with_writer(move || Writer(Arc::clone(&writer)));
    let traces = Traces::start_to("shop", "http://127.0.0.1:9").unwrap();
    // For every thread: it is told of on the one that sends.
    tracing::subscriber::set_global_default(tracing_subscriber::registry().with(traces.layer()).with(written)).unwrap();
    drop(tracing::info_span!("lost"));
    let _ = traces.shutdown(PATIENCE);
    let log = String::from_utf8(log.lock().unwrap().clone()).unwrap();
    assert!(log.contains("WARN opentelemetry") || log.contains("ERROR opentelemetry"), "{log}");
}

struct Writer(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
