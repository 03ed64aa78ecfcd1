use crate::sdk::Sdk;

#[cfg(any(feature = "dynamodb", feature = "handler"))]
mod fetch;
#[cfg(any(feature = "__dispatch", all(feature = "dynamodb", feature = "handler")))]
mod put;
#[cfg(test)]
mod tests;

/// What every key begins with, for permissions and lifecycle rules.
const PREFIX: &str = "sidetask";

/// A bucket for large values.
#[derive(Clone, Debug)]
pub(crate) struct Payloads {
    sdk: Sdk,
    bucket: String,
}

#[cfg(any(feature = "__dispatch", feature = "handler"))]
impl Payloads {
    pub(crate) fn new(sdk: Sdk, bucket: String) -> Self {
        Self { sdk, bucket }
    }
}
