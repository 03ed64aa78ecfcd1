//! What the server can do by itself: insert rows with a payload like a job's.

use std::time::{Duration, Instant};

use futures_util::pin_mut;
use sidetask_bench_report::{Figures, per_second};
use tokio::task::JoinSet;
use tokio_postgres::binary_copy::BinaryCopyInWriter;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Statement};
use uuid::Uuid;

use crate::Result;
use crate::jobs::PAYLOAD_BYTES;
use crate::place::Place;

const CLIENTS: usize = 64;

pub(crate) struct Inserts {
    sessions: Vec<(Client, Statement)>,
    one: Rate,
    many: Rate,
}

/// How many in how many seconds.
#[derive(Clone, Copy, Default)]
pub(crate) struct Rate {
    count: usize,
    seconds: f64,
}

impl Rate {
    pub(crate) fn add(&mut self, count: usize, begun: Instant) {
        self.count += count;
        self.seconds += begun.elapsed().as_secs_f64();
    }

    pub(crate) fn report(self, key: &str, figures: &mut Figures) {
        if self.count > 0 {
            figures.set(key, per_second(self.count, self.seconds));
        }
    }
}

impl Inserts {
    /// Begins with an empty table.
    pub(crate) async fn prepare(place: &Place) -> Result<Self> {
        let client = place.connect(&place.main).await?;
        let table = "DROP TABLE IF EXISTS raw;
            CREATE TABLE raw (id uuid PRIMARY KEY, queue text NOT NULL, kind text NOT NULL, args text NOT NULL)";
        client.batch_execute(table).await?;
        let mut sessions = Vec::with_capacity(CLIENTS);
        for _ in 0..CLIENTS {
            let client = place.connect(&place.main).await?;
            let statement = client.prepare("INSERT INTO raw VALUES ($1, $2, $3, $4)").await?;
            insert(&client, &statement, "").await?;
            sessions.push((client, statement));
        }
        Ok(Self { sessions, one: Rate::default(), many: Rate::default() })
    }

    pub(crate) async fn one(&mut self, window: Duration) -> Result<()> {
        let begun = Instant::now();
        let count = insert_for(self.sessions.pop().ok_or("no connection")?, begun, window).await?;
        self.one.add(count.0, begun);
        self.sessions.push(count.1);
        Ok(())
    }

    pub(crate) async fn many(&mut self, window: Duration) -> Result<()> {
        let begun = Instant::now();
        let mut clients = JoinSet::new();
        for session in self.sessions.drain(..) {
            clients.spawn(insert_for(session, begun, window));
        }
        let mut count = 0;
        while let Some(done) = clients.join_next().await {
            let (inserted, session) = done??;
            count += inserted;
            self.sessions.push(session);
        }
        self.many.add(count, begun);
        Ok(())
    }

    pub(crate) async fn copy(&self, rows: usize, figures: &mut Figures) -> Result<()> {
        let (client, _) = self.sessions.first().ok_or("no connection")?;
        client.batch_execute("TRUNCATE raw").await?;
        let args = "x".repeat(PAYLOAD_BYTES);
        let begun = Instant::now();
        let sink = client.copy_in("COPY raw FROM STDIN (FORMAT binary)").await?;
        let writer = BinaryCopyInWriter::new(sink, &[Type::UUID, Type::TEXT, Type::TEXT, Type::TEXT]);
        pin_mut!(writer);
        for _ in 0..rows {
            writer.as_mut().write(&[&Uuid::now_v7(), &"default", &"noop", &args]).await?;
        }
        writer.finish().await?;
        let mut rate = Rate::default();
        rate.add(rows, begun);
        rate.report("raw_copy", figures);
        Ok(())
    }

    pub(crate) fn report(self, figures: &mut Figures) {
        self.one.report("raw_insert_1", figures);
        self.many.report("raw_insert_64", figures);
    }
}

/// Answers how many it were, and gives the session back.
async fn insert_for(
    session: (Client, Statement),
    begun: Instant,
    window: Duration,
) -> Result<(usize, (Client, Statement))> {
    let args = "x".repeat(PAYLOAD_BYTES);
    let mut count = 0;
    while begun.elapsed() < window {
        insert(&session.0, &session.1, &args).await?;
        count += 1;
    }
    Ok((count, session))
}

async fn insert(client: &Client, statement: &Statement, args: &str) -> Result<()> {
    client.execute(statement, &[&Uuid::now_v7(), &"default", &"noop", &args]).await?;
    Ok(())
}
