use std::net::SocketAddr;

use axum::http::{Method, Request, Response, Version};
use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpSocket;
use tokio::task::JoinHandle;

use super::{BUFFER, soon};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Http1,
    Http2,
}

/// Runs tests, functions of a [`Protocol`], over both.
macro_rules! over_protocols {
    ($($test:ident,)*) => {
        mod http1 {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                super::$test($crate::site::Protocol::Http1).await;
            })*
        }

        mod http2 {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                super::$test($crate::site::Protocol::Http2).await;
            })*
        }
    };
}
pub(crate) use over_protocols;

/// One connection.
pub(crate) struct Client {
    sender: Sender,
    connection: JoinHandle<()>,
}

enum Sender {
    Http1(http1::SendRequest<Empty<Bytes>>),
    Http2(http2::SendRequest<Empty<Bytes>>),
}

impl Client {
    pub(crate) async fn connect(address: SocketAddr, protocol: Protocol) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(BUFFER).unwrap();
        let stream = soon(socket.connect(address)).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let io = TokioIo::new(stream);
        match protocol {
            Protocol::Http1 => {
                let (sender, connection) = http1::handshake(io).await.unwrap();
                let connection = tokio::spawn(async { drop(connection.await) });
                Self { sender: Sender::Http1(sender), connection }
            }
            Protocol::Http2 => {
                let mut builder = http2::Builder::new(TokioExecutor::new());
                builder.initial_stream_window_size(BUFFER).initial_connection_window_size(BUFFER);
                let (sender, connection) = builder.handshake(io).await.unwrap();
                let connection = tokio::spawn(async { drop(connection.await) });
                Self { sender: Sender::Http2(sender), connection }
            }
        }
    }

    pub(crate) async fn get(&mut self, path: &str) -> Response<Incoming> {
        self.request(Method::GET, path).await.unwrap()
    }

    pub(crate) async fn head(&mut self, path: &str) -> Response<Incoming> {
        self.request(Method::HEAD, path).await.unwrap()
    }

    pub(crate) async fn request(&mut self, method: Method, path: &str) -> hyper::Result<Response<Incoming>> {
        let request = Request::builder().method(method).uri(path).header("host", "localhost");
        self.send(request.body(Empty::new()).unwrap()).await
    }

    pub(crate) async fn send(&mut self, mut request: Request<Empty<Bytes>>) -> hyper::Result<Response<Incoming>> {
        let response = match &mut self.sender {
            Sender::Http1(sender) => {
                sender.ready().await?;
                soon(sender.send_request(request)).await?
            }
            Sender::Http2(sender) => {
                sender.ready().await?;
                request.headers_mut().remove("host");
                *request.uri_mut() = format!("http://localhost{}", request.uri()).parse().unwrap();
                soon(sender.send_request(request)).await?
            }
        };
        let version = if matches!(self.sender, Sender::Http1(_)) { Version::HTTP_11 } else { Version::HTTP_2 };
        assert_eq!(response.version(), version);
        Ok(response)
    }

    /// Closes the connection, whatever is under way.
    pub(crate) fn vanish(self) {
        self.connection.abort();
    }
}

/// The whole body.
pub(crate) async fn text(response: Response<Incoming>) -> String {
    let bytes = soon(response.into_body().collect()).await.unwrap().to_bytes();
    String::from_utf8(bytes.into()).unwrap()
}
