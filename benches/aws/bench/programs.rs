//! The programs that are measured.

use std::path::PathBuf;

use crate::Result;
use sidetask_bench_report::Figures;

pub(crate) struct Programs {
    /// A handler on the bare runtime.
    pub(crate) echo: PathBuf,
    /// A handler that runs tasks.
    pub(crate) tasks: PathBuf,
    /// Sends calls.
    pub(crate) dispatch: PathBuf,
}

impl Programs {
    /// Where `cargo xtask bench aws` leaves them: the handlers have a profile of their own, which strips them.
    pub(crate) fn find() -> Result<Self> {
        let bench = std::env::current_exe()?;
        // target/release/deps/aws-0123456789abcdef
        let target = bench.ancestors().nth(3).ok_or("not in a target directory")?;
        let find = |path: &str| {
            let program = target.join(path);
            if program.exists() {
                return Ok(program);
            }
            Err(format!("{} is missing: start this with `cargo xtask bench aws`", program.display()))
        };
        Ok(Self {
            echo: find("handler/aws-bench-echo")?,
            tasks: find("handler/aws-bench-tasks")?,
            dispatch: find("release/aws-bench-dispatch")?,
        })
    }

    pub(crate) fn sizes(&self, figures: &mut Figures) -> Result<()> {
        figures.set("size_bytes", self.tasks.metadata()?.len() as f64);
        figures.set("size_echo_bytes", self.echo.metadata()?.len() as f64);
        Ok(())
    }
}
