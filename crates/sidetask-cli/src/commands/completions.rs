//! Completions for shells.

use clap_complete::Shell;

use crate::exit::Failure;
use crate::session::Session;

pub(super) fn print(session: &Session, shell: Shell, mut command: clap::Command) -> Result<(), Failure> {
    let name = command.get_name().to_owned();
    // It may only be written to what cannot fail: a closed pipe would make it panic.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, name, &mut script);
    Ok(session.out.text(&String::from_utf8_lossy(&script))?)
}
