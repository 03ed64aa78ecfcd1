//! What a URL says.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use percent_encoding::percent_decode_str;
use sidetask_core::Error;
use tokio_postgres::config::Config;

use super::{Pooler, PostgresOptions, SslMode, check_schema};

/// What the driver reads by itself, in its own form.
const DRIVER: &[&str] = &[
    "application_name",
    "channel_binding",
    "dbname",
    "host",
    "hostaddr",
    "keepalives",
    "keepalives_retries",
    "load_balance_hosts",
    "options",
    "password",
    "port",
    "sslnegotiation",
    "target_session_attrs",
    "user",
];

const OURS: &[&str] = &[
    "acquire_timeout",
    "connect_timeout",
    "keepalives_idle",
    "keepalives_interval",
    "leader_lease",
    "listen",
    "max_connections",
    "migrate",
    "pooler",
    "schema",
    "sslmode",
    "sslrootcert",
    "statement_timeout",
    "tcp_user_timeout",
];

impl PostgresOptions {
    /// What a URL says: `postgres://user:password@host:port/database?option=value&option=value`, or `postgresql:`. Whatever
    /// is left out has its default. A character that means something in a URL (`@ : / ? # & %` and the space) is written
    /// as `%` and two hexadecimal digits, `%40` for an `@` in a password. There may be several `host:port`, with commas
    /// between them: they are tried in turn. A Unix socket's directory is written as `host=/run/postgresql` among the
    /// options. Environment variables and files in the home directory, which libpq reads, are not read.
    ///
    /// | option | means | default |
    /// |---|---|---|
    /// | `schema` | [`schema`](Self::schema) | `sidetask` |
    /// | `max_connections` | [`max_connections`](Self::max_connections) | `10` |
    /// | `acquire_timeout` | [`acquire_timeout`](Self::acquire_timeout) | `5s` |
    /// | `connect_timeout` | [`connect_timeout`](Self::connect_timeout); a number alone is seconds, as in libpq | `2s` |
    /// | `statement_timeout` | [`statement_timeout`](Self::statement_timeout) | `10s` |
    /// | `migrate` | [`migrate`](Self::migrate): `true` or `false` | `true` |
    /// | `pooler` | [`pooler`](Self::pooler): `none` or `transaction` | `none` |
    /// | `listen` | [`listen`](Self::listen): `true` or `false` | `true` |
    /// | `leader_lease` | [`leader_lease`](Self::leader_lease) | `10s` |
    /// | `sslmode` | [`ssl_mode`](Self::ssl_mode): `disable`, `prefer`, `require`, `verify-ca` or `verify-full` | `prefer` |
    /// | `sslrootcert` | [`ssl_root_cert`](Self::ssl_root_cert): a path, or `system` for those that the machine trusts, which asks for `verify-full` | |
    /// | `sslnegotiation` | `postgres`, or `direct` for a server from version 17 on, which saves a round trip | `postgres` |
    /// | `channel_binding` | whether the password is tied to the encryption: `disable`, `prefer`, `require` | `prefer` |
    /// | `application_name` | what the server calls this program in its lists and logs | `sidetask` |
    /// | `host`, `hostaddr`, `port`, `user`, `password`, `dbname` | the same as before the `?`; `hostaddr` saves looking the name up | port 5432, this process's user, a database of the user's name |
    /// | `options` | settings of the server for each session, such as `-c work_mem=16MB` | |
    /// | `target_session_attrs` | which of several servers will do: `any`, `read-write`, `read-only` | `any` |
    /// | `load_balance_hosts` | `disable` to try servers in order, `random` | `disable` |
    /// | `keepalives` | whether the system looks if the other machine is there: `1` or `0` | `1` |
    /// | `keepalives_idle` | after how long without traffic it does; a number alone is seconds; zero: the default | `30s` |
    /// | `keepalives_interval` | how long it waits for an answer; a number alone is seconds; zero: the default | `10s` |
    /// | `keepalives_retries` | after how many missing answers a connection is broken | `3` |
    /// | `tcp_user_timeout` | [`tcp_user_timeout`](Self::tcp_user_timeout); a number alone is milliseconds, as in libpq | `statement_timeout` |
    ///
    /// A duration is a whole number and one of the units `ms`, `s`, `m`, `h`, `d`.
    ///
    /// # Errors
    /// [`is_url`](Error::is_url): not a URL of PostgreSQL, an unknown option, or a value that is not understood. No error
    /// repeats a password.
    pub fn from_url(url: &str) -> Result<Self, Error> {
        let (base, query) = url.split_once('?').unwrap_or((url, ""));
        check_shape(base, query)?;
        let mut driver = base.to_owned();
        let mut ours = Vec::new();
        for option in query.split('&').filter(|option| !option.is_empty()) {
            let (name, value) = option.split_once('=').unwrap_or((option, ""));
            if DRIVER.contains(&name) {
                driver.push(if driver.contains('?') { '&' } else { '?' });
                driver.push_str(option);
            } else if OURS.contains(&name) {
                ours.push((name, decode(name, value)?));
            } else {
                return Err(unknown(name));
            }
        }
        let config = Config::from_str(&driver).map_err(|error| {
            Error::url(format!("the URL of a PostgreSQL store is not understood: {EXAMPLE}")).because(error)
        })?;
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            return Err(Error::url(format!("the URL of a PostgreSQL store names no host: {EXAMPLE}")));
        }
        let mut options = Self::from_config(config);
        for (name, value) in &ours {
            options.set(name, value)?;
        }
        Ok(options)
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), Error> {
        match name {
            "schema" => {
                check_schema(value).map_err(Error::url)?;
                value.clone_into(&mut self.schema);
            }
            "max_connections" => self.max_connections = at_least_1(name, value)?,
            "acquire_timeout" => self.acquire_timeout = not_zero(name, value, None)?,
            "connect_timeout" => _ = self.config.connect_timeout(not_zero(name, value, Some("s"))?),
            "leader_lease" => self.leader_lease = not_zero(name, value, None)?,
            "statement_timeout" => self.statement_timeout = not_zero(name, value, None)?,
            "tcp_user_timeout" => _ = self.config.tcp_user_timeout(duration(name, value, Some("ms"))?),
            "keepalives_idle" => {
                let idle = duration(name, value, Some("s"))?;
                if !idle.is_zero() {
                    self.config.keepalives_idle(idle);
                }
            }
            "keepalives_interval" => {
                let interval = duration(name, value, Some("s"))?;
                if !interval.is_zero() {
                    self.config.keepalives_interval(interval);
                }
            }
            "migrate" => self.migrate = one_of(name, value, &[("true", true), ("false", false)])?,
            "listen" => self.listen = one_of(name, value, &[("true", true), ("false", false)])?,
            "pooler" => {
                self.pooler = one_of(name, value, &[("none", Pooler::None), ("transaction", Pooler::Transaction)])?;
            }
            "sslmode" => {
                let modes = [
                    ("disable", SslMode::Disable),
                    ("prefer", SslMode::Prefer),
                    ("require", SslMode::Require),
                    ("verify-ca", SslMode::VerifyCa),
                    ("verify-full", SslMode::VerifyFull),
                ];
                self.tls.mode = one_of(name, value, &modes)?;
            }
            "sslrootcert" => self.tls.root_cert = Some(PathBuf::from(value)),
            _ => return Err(unknown(name)),
        }
        Ok(())
    }
}

