//! What browsers are told on every answer, and what they have to tell before anything is changed.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, ORIGIN, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::auth::{authority, only};
use crate::failure::Failure;
use crate::shared::Shared;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Everything comes from here, nothing is written into pages, and nobody shows them in a frame. Forms tell where they come
/// from within this site, so that `Origin` is there.
const HEADERS: [(HeaderName, &str); 6] = [
    (
        CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; \
         frame-ancestors 'none'; base-uri 'none'",
    ),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (X_FRAME_OPTIONS, "DENY"),
    (REFERRER_POLICY, "same-origin"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// Adds these headers to every answer. What does not say otherwise is kept by nobody.
pub(crate) async fn headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// Refuses to change anything for other sites, or at all where the dashboard is read-only.
pub(crate) async fn changes(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    if request.method().is_safe() {
        return next.run(request).await;
    }
    if shared.read_only {
        return Failure::forbidden("this dashboard is read-only").into_response();
    }
    if !is_ours(request.uri(), request.headers()) {
        let message = "this did not come from a page of this dashboard, so that nothing was changed: a program that is no \
                       browser sends the header `Sec-Fetch-Site: none`";
        return Failure::forbidden(message).into_response();
    }
    next.run(request).await
}

/// Whether a request comes from a page of ours, or from no page. Pages cannot set these headers, and browsers send each once.
fn is_ours(uri: &Uri, headers: &HeaderMap) -> bool {
    if headers.contains_key(SEC_FETCH_SITE) {
        return matches!(only(headers, SEC_FETCH_SITE), Some("same-origin" | "none"));
    }
    let origin = only(headers, ORIGIN).and_then(|origin| origin.split_once("://"));
    let origin = origin.filter(|(scheme, host)| matches!(*scheme, "http" | "https") && !host.is_empty());
    origin.is_some_and(|(_, origin)| authority(uri, headers).is_some_and(|own| own.eq_ignore_ascii_case(origin)))
}

#[cfg(test)]
mod tests {
    use axum::http::header::HOST;

    use super::*;

    #[test]
    fn only_our_own_pages_change_anything() {
        for (site, origin, host, ours) in [
            (Some("same-origin"), None, None, true),
            (Some("none"), None, None, true),
            (Some("same-site"), None, None, false),
            (Some("cross-site"), Some("http://a.example"), Some("a.example"), false),
            (Some(""), None, None, false),
            (None, Some("http://a.example:80"), Some("a.example:80"), true),
            (None, Some("https://A.example"), Some("a.example"), true),
            (None, Some("http://b.example"), Some("a.example"), false),
            (None, Some("http://a.example:81"), Some("a.example:80"), false),
            (None, Some("null"), Some("null"), false),
            (None, Some("://a.example"), Some("a.example"), false),
            (None, Some("http://"), Some(""), false),
            (None, Some("http://a.example"), None, false),
            (None, None, Some("a.example"), false),
            (None, None, None, false),
        ] {
            let mut headers = HeaderMap::new();
            for (name, value) in [(SEC_FETCH_SITE, site), (ORIGIN, origin), (HOST, host)] {
                if let Some(value) = value {
                    headers.insert(name, value.parse().unwrap());
                }
            }
            assert_eq!(is_ours(&Uri::default(), &headers), ours, "{headers:?}");
        }
        // By HTTP/2 there is no header for the host.
        let headers = HeaderMap::from_iter([(ORIGIN, HeaderValue::from_static("https://a.example"))]);
        assert!(is_ours(&Uri::from_static("https://A.example/jobs"), &headers));
        assert!(!is_ours(&Uri::from_static("https://b.example/jobs"), &headers));
    }

    #[test]
    fn what_is_said_twice_is_not_believed() {
        for (name, first, second) in [
            (SEC_FETCH_SITE, "none", "cross-site"),
            (SEC_FETCH_SITE, "none", "none"),
            (ORIGIN, "http://a.example", "http://b.example"),
            (HOST, "a.example", "b.example"),
        ] {
            let mut headers = HeaderMap::new();
            if name != SEC_FETCH_SITE {
                headers.insert(ORIGIN, "http://a.example".parse().unwrap());
                headers.insert(HOST, "a.example".parse().unwrap());
                assert!(is_ours(&Uri::default(), &headers));
            }
            headers.insert(&name, first.parse().unwrap());
            headers.append(&name, second.parse().unwrap());
            assert!(!is_ours(&Uri::default(), &headers), "{headers:?}");
        }
    }
}
