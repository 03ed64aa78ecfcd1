//! Who may see and change what.

use std::io;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use sidetask::State;
use tower::ServiceExt;

use crate::kit::{self, Kit, ask, request, to_loopback};

/// Each page and what changes something.
async fn every_path(kit: &Kit) -> Vec<(Method, String)> {
    let id = kit.discarded("report", "{}", "boom").await;
    let assets = kit.get("/").await.text;
    let style =
        assets.split("href=\"./").find(|link| link.starts_with("assets/style")).unwrap().split('"').next().unwrap();
    let see = [
        "/",
        "/jobs",
        "/dead",
        "/queues",
        "/workers",
        "/events",
        "/bulk?do=retry",
        "/api/jobs",
        "/api/queues",
        "/api/stats",
    ];
    let see = see.map(str::to_owned).into_iter();
    let see = see.chain([format!("/jobs/{id}"), format!("/api/jobs/{id}"), "/nothing".to_owned(), format!("/{style}")]);
    let change = ["edit", "retry", "cancel", "delete", "run-now"].map(|what| format!("/jobs/{id}/{what}")).into_iter();
    let change = change.chain(["retry", "delete"].map(|what| format!("/api/jobs/{id}/{what}")));
    let change = change.chain(["/bulk", "/queues/pause", "/nothing"].map(str::to_owned));
    see.map(|path| (Method::GET, path)).chain(change.map(|path| (Method::POST, path))).collect()
}

/// The head of an answer: that of `events` goes on.
async fn status_of(kit: &Kit, request: Request<Body>) -> (StatusCode, header::HeaderMap) {
    let response = kit.app.clone().oneshot(to_loopback(request)).await.unwrap();
    (response.status(), response.headers().clone())
}

#[tokio::test]
async fn every_answer_forbids_what_is_not_ours() {
    let open = kit::memory().await;
    let paths = every_path(&open).await;
    for kit in [open, kit::memory().await.with(|dashboard| dashboard.password("secret"))] {
        for (method, path) in &paths {
            let (_, headers) = status_of(&kit, request(method.clone(), path).body(Body::empty()).unwrap()).await;
            let header = |name: &str| headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default();
            let policy = header("content-security-policy");
            for part in [
                "default-src 'none'",
                "script-src 'self';",
                "style-src 'self';",
                "connect-src 'self'",
                "form-action 'self'",
                "frame-ancestors 'none'",
                "base-uri 'none'",
            ] {
                assert!(policy.contains(part), "{method} {path}: {policy}");
            }
            assert!(!policy.contains("unsafe"), "{policy}");
            assert_eq!(header("x-content-type-options"), "nosniff", "{method} {path}");
            assert_eq!(header("referrer-policy"), "same-origin", "{method} {path}");
            let is_asset = path.starts_with("/assets/") && header("content-type").starts_with("text/css");
            let kept = if is_asset { "public, max-age=31536000, immutable" } else { "no-store" };
            assert_eq!(header("cache-control"), kept, "{method} {path}");
        }
    }
}

#[tokio::test]
async fn nobody_comes_in_without_the_password() {
    let open = kit::memory().await;
    let paths = every_path(&open).await;
    let kit = Kit::with(open, |dashboard| dashboard.password("s3:cret é"));
    for (method, path) in paths {
        for basic in [None, Some("anybody:s3:cret"), Some("s3:cret é:"), Some(":")] {
            let mut request = request(method.clone(), &path).header("sec-fetch-site", "same-origin");
            if let Some(basic) = basic {
                request = request.header(header::AUTHORIZATION, basic_auth(basic));
            }
            let (status, headers) = status_of(&kit, request.body(Body::empty()).unwrap()).await;
            assert_eq!(status, StatusCode::UNAUTHORIZED, "{method} {path} {basic:?}");
            assert!(headers[header::WWW_AUTHENTICATE].to_str().unwrap().starts_with("Basic realm="));
        }
        let request = request(method.clone(), &path).header(header::AUTHORIZATION, basic_auth("anybody:s3:cret é"));
        let (status, _) = status_of(&kit, request.body(Body::empty()).unwrap()).await;
        assert_ne!(status, StatusCode::UNAUTHORIZED, "{method} {path}");
    }
}

fn basic_auth(pair: &str) -> String {
    use base64::Engine;
    format!("Basic {}", base64::prelude::BASE64_STANDARD.encode(pair))
}