const EXAMPLE: &str = "write `postgres://user:password@host:port/database`, and for a character that means something in a URL \
                       its percent-encoding, such as `%40` for `@`";

/// Refuses what would be taken apart in the wrong place, so that part of a password went into a name that is shown.
fn check_shape(base: &str, query: &str) -> Result<(), Error> {
    let rest = base.strip_prefix("postgres://").or_else(|| base.strip_prefix("postgresql://"));
    let is_plain = rest.is_some_and(|rest| {
        let (authority, database) = rest.split_once('/').unwrap_or((rest, ""));
        authority.matches('@').count() <= 1 && !database.contains(['@', '/'])
    });
    if is_plain && !query.contains('@') && !base.contains('#') && !query.contains('#') {
        return Ok(());
    }
    Err(Error::url(format!("the URL of a PostgreSQL store is not understood: {EXAMPLE}")))
}

fn unknown(name: &str) -> Error {
    let mut known: Vec<&str> = DRIVER.iter().chain(OURS).copied().collect();
    known.sort_unstable();
    let is_name = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    let what = if is_name { format!("`{name}`") } else { "something".to_owned() };
    Error::url(format!(
        "the URL of a PostgreSQL store has {what} among its options, which is none: the options are {}",
        known.join(", ")
    ))
}

fn decode(name: &str, value: &str) -> Result<String, Error> {
    let decoded = percent_decode_str(value).decode_utf8();
    decoded.map(Into::into).map_err(|error| fault(name, value, "write UTF-8, percent-encoded").because(error))
}

fn fault(name: &str, value: &str, advice: &str) -> Error {
    Error::url(format!("`{name}={value}` in the URL of a PostgreSQL store is not understood: {advice}"))
}

fn at_least_1(name: &str, value: &str) -> Result<usize, Error> {
    value.parse().ok().filter(|number| *number > 0).ok_or_else(|| fault(name, value, "write a whole number from 1 on"))
}

fn one_of<T: Copy>(name: &str, value: &str, known: &[(&str, T)]) -> Result<T, Error> {
    let found = known.iter().find(|(text, _)| *text == value);
    found.map(|(_, meant)| *meant).ok_or_else(|| {
        let texts: Vec<&str> = known.iter().map(|(text, _)| *text).collect();
        fault(name, value, &format!("write one of {}", texts.join(", ")))
    })
}

fn not_zero(name: &str, value: &str, unit: Option<&str>) -> Result<Duration, Error> {
    match duration(name, value, unit)? {
        Duration::ZERO => Err(fault(name, value, "it must not be zero")),
        limit => Ok(limit),
    }
}

/// `unit` is that of a number alone, where libpq takes one.
fn duration(name: &str, value: &str, unit: Option<&str>) -> Result<Duration, Error> {
    const UNITS: [(&str, u64); 5] = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];
    let digits = value.find(|c: char| !c.is_ascii_digit()).unwrap_or(value.len());
    let (number, said) = value.split_at(digits);
    let said = if said.is_empty() { unit.unwrap_or_default() } else { said };
    let millis = UNITS.iter().find(|(name, _)| *name == said).map(|(_, millis)| *millis);
    let whole = millis.and_then(|millis| number.parse::<u64>().ok()?.checked_mul(millis));
    let advice = "write a whole number and one of the units ms, s, m, h, d, such as `5s`";
    whole.map(Duration::from_millis).ok_or_else(|| fault(name, value, advice))
}
