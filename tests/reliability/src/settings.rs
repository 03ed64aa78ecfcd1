//! What a worker of this program is to be like, by arguments such as `--lease=10000`.

use std::time::Duration;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    /// Short, so that tests do not wait long for a rescue.
    pub(crate) lease: Duration,
    pub(crate) poll: Duration,
    pub(crate) slots: usize,
    pub(crate) queue: &'static str,
}

impl Settings {
    /// Takes the settings out of the arguments.
    pub(crate) fn take(arguments: &mut Vec<String>) -> Result<Self, String> {
        let mut settings =
            Self { lease: Duration::from_secs(1), poll: Duration::from_secs(1), slots: 10, queue: "default" };
        let given: Vec<String> = arguments.extract_if(.., |argument| argument.starts_with("--")).collect();
        for setting in given {
            let unread = || format!("`{setting}` is not understood: --lease=MS, --poll=MS, --slots=N, --queue=NAME");
            let (name, value) = setting.split_once('=').ok_or_else(unread)?;
            let number = || value.parse().map_err(|_| unread());
            match name {
                "--lease" => settings.lease = Duration::from_millis(number()?),
                "--poll" => settings.poll = Duration::from_millis(number()?),
                "--slots" => settings.slots = value.parse().map_err(|_| unread())?,
                "--queue" => settings.queue = value.to_owned().leak(),
                _ => return Err(unread()),
            }
        }
        Ok(settings)
    }
}
