//! The form in which jobs are stored.

use serde::Serialize;
use sidetask::{Migration, Schema};

use crate::args::Migrate;
use crate::exit::{Exit, Failure};
use crate::output::{Cell, Row, Tone};
use crate::session::{Opening, Session};

/// A step to the form that this program writes.
#[derive(Serialize)]
struct Step {
    number: u32,
    name: String,
    applied: bool,
}

#[derive(Serialize)]
struct Sql {
    version: u32,
    migrations: Vec<Migration>,
}

pub(super) async fn run(session: &Session, migrate: Migrate) -> Result<(), Failure> {
    match migrate {
        Migrate::Up => up(session).await,
        Migrate::Status => status(session, &session.schema().await?),
        Migrate::Sql { all } => sql(session, session.schema().await?, all),
    }
}

async fn up(session: &Session) -> Result<(), Failure> {
    let client = session.open(Opening::OrCreate).await?;
    client.migrate().await?;
    session.out.rows(&steps(&client.schema().await?))?;
    Ok(client.close().await?)
}

/// Lists the migrations. Ends with 1 where one is missing, for scripts that deploy.
fn status(session: &Session, schema: &Schema) -> Result<(), Failure> {
    let steps = steps(schema);
    session.out.rows(&steps)?;
    if steps.iter().all(|step| step.applied) {
        return Ok(());
    }
    Err(Failure::new(Exit::Failed, "migrations are missing: apply them with `migrate up`"))
}

fn steps(schema: &Schema) -> Vec<Step> {
    let step = |migration: &Migration| Step {
        number: migration.number,
        name: migration.name.clone(),
        applied: migration.number <= schema.version,
    };
    schema.migrations.iter().map(step).collect()
}

fn sql(session: &Session, schema: Schema, all: bool) -> Result<(), Failure> {
    let version = schema.version;
    let wanted = |migration: &Migration| all || migration.number > version;
    let sql = Sql { version, migrations: schema.migrations.into_iter().filter(wanted).collect() };
    let text =
        |migration: &Migration| format!("-- {} {}\n{}\n", migration.number, migration.name, migration.sql.trim_end());
    Ok(session.out.value(&sql, |_| sql.migrations.iter().map(text).collect())?)
}

impl Row for Step {
    const COLUMNS: &'static [&'static str] = &["NUMBER", "NAME", "APPLIED"];

    fn cells(&self) -> Vec<Cell> {
        let applied = if self.applied { Cell::new("yes") } else { Cell::new("no").tone(Tone::Warning) };
        vec![Cell::new(self.number.to_string()), Cell::new(&self.name), applied]
    }
}
