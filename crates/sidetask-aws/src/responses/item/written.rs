use aws_sdk_dynamodb::types::AttributeValue;
use sidetask::Timestamp;

use super::{Stage, text};

pub(in crate::responses) fn number(value: impl ToString) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

pub(in crate::responses) fn time(value: Timestamp) -> AttributeValue {
    number(value.as_micros())
}

pub(in crate::responses) fn stage(stage: Stage) -> AttributeValue {
    text(stage.as_str())
}
