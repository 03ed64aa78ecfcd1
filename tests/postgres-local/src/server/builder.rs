use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Mutex;

use anyhow::{Context, Result, bail, ensure};

use super::user::User;
use super::watch::Watch;
use super::{Running, Server, free_port};
use crate::binaries::Binaries;

/// What a [`Server`] is to be like.
#[derive(Clone, Debug)]
#[must_use = "nothing is started before `start`"]
pub struct Builder {
    settings: Vec<(String, String)>,
    password: Option<String>,
    has_tls: bool,
}

/// How often another port is tried where somebody was faster.
const TRIES: usize = 10;

impl Builder {
    pub(super) fn new() -> Self {
        // PostgreSQL's own defaults are written down where something relies on them.
        let settings = [
            ("listen_addresses", "127.0.0.1"),
            ("max_connections", "200"),
            ("fsync", "on"),
            ("synchronous_commit", "on"),
            // In its directory, so that nothing is left elsewhere when it is killed.
            ("dynamic_shared_memory_type", "mmap"),
        ];
        let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Self { settings: settings.into(), password: None, has_tls: false }
    }

    /// Sets one of PostgreSQL's settings, as a line in `postgresql.conf` would. The last one counts, our own defaults
    /// included: `max_connections` 200, `fsync` and `synchronous_commit` on.
    pub fn setting(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.settings.push((name.into(), value.into()));
        self
    }

    /// Has it serve TLS too, with a certificate for `localhost` and 127.0.0.1 that is made for the occasion, as is the
    /// authority that signs it: [`Server::ca_file`]. Connections without it are still taken.
    #[cfg(feature = "tls")]
    pub fn tls(mut self) -> Self {
        self.has_tls = true;
        self
    }

    /// Has it ask for this password, by `scram-sha-256`, rather than trust everybody. Letters and digits only, since it
    /// becomes part of the URL.
    pub fn password(mut self, password: impl Into<String>) -> Self {
        self.password = Some(password.into());
        self
    }

    /// Starts it, and returns when it serves.
    ///
    /// Fails where there is no PostgreSQL and none can be had, where a setting is refused, and where the PostgreSQL was
    /// built without TLS and that was asked for; the end of its log is in the message.
    pub fn start(self) -> Result<Server> {
        if let Some(password) = &self.password {
            let is_plain = !password.is_empty() && password.chars().all(|c| c.is_ascii_alphanumeric());
            ensure!(is_plain, "the password must be of letters and digits");
        }
        let user = User::choose()?;
        let directory = tempfile::Builder::new().prefix("sidetask-postgres-").tempdir();
        let directory = directory.context("a temporary directory cannot be made")?;
        user.give(directory.path())?;
        let watch = Watch::start(directory.path())?;
        let mut server = Server {
            binaries: Binaries::find()?,
            user,
            port: 0,
            password: self.password.clone(),
            ca_file: None,
            running: Mutex::new(Running { postmaster: None, watch }),
            directory,
        };
        self.initialize(&server)?;
        self.configure(&mut server)?;
        for _ in 0..TRIES {
            server.port = free_port()?;
            let served = server.serve(&mut server.running());
            match served {
                Err(error) if error.to_string().contains("Address already in use") => {}
                other => return other.map(|()| server),
            }
        }
        bail!("the server found every port taken")
    }

    fn initialize(&self, server: &Server) -> Result<()> {
        let mut command = server.program("initdb");
        command.arg("-D").arg(server.data()).args(["-U", "postgres", "--encoding=UTF8", "--locale=C", "--no-sync"]);
        if let Some(password) = &self.password {
            let file = server.directory().join("password");
            write(server, &file, password)?;
            command.arg("--auth=scram-sha-256").arg("--pwfile").arg(file);
        } else {
            command.arg("--auth=trust");
        }
        let bin = server.binaries.bin().display();
        let output = command.output().with_context(|| format!("`initdb` in `{bin}` cannot be started"))?;
        let errors = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "`initdb` in `{bin}` failed: {}: {errors}", output.status);
        Ok(())
    }

    fn configure(&self, server: &mut Server) -> Result<()> {
        let socket = ("unix_socket_directories".to_owned(), server.directory().display().to_string());
        let mut settings = vec![socket];
        if self.has_tls {
            settings.extend(certify(server)?);
        }
        settings.extend(self.settings.iter().cloned());
        let lines: String = settings.iter().map(|(name, value)| line(name, value)).collect();
        let file = fs::File::options().append(true).open(server.data().join("postgresql.conf"));
        file.and_then(|mut file| file.write_all(lines.as_bytes())).context("the server cannot be configured")
    }
}

/// A line of `postgresql.conf`.
fn line(name: &str, value: &str) -> String {
    format!("{name} = '{}'\n", value.replace('\\', "\\\\").replace('\'', "''"))
}

/// Writes a file that the server alone reads.
fn write(server: &Server, path: &Path, text: &str) -> Result<()> {
    let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path);
    let written = file.and_then(|mut file| file.write_all(text.as_bytes()));
    written.with_context(|| format!("`{}` cannot be written", path.display()))?;
    server.user.give(path)
}

#[cfg(feature = "tls")]
fn certify(server: &mut Server) -> Result<Vec<(String, String)>> {
    let made = crate::tls::Certificates::make()?;
    let path = |name: &str| server.directory().join(name);
    let (authority, certificate, key) = (path("ca.pem"), path("server.pem"), path("server.key"));
    fs::write(&authority, made.authority).context("the authority's certificate cannot be written")?;
    write(server, &certificate, &made.certificate)?;
    write(server, &key, &made.key)?;
    server.ca_file = Some(authority);
    let settings = [
        ("ssl", "on".to_owned()),
        ("ssl_cert_file", certificate.display().to_string()),
        ("ssl_key_file", key.display().to_string()),
    ];
    Ok(settings.map(|(name, value)| (name.to_owned(), value)).into())
}

#[cfg(not(feature = "tls"))]
fn certify(_server: &mut Server) -> Result<Vec<(String, String)>> {
    bail!("TLS needs the feature `tls`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_quoted() {
        assert_eq!(line("a", r"it's \ here"), "a = 'it''s \\\\ here'\n");
    }
}
