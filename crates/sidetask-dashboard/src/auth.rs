//! Who may come in.

use std::fmt::Write;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, HOST, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest, Sha256};

use crate::failure::Failure;
use crate::shared::Shared;

/// What is asked of whoever comes.
#[derive(Clone)]
pub(crate) enum Guard {
    /// The password with this digest. Digests are compared, so that the time it takes says nothing of the password.
    Password([u8; 32]),
    /// Nothing but to have come by one of these names, or a loopback one: a foreign page can have its own name lead here, and
    /// browsers then take us for a part of it.
    Hosts(Vec<String>),
    /// Nobody gets in.
    Shut,
}

impl Guard {
    /// One that asks for this password.
    pub(crate) fn password(password: &str) -> Self {
        Self::Password(Sha256::digest(password).into())
    }

    /// One that asks for a password made just now, which is logged.
    pub(crate) fn generated() -> Self {
        let mut random = [0; 16];
        if let Err(error) = getrandom::fill(&mut random) {
            tracing::error!(%error, "no password could be made for the dashboard, so that it lets nobody in");
            return Self::Shut;
        }
        let password = random.iter().fold(String::new(), |mut password, byte| {
            let _ = write!(password, "{byte:02x}");
            password
        });
        tracing::warn!(%password, "the dashboard asks for this password until the program ends: give it one to keep");
        Self::password(&password)
    }

    /// What a password that was forgotten comes to, such as a variable that is not set.
    pub(crate) fn without_password() -> Self {
        tracing::error!("the password of the dashboard is empty, so that it lets nobody in");
        Self::Shut
    }

    fn admits(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), Failure> {
        match self {
            Self::Password(digest) if given(headers).is_some_and(|given| Sha256::digest(given)[..] == digest[..]) => {
                Ok(())
            }
            Self::Password(_) => {
                Err(Failure::new(StatusCode::UNAUTHORIZED, "this dashboard asks for its password, with any user name"))
            }
            Self::Hosts(hosts) => {
                let Some(host) = authority(uri, headers).map(without_port) else {
                    let message =
                        "this dashboard is open, and answers no request that does not say by which name it came";
                    return Err(Failure::forbidden(message));
                };
                if is_loopback(host) || hosts.iter().any(|known| known.eq_ignore_ascii_case(host)) {
                    return Ok(());
                }
                Err(Failure::forbidden(format!(
                    "this dashboard is open, and answers only by the names that it was given: let `{host}` be one of \
                     them, or give it a password"
                )))
            }
            Self::Shut => Err(Failure::forbidden("this dashboard lets nobody in: see the program's log")),
        }
    }
}

/// Lets nobody by who may not come in.
pub(crate) async fn check(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    match shared.guard.admits(request.uri(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err(failure) => {
            let asks = failure.status == StatusCode::UNAUTHORIZED;
            let mut response = failure.into_response();
            if asks {
                let scheme = HeaderValue::from_static(r#"Basic realm="sidetask", charset="UTF-8""#);
                response.headers_mut().insert(WWW_AUTHENTICATE, scheme);
            }
            response
        }
    }
}

/// The password of HTTP Basic.
fn given(headers: &HeaderMap) -> Option<Vec<u8>> {
    let (scheme, encoded) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    let decoded = BASE64_STANDARD.decode(encoded.trim()).ok().filter(|_| scheme.eq_ignore_ascii_case("basic"))?;
    let colon = decoded.iter().position(|&byte| byte == b':')?;
    Some(decoded[colon + 1..].to_vec())
}

/// The name and port that the request came by. A browser always says it: in a header, or by HTTP/2 with the path.
pub(crate) fn authority<'a>(uri: &'a Uri, headers: &'a HeaderMap) -> Option<&'a str> {
    if headers.contains_key(HOST) {
        return only(headers, HOST);
    }
    uri.authority().map(|authority| authority.as_str())
}

/// A header that is there once: what is said twice may have been understood otherwise on the way.
pub(crate) fn only(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    let mut values = headers.get_all(name).iter();
    values.next().filter(|_| values.next().is_none())?.to_str().ok()
}

fn without_port(authority: &str) -> &str {
    let port = authority.rfind(':').filter(|&colon| !authority[colon..].contains(']'));
    &authority[..port.unwrap_or(authority.len())]
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare.eq_ignore_ascii_case("localhost") || bare.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_is_read_without_its_port() {
        for (host_header, name, loopback) in [
            ("localhost:8080", "localhost", true),
            ("LOCALHOST", "LOCALHOST", true),
            ("127.0.0.1:80", "127.0.0.1", true),
            ("[::1]:80", "[::1]", true),
            ("[::1]", "[::1]", true),
            ("127.0.0.1.evil.example", "127.0.0.1.evil.example", false),
            ("localhost.evil.example:80", "localhost.evil.example", false),
            ("10.0.0.1", "10.0.0.1", false),
        ] {
            assert_eq!(without_port(host_header), name);
            assert_eq!(is_loopback(name), loopback, "{name}");
        }
    }

    #[test]
    fn only_the_password_is_admitted() {
        let guard = Guard::password("s3:cret");
        let answers = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(AUTHORIZATION, value.parse().unwrap());
            guard.admits(&Uri::default(), &headers).is_ok()
        };
        let basic = |text: &str| format!("Basic {}", BASE64_STANDARD.encode(text));
        assert!(answers(&basic("anybody:s3:cret")));
        assert!(answers(&basic(":s3:cret").replace("Basic", "bAsIc")));
        for wrong in ["", ":", "s3:cret", "a:s3:cre", "a:s3:crett", "a:S3:cret"] {
            assert!(!answers(&basic(wrong)), "{wrong}");
        }
        for wrong in ["Basic", "Basic %%%", "Bearer s3:cret"] {
            assert!(!answers(wrong), "{wrong}");
        }
        assert!(guard.admits(&Uri::default(), &HeaderMap::new()).is_err());
    }
}
