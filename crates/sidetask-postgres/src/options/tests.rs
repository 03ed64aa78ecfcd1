use tokio_postgres::config::{ChannelBinding, TargetSessionAttrs};

use super::*;

fn parse(query: &str) -> Result<PostgresOptions, Error> {
    PostgresOptions::from_url(&format!("postgres://u:p@h/d{query}"))
}

#[test]
fn a_url_says_where_the_server_is_and_the_rest_has_defaults() {
    let url = "postgresql://ada:p%40ss%2F@db1:6432,db2/app%20data?host=db3";
    let options = PostgresOptions::from_url(url).unwrap();
    let config = &options.config;
    assert_eq!(config.get_user(), Some("ada"));
    assert_eq!(config.get_password(), Some(b"p@ss/".as_slice()));
    assert_eq!(config.get_dbname(), Some("app data"));
    assert_eq!(config.get_hosts().len(), 3);
    assert_eq!(config.get_connect_timeout(), Some(&Duration::from_secs(2)));
    assert_eq!(config.get_application_name(), Some("sidetask"));
    assert_eq!(config.get_keepalives_idle(), Duration::from_secs(30));
    assert_eq!((options.max_connections, &*options.schema), (10, "sidetask"));
    assert_eq!((options.acquire_timeout, options.statement_timeout), (Duration::from_secs(5), Duration::from_secs(10)));
    assert!(options.migrate && options.listen && options.pooler == Pooler::None);
    assert!(options.tls.mode == SslMode::Prefer && options.tls.root_cert.is_none());
}

#[test]
fn every_option_is_read() {
    let options = parse(
        "?schema=jobs_1&max_connections=3&acquire_timeout=250ms&connect_timeout=7&statement_timeout=1m&migrate=false&\
         pooler=transaction&listen=false&sslmode=verify-full&sslrootcert=%2Fetc%2Fca.pem&application_name=my%20app&\
         options=-c%20work_mem%3D16MB&target_session_attrs=read-write&channel_binding=require&keepalives=0&\
         keepalives_idle=1m&keepalives_interval=5&keepalives_retries=9&tcp_user_timeout=1500&load_balance_hosts=random&\
         sslnegotiation=direct&leader_lease=3s&hostaddr=10.0.0.1&port=7&user=v&password=q&dbname=e",
    )
    .unwrap();
    assert_eq!((&*options.schema, options.max_connections), ("jobs_1", 3));
    assert_eq!(
        (options.acquire_timeout, options.statement_timeout),
        (Duration::from_millis(250), Duration::from_secs(60))
    );
    assert!(!options.migrate && !options.listen && options.pooler == Pooler::Transaction);
    assert_eq!(options.leader_lease, Duration::from_secs(3));
    assert_eq!(options.tls.mode, SslMode::VerifyFull);
    assert_eq!(options.tls.root_cert.as_deref(), Some(std::path::Path::new("/etc/ca.pem")));
    let config = &options.config;
    assert_eq!(config.get_connect_timeout(), Some(&Duration::from_secs(7)));
    assert_eq!(config.get_application_name(), Some("my app"));
    assert_eq!(config.get_options(), Some("-c work_mem=16MB"));
    assert_eq!(config.get_target_session_attrs(), TargetSessionAttrs::ReadWrite);
    assert_eq!(config.get_channel_binding(), ChannelBinding::Require);
    assert!(!config.get_keepalives());
    assert_eq!(config.get_keepalives_idle(), Duration::from_secs(60));
    assert_eq!(config.get_keepalives_interval(), Some(Duration::from_secs(5)));
    assert_eq!(config.get_keepalives_retries(), Some(9));
    assert_eq!(config.get_tcp_user_timeout(), Some(&Duration::from_millis(1500)));
    assert_eq!((config.get_user(), config.get_dbname()), (Some("v"), Some("e")));
}

