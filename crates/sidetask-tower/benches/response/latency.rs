//! How long one request takes while there is no other.

use std::time::Instant;

use crate::Result;
use crate::server::Server;
use crate::servers::Servers;
use sidetask_bench_report::{Figures, percentile};

const SERVERS: [Server; 4] = [Server::Plain, Server::Layer, Server::Spawn, Server::Task];
/// Requests sent to one server before it is the next one's turn: enough that a task weighs on the requests behind it, few
/// enough that what others do on the machine meets all servers alike.
const IN_A_ROW: usize = 100;
/// Of a round, there and back again.
const TURNS: usize = 20;

/// One connection, which sends its next request as soon as it has the answer.
pub(crate) fn measure(servers: &mut Servers, figures: &mut Figures) -> Result<()> {
    let mut connections = Vec::new();
    for server in SERVERS {
        let child = servers.child(server)?;
        child.answered += (2 * TURNS * IN_A_ROW) as u64;
        connections.push((child.connect()?, Vec::with_capacity(2 * TURNS * IN_A_ROW)));
    }
    for _ in 0..TURNS {
        for at in (0..SERVERS.len()).chain((0..SERVERS.len()).rev()) {
            let (connection, micros) = &mut connections[at];
            for _ in 0..IN_A_ROW {
                let begun = Instant::now();
                connection.hello()?;
                micros.push(begun.elapsed().as_secs_f64() * 1e6);
            }
        }
    }
    for (server, (_, mut micros)) in SERVERS.into_iter().zip(connections) {
        for percent in [50, 99] {
            figures.add(&format!("latency_{}_p{percent}_us", server.name()), percentile(&mut micros, percent));
        }
        servers.child(server)?.settle()?;
    }
    Ok(())
}
