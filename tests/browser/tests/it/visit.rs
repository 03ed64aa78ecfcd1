use anyhow::{Result, ensure};
use sidetask::core::NewJob;
use sidetask::{JobId, JobRecord, Json, State};
use sidetask_browser_tests::{Browser, History, Settings, Site};
use sidetask_dashboard::Dashboard;
use sidetask_testing::new_job;

/// Somebody looks at a dashboard.
pub(crate) struct Visit {
    // First, so that no page is open when its server ends.
    pub(crate) browser: Browser,
    pub(crate) site: Site,
}

impl Visit {
    /// Of one that is open to all, and of no jobs.
    pub(crate) async fn begin() -> Result<Self> {
        Self::with(Dashboard::open).await
    }

    pub(crate) async fn with(settings: Settings) -> Result<Self> {
        Ok(Self { browser: Browser::start().await?, site: Site::with(settings).await? })
    }

    /// Opens a page, by its path below the dashboard.
    pub(crate) async fn open(&self, path: &str) -> Result<()> {
        self.browser.open(&self.site.url(path)).await
    }

    /// Opens the page of a job.
    pub(crate) async fn open_job(&self, id: JobId) -> Result<()> {
        self.open(&format!("jobs/{id}")).await
    }

    /// Stores a job of this kind in this state, with an error where it failed, and opens its page.
    pub(crate) async fn open_new(&self, kind: &'static str, state: State) -> Result<JobId> {
        let id = self.new_job(kind, state).await?;
        self.open_job(id).await?;
        Ok(id)
    }

    /// Stores a job of this kind in this state, with an error where it failed.
    pub(crate) async fn new_job(&self, kind: &'static str, state: State) -> Result<JobId> {
        let job = NewJob { args: Json::from_stored(r#"{"to":"ada"}"#), ..new_job(kind) };
        History::of(&self.site).await?.run_to(state, job, "mailbox is full").await
    }

    /// What is stored of a job; none where it is gone.
    pub(crate) async fn record(&self, id: JobId) -> Result<Option<JobRecord>> {
        Ok(self.site.store.jobs(vec![id]).await?.pop().flatten())
    }

    /// The state that a job is in; none where it is gone.
    pub(crate) async fn state(&self, id: JobId) -> Result<Option<State>> {
        Ok(self.record(id).await?.map(|job| job.state))
    }

    /// The arguments of a job.
    pub(crate) async fn args(&self, id: JobId) -> Result<String> {
        Ok(self.record(id).await?.map(|job| job.args.as_str().to_owned()).unwrap_or_default())
    }

    /// Nothing that was looked at complained.
    pub(crate) async fn end(&self) -> Result<()> {
        let complaints = self.browser.complaints().await?;
        ensure!(complaints.is_empty(), "pages complained: {complaints:#?}");
        Ok(())
    }
}
