use std::time::Duration;

use sidetask::{Error, Json};

use super::{Args, Message, VERSION, Wire};

impl Message {
    /// Reads its text.
    ///
    /// # Errors
    /// Text that is not of this form, or of a newer one.
    pub(crate) fn decode(text: &str) -> Result<Self, Error> {
        let wire: Wire<'_> = serde_json::from_str(text).map_err(|source| Error::decode("sidetask message", source))?;
        if wire.sidetask > VERSION {
            let newer = format!(
                "the message is of form {}, and this handler knows {VERSION}: deploy a newer one",
                wire.sidetask
            );
            return Err(Error::unusable(newer));
        }
        let args = match (wire.args, wire.stored) {
            (Some(args), None) => Args::Inline(Json::from_stored(args.get())),
            (None, Some(stored)) => Args::Stored(stored),
            _ => return Err(Error::unusable("the message has neither arguments nor a place where they are, or both")),
        };
        Ok(Self {
            id: wire.id,
            kind: wire.kind.into_owned(),
            args,
            max_attempts: wire.max_attempts,
            timeout: wire.timeout_ms.map(Duration::from_millis),
            responds: wire.responds,
        })
    }
}
