use std::fmt;

use tracing::field::{Field, Visit};
use tracing::span::Record;
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FormatFields, FormattedFields};

use crate::output::clean;

/// Writes of an attempt's span what people look for. The rest of what OpenTelemetry has it say is for machines, and longer
/// than what is logged.
#[derive(Debug)]
pub(super) struct Brief;

struct Fields<'a> {
    writer: Writer<'a>,
    is_first: bool,
    result: fmt::Result,
}

impl<'w> FormatFields<'w> for Brief {
    fn format_fields<R: RecordFields>(&self, writer: Writer<'w>, fields: R) -> fmt::Result {
        let mut written = Fields { writer, is_first: true, result: Ok(()) };
        fields.record(&mut written);
        written.result
    }

    fn add_fields(&self, current: &'w mut FormattedFields<Self>, fields: &Record<'_>) -> fmt::Result {
        let mut more = String::new();
        let mut written =
            Fields { writer: Writer::new(&mut more), is_first: current.fields.is_empty(), result: Ok(()) };
        fields.record(&mut written);
        let result = written.result;
        current.fields.push_str(&more);
        result
    }
}

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let Some(name) = brief(field.name()) else { return };
        let separator = if std::mem::take(&mut self.is_first) { "" } else { " " };
        let equals = if name.is_empty() { "" } else { "=" };
        let value = clean(&format!("{value:?}"));
        self.result = self.result.and_then(|()| write!(self.writer, "{separator}{name}{equals}{value}"));
    }
}

/// Under which name a field is shown; `None` where it is not.
fn brief(name: &str) -> Option<&str> {
    match name {
        "message" => Some(""),
        "messaging.message.id" => Some("id"),
        "sidetask.job.kind" => Some("kind"),
        "sidetask.job.attempt" => Some("attempt"),
        _ if ["otel.", "messaging.", "error.type"].iter().any(|prefix| name.starts_with(prefix)) => None,
        // What the bridge from the `log` crate adds.
        _ if name.starts_with("log.") => None,
        _ => Some(name),
    }
}
