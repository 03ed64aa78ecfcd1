//! The example `signup` on PostgreSQL, with nothing changed but its URL.

use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::net::TcpStream;
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::{sleep, timeout};

/// Nothing here takes that long unless it hangs.
const PATIENCE: Duration = Duration::from_secs(60);

struct Service {
    process: Child,
    address: String,
    _says: Lines<BufReader<ChildStdout>>,
}

impl Service {
    async fn start(url: &str) -> Self {
        let arguments = ["--port", "0", "--database", url, "--task-ms", "50"];
        let mut command = Command::new(env!("CARGO_BIN_EXE_signup"));
        command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
        let mut process = command.spawn().unwrap();
        let mut says = BufReader::new(process.stdout.take().unwrap()).lines();
        let line = timeout(PATIENCE, says.next_line()).await.expect("it says where it listens").unwrap().unwrap();
        let address = line.split("http://").nth(1).unwrap().split(';').next().unwrap().to_owned();
        Self { process, address, _says: says }
    }

    /// Asks it, and answers its status and what it sent. Fails where it is dead.
    async fn ask(address: &str, head: &str, body: &str) -> std::io::Result<(u16, Value)> {
        let mut stream = TcpStream::connect(address).await?;
        let length = body.len();
        let rest = "content-type: application/json\r\nconnection: close";
        let request = format!("{head} HTTP/1.1\r\nhost: {address}\r\n{rest}\r\ncontent-length: {length}\r\n\r\n{body}");
        stream.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
        let body = answer.split_once("\r\n\r\n").and_then(|(_, body)| serde_json::from_str(body).ok());
        status.zip(body).ok_or_else(|| std::io::ErrorKind::UnexpectedEof.into())
    }
}

/// Signs up until the service is dead or as many were accepted. Answers the ids of the jobs.
async fn sign_up(address: String, most: usize) -> Vec<String> {
    let mut accepted = Vec::new();
    while accepted.len() < most {
        match Service::ask(&address, "POST /signup", r#"{"email": "ada@example.com"}"#).await {
            Ok((202, answer)) => accepted.push(answer["job_id"].as_str().unwrap().to_owned()),
            Ok((status, answer)) => panic!("{status}: {answer}"),
            Err(_) => break,
        }
    }
    accepted
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_share_one_database_and_lose_nothing_when_one_is_killed() {
    let url = sidetask_postgres_local::fresh_url();
    let (mut first, second) = (Service::start(&url).await, Service::start(&url).await);
    let doomed: Vec<_> = (0..4).map(|_| tokio::spawn(sign_up(first.address.clone(), usize::MAX))).collect();
    let others: Vec<_> = (0..4).map(|_| tokio::spawn(sign_up(second.address.clone(), 50))).collect();
    // Under load on both sides.
    let under_load = async {
        while Service::ask(&second.address, "GET /stats", "").await.unwrap().1["completed"].as_u64().unwrap() < 50 {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(PATIENCE, under_load).await.expect("e-mails are sent");
    first.process.kill().await.unwrap();

    let mut accepted = Vec::new();
    for signing in doomed.into_iter().chain(others) {
        let ids = timeout(PATIENCE, signing).await.expect("it ends").unwrap();
        assert!(!ids.is_empty());
        accepted.extend(ids);
    }
    // What the dead process had accepted as well: the survivor takes it over.
    for id in &accepted {
        let ended = async {
            loop {
                let (status, job) = Service::ask(&second.address, &format!("GET /jobs/{id}"), "").await.unwrap();
                assert_eq!(status, 200, "job {id} is lost: {job}");
                if job["state"] == "completed" {
                    return job;
                }
                sleep(Duration::from_millis(20)).await;
            }
        };
        let job = timeout(PATIENCE, ended).await.expect("each job is done");
        assert_eq!(job["output"]["to"], "ada@example.com");
    }
    let (_, stats) = Service::ask(&second.address, "GET /stats", "").await.unwrap();
    assert_eq!(stats["discarded"], 0, "{stats}");
}
