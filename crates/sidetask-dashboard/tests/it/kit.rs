//! What every test needs: a store, a dashboard of it, and somebody who looks at it.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::BodyExt;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sidetask::core::lifecycle::Outcome;
use sidetask::core::{Claim, Finish, Joining, Store, Token, Want};
use sidetask::sqlite::SqliteStore;
use sidetask::{Call, Client, JobId, JobRecord, Json, Kinds, MemoryStore, WorkerId};
use sidetask_dashboard::Dashboard;
use tower::ServiceExt;

/// Runs tests, functions of a [`Kit`], over every store.
macro_rules! over_stores {
    ($($test:ident,)*) => {
        mod memory {
            $(#[tokio::test]
            async fn $test() {
                super::$test($crate::kit::memory().await).await;
            })*
        }

        mod sqlite {
            $(#[tokio::test]
            async fn $test() {
                super::$test($crate::kit::sqlite().await).await;
            })*
        }
    };
}
pub(crate) use over_stores;

pub(crate) struct Kit {
    pub(crate) client: Client,
    pub(crate) app: Router,
    _guard: Box<dyn Any>,
}

pub(crate) async fn memory() -> Kit {
    Kit::new(Client::new(Arc::new(MemoryStore::new())), ())
}

pub(crate) async fn sqlite() -> Kit {
    let dir = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(dir.path().join("jobs.db")).await.unwrap();
    Kit::new(Client::new(Arc::new(store)), dir)
}

impl Kit {
    fn new(client: Client, guard: impl Any) -> Self {
        Self { app: Dashboard::new(client.clone()).open().router(), client, _guard: Box::new(guard) }
    }

    /// The same store behind another dashboard.
    pub(crate) fn with(mut self, settings: impl FnOnce(Dashboard) -> Dashboard) -> Self {
        self.app = settings(Dashboard::new(self.client.clone())).router();
        self
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        ask(&self.app, Request::get(path).body(Body::empty()).unwrap()).await
    }

    /// Presses a button of one of our own pages.
    pub(crate) async fn post(&self, path: &str, form: &[(&str, &str)]) -> Answer {
        ask(&self.app, post(path, form)).await
    }

    pub(crate) async fn enqueue(&self, kind: &'static str, args: &str) -> JobId {
        self.stored(Call::from_json(kind, Json::parse(args).unwrap())).await
    }

    pub(crate) async fn stored(&self, call: Call) -> JobId {
        self.client.enqueue(call).await.unwrap().id()
    }

    pub(crate) async fn job(&self, id: JobId) -> JobRecord {
        self.client.job(id).await.unwrap().unwrap()
    }

    /// A job that failed for good, with this message.
    pub(crate) async fn discarded(&self, kind: &'static str, args: &str, message: &str) -> JobId {
        let id = self.enqueue(kind, args).await;
        let token = self.claim(kind).await;
        self.finish(token, Outcome::Permanent(message.to_owned()), None).await;
        id
    }

    fn store(&self) -> &Arc<dyn Store> {
        self.client.store().unwrap()
    }

    /// A worker has the next job of this kind in `default`.
    pub(crate) async fn claim(&self, kind: &str) -> Token {
        let worker = WorkerId::from_bytes([7; 16]);
        let lease = Duration::from_secs(600);
        self.store().join(Joining { worker, name: "host:1".to_owned(), lease }).await.unwrap();
        let wants = vec![Want { queue: "default".to_owned(), limit: 1 }];
        let mut claimed = self.store().claim(Claim { worker, kinds: Kinds::from_iter([kind]), wants }).await.unwrap();
        claimed.pop().expect("a job is there").token
    }

    /// It ends so.
    pub(crate) async fn finish(&self, token: Token, outcome: Outcome, log: Option<&str>) {
        let finish = Finish { token, outcome, retry_in: Duration::from_secs(60), log: log.map(Into::into) };
        self.store().finish(vec![finish]).await.unwrap();
    }
}

/// What came of a request.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: axum::http::HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn header(&self, name: impl header::AsHeaderName) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }

    /// The page, which is one.
    #[track_caller]
    pub(crate) fn page(self) -> String {
        assert_eq!(self.status, StatusCode::OK, "{}", self.text);
        assert_eq!(self.header(header::CONTENT_TYPE), "text/html; charset=utf-8");
        self.text
    }

    /// Where it leads to, as this is done after a change.
    #[track_caller]
    pub(crate) fn led_to(&self) -> &str {
        assert_eq!(self.status, StatusCode::SEE_OTHER, "{}", self.text);
        self.header(header::LOCATION)
    }

    #[track_caller]
    pub(crate) fn failed(self, status: StatusCode) -> String {
        assert_eq!(self.status, status, "{}", self.text);
        self.text
    }
}

pub(crate) fn post(path: &str, form: &[(&str, &str)]) -> Request<Body> {
    let pairs: Vec<String> = form.iter().map(|(name, value)| format!("{name}={}", as_browsers_do(value))).collect();
    Request::post(path)
        .header("sec-fetch-site", "same-origin")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Body::from(pairs.join("&")))
        .unwrap()
}

pub(crate) fn request(method: Method, path: &str) -> axum::http::request::Builder {
    Request::builder().method(method).uri(path)
}

fn as_browsers_do(value: &str) -> String {
    const PLAIN: AsciiSet = NON_ALPHANUMERIC.remove(b'*').remove(b'-').remove(b'.').remove(b'_').remove(b' ');
    utf8_percent_encode(value, &PLAIN).to_string().replace(' ', "+")
}

/// Every byte in its long form.
pub(crate) fn encoded(value: &str) -> String {
    value.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

pub(crate) async fn ask(app: &Router, request: Request<Body>) -> Answer {
    read(app.clone().oneshot(to_loopback(request)).await.unwrap()).await
}

/// With the host that a browser here would send, unless it has one.
pub(crate) fn to_loopback(mut request: Request<Body>) -> Request<Body> {
    request.headers_mut().entry(header::HOST).or_insert(HeaderValue::from_static("localhost"));
    request
}

async fn read(response: Response<Body>) -> Answer {
    let (parts, body) = response.into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    let text = String::from_utf8_lossy(&bytes).into_owned();
    Answer { status: parts.status, headers: parts.headers, text }
}
