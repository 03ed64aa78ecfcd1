use sidetask_postgres_local::Server;
use tokio_postgres::{Client, NoTls};

async fn connect(url: &str) -> Result<Client, tokio_postgres::Error> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

#[tokio::test]
async fn a_server_is_durable_and_takes_settings() {
    let server =
        Server::builder().setting("max_connections", "20").setting("search_path", "a, \"it's\"").start().unwrap();
    let client = connect(&server.url()).await.unwrap();
    for (setting, value) in
        [("fsync", "on"), ("synchronous_commit", "on"), ("max_connections", "20"), ("search_path", "a, \"it's\"")]
    {
        let row = client.query_one(&format!("SHOW {setting}"), &[]).await.unwrap();
        assert_eq!(row.get::<_, String>(0), value, "{setting}");
    }
    assert!(server.directory().join(format!(".s.PGSQL.{}", server.port())).exists(), "no socket");
    drop(client);
    let directory = server.directory().to_owned();
    drop(server);
    assert!(!directory.exists(), "its data are left");
}

#[tokio::test]
async fn what_was_committed_survives_a_kill() {
    let server = Server::start().unwrap();
    let client = connect(&server.url()).await.unwrap();
    client.batch_execute("CREATE TABLE t (n int); INSERT INTO t VALUES (1)").await.unwrap();
    client.batch_execute("BEGIN; INSERT INTO t VALUES (2)").await.unwrap();
    assert!(server.start_again().unwrap_err().to_string().contains("runs already"));
    server.kill().unwrap();
    assert!(client.simple_query("SELECT 1").await.is_err(), "a dead server answers");
    assert!(connect(&server.url()).await.is_err(), "a dead server is connected to");
    server.start_again().unwrap();
    let client = connect(&server.url()).await.unwrap();
    let rows = client.query("SELECT n FROM t", &[]).await.unwrap();
    assert_eq!(rows.iter().map(|row| row.get::<_, i32>(0)).collect::<Vec<_>>(), [1]);
    server.stop().unwrap();
    server.start_again().unwrap();
    connect(&server.url()).await.unwrap();
}

#[tokio::test]
async fn a_paused_server_keeps_its_connections_and_answers_when_it_is_resumed() {
    let server = Server::start().unwrap();
    let client = connect(&server.url()).await.unwrap();
    server.pause().unwrap();
    let answer = client.simple_query("SELECT 1");
    let mut answer = std::pin::pin!(answer);
    // That nothing comes can only be waited for.
    let early = tokio::time::timeout(std::time::Duration::from_millis(200), &mut answer).await;
    assert!(early.is_err(), "a paused server answers");
    server.resume().unwrap();
    answer.await.unwrap();
    server.pause().unwrap();
}

#[tokio::test]
async fn a_password_is_asked_for() {
    let server = Server::builder().password("open5esame").start().unwrap();
    assert!(server.url().starts_with("postgres://postgres:open5esame@127.0.0.1:"), "{}", server.url());
    connect(&server.url()).await.unwrap();
    assert!(connect(&server.url().replace("open5esame", "sesame")).await.is_err(), "any password does");
    assert!(Server::builder().password("a/b").start().is_err());
}

#[test]
fn a_setting_that_is_refused_is_in_the_message() {
    let error = Server::builder().setting("no_such_setting", "1").start().unwrap_err();
    assert!(error.to_string().contains("no_such_setting"), "{error}");
}

/// That it is the certificate asked for is for whoever connects by TLS.
#[cfg(feature = "tls")]
#[test]
fn a_server_with_a_certificate_speaks_tls() {
    use std::io::{Read, Write};

    let answer = |server: &Server| {
        let mut connection = std::net::TcpStream::connect(("127.0.0.1", server.port())).unwrap();
        // SSLRequest: its length, and its code.
        connection.write_all(&[0, 0, 0, 8, 4, 210, 22, 47]).unwrap();
        let mut answer = [0];
        connection.read_exact(&mut answer).unwrap();
        answer[0]
    };
    let server = Server::builder().tls().start().unwrap();
    assert_eq!(answer(&server), b'S');
    let authority = std::fs::read_to_string(server.ca_file().unwrap()).unwrap();
    assert!(authority.starts_with("-----BEGIN CERTIFICATE"), "{authority}");
    let plain = Server::start().unwrap();
    assert_eq!((answer(&plain), plain.ca_file()), (b'N', None));
}
