//! Requests per second, of every server in turn.

use std::time::Duration;

use crate::Result;
use crate::server::Server;
use crate::servers::Servers;
use sidetask_bench_report::Figures;

/// Short, so that what others do on the machine meets all servers alike.
const WINDOW: Duration = Duration::from_millis(60);
/// Of a round, there and back again.
const TURNS: usize = 4;
/// How long a server is measured in a round.
pub(crate) const MEASURED: Duration = WINDOW.saturating_mul(2 * TURNS as u32);

/// Every server in turn, and all again the other way round, so that what changes steadily meanwhile weighs on all alike.
/// Every other turn begins at the other end.
pub(crate) fn measure(servers: &mut Servers, figures: &mut Figures) -> Result<()> {
    let mut order = Server::ALL;
    for _ in 0..TURNS {
        for server in order.iter().chain(order.iter().rev()) {
            let per_second = servers.drive(*server, WINDOW)?;
            figures.add(&format!("rps_{}", server.name()), per_second / (2 * TURNS) as f64);
        }
        order.reverse();
    }
    Ok(())
}
