//! How a schema comes into being.

use sidetask_postgres_local::{schema, url};
use tokio::task::JoinSet;

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn programs_that_start_at_once_make_one_schema() {
    let (name, url) = (schema(), url());
    let mut opening = JoinSet::new();
    for _ in 0..8 {
        let options = options(&url, &format!("schema={name}&max_connections=1"));
        opening.spawn(options.open());
    }
    for store in opening.join_all().await {
        enqueue(&store.unwrap()).await.unwrap();
    }
    assert_eq!(available(&open(&url, &format!("schema={name}")).await).await, 8);
}

#[tokio::test]
async fn a_newer_schema_is_refused() {
    let (name, url) = (schema(), url());
    open(&url, &format!("schema={name}")).await;
    let admin = connect(&url).await;
    for version in ["999", "two"] {
        let sql = format!("UPDATE {name}.meta SET value = '{version}' WHERE name = 'version'");
        admin.batch_execute(&sql).await.unwrap();
        for migrate in [true, false] {
            let options = options(&url, &format!("schema={name}&migrate={migrate}"));
            let error = options.open().await.unwrap_err();
            assert!(error.is_unusable() && error.to_string().contains("a newer sidetask"), "{error}");
        }
    }
}

#[tokio::test]
async fn without_migration_the_database_is_left_alone_until_it_is_asked_for() {
    let (name, url) = (schema(), url());
    let store = open(&url, &format!("schema={name}&migrate=false")).await;
    let error = enqueue(&store).await.unwrap_err();
    assert!(error.is_unusable() && error.to_string().contains("`client.migrate()`"), "{error}");
    let admin = connect(&url).await;
    let there = "SELECT count(*) FROM pg_namespace WHERE nspname = $1";
    assert_eq!(admin.query_one(there, &[&name]).await.unwrap().get::<_, i64>(0), 0);
    store.operate().migrate().await.unwrap();
    store.operate().migrate().await.unwrap();
    enqueue(&store).await.unwrap();
}

#[tokio::test]
async fn tables_of_another_program_are_left_alone() {
    let (name, url) = (schema(), url());
    let admin = connect(&url).await;
    for sql in ["CREATE TABLE {s}.jobs (id int)", "CREATE TABLE {s}.meta (id int)", "CREATE TABLE {s}.users (id int)"] {
        let sql = format!("DROP SCHEMA IF EXISTS {{s}} CASCADE; CREATE SCHEMA {{s}}; {sql}").replace("{s}", &name);
        admin.batch_execute(&sql).await.unwrap();
        for migrate in [true, false] {
            let options = options(&url, &format!("schema={name}&migrate={migrate}"));
            let error = options.open().await.unwrap_err();
            assert!(error.is_unusable() && error.to_string().contains("name another schema"), "{sql}: {error}");
        }
    }
}

#[tokio::test]
async fn the_owner_of_a_schema_needs_no_right_on_the_database() {
    let (name, url) = (schema(), url());
    let (owner, clerk) = (format!("owner_{name}"), format!("clerk_{name}"));
    let admin = connect(&url).await;
    let sql =
        format!("CREATE ROLE {owner} LOGIN; CREATE ROLE {clerk} LOGIN; CREATE SCHEMA {name} AUTHORIZATION {owner}");
    admin.batch_execute(&sql).await.unwrap();
    enqueue(&open(&url, &format!("schema={name}&user={owner}")).await).await.unwrap();

    let sql = format!(
        "GRANT USAGE ON SCHEMA {name} TO {clerk};
         GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {name} TO {clerk};
         GRANT USAGE ON ALL SEQUENCES IN SCHEMA {name} TO {clerk}"
    );
    admin.batch_execute(&sql).await.unwrap();
    let store = open(&url, &format!("schema={name}&user={clerk}")).await;
    enqueue(&store).await.unwrap();
    assert_eq!(available(&store).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_migration_that_is_interrupted_leaves_nothing() {
    let (name, url) = (schema(), url());
    let (admin, blocking) = (connect(&url).await, connect(&url).await);
    admin.batch_execute(&format!("CREATE SCHEMA {name}")).await.unwrap();
    // The migration has made some tables by the time it comes to this one.
    blocking.batch_execute(&format!("BEGIN; CREATE TABLE {name}.leader (id int)")).await.unwrap();
    let opening = tokio::spawn(options(&url, &format!("schema={name}&application_name={name}")).open());
    let waits = "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND application_name = $1";
    until("it waits for the other", async || !admin.query(waits, &[&name]).await.unwrap().is_empty()).await;
    let terminate = format!("SELECT pg_terminate_backend(pid) FROM ({waits}) AS waiting");
    assert_eq!(admin.execute(&terminate, &[&name]).await.unwrap(), 1);
    let error = opening.await.unwrap().unwrap_err();
    assert!(error.is_storage(), "{error}");
    blocking.batch_execute("ROLLBACK").await.unwrap();
    let tables =
        "SELECT count(*) FROM pg_class JOIN pg_namespace ON relnamespace = pg_namespace.oid WHERE nspname = $1";
    assert_eq!(admin.query_one(tables, &[&name]).await.unwrap().get::<_, i64>(0), 0);
    enqueue(&open(&url, &format!("schema={name}")).await).await.unwrap();
}
