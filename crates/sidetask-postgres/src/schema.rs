//! What is in the database: of which version, and how it gets from one version to the next.

use sidetask_core::Error;
use tokio_postgres::Client;

use crate::error::{Fault, explain};
use crate::statement::Texts;

/// Numbered from 1. A migration that was released is never changed.
const MIGRATIONS: &[&str] = &[include_str!("../migrations/0001_jobs.sql")];

/// The version that this crate writes.
pub(crate) const VERSION: usize = MIGRATIONS.len();

const META: &str = "CREATE TABLE IF NOT EXISTS {s}.meta (name text PRIMARY KEY, value text NOT NULL)";

/// Brings the schema to this crate's version, or says why not. One program at a time does so.
pub(crate) async fn migrate(client: &mut Client, texts: &Texts) -> Result<(), Error> {
    let action = format!("migrate schema `{}`", texts.schema());
    step(client, texts).await.map_err(|fault| fault.explain(&action))
}

async fn step(client: &mut Client, texts: &Texts) -> Result<(), Fault> {
    let tx = client.transaction().await?;
    let lock = "SELECT pg_advisory_xact_lock(hashtextextended('sidetask migration of ' || $1::text, 0))";
    tx.query(lock, &[&texts.schema()]).await?;
    tx.batch_execute(&texts.fill("CREATE SCHEMA IF NOT EXISTS {s}")).await?;
    tx.batch_execute(&texts.fill(META)).await?;
    let rows = tx.query(&texts.fill("SELECT value FROM {s}.meta WHERE name = 'version'"), &[]).await?;
    let version = match rows.first() {
        // A version that is not a number is newer than any.
        Some(row) => row.try_get::<_, String>(0)?.parse().unwrap_or(usize::MAX),
        None => 0,
    };
    if version > VERSION {
        return Err(newer(texts, version).into());
    }
    for (migration, number) in MIGRATIONS.iter().zip(1..).skip(version) {
        tx.batch_execute(&texts.fill(migration))
            .await
            .map_err(|error| explain(&format!("apply migration {number} to schema `{}`", texts.schema()), error))?;
    }
    let write = "INSERT INTO {s}.meta VALUES ('version', $1) ON CONFLICT (name) DO UPDATE SET value = excluded.value";
    tx.execute(&texts.fill(write), &[&VERSION.to_string()]).await?;
    Ok(tx.commit().await?)
}

fn newer(texts: &Texts, version: usize) -> Error {
    Error::unusable(format!(
        "schema `{}` has version {version} and this program knows versions up to {VERSION}: use a newer sidetask, or \
         another schema",
        texts.schema()
    ))
}
