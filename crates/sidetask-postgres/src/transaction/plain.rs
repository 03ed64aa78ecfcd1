use async_trait::async_trait;

use super::Transaction;
use super::row::Row;
use super::sealed::{Open, Opened};
use super::session::{Client, typed};
use crate::database::Parameters;
use crate::error::Fault;
use crate::statement::Statement;

struct Plain<'a>(&'a tokio_postgres::Transaction<'a>);

#[async_trait]
impl Client for Plain<'_> {
    async fn query(&self, text: &str, statement: &Statement, values: Parameters<'_>) -> Result<Vec<Row>, Fault> {
        let rows = self.0.query_typed(text, &typed(statement, values)).await?;
        Ok(rows.into_iter().map(Row::from).collect())
    }
}

impl Transaction for tokio_postgres::Transaction<'_> {}

impl Open for tokio_postgres::Transaction<'_> {
    fn open(&mut self) -> Result<Opened<'_>, sidetask_core::Error> {
        Ok(Opened(Box::new(Plain(self))))
    }
}

impl Transaction for deadpool_postgres::Transaction<'_> {}

impl Open for deadpool_postgres::Transaction<'_> {
    fn open(&mut self) -> Result<Opened<'_>, sidetask_core::Error> {
        Ok(Opened(Box::new(Plain(self))))
    }
}
