use std::path::PathBuf;
use std::time::Duration;

use sidetask::sqlite::CompleteIn;
use sidetask::sqlite::rusqlite::{Connection, Result, TransactionBehavior, params};
use sidetask::{Context, TaskError};

use super::{Books, CENTS, TABLES};

#[derive(Clone, Debug)]
pub(crate) struct Sqlite(PathBuf);

impl Sqlite {
    pub(super) fn new(path: &str) -> Self {
        Self(PathBuf::from(path))
    }

    fn connect(&self) -> Result<Connection> {
        let conn = Connection::open(&self.0)?;
        conn.busy_timeout(Duration::from_secs(10))?;
        Ok(conn)
    }

    pub(super) fn found(&self, accounts: i64) -> anyhow::Result<()> {
        let conn = self.connect()?;
        conn.execute_batch(TABLES)?;
        for account in 0..accounts {
            conn.execute("INSERT INTO accounts VALUES (?1, ?2) ON CONFLICT (id) DO NOTHING", [account, CENTS])?;
        }
        Ok(())
    }

    pub(super) async fn transfer(&self, cx: &Context, from: i64, to: i64, cents: i64) -> Result<i64, TaskError> {
        let (bank, cx) = (self.clone(), cx.clone());
        // SQLite blocks its thread.
        tokio::task::spawn_blocking(move || bank.transfer_blocking(&cx, from, to, cents)).await?
    }

    fn transfer_blocking(&self, cx: &Context, from: i64, to: i64, cents: i64) -> Result<i64, TaskError> {
        let mut conn = self.connect()?;
        let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let change = "UPDATE accounts SET cents = cents + ?2 WHERE id = ?1 RETURNING cents";
        let left: i64 = tx.query_row(change, [from, -cents], |row| row.get(0))?;
        let _: i64 = tx.query_row(change, [to, cents], |row| row.get(0))?;
        let job = cx.job_id().map(|id| id.to_string()).unwrap_or_default();
        tx.execute("INSERT INTO ledger VALUES (?1, ?2, ?3, ?4)", params![job, from, to, cents])?;
        cx.complete_in(&tx, &left)?;
        tx.commit()?;
        Ok(left)
    }

    pub(super) fn books(&self) -> anyhow::Result<Books> {
        let conn = self.connect()?;
        let cents = conn.query_row("SELECT sum(cents) FROM accounts", [], |row| row.get(0))?;
        let mut query = conn.prepare("SELECT job, count(*) FROM ledger GROUP BY job")?;
        let ledger = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_>>()?;
        Ok(Books { cents, ledger })
    }
}
