use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

#[test]
fn a_server_ends_with_the_process_that_started_it() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_postgres-local"));
    let mut parent = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(parent.stdout.take().unwrap()).lines();
    let mut word = |word: &str| lines.next().unwrap().unwrap().strip_prefix(word).unwrap().to_owned();
    let (url, directory) = (word("url "), word("directory "));
    let address = url.split(['@', '/']).find(|part| part.starts_with("127.")).unwrap();
    assert!(TcpStream::connect(address).is_ok(), "no server at {url}");

    // Without a chance to clean up.
    parent.kill().unwrap();
    parent.wait().unwrap();
    let end = Instant::now() + Duration::from_secs(60);
    while TcpStream::connect(address).is_ok() || Path::new(&directory).exists() {
        assert!(Instant::now() < end, "the server is still there");
        thread::sleep(Duration::from_millis(20));
    }
}
