//! SQL as it is written here, and as it is sent.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use tokio_postgres::types::Type;

/// One statement. In its text `{s}` stands for the schema and `{now}` for the time in microseconds: the first
/// parameter where that is given, for a clock that a test moves, and otherwise the database's.
#[derive(Debug)]
pub(crate) struct Statement {
    pub(crate) text: &'static str,
    pub(crate) types: &'static [Type],
}

/// By `date_part`, whose floating point is exact to the microsecond for two centuries: `extract` answers a decimal number,
/// which takes three times as long to reckon with, for each row.
const NOW: &str = "coalesce($1, (date_part('epoch', statement_timestamp()) * 1000000)::bigint)";

/// Tells statements apart, quicker than their texts would.
pub(crate) type Place = (usize, usize);

impl Statement {
    pub(crate) fn place(&self) -> Place {
        (self.text.as_ptr() as usize, self.text.len())
    }
}

/// The texts of one store, for its schema.
#[derive(Debug)]
pub(crate) struct Texts {
    schema: String,
    /// By the place of the text as it is written, which is quicker to find than the text.
    made: RwLock<HashMap<Place, Arc<str>>>,
}

impl Texts {
    pub(crate) fn new(schema: &str) -> Self {
        Self { schema: schema.to_owned(), made: RwLock::default() }
    }

    pub(crate) fn schema(&self) -> &str {
        &self.schema
    }

    /// The text of a statement as it is sent.
    pub(crate) fn of(&self, statement: &'static Statement) -> Arc<str> {
        let place = statement.place();
        if let Some(made) = self.made.read().unwrap_or_else(PoisonError::into_inner).get(&place) {
            return Arc::clone(made);
        }
        let text: Arc<str> = self.fill(statement.text).into();
        self.made.write().unwrap_or_else(PoisonError::into_inner).insert(place, Arc::clone(&text));
        text
    }

    /// A text with its placeholders filled.
    pub(crate) fn fill(&self, text: &str) -> String {
        text.replace("{s}", &self.schema).replace("{now}", NOW)
    }
}
