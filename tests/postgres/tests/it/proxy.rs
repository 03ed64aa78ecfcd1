use std::time::Duration;

use sidetask_testing::faults::Proxy;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::timeout;
use tokio_postgres::{AsyncMessage, Client, Config, NoTls};

const PATIENCE: Duration = Duration::from_secs(60);

/// A proxy to the shared server.
async fn proxy() -> (Proxy, Config) {
    let config: Config = sidetask_postgres_local::url().parse().unwrap();
    let [tokio_postgres::config::Host::Tcp(host)] = config.get_hosts() else { panic!("not one host: {config:?}") };
    let port = config.get_ports().first().copied().unwrap_or(5432);
    let proxy = Proxy::to(format!("{host}:{port}")).start().await.unwrap();
    let mut through = Config::new();
    through.host("127.0.0.1").port(proxy.port()).user(config.get_user().unwrap_or("postgres"));
    through.dbname(config.get_dbname().unwrap_or("postgres"));
    if let Some(password) = config.get_password() {
        through.password(password);
    }
    (proxy, through)
}

/// A connection, and what is notified on it.
async fn connect(config: &Config) -> (Client, UnboundedReceiver<String>) {
    let (client, mut connection) = config.connect(NoTls).await.unwrap();
    let (sender, heard) = unbounded_channel();
    tokio::spawn(async move {
        while let Some(Ok(message)) = std::future::poll_fn(|cx| connection.poll_message(cx)).await {
            if let AsyncMessage::Notification(notification) = message {
                let _ = sender.send(notification.payload().to_owned());
            }
        }
    });
    (client, heard)
}

#[tokio::test]
async fn a_listener_hears_nothing_while_notifications_are_dropped() {
    let (proxy, config) = proxy().await;
    let (client, mut heard) = connect(&config).await;
    let channel = sidetask_postgres_local::schema();
    client.batch_execute(&format!("LISTEN {channel}")).await.unwrap();
    let notify = async |payload: &str| {
        // The notification comes before the reply's end, so that all are known when this returns.
        client.batch_execute(&format!("NOTIFY {channel}, '{payload}'")).await.unwrap();
    };
    notify("one").await;
    proxy.drop_notifications(true);
    notify("two").await;
    let rows = client.query("SELECT n, repeat('A', n) FROM generate_series(1, 3000) n", &[]).await.unwrap();
    assert_eq!(rows.len(), 3000, "other messages are not whole");
    notify("three").await;
    proxy.drop_notifications(false);
    notify("four").await;
    for payload in ["one", "four"] {
        assert_eq!(timeout(PATIENCE, heard.recv()).await.unwrap().unwrap(), payload);
    }
    assert_eq!(proxy.dropped_notifications(), 2);
}

#[tokio::test]
async fn a_commit_whose_reply_is_lost_was_carried_out() {
    let (proxy, config) = proxy().await;
    let table = sidetask_postgres_local::schema();
    let (client, _) = connect(&config).await;
    client.batch_execute(&format!("CREATE TABLE {table} (n int)")).await.unwrap();
    proxy.drop_reply_to("COMMIT");
    client.batch_execute("BEGIN").await.unwrap();
    client.execute(&format!("INSERT INTO {table} VALUES ($1)"), &[&7]).await.unwrap();
    let error = client.batch_execute("COMMIT").await.unwrap_err();
    assert!(error.as_db_error().is_none(), "the server refused: {error}");

    let (client, _) = connect(&config).await;
    let row = client.query_one(&format!("SELECT n FROM {table}"), &[]).await.unwrap();
    assert_eq!(row.get::<_, i32>(0), 7);
    client.batch_execute(&format!("DROP TABLE {table}")).await.unwrap();
}
