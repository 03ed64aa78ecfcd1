//! What all pages have around them.

use std::convert::Infallible;
use std::fmt::Display;
use std::sync::Arc;

use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use maud::{DOCTYPE, Markup, html};

use crate::assets::{APP, HTMX, ICON, STYLE};
use crate::flash::Flash;
use crate::shared::Shared;

/// What a page has to know of the request that it answers.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    /// The way from this page to the first one: links are relative, since nobody tells where the dashboard is mounted.
    root: String,
    /// The way from this page to itself, with what is asked of it.
    here: String,
    pub(crate) read_only: bool,
    /// What was done right before.
    flash: Flash,
}

/// Where a page belongs in the menu.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Section {
    Overview,
    Jobs,
    Dead,
    Queues,
    Workers,
    Nowhere,
}

const MENU: [(Section, &str, &str); 5] = [
    (Section::Overview, "overview", "Overview"),
    (Section::Jobs, "jobs", "Jobs"),
    (Section::Dead, "dead", "Dead letters"),
    (Section::Queues, "queues", "Queues"),
    (Section::Workers, "workers", "Workers"),
];

/// Neither styles nor code of htmx's own go into the page, which the content security policy forbids; what a server
/// refuses is shown as well.
const HTMX_CONFIG: &str = r#"{"includeIndicatorStyles":false,"allowEval":false,"allowScriptTags":false,"selfRequestsOnly":true,"historyCacheSize":0,"refreshOnHistoryMiss":true,"responseHandling":[{"code":"204","swap":false},{"code":"[23]..","swap":true},{"code":"[45]..","swap":true,"error":true}]}"#;

impl Frame {
    /// The frame of a request for this path below the dashboard.
    pub(crate) fn new(parts: &Parts, read_only: bool) -> Self {
        let path = parts.uri.path();
        let depth = path.bytes().filter(|&byte| byte == b'/').count().saturating_sub(1);
        let last = path.rsplit('/').next().unwrap_or_default();
        let query = parts.uri.query().map(|query| format!("?{query}")).unwrap_or_default();
        let flash = Query::try_from_uri(&parts.uri).map(|Query(flash)| flash).unwrap_or_default();
        Self { root: "../".repeat(depth), here: format!("./{last}{query}"), read_only, flash }
    }

    /// A link to a path below the dashboard.
    pub(crate) fn to(&self, path: impl Display) -> String {
        format!("./{}{path}", self.root)
    }

    /// Wraps what is to be kept up to date: it is fetched again when something changed, and now and then in any case.
    pub(crate) fn live(&self, content: Markup) -> Markup {
        html! {
            div #live hx-get=(self.here) hx-trigger="changed from:body, every 15s" hx-select="#live" hx-target="this"
                hx-swap="outerHTML" hx-sync="this:drop" hx-disinherit="*" { (content) }
        }
    }
}

impl FromRequestParts<Arc<Shared>> for Frame {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, shared: &Arc<Shared>) -> Result<Self, Infallible> {
        Ok(Self::new(parts, shared.read_only))
    }
}

/// A whole page.
pub(crate) fn page(frame: &Frame, section: Section, title: &str, content: Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="robots" content="noindex";
                meta name="htmx-config" content=(HTMX_CONFIG);
                title { (title) " · sidetask" }
                link rel="icon" type="image/svg+xml" href=(frame.to(&ICON.path));
                link rel="stylesheet" href=(frame.to(&STYLE.path));
                script src=(frame.to(&HTMX.path)) defer {}
                script src=(frame.to(&APP.path)) defer {}
            }
            body data-events=(frame.to("events")) {
                a.skip href="#main" { "Skip to content" }
                header.top {
                    a.brand href=(frame.to("overview")) { "sidetask" }
                    nav aria-label="Pages" {
                        ul {
                            @for (at, path, name) in MENU {
                                li { a href=(frame.to(path)) aria-current=[(at == section).then_some("page")] { (name) } }
                            }
                        }
                    }
                    @if frame.read_only { span.badge { "read only" } }
                    span #live-status.live-status role="status" {}
                    span #said.visually-hidden aria-live="polite" {}
                }
                main #main tabindex="-1" {
                    h1 { bdi { (title) } }
                    @if let Some(words) = frame.flash.words() { p.notice.good role="status" { (words) } }
                    (content)
                }
            }
        }
    }
}
