use deadpool_postgres::{Manager, Pool};
use sidetask::postgres::CompleteIn;
use sidetask::postgres::tokio_postgres::{Config, NoTls};
use sidetask::{Context, TaskError};

use super::{Books, CENTS, TABLES};

#[derive(Clone, Debug)]
pub(crate) struct Postgres(Pool);

impl Postgres {
    pub(super) fn open(database: &str) -> anyhow::Result<Self> {
        // What follows is for sidetask.
        let url = database.split('?').next().unwrap_or(database);
        let manager = Manager::new(url.parse::<Config>()?, NoTls);
        Ok(Self(Pool::builder(manager).max_size(8).build()?))
    }

    pub(super) async fn found(&self, accounts: i64) -> anyhow::Result<()> {
        let client = self.0.get().await?;
        client.batch_execute(TABLES).await?;
        let open = "INSERT INTO accounts SELECT id, $2 FROM generate_series(0, $1::bigint - 1) AS id
             ON CONFLICT (id) DO NOTHING";
        client.execute(open, &[&accounts, &CENTS]).await?;
        Ok(())
    }

    pub(super) async fn transfer(&self, cx: &Context, from: i64, to: i64, cents: i64) -> Result<i64, TaskError> {
        let mut client = self.0.get().await?;
        let mut tx = client.transaction().await?;
        // In one order everywhere, so that no two transfers wait for each other.
        tx.execute("SELECT FROM accounts WHERE id IN ($1, $2) ORDER BY id FOR UPDATE", &[&from, &to]).await?;
        let change = "UPDATE accounts SET cents = cents + $2 WHERE id = $1 RETURNING cents";
        let left: i64 = tx.query_one(change, &[&from, &-cents]).await?.get(0);
        tx.query_one(change, &[&to, &cents]).await?;
        let job = cx.job_id().map(|id| id.to_string()).unwrap_or_default();
        tx.execute("INSERT INTO ledger VALUES ($1, $2, $3, $4)", &[&job, &from, &to, &cents]).await?;
        cx.complete_in(&mut tx, &left).await?;
        tx.commit().await?;
        Ok(left)
    }

    pub(super) async fn books(&self) -> anyhow::Result<Books> {
        let client = self.0.get().await?;
        let cents = client.query_one("SELECT sum(cents)::bigint FROM accounts", &[]).await?.try_get(0)?;
        let rows = client.query("SELECT job, count(*) FROM ledger GROUP BY job", &[]).await?;
        let ledger = rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect::<anyhow::Result<_>>()?;
        Ok(Books { cents, ledger })
    }
}
