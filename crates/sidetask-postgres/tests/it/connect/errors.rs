//! What is said of a server that says no.

use sidetask_postgres_local::{Server, schema, url};

use super::*;

async fn refused(url: &str, more: &str) -> String {
    let error = options(url, more).open().await.unwrap_err();
    assert!(error.is_refused(), "{error:?}");
    assert!(!format!("{error:?}").contains("s3cret"), "{error:?}");
    error.to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_not_let_in_is_told_why() {
    let server = blocking(|| Server::builder().password("right").start().unwrap()).await;
    let url = server.url();
    assert!(refused(&url.replace(":right", ":s3cret"), "").await.contains("user and password"));
    assert!(refused(&url.replace(":right", ""), "").await.contains("the URL has none"));
    assert!(refused(&url.replace("postgres:right", "nobody:right"), "").await.contains("user and password"));
    assert!(refused(&url, "dbname=nowhere").await.contains("no such database"));
    let known = connect(&url).await;
    for sql in [
        "CREATE ROLE clerk LOGIN PASSWORD 's3cret'",
        "CREATE DATABASE closed",
        "REVOKE CONNECT ON DATABASE closed FROM PUBLIC",
    ] {
        known.batch_execute(sql).await.unwrap();
    }
    let clerk = url.replace("postgres:right", "clerk:s3cret");
    assert!(refused(&clerk, "dbname=closed").await.contains("may not connect"));
    assert!(refused(&clerk, "").await.contains("CREATE on the database"), "to make a schema");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named() {
    let error = options("postgres://u:s3cret@127.0.0.1:1/d", "").open().await.unwrap_err();
    assert!(error.is_storage() && error.to_string().contains("`127.0.0.1:1`"), "{error}");
    assert!(format!("{error:?}").contains("refused") && !format!("{error:?}").contains("s3cret"), "{error:?}");
}

#[tokio::test]
async fn tables_that_are_gone_are_missed_with_advice() {
    let (name, url) = (schema(), url());
    let store = open(&url, &format!("schema={name}")).await;
    let admin = connect(&url).await;
    admin.batch_execute(&format!("DROP SCHEMA {name} CASCADE")).await.unwrap();
    let error = enqueue(&store).await.unwrap_err();
    assert!(error.is_unusable() && error.to_string().contains("client.migrate()"), "{error}");
    store.operate().migrate().await.unwrap();
    enqueue(&store).await.unwrap();
}

#[tokio::test]
async fn a_right_that_was_taken_is_missed_with_advice() {
    let (name, url) = (schema(), url());
    let admin = connect(&url).await;
    let role = format!("clerk_{name}");
    let sql = format!("CREATE ROLE {role} LOGIN; CREATE SCHEMA {name} AUTHORIZATION {role}");
    admin.batch_execute(&sql).await.unwrap();
    let store = open(&url, &format!("schema={name}&user={role}")).await;
    enqueue(&store).await.unwrap();
    admin.batch_execute(&format!("REVOKE ALL ON {name}.jobs FROM {role}")).await.unwrap();
    let error = enqueue(&store).await.unwrap_err();
    assert!(error.is_refused() && error.to_string().contains("lacks the right"), "{error}");
}

#[tokio::test]
async fn a_server_that_takes_no_changes_is_said_to() {
    let store = open(&sidetask_postgres_local::fresh_url(), "").await;
    let read_only = "options=-c%20default_transaction_read_only%3Don&migrate=false";
    let standby = open(&sidetask_postgres_local::fresh_url(), read_only).await;
    drop(store);
    let error = standby.operate().migrate().await.unwrap_err();
    assert!(error.is_storage() && error.to_string().contains("target_session_attrs=read-write"), "{error}");
}

/// The same that the server says of a full disk.
#[tokio::test]
async fn a_full_disk_is_full() {
    let (name, url) = (schema(), url());
    let store = open(&url, &format!("schema={name}")).await;
    let trigger = format!(
        "CREATE FUNCTION {name}.full() RETURNS trigger LANGUAGE plpgsql AS
             $$ BEGIN RAISE 'no space left, s3cret' USING ERRCODE = '53100', DETAIL = 's3cret detail'; END $$;
         CREATE TRIGGER full_disk BEFORE INSERT ON {name}.jobs FOR EACH ROW EXECUTE FUNCTION {name}.full()"
    );
    connect(&url).await.batch_execute(&trigger).await.unwrap();
    let error = enqueue(&store).await.unwrap_err();
    assert!(error.is_full() && error.is_storage(), "{error}");
    assert!(!format!("{error:?}").contains("s3cret detail"), "what it was about stays out of logs: {error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_room_is_asked_again_for_a_while() {
    let server = blocking(|| Server::builder().setting("max_connections", "5").start().unwrap()).await;
    let url = server.url();
    let store = open(&url, "acquire_timeout=2s&max_connections=1").await;
    let admin = connect(&url).await;
    terminate(&admin).await;
    let mut others = Vec::new();
    while let Ok((client, connection)) = sidetask_postgres::tokio_postgres::connect(&url, NoTls).await {
        tokio::spawn(connection);
        others.push(client);
    }
    let error = enqueue(&store).await.unwrap_err();
    assert!(error.is_busy() && error.to_string().contains("max_connections"), "{error:?}");
    let refused =
        || server.log().matches("too many clients").count() + server.log().matches("connection slots").count();
    let before = refused();
    let waiting = tokio::spawn(async move { enqueue(&store).await });
    let is_refused = async {
        while refused() == before {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), is_refused).await.expect("it is refused at first");
    drop(others);
    waiting.await.unwrap().unwrap();
}

/// Ends all connections of stores.
async fn terminate(admin: &Client) {
    let sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'sidetask'";
    admin.execute(sql, &[]).await.unwrap();
}
