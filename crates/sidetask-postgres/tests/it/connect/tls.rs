//! What each `sslmode` does, with a server that has a certificate for `localhost` and 127.0.0.1, and with one that has none.

use sidetask_postgres_local::{Server, schema};

use super::*;

async fn with_tls() -> Server {
    blocking(|| Server::builder().tls().start().unwrap()).await
}

/// Whether the store is there, and encrypted.
async fn is_encrypted(url: &str, more: &str) -> Result<bool, Error> {
    let store = options(url, more).max_connections(1).schema(schema()).listen(false).open().await?;
    let query = "SELECT count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
                 WHERE ssl AND application_name = 'sidetask'";
    let encrypted: i64 = connect(url).await.query_one(query, &[]).await.unwrap().get(0);
    store.close().await?;
    Ok(encrypted > 0)
}

fn host(server: &Server, name: &str) -> String {
    server.url().replace("127.0.0.1", name)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_is_encrypted_as_it_is_asked_for() {
    let server = with_tls().await;
    let url = server.url();
    let ca = format!("sslrootcert={}", server.ca_file().unwrap().display());
    assert!(!is_encrypted(&url, "sslmode=disable").await.unwrap());
    assert!(is_encrypted(&url, "").await.unwrap(), "prefer is the default");
    assert!(is_encrypted(&url, "sslmode=require").await.unwrap(), "which asks nobody who the server is");
    assert!(is_encrypted(&url, &format!("sslmode=require&{ca}")).await.unwrap());
    assert!(is_encrypted(&url, &format!("sslmode=verify-ca&{ca}")).await.unwrap());
    assert!(is_encrypted(&url, &format!("sslmode=verify-full&{ca}")).await.unwrap());
    assert!(is_encrypted(&host(&server, "localhost"), &format!("sslmode=verify-full&{ca}")).await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_of_another_host_is_refused_where_the_host_counts() {
    let server = with_tls().await;
    let ca = format!("sslrootcert={}", server.ca_file().unwrap().display());
    // The name is for the certificate, the address for the connection.
    let url = host(&server, "db.example");
    let by_address = format!("hostaddr=127.0.0.1&{ca}");
    let error = options(&url, &format!("sslmode=verify-full&{by_address}")).open().await.unwrap_err();
    assert!(error.is_refused() && error.to_string().contains("`sslrootcert`"), "{error}");
    assert!(format!("{error:?}").contains("not valid for name"), "{error:?}");
    options(&url, &format!("sslmode=verify-ca&{by_address}&schema={}", schema())).open().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_of_a_stranger_is_refused_where_one_is_trusted() {
    let (server, stranger) = tokio::join!(with_tls(), with_tls());
    let url = server.url();
    let ca = format!("sslrootcert={}", stranger.ca_file().unwrap().display());
    for mode in ["prefer", "require", "verify-ca", "verify-full"] {
        let error = options(&url, &format!("sslmode={mode}&{ca}")).open().await.unwrap_err();
        assert!(error.is_refused() && error.to_string().contains("certificate"), "{mode}: {error}");
    }
    // The machine trusts nobody who signs such a thing.
    for more in ["sslmode=verify-ca", "sslmode=verify-full", "sslmode=verify-full&sslrootcert=system"] {
        let error = options(&url, more).open().await.unwrap_err();
        assert!(error.is_refused() || error.is_configuration(), "{more}: {error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_encryption_is_refused_where_that_is_required() {
    let server = server().await;
    let url = server.url();
    for mode in ["require", "verify-ca&sslrootcert=/none", "verify-full&sslrootcert=system"] {
        let error = options(&url, &format!("sslmode={mode}")).open().await.unwrap_err();
        assert!(error.is_refused() || error.is_configuration(), "{mode}: {error}");
    }
    let error = options(&url, "sslmode=require").open().await.unwrap_err();
    assert!(error.to_string().contains("offers no encryption"), "{error}");
    assert!(!is_encrypted(&url, "sslmode=prefer").await.unwrap());
}

#[tokio::test]
async fn certificates_that_cannot_be_read_are_named() {
    for (more, says) in [
        ("sslmode=verify-full&sslrootcert=/no/such.pem", "`/no/such.pem`"),
        ("sslmode=require&sslrootcert=/dev/null", "`/dev/null`"),
        ("sslmode=require&sslrootcert=system", "verify-full"),
    ] {
        let error = options("postgres://127.0.0.1:1/x", more).open().await.unwrap_err();
        assert!(error.is_configuration() && error.to_string().contains(says), "{more}: {error}");
    }
}
