use aws_sdk_lambda::Client;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::InvocationType;
use sidetask::Error;

use super::{Entry, Said};
use crate::failure::failure;

const ACCEPTED: i32 = 202;

/// Has the function invoked with each entry, later and by Lambda itself.
pub(super) async fn invoke(
    client: &Client,
    name: &str,
    qualifier: Option<&str>,
    shown: &str,
    entries: &[Entry],
) -> Result<Vec<Said>, Error> {
    let mut answers = Vec::with_capacity(entries.len());
    for entry in entries {
        let request = client
            .invoke()
            .function_name(name)
            .set_qualifier(qualifier.map(ToOwned::to_owned))
            .invocation_type(InvocationType::Event)
            .payload(Blob::new(entry.text.as_bytes()));
        let answer = request.send().await.map_err(|error| failure(format_args!("invoke {shown}"), error))?;
        if answer.status_code() != ACCEPTED {
            let said = format!("the status is {}, and not {ACCEPTED}", answer.status_code());
            return Err(Error::storage(format!("AWS did not say that it will invoke {shown}"), said));
        }
        answers.push(Said::Accepted);
    }
    Ok(answers)
}
