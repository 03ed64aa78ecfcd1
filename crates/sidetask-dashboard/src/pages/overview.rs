use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use maud::{Markup, html};

use crate::charts::{Chart, Unit, draw};
use crate::layout::{Frame, Section, page};
use crate::shared::Shared;

/// How the last hour went.
pub(crate) async fn overview(State(shared): State<Arc<Shared>>, frame: Frame) -> Markup {
    let now = shared.client.clock().now();
    let from = now.before(Duration::from_secs(60 * 60));
    let chart = Chart { title: "Jobs a minute", unit: Unit::Count, from, until: now, lines: &[] };
    page(&frame, Section::Overview, "Overview", frame.live(html! { div.charts { (draw(&chart)) } }))
}
