use std::fmt::Display;

use tokio_postgres::row::RowIndex;
use tokio_postgres::types::FromSql;

use crate::error::Fault;

/// A row that a statement in a transaction answered, by whichever client.
#[derive(Debug)]
pub(crate) enum Row {
    Plain(tokio_postgres::Row),
    #[cfg(feature = "sqlx")]
    Sqlx(sqlx_postgres::PgRow),
}

impl Row {
    /// The value of a column, counted from zero.
    pub(crate) fn try_get<'a, I, T>(&'a self, column: I) -> Result<T, Fault>
    where
        I: RowIndex + Display + Into<usize>,
        T: FromSql<'a>,
    {
        match self {
            Self::Plain(row) => Ok(row.try_get(column)?),
            #[cfg(feature = "sqlx")]
            Self::Sqlx(row) => super::sqlx::value(row, column.into()),
        }
    }
}

impl From<tokio_postgres::Row> for Row {
    fn from(row: tokio_postgres::Row) -> Self {
        Self::Plain(row)
    }
}
