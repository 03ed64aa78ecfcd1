//! The servers' processes, each at rest unless it is driven, and the load for each.

use std::time::Duration;

use crate::Result;
use crate::child::Child;
use crate::load::Load;
use crate::server::Server;
use sidetask_bench_report::Figures;

const WARM_UP: Duration = Duration::from_secs(1);

pub(crate) struct Servers {
    driven: Vec<Driven>,
}

struct Driven {
    child: Child,
    load: Load,
    /// What the load had answered, and the processor time that the server used meanwhile, in seconds.
    answered: u64,
    used: f64,
}

impl Servers {
    /// Starts the servers and warms each up, by a load of so many threads.
    pub(crate) fn start(servers: &[Server], threads: usize) -> Result<Self> {
        let driven = servers.iter().map(|server| {
            let child = Child::start(*server)?;
            let load = Load::open(child.address, threads)?;
            Ok(Driven { child, load, answered: 0, used: 0.0 })
        });
        let driven = driven.collect::<Result<_>>()?;
        let mut started = Self { driven };
        for server in servers {
            started.drive(*server, WARM_UP)?;
        }
        Ok(started)
    }

    /// Requests per second. What the requests began has ended too when it returns.
    pub(crate) fn drive(&mut self, server: Server, window: Duration) -> Result<f64> {
        let server = find(&mut self.driven, server)?;
        let before = server.child.processor_time()?;
        let driven = server.load.drive(window)?;
        server.child.answered += driven.answered;
        server.child.settle()?;
        server.answered += driven.answered;
        server.used += server.child.processor_time()? - before;
        Ok(driven.per_second)
    }

    pub(crate) fn child(&mut self, server: Server) -> Result<&mut Child> {
        Ok(&mut find(&mut self.driven, server)?.child)
    }

    /// How much processor time each server used for a request under load, in microseconds: its own, and the kernel's for
    /// it. What else runs on the machine does not change it much.
    pub(crate) fn processor_time(&self) -> Figures {
        let mut figures = Figures::default();
        for Driven { child, answered, used, .. } in &self.driven {
            figures.add(&format!("cpu_us_{}", child.server.name()), used * 1e6 / *answered as f64);
        }
        figures
    }
}

fn find(driven: &mut [Driven], server: Server) -> Result<&mut Driven> {
    let driven = driven.iter_mut().find(|driven| driven.child.server == server);
    driven.ok_or_else(|| format!("`{}` was not started", server.name()).into())
}