#[tokio::test]
async fn a_password_that_nobody_gave_is_made_and_logged_once() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
    let kit = tracing::subscriber::with_default(subscriber, || {
        let client = sidetask::Client::new(Arc::new(sidetask::MemoryStore::new()));
        sidetask_dashboard::Dashboard::new(client).router()
    });
    let said = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    let password = said.split("password=").nth(1).unwrap().split_whitespace().next().unwrap().to_owned();
    assert_eq!((said.matches("password=").count(), password.len()), (1, 32), "{said}");
    let ask_with = async |pair: &str| {
        let request = Request::get("/").header(header::AUTHORIZATION, basic_auth(pair));
        ask(&kit, request.body(Body::empty()).unwrap()).await.status
    };
    assert_eq!(ask_with(&format!("me:{password}")).await, StatusCode::OK);
    assert_eq!(ask_with("me:").await, StatusCode::UNAUTHORIZED);
    assert_eq!(ask_with(&format!("me:{}", "0".repeat(32))).await, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn an_empty_password_lets_nobody_in() {
    let kit = kit::memory().await.with(|dashboard| dashboard.password(""));
    for basic in ["", ":", "me:"] {
        let request = Request::get("/").header(header::AUTHORIZATION, basic_auth(basic)).body(Body::empty()).unwrap();
        assert_eq!(ask(&kit.app, request).await.status, StatusCode::FORBIDDEN, "{basic}");
    }
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn other_sites_change_nothing() {
    let kit = kit::memory().await;
    let id = kit.discarded("report", "{}", "boom").await;
    for (site, origin, is_let) in [
        (Some("same-origin"), None, true),
        (Some("none"), None, true),
        (Some("cross-site"), None, false),
        (Some("same-site"), Some("http://localhost:8080"), false),
        (None, Some("http://localhost:8080"), true),
        (None, Some("http://evil.example"), false),
        (None, Some("null"), false),
        (None, None, false),
    ] {
        for path in [format!("/jobs/{id}/retry"), format!("/api/jobs/{id}/retry")] {
            kit.client.cancel(id).await.unwrap();
            let mut request = Request::post(&path).header(header::HOST, "localhost:8080");
            for (name, value) in [("sec-fetch-site", site), ("origin", origin)] {
                if let Some(value) = value {
                    request = request.header(name, value);
                }
            }
            let answer = ask(&kit.app, request.body(Body::empty()).unwrap()).await;
            assert_eq!(answer.status != StatusCode::FORBIDDEN, is_let, "{site:?} {origin:?} {}", answer.text);
            assert_eq!(kit.job(id).await.state == State::Available, is_let, "{site:?} {origin:?}");
        }
    }
}

#[tokio::test]
async fn a_read_only_dashboard_changes_nothing_and_has_no_buttons() {
    let open = kit::memory().await;
    let paths = every_path(&open).await;
    let kit = open.with(|dashboard| dashboard.open().read_only(true));
    let before = kit.client.stats().await.unwrap();
    for (method, path) in paths {
        if method == Method::GET {
            let (status, headers) = status_of(&kit, request(method, &path).body(Body::empty()).unwrap()).await;
            if status == StatusCode::OK && headers[header::CONTENT_TYPE] == "text/html; charset=utf-8" {
                let page = kit.get(&path).await.page();
                assert!(
                    !page.contains("method=\"post\"><button") && !page.contains("class=\"danger\""),
                    "{path}: {page}"
                );
                assert!(!page.contains("/retry") && page.contains("read only"), "{path}: {page}");
            }
            continue;
        }
        let request = request(method, &path).header("sec-fetch-site", "same-origin");
        let answer = ask(&kit.app, request.body(Body::empty()).unwrap()).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path}");
        assert!(answer.text.contains("read-only"), "{path}: {}", answer.text);
    }
    assert_eq!(kit.client.stats().await.unwrap(), before);
}

#[tokio::test]
async fn a_request_that_does_not_say_whom_it_asks_is_not_let_in() {
    let kit = kit::memory().await;
    let request = Request::get("/jobs").body(Body::empty()).unwrap();
    let answer = kit.app.clone().oneshot(request).await.unwrap();
    assert_eq!(answer.status(), StatusCode::FORBIDDEN);
    let request = Request::get("/jobs").header(header::HOST, "").body(Body::empty()).unwrap();
    assert_eq!(ask(&kit.app, request).await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn an_open_dashboard_answers_by_its_own_names_only() {
    let kit = kit::memory().await;
    let named = kit::memory().await.with(|dashboard| dashboard.open().host("admin.example"));
    for (host, open, with_name) in [
        ("localhost:8080", true, true),
        ("127.0.0.1", true, true),
        ("[::1]:80", true, true),
        ("admin.example", false, true),
        ("Admin.Example:443", false, true),
        ("evil.example", false, false),
        ("127.0.0.1.evil.example", false, false),
    ] {
        for (kit, is_let) in [(&kit, open), (&named, with_name)] {
            let request = Request::get("/jobs").header(header::HOST, host).body(Body::empty()).unwrap();
            let expected = if is_let { StatusCode::OK } else { StatusCode::FORBIDDEN };
            assert_eq!(ask(&kit.app, request).await.status, expected, "{host}");
            // As it comes by HTTP/2, also where the dashboard is a part of something else.
            let nested = Router::new().nest("/tasks", kit.app.clone());
            for (app, path) in [(&kit.app, "/jobs"), (&nested, "/tasks/jobs")] {
                let request = Request::get(format!("http://{host}{path}")).body(Body::empty()).unwrap();
                let answer = app.clone().oneshot(request).await.unwrap();
                assert_eq!(answer.status(), expected, "{host}");
            }
        }
    }
}
