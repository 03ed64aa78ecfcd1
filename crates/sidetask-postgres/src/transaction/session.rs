use async_trait::async_trait;
use tokio_postgres::types::{ToSql, Type};

use super::row::Row;
use crate::database::Parameters;
use crate::error::Fault;
use crate::statement::Statement;

/// An open transaction.
pub(crate) enum Session<'a> {
    /// The store's own, on a connection that may know what it prepared before.
    Own { transaction: deadpool_postgres::Transaction<'a>, prepares: bool },
    /// A user's.
    User(&'a (dyn Client + 'a)),
}

/// Whoever runs statements in a user's transaction. They have no name there: the connection is not ours to leave any on,
/// and a pooler may change it.
#[async_trait]
pub(crate) trait Client: Send + Sync {
    /// Runs a statement, whose text is filled in.
    async fn query(&self, text: &str, statement: &Statement, values: Parameters<'_>) -> Result<Vec<Row>, Fault>;
}

impl Session<'_> {
    /// Runs a statement, whose text is filled in.
    pub(crate) async fn query(
        &self,
        text: &str,
        statement: &Statement,
        values: Parameters<'_>,
    ) -> Result<Vec<Row>, Fault> {
        let rows = match self {
            Self::Own { transaction, prepares: true } => {
                let prepared = transaction.prepare_typed_cached(text, statement.types).await?;
                transaction.query(&prepared, values).await?
            }
            Self::Own { transaction, prepares: false } => {
                transaction.query_typed(text, &typed(statement, values)).await?
            }
            Self::User(client) => return client.query(text, statement, values).await,
        };
        Ok(rows.into_iter().map(Row::from).collect())
    }
}

/// The values of a statement without a name, each with its type.
pub(crate) fn typed<'a>(statement: &Statement, values: Parameters<'a>) -> Vec<(&'a (dyn ToSql + Sync), Type)> {
    values.iter().copied().zip(statement.types.iter().cloned()).collect()
}
