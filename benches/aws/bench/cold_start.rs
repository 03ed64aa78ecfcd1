//! From the start of a process until it asks for its first event.

use crate::Result;
use crate::function::Function;
use crate::programs::Programs;
use sidetask_bench_report::{Figures, percentile};

const STARTS: usize = 40;

pub(crate) async fn measure(programs: &Programs, figures: &mut Figures) -> Result<()> {
    let mut times = [const { Vec::new() }; 2];
    for _ in 0..STARTS {
        for (program, times) in [&programs.echo, &programs.tasks].into_iter().zip(&mut times) {
            let (function, took) = Function::start(program).await?;
            function.stop().await?;
            times.push(took.as_secs_f64());
        }
    }
    figures.set("cold_start_echo_ms", percentile(&mut times[0], 50) * 1e3);
    figures.set("cold_start_ms", percentile(&mut times[1], 50) * 1e3);
    Ok(())
}