#[test]
fn what_is_not_understood_is_refused_with_what_would_be() {
    for (query, advice) in [
        ("?pool=3", "acquire_timeout, application_name, channel_binding"),
        ("?schema=Jobs", "lower-case"),
        ("?schema=a%22%3Bdrop", "lower-case"),
        ("?schema=pg_jobs", "`pg_`"),
        ("?schema=", "lower-case"),
        ("?schema=a2345678901234567890123456789012345678901", "at most 40"),
        ("?max_connections=0", "from 1 on"),
        ("?acquire_timeout=5", "such as `5s`"),
        ("?acquire_timeout=0s", "must not be zero"),
        ("?statement_timeout=1.5s", "such as `5s`"),
        ("?statement_timeout=99999999999999999999d", "such as `5s`"),
        ("?migrate=yes", "true, false"),
        ("?pooler=session", "none, transaction"),
        ("?sslmode=allow", "disable, prefer, require, verify-ca, verify-full"),
        ("?application_name=%ff%fe", "not understood"),
        ("?port=x", "not understood"),
    ] {
        let error = parse(query).unwrap_err();
        assert!(error.is_url() && error.to_string().contains(advice), "{query}: {error}");
    }
    for url in ["postgres:x", "postgres://", "postgres:///d", "mysql://h/d", "postgres://u@/d"] {
        let error = PostgresOptions::from_url(url).unwrap_err();
        assert!(error.is_url() && error.to_string().contains("postgres://user:password@host"), "{url}: {error}");
    }
}

#[test]
fn no_password_is_ever_shown() {
    for url in [
        "postgres://u:s3cret@h/d?pool=3",
        "postgres://u:s3cret@h:x/d",
        "postgres://u:p@s3cret@h/d",
        "postgres://u:p/s3cret@h/d",
        "postgres://u:1/s3cret/x@h/d",
        "postgres://u:p?s3cret@h/d",
        "postgres://u:p?s3cret=1@h/d",
        "postgres://u:p#s3cret@h/d",
        "postgres://u:s3cret@h/d?password=s3cret&max_connections=none",
    ] {
        let error = PostgresOptions::from_url(url).unwrap_err();
        let source = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
        assert!(!format!("{error} {error:?} {source}").contains("s3cret"), "{url}: {error:?}");
    }
    let options = PostgresOptions::from_url("postgres://u:s3cret@h/d?password=s3cret").unwrap();
    assert!(!format!("{options:?} {:?}", options.driver_config()).contains("s3cret"));
}

#[test]
fn settings_of_the_builder_are_checked_together() {
    let options = parse("").unwrap().schema("A").max_connections(0).acquire_timeout(Duration::ZERO);
    let options = options.statement_timeout(Duration::from_micros(1)).connect_timeout(Duration::ZERO);
    let faults = options.leader_lease(Duration::from_secs(15)).faults();
    let faults = faults.join("; ");
    for name in ["A", "max_connections", "acquire_timeout", "statement_timeout", "connect_timeout", "leader_lease"] {
        assert!(faults.contains(&format!("`{name}`")), "{name}: {faults}");
    }
    assert_eq!(PostgresOptions::from_config(Config::new()).faults().len(), 1);
    let faults = parse("?max_connections=99999999999").unwrap().faults().join("; ");
    assert!(faults.contains("`max_connections` is 99999999999: it must be from 1 to 10000"), "{faults}");
}

#[test]
fn no_time_is_longer_than_systems_take() {
    let config = parse("?statement_timeout=100000d").unwrap().driver_config();
    let limit = config.get_tcp_user_timeout().unwrap().as_millis();
    assert!(i32::try_from(limit).is_ok(), "{limit}");
}

#[test]
fn the_server_is_told_of_the_limit_unless_a_pooler_forgets_it() {
    let options = |query| parse(query).unwrap().driver_config().get_options().map(ToOwned::to_owned);
    let told = "-c statement_timeout=10000 -c idle_in_transaction_session_timeout=10000";
    assert_eq!(options("").as_deref(), Some(told));
    assert_eq!(options("?options=-c%20a%3Db").unwrap(), format!("{told} -c a=b"));
    assert_eq!(options("?pooler=transaction"), None);
}

#[test]
fn a_unix_socket_is_not_encrypted_whatever_is_asked_for() {
    let options = PostgresOptions::from_url("postgres://u@/d?host=/run/postgresql&sslmode=verify-full").unwrap();
    assert_eq!(options.driver_config().get_ssl_mode(), tokio_postgres::config::SslMode::Disable);
}
