//! One connection that is kept alive, over which one request is sent at a time. It blocks.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use crate::Result;

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n";
const LONGEST_ANSWER: usize = 1024;
const OK: &[u8] = b"HTTP/1.1 200 OK\r\n";
pub(crate) const HELLO: &[u8] = br#"{"message":"hello"}"#;

pub(crate) struct Connection {
    stream: TcpStream,
    buffer: [u8; LONGEST_ANSWER],
}

impl Connection {
    pub(crate) fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: [0; LONGEST_ANSWER] })
    }

    /// Sends the request and reads its answer, and nothing more.
    pub(crate) fn hello(&mut self) -> Result<()> {
        let answer = self.answer(REQUEST)?;
        if is_hello(answer) { Ok(()) } else { Err(unexpected(answer).into()) }
    }

    /// What is at `path`.
    pub(crate) fn text(&mut self, path: &str) -> Result<&str> {
        let answer = self.answer(format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n").as_bytes())?;
        let (_, text) = std::str::from_utf8(answer)?.split_once("\r\n\r\n").ok_or("an answer without a body")?;
        Ok(text)
    }

    fn answer(&mut self, request: &[u8]) -> Result<&[u8]> {
        self.stream.write_all(request)?;
        let mut read = 0;
        loop {
            match self.stream.read(&mut self.buffer[read..])? {
                0 => return Err(unexpected(&self.buffer[..read]).into()),
                more => read += more,
            }
            let answer = &self.buffer[..read];
            if length(answer) == Some(read) {
                return Ok(&self.buffer[..read]);
            }
        }
    }
}

/// How long the answer is that begins with `answer`, once that can be told.
fn length(answer: &[u8]) -> Option<usize> {
    let (head, _) = std::str::from_utf8(answer).ok()?.split_once("\r\n\r\n")?;
    let body = head.lines().find_map(|line| line.strip_prefix("content-length: "))?;
    Some(head.len() + 4 + body.parse::<usize>().ok()?)
}

/// Whether it is one whole answer, and the right one. Cheap, since it is asked for each.
fn is_hello(answer: &[u8]) -> bool {
    answer.starts_with(OK) && answer.ends_with(HELLO)
}

pub(crate) fn unexpected(answer: &[u8]) -> String {
    format!("an unexpected answer: {:?}", String::from_utf8_lossy(answer))
}
