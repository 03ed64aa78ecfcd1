//! The example `transfers`, whose own reckoning has to come out right.

use tokio::process::Command;
use tokio_postgres::NoTls;

#[tokio::test]
async fn no_transfer_is_lost_or_repeated_though_workers_are_killed() {
    let (admin, connection) = tokio_postgres::connect(&sidetask_postgres_local::url(), NoTls).await.unwrap();
    tokio::spawn(connection);
    // One of its own, since the accounts are in no schema.
    let database = sidetask_postgres_local::schema();
    admin.batch_execute(&format!("CREATE DATABASE {database}")).await.unwrap();

    let url = in_database(&sidetask_postgres_local::url(), &database);
    let arguments =
        ["--database", &url, "--transfers", "1000", "--processes", "2", "--kill-ms", "200", "--kills", "30"];
    let run = Command::new(env!("CARGO_BIN_EXE_transfers")).args(arguments).output().await.unwrap();
    let (said, errors) = (String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    assert!(run.status.success(), "{said}{errors}");
    assert!(said.contains("each transfer happened once") && !said.contains(" 0 of them killed"), "{said}{errors}");
    admin.batch_execute(&format!("DROP DATABASE {database} WITH (FORCE)")).await.unwrap();
}

/// The URL of another database of the same server.
fn in_database(url: &str, database: &str) -> String {
    let (base, options) = url.split_once('?').map_or((url, String::new()), |(base, rest)| (base, format!("?{rest}")));
    let server = base.rsplit_once('/').unwrap().0;
    format!("{server}/{database}{options}")
}

#[test]
fn a_url_names_another_database() {
    assert_eq!(in_database("postgres://me@host:1/here", "there"), "postgres://me@host:1/there");
    assert_eq!(in_database("postgres://host/here?sslmode=require", "there"), "postgres://host/there?sslmode=require");
}
