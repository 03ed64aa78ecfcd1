//! What is in the database: of which version, and how it gets from one version to the next.
//!
//! Nothing here is prepared by name: behind a pooler the name would stay on a connection that somebody else gets next.

use std::time::Duration;

use sidetask_core::{Error, Migration, Schema};
use tokio_postgres::types::Type;
use tokio_postgres::{Client, GenericClient};

use crate::database::Database;
use crate::error::{Fault, explain};
use crate::statement::Texts;

/// What each is about, and what it does. Numbered from 1. A migration that was released is never changed.
const MIGRATIONS: &[(&str, &str)] = &[
    ("jobs", include_str!("../migrations/0001_jobs.sql")),
    ("operate", include_str!("../migrations/0002_operate.sql")),
];

/// The version that this crate writes.
pub(crate) const VERSION: usize = MIGRATIONS.len();

/// How long a migration may take, a wait for another program's included.
const LIMIT: Duration = Duration::from_secs(600);

const SCHEMA: &str = "CREATE SCHEMA {s}";

const META: &str = "CREATE TABLE {s}.meta (name text PRIMARY KEY, value text NOT NULL)";

/// Says that the migration of a number was applied.
fn write_version(number: usize) -> String {
    format!(
        "INSERT INTO {{s}}.meta VALUES ('version', '{number}') ON CONFLICT (name) DO UPDATE SET value = excluded.value"
    )
}

/// What is found in a schema.
#[derive(Debug, PartialEq, Eq)]
enum Found {
    /// No schema of this name.
    Missing,
    /// One without tables.
    Empty,
    /// Tables, and none that says that they are sidetask's: some of their names.
    Foreign(String),
    Version(usize),
}

/// Brings the schema to this crate's version, or says why not. One program at a time does so, and only where there is
/// something to do: a user who may only read and write rows needs no other right then.
pub(crate) async fn migrate(database: &Database) -> Result<(), Error> {
    let texts = &database.texts;
    let action = format!("migrate schema `{}`", texts.schema());
    let done = async {
        let mut session = database.open().await?;
        let done = match database.within(look(&**session, texts)).await {
            Ok(Found::Version(VERSION)) => Ok(()),
            Ok(_) => match tokio::time::timeout(LIMIT, step(&mut session, texts)).await {
                Ok(stepped) => stepped,
                Err(_) => Err(Fault::TimedOut(LIMIT)),
            },
            Err(fault) => Err(fault),
        };
        database.put_back(session, &done);
        done
    };
    done.await.map_err(|fault: Fault| fault.explain(&action))
}

/// Looks whether the schema can be used, and changes nothing. One that has yet to be migrated can, once it was.
pub(crate) async fn check(database: &Database) -> Result<(), Error> {
    let texts = &database.texts;
    let action = format!("look at schema `{}`", texts.schema());
    let done = async {
        let session = database.open().await?;
        let found = database.within(look(&**session, texts)).await;
        database.put_back(session, &found);
        match found? {
            Found::Version(VERSION) => {}
            Found::Version(version) if version > VERSION => return Err(newer(texts, version).into()),
            Found::Foreign(tables) => return Err(foreign(texts, &tables).into()),
            found => tracing::warn!(
                schema = texts.schema(),
                ?found,
                "the schema has no tables of this version, and is not to be migrated (`migrate=false`): nothing can be \
                 stored until it was",
            ),
        }
        Ok(())
    };
    done.await.map_err(|fault: Fault| fault.explain(&action))
}

/// Which version is there, and what leads to this program's: each migration as whoever owns the database may run it by
/// hand, with the note that it was applied.
pub(crate) async fn describe(database: &Database) -> Result<Schema, Fault> {
    let texts = &database.texts;
    let session = database.open().await?;
    let found = database.within(look(&**session, texts)).await;
    database.put_back(session, &found);
    let found = found?;
    let version = match &found {
        Found::Version(version) => *version,
        Found::Foreign(tables) => return Err(foreign(texts, tables).into()),
        Found::Missing | Found::Empty => 0,
    };
    let migrations = MIGRATIONS.iter().zip(1..).map(|((name, migration), number)| {
        let before = match number {
            // To make a schema takes a right that whoever was given one need not have.
            1 if found == Found::Empty => format!("{META};\n\n"),
            1 => format!("{SCHEMA};\n\n{META};\n\n"),
            _ => String::new(),
        };
        // Its placeholder is filled.
        let migration = migration.replace("`{s}` stands for the schema. ", "");
        let title = format!("-- sidetask, migration {number}: {name}");
        let sql = texts.fill(&format!("{title}\n\n{before}{migration}\n{};\n", write_version(number)));
        Migration { number: u32::try_from(number).unwrap_or(u32::MAX), name: (*name).to_owned(), sql }
    });
    Ok(Schema { version: u32::try_from(version).unwrap_or(u32::MAX), migrations: migrations.collect() })
}

