use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::Duration;

use metrics::Recorder;
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder};
use metrics_util::layers::FanoutBuilder;
use sidetask::Error;

/// What durations are sorted by, in seconds: from what a claim of the embedded store takes to what a long task does.
const BUCKETS: [f64; 17] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0, 60.0, 300.0, 1800.0];

/// How often what was timed is sorted, so that it does not pile up where nobody scrapes.
const UPKEEP_EVERY: Duration = Duration::from_secs(5);

static INSTALLED: OnceLock<PrometheusHandle> = OnceLock::new();
static INSTALLING: Mutex<()> = Mutex::new(());

/// Counts everything that this process tells the `metrics` crate from now on, for `/metrics`. Call it at the beginning of
/// the program; again it does nothing. Durations of sidetask are histograms from 0.5 ms to 30 min, all others are summaries.
///
/// # Errors
/// [`is_configuration`](Error::is_configuration) where another recorder was installed: install them together, with
/// [`install_beside`], or have that one's text served, with [`Probes::exposition`](crate::Probes::exposition).
pub fn install() -> Result<(), Error> {
    install_as(|ours| metrics::set_global_recorder(ours).is_ok())
}

/// Like [`install`], beside a recorder of your own, which is told everything as well.
///
/// # Errors
/// Those of [`install`].
///
/// ```
/// # type Yours = metrics::NoopRecorder;
/// # let yours = metrics::NoopRecorder;
/// sidetask_observe::install_beside(yours)?;
/// # Ok::<(), sidetask::Error>(())
/// ```
pub fn install_beside(other: impl Recorder + Send + Sync + 'static) -> Result<(), Error> {
    install_as(|ours| {
        let both = FanoutBuilder::default().add_recorder(ours).add_recorder(other).build();
        metrics::set_global_recorder(both).is_ok()
    })
}

fn install_as(set: impl FnOnce(PrometheusRecorder) -> bool) -> Result<(), Error> {
    let _one_at_a_time = INSTALLING.lock().unwrap_or_else(PoisonError::into_inner);
    if INSTALLED.get().is_some() {
        return Ok(());
    }
    let recorder = recorder().map_err(|error| Error::storage("no metrics can be recorded", error))?;
    let handle = recorder.handle();
    if !set(recorder) {
        return Err(Error::configuration(&["another recorder of metrics was installed before: give it to \
                                           `install_beside`, or its text to `Probes::exposition`"
            .to_owned()]));
    }
    sidetask::metrics::describe();
    crate::probes::describe();
    let sorted = handle.clone();
    let upkeep = move || {
        loop {
            thread::sleep(UPKEEP_EVERY);
            sorted.run_upkeep();
        }
    };
    if let Err(error) = thread::Builder::new().name("sidetask-metrics".to_owned()).spawn(upkeep) {
        tracing::warn!(%error, "no thread to sort what was timed: it piles up until it is scraped");
    }
    let _ = INSTALLED.set(handle);
    Ok(())
}

fn recorder() -> Result<PrometheusRecorder, BuildError> {
    let builder = PrometheusBuilder::new();
    Ok(builder.set_buckets_for_metric(Matcher::Prefix("sidetask_".to_owned()), &BUCKETS)?.build_recorder())
}

/// Everything that was counted, as Prometheus reads it; `None` where nothing was installed.
pub(crate) fn render() -> Option<String> {
    INSTALLED.get().map(PrometheusHandle::render)
}
