use std::sync::Arc;

use axum::extract::State as Extract;
use maud::{Markup, html};
use sidetask::{Timestamp, WorkerRecord};

use super::where_supported;
use crate::failure::Failure;
use crate::format::{brief, number, time};
use crate::layout::{Frame, Section, page};
use crate::shared::Shared;

/// Who runs jobs.
pub(crate) async fn workers(Extract(shared): Extract<Arc<Shared>>, frame: Frame) -> Result<Markup, Failure> {
    let now = shared.client.clock().now();
    let content = match where_supported(shared.client.workers().await)? {
        None => html! { p.empty { "This store does not know its workers." } },
        Some(workers) if workers.is_empty() => {
            html! { p.empty { "No worker is known: jobs wait until one is started." } }
        }
        Some(workers) => table(&workers, now),
    };
    Ok(page(&frame, Section::Workers, "Workers", frame.live(content)))
}

fn table(workers: &[WorkerRecord], now: Timestamp) -> Markup {
    html! {
        div.scroll tabindex="0" role="region" aria-label="Workers" {
            table {
                caption { (number(workers.len() as u64)) " known" }
                thead { tr {
                    th scope="col" { "Name" }
                    th scope="col" { "Id" }
                    th scope="col" { "Joined" }
                    th scope="col" { "Lease" }
                    th.num scope="col" { "Jobs it holds" }
                } }
                tbody {
                    @for worker in workers {
                        tr {
                            th scope="row" { (brief(&worker.name, 80)) }
                            td { code { (worker.id) } }
                            td { (time(worker.started_at, now)) }
                            td {
                                @if worker.lease_until > now { "ends " (time(worker.lease_until, now)) }
                                @else { span.badge.danger { "expired " (time(worker.lease_until, now)) } }
                            }
                            td.num { (number(worker.running)) }
                        }
                    }
                }
            }
        }
    }
}