async fn step(client: &mut Client, texts: &Texts) -> Result<(), Fault> {
    let tx = client.transaction().await?;
    let limit = LIMIT.as_millis();
    tx.batch_execute(&format!(
        "SET LOCAL statement_timeout = {limit}; SET LOCAL idle_in_transaction_session_timeout = {limit}"
    ))
    .await?;
    let lock = "SELECT pg_advisory_xact_lock(hashtextextended('sidetask migration of ' || $1::text, 0))";
    tx.query_typed(lock, &[(&texts.schema(), Type::TEXT)]).await?;
    let version = match look(&tx, texts).await? {
        Found::Version(version) if version > VERSION => return Err(newer(texts, version).into()),
        Found::Version(version) => version,
        Found::Foreign(tables) => return Err(foreign(texts, &tables).into()),
        found => {
            if found == Found::Missing {
                // Asks for a right on the database that the owner of an existing schema need not have.
                tx.batch_execute(&texts.fill(SCHEMA)).await?;
            }
            tx.batch_execute(&texts.fill(META)).await?;
            0
        }
    };
    for ((_, migration), number) in MIGRATIONS.iter().zip(1..).skip(version) {
        tx.batch_execute(&texts.fill(migration)).await.map_err(|error| {
            let action = format!("apply migration {number} to schema `{}`", texts.schema());
            explain(&action, error)
        })?;
    }
    tx.batch_execute(&texts.fill(&write_version(VERSION))).await?;
    Ok(tx.commit().await?)
}

/// The tables of a schema, without a right on any.
const TABLES: &str = "SELECT tables.relname::text FROM pg_catalog.pg_namespace AS schemas
    LEFT JOIN pg_catalog.pg_class AS tables ON tables.relnamespace = schemas.oid AND tables.relkind IN ('r', 'p')
    WHERE schemas.nspname = $1 ORDER BY tables.relname";

const VERSIONED: &str = "SELECT EXISTS (SELECT FROM pg_catalog.pg_attribute
    WHERE attrelid = to_regclass($1) AND attname = 'value' AND atttypid = 'text'::regtype)";

async fn look(client: &impl GenericClient, texts: &Texts) -> Result<Found, Fault> {
    let mut tables: Vec<String> = Vec::new();
    let rows = client.query_typed(TABLES, &[(&texts.schema(), Type::TEXT)]).await?;
    if rows.is_empty() {
        return Ok(Found::Missing);
    }
    for row in &rows {
        tables.extend(row.try_get::<_, Option<String>>(0)?);
    }
    if tables.is_empty() {
        return Ok(Found::Empty);
    }
    if tables.iter().any(|table| table == "meta")
        && let Some(version) = version(client, texts).await?
    {
        return Ok(Found::Version(version));
    }
    tables.truncate(3);
    Ok(Found::Foreign(tables.join(", ")))
}

async fn version(client: &impl GenericClient, texts: &Texts) -> Result<Option<usize>, Fault> {
    let is_ours = client.query_typed(VERSIONED, &[(&texts.fill("{s}.meta"), Type::TEXT)]).await?;
    if !is_ours.first().map_or(Ok(false), |row| row.try_get(0))? {
        return Ok(None);
    }
    let read = texts.fill("SELECT value FROM {s}.meta WHERE name = 'version'");
    match client.query_typed(&read, &[]).await?.first() {
        // A version that is not a number is newer than any.
        Some(row) => Ok(Some(row.try_get::<_, String>(0)?.parse().unwrap_or(usize::MAX))),
        None => Ok(None),
    }
}

fn newer(texts: &Texts, version: usize) -> Error {
    Error::unusable(format!(
        "schema `{}` has version {version} and this program knows versions up to {VERSION}: use a newer sidetask, or \
         another schema",
        texts.schema()
    ))
}

fn foreign(texts: &Texts, tables: &str) -> Error {
    Error::unusable(format!(
        "schema `{}` has tables that are not sidetask's ({tables}): name another schema, which is made where it is missing",
        texts.schema()
    ))
}
