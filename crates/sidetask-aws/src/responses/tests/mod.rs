//! The protocol against real conditional writes, which moto makes, over a wire that the tests can cut.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use aws_smithy_types::retry::RetryConfig;
use sidetask::{JobId, JobRecord, Timestamp};
use sidetask_aws_local::{ACCESS_KEY, Moto, REGION, SECRET_KEY};
use uuid::Uuid;

use super::admit::Admitted;
use super::{Begun, Delivery, Queued, Responses};
use crate::payload::Payloads;
use crate::sdk::{Credentials, Sdk, Settings};

mod admitting;
mod attempts;
mod damage;
mod faults;
mod keyed;
mod model;
mod outputs;
mod reading;
mod wire;

use wire::Wire;

const TTL: Duration = Duration::from_secs(600);

/// A whole second, so that the boundaries of TTLs are where they seem to be.
const NOW: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);

/// A table of its own.
struct Bench {
    moto: Moto,
    wire: Arc<Wire>,
    sdk: Sdk,
    table: String,
    responses: Responses,
}

impl Bench {
    async fn new() -> Result<Self> {
        let moto = Moto::shared().await?;
        let table = format!("responses-{}", Uuid::new_v4());
        moto.table(&table).await?;
        let settings = Settings {
            region: Some(REGION.to_owned()),
            endpoint: Some(moto.endpoint().to_owned()),
            credentials: Some(Credentials::new(ACCESS_KEY, SECRET_KEY)),
            ..Settings::default()
        };
        let sdk = Sdk::new(settings);
        let config = sdk.config().await.clone();
        let wire = Arc::new(Wire::new(config.http_client().expect("an HTTP client")));
        let retries = RetryConfig::standard().with_initial_backoff(Duration::from_millis(1));
        let config = aws_sdk_dynamodb::config::Builder::from(&config).retry_config(retries);
        let sdk = sdk.with_dynamodb(aws_sdk_dynamodb::Client::from_conf(config.http_client(wire.client()).build()));
        let responses = Responses::new(sdk.clone(), table.clone(), TTL, None);
        Ok(Self { moto, wire, sdk, table, responses })
    }

    /// The same table, large outputs in this bucket.
    fn with_bucket(&self, bucket: &str) -> Responses {
        let outputs = Payloads::new(self.sdk.clone(), bucket.to_owned());
        Responses::new(self.sdk.clone(), self.table.clone(), TTL, Some(outputs))
    }

    async fn admit(&self, job: &Queued, now: Timestamp) -> Result<Admitted> {
        Ok(self.responses.admit(std::slice::from_ref(job), now).await.remove(0)?)
    }

    async fn begin(&self, id: JobId, holder: &str, now: Timestamp) -> Result<Begun> {
        Ok(self.responses.begin(&delivery(id, holder, later(now, 60)), now).await?)
    }

    async fn run(&self, id: JobId, holder: &str, now: Timestamp) -> Result<(u32, u64)> {
        match self.begin(id, holder, now).await? {
            Begun::Run { attempt, fence, .. } => Ok((attempt, fence)),
            other => anyhow::bail!("{other:?}"),
        }
    }

    async fn read(&self, id: JobId, now: Timestamp) -> Result<Option<JobRecord>> {
        Ok(self.responses.read(&[id], now).await?.remove(0))
    }
}

fn delivery(id: JobId, holder: &str, until: Timestamp) -> Delivery<'_> {
    Delivery { id, kind: "mail.welcome", max_attempts: 3, holder, until }
}

fn new_id() -> JobId {
    JobId::from_bytes(Uuid::new_v4().into_bytes())
}

fn fresh() -> Queued {
    Queued {
        id: new_id(),
        kind: "mail.welcome".to_owned(),
        queue: "mail".to_owned(),
        max_attempts: 3,
        run_at: NOW,
        key: None,
        id_given: false,
    }
}

fn given(id: JobId) -> Queued {
    Queued { id, id_given: true, ..fresh() }
}

fn keyed(key: &str) -> Queued {
    Queued { key: Some(key.to_owned()), ..fresh() }
}

fn later(now: Timestamp, seconds: u64) -> Timestamp {
    now.after(Duration::from_secs(seconds))
}
