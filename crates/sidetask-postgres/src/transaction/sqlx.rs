//! The same statements through sqlx: values and rows cross over in PostgreSQL's own binary form.

use async_trait::async_trait;
use bytes::BytesMut;
use sidetask_core::Error;
use sqlx_core::arguments::Arguments as _;
use sqlx_core::connection::Connection as _;
use sqlx_core::encode::{Encode, IsNull};
use sqlx_core::error::BoxDynError;
use sqlx_core::query::query_with;
use sqlx_core::row::Row as _;
use sqlx_core::sql_str::AssertSqlSafe;
use sqlx_core::value::ValueRef as _;
use sqlx_postgres::types::Oid;
use sqlx_postgres::{PgArgumentBuffer, PgArguments, PgConnection, PgRow, PgTypeInfo, Postgres};
use tokio::sync::Mutex;
use tokio_postgres::types::{FromSql, IsNull as Null, ToSql, Type};

use super::Transaction;
use super::row::Row;
use super::sealed::{Open, Opened};
use super::session::Client;
use crate::database::Parameters;
use crate::error::Fault;
use crate::statement::Statement;

struct Sqlx<'a>(Mutex<&'a mut PgConnection>);

#[async_trait]
impl Client for Sqlx<'_> {
    async fn query(&self, text: &str, statement: &Statement, values: Parameters<'_>) -> Result<Vec<Row>, Fault> {
        let mut arguments = PgArguments::default();
        for (value, kind) in values.iter().zip(statement.types) {
            arguments.add(raw(*value, kind).map_err(unfit)?).map_err(unfit)?;
        }
        // The text is our own, with the schema's name in it.
        let query = query_with(AssertSqlSafe(text), arguments).persistent(false);
        let mut connection = self.0.lock().await;
        let rows = query.fetch_all(&mut **connection).await.map_err(fault)?;
        Ok(rows.into_iter().map(Row::Sqlx).collect())
    }
}

impl Transaction for sqlx_core::transaction::Transaction<'_, Postgres> {}

impl Open for sqlx_core::transaction::Transaction<'_, Postgres> {
    fn open(&mut self) -> Result<Opened<'_>, Error> {
        (**self).open()
    }
}

impl Transaction for PgConnection {}

impl Open for PgConnection {
    fn open(&mut self) -> Result<Opened<'_>, Error> {
        if !self.is_in_transaction() {
            return Err(Error::unsupported("this connection has no transaction open: call sqlx's `begin` on it first"));
        }
        Ok(Opened(Box::new(Sqlx(Mutex::new(self)))))
    }
}

pub(super) fn value<'a, T: FromSql<'a>>(row: &'a PgRow, column: usize) -> Result<T, Fault> {
    let value = row.try_get_raw(column).map_err(fault)?;
    let oid = value.type_info().oid().map_or(0, |oid| oid.0);
    // What is not built in has no column here.
    let kind = Type::from_oid(oid).unwrap_or(Type::UNKNOWN);
    let bytes = if value.is_null() { None } else { Some(value.as_bytes().map_err(unfit)?) };
    T::from_sql_nullable(&kind, bytes).map_err(unfit)
}

fn raw(value: &(dyn ToSql + Sync), kind: &Type) -> Result<Raw, BoxDynError> {
    let mut bytes = BytesMut::new();
    let is_null = matches!(value.to_sql_checked(kind, &mut bytes)?, Null::Yes);
    Ok(Raw { oid: Oid(kind.oid()), bytes, is_null })
}

/// A value in its binary form.
struct Raw {
    oid: Oid,
    bytes: BytesMut,
    is_null: bool,
}

impl sqlx_core::types::Type<Postgres> for Raw {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(Oid(Type::UNKNOWN.oid()))
    }
}

impl Encode<'_, Postgres> for Raw {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        if self.is_null {
            return Ok(IsNull::Yes);
        }
        buffer.extend_from_slice(&self.bytes);
        Ok(IsNull::No)
    }

    fn produces(&self) -> Option<PgTypeInfo> {
        Some(PgTypeInfo::with_oid(self.oid))
    }

    fn size_hint(&self) -> usize {
        self.bytes.len()
    }
}

fn fault(error: sqlx_core::Error) -> Fault {
    let code = error.as_database_error().and_then(|error| error.code()).map(|code| code.into_owned());
    Fault::Foreign { code, source: Box::new(error) }
}

fn unfit(source: BoxDynError) -> Fault {
    Fault::Foreign { code: None, source }
}
