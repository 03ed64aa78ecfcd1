//! A server that takes what Lambda, SNS and SQS take, answers each request after the same time, and does nothing.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};

use crate::Result;

/// About what AWS takes within one region.
pub(crate) const LATENCY: Duration = Duration::from_millis(5);

/// On a thread of its own, until the process ends.
pub(crate) struct Stub {
    address: SocketAddr,
    seen: Arc<Mutex<Seen>>,
}

/// What it saw since it was told to forget.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Seen {
    pub(crate) requests: usize,
    pub(crate) most_in_flight: usize,
    in_flight: usize,
}

impl Stub {
    pub(crate) fn start() -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let seen = Arc::default();
        let shared = Arc::clone(&seen);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        thread::spawn(move || runtime.block_on(serve(listener, shared)));
        Ok(Self { address, seen })
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn forget(&self) {
        *locked(&self.seen) = Seen::default();
    }

    pub(crate) fn seen(&self) -> Seen {
        *locked(&self.seen)
    }
}

fn locked(seen: &Mutex<Seen>) -> std::sync::MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn serve(listener: TcpListener, seen: Arc<Mutex<Seen>>) {
    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
    while let Ok((stream, _)) = listener.accept().await {
        let seen = Arc::clone(&seen);
        let _ = stream.set_nodelay(true);
        tokio::spawn(http1::Builder::new().serve_connection(
            TokioIo::new(stream),
            service_fn(move |request| {
                let seen = Arc::clone(&seen);
                async move { Ok::<_, Infallible>(answer(request, &seen).await) }
            }),
        ));
    }
}

async fn answer(request: Request<Incoming>, seen: &Mutex<Seen>) -> Response<Full<Bytes>> {
    {
        let mut seen = locked(seen);
        seen.requests += 1;
        seen.in_flight += 1;
        seen.most_in_flight = seen.most_in_flight.max(seen.in_flight);
    }
    let due = tokio::time::Instant::now() + LATENCY;
    let response = answer_to(request).await;
    tokio::time::sleep_until(due).await;
    locked(seen).in_flight -= 1;
    response.unwrap_or_else(|error| respond(StatusCode::BAD_REQUEST, error.to_string()))
}

async fn answer_to(request: Request<Incoming>) -> Result<Response<Full<Bytes>>> {
    let (head, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    let target = head.headers.get("x-amz-target").map(|target| target.to_str()).transpose()?;
    match target {
        Some("AmazonSQS.SendMessageBatch") => Ok(respond(StatusCode::OK, sqs(&serde_json::from_slice(&body)?)?)),
        Some("AmazonSQS.SendMessage") => Ok(respond(StatusCode::OK, json!({ "MessageId": "m" }).to_string())),
        None if head.uri.path().ends_with("/invocations") => Ok(respond(StatusCode::ACCEPTED, String::new())),
        None => Ok(respond(StatusCode::OK, sns(std::str::from_utf8(&body)?))),
        Some(other) => Err(format!("there is no {other} here").into()),
    }
}

fn respond(status: StatusCode, text: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(text.into()));
    *response.status_mut() = status;
    response
}

/// All messages of a batch were taken.
fn sqs(request: &Value) -> Result<String> {
    let entries = request["Entries"].as_array().ok_or("a batch without entries")?;
    let taken = entries.iter().map(|entry| json!({ "Id": entry["Id"], "MessageId": "m", "MD5OfMessageBody": "0" }));
    Ok(json!({ "Successful": taken.collect::<Vec<_>>(), "Failed": [] }).to_string())
}

/// The same for SNS, which speaks forms and XML.
fn sns(form: &str) -> String {
    let fields = form.split('&').filter_map(|field| field.split_once('='));
    let ids =
        fields.filter(|(name, _)| name.starts_with("PublishBatchRequestEntries.member.") && name.ends_with(".Id"));
    let taken: String = ids.map(|(_, id)| format!("<member><Id>{id}</Id><MessageId>m</MessageId></member>")).collect();
    if taken.is_empty() {
        return "<PublishResponse><PublishResult><MessageId>m</MessageId></PublishResult></PublishResponse>".to_owned();
    }
    format!(
        "<PublishBatchResponse><PublishBatchResult><Successful>{taken}</Successful><Failed/></PublishBatchResult>\
         </PublishBatchResponse>"
    )
}
