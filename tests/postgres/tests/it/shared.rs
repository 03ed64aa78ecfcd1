use tokio_postgres::NoTls;

/// That there is a server to test with, and that it is one we promise to run on.
#[tokio::test]
async fn the_shared_server_is_of_a_version_that_we_support() {
    let (client, connection) = tokio_postgres::connect(&sidetask_postgres_local::url(), NoTls).await.unwrap();
    tokio::spawn(connection);
    let row = client.query_one("SHOW server_version_num", &[]).await.unwrap();
    let version: u32 = row.get::<_, String>(0).parse().unwrap();
    assert!(version >= 140_000, "{version}");
}
