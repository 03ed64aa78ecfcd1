use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use serde_json::{Value, json};

/// The way to the table: one request at a time, since moto's writes are not atomic, and with faults on demand.
#[derive(Debug)]
pub(super) struct Wire {
    inner: SharedHttpClient,
    faults: Mutex<VecDeque<(&'static str, Fault)>>,
    seen: Mutex<Vec<String>>,
    turn: tokio::sync::Mutex<()>,
}

#[derive(Clone, Debug)]
pub(super) enum Fault {
    /// None, so that the next one meets a later request.
    Passed,
    /// It is done, and its answer is lost.
    Lost,
    /// It is not done, and this is the answer.
    Refused(u16, &'static str),
    /// So many items of the batch are done, and the others are left.
    Partly(usize),
}

impl Wire {
    pub(super) fn new(inner: SharedHttpClient) -> Self {
        Self { inner, faults: Mutex::default(), seen: Mutex::default(), turn: tokio::sync::Mutex::default() }
    }

    pub(super) fn client(self: &Arc<Self>) -> SharedHttpClient {
        SharedHttpClient::new(Client(Arc::clone(self)))
    }

    /// Has the next requests of this operation meet these faults, one each.
    pub(super) fn fail(&self, operation: &'static str, faults: impl IntoIterator<Item = Fault>) {
        let faults = faults.into_iter().map(|fault| (operation, fault));
        self.faults.lock().unwrap_or_else(PoisonError::into_inner).extend(faults);
    }

    /// The operations that were asked for since this was called last.
    pub(super) fn seen(&self) -> Vec<String> {
        std::mem::take(&mut self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn next_fault(&self, operation: &str) -> Option<Fault> {
        let mut faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        let at = faults.iter().position(|(of, _)| *of == operation)?;
        faults.remove(at).map(|(_, fault)| fault)
    }

    async fn call(&self, to: SharedHttpConnector, mut request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let target = request.headers().get("x-amz-target").unwrap_or_default();
        let operation = target.split('.').next_back().unwrap_or_default().to_owned();
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).push(operation.clone());
        match self.next_fault(&operation) {
            None | Some(Fault::Passed) => self.forward(&to, request).await,
            Some(Fault::Lost) => {
                self.forward(&to, request).await?;
                Err(ConnectorError::io("the connection was reset".into()))
            }
            Some(Fault::Refused(status, code)) => {
                let body = json!({ "__type": format!("com.amazonaws.dynamodb.v20120810#{code}"), "message": "no" });
                Ok(answer(status, &body))
            }
            Some(Fault::Partly(done)) => {
                let mut body: Value = serde_json::from_slice(request.body().bytes().unwrap_or_default()).unwrap();
                let (list, left_as) = match operation.as_str() {
                    "BatchWriteItem" => ("", "UnprocessedItems"),
                    _ => ("/Keys", "UnprocessedKeys"),
                };
                let table = body["RequestItems"].as_object().unwrap().keys().next().unwrap().clone();
                let mut left = body["RequestItems"].clone();
                let items = |of: &mut Value| match list {
                    "" => of[&table].as_array().unwrap().clone(),
                    _ => of[&table]["Keys"].as_array().unwrap().clone(),
                };
                let all = items(&mut left);
                let (done, rest) = all.split_at(done.min(all.len()));
                set(&mut body["RequestItems"][&table], list, done);
                set(&mut left[&table], list, rest);
                let mut said = json!({ "Responses": { &table: [] } });
                if !done.is_empty() {
                    let text = body.to_string();
                    request.headers_mut().insert("content-length", text.len().to_string());
                    *request.body_mut() = SdkBody::from(text);
                    let response = self.forward(&to, request).await?;
                    said = serde_json::from_slice(response.body().bytes().unwrap_or_default()).unwrap();
                }
                if !rest.is_empty() {
                    said[left_as] = left;
                }
                Ok(answer(200, &said))
            }
        }
    }

    async fn forward(&self, to: &SharedHttpConnector, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let _turn = self.turn.lock().await;
        let mut response = to.call(request).await?;
        // The turn is over when all of the answer is there.
        let body = std::mem::replace(response.body_mut(), SdkBody::taken());
        let bytes = aws_smithy_types::byte_stream::ByteStream::new(body).collect().await;
        let bytes = bytes.map_err(|error| ConnectorError::io(error.into()))?.into_bytes();
        *response.body_mut() = SdkBody::from(bytes);
        Ok(response)
    }
}

fn set(value: &mut Value, list: &str, items: &[Value]) {
    match list {
        "" => *value = items.into(),
        _ => value["Keys"] = items.into(),
    }
}

fn answer(status: u16, body: &Value) -> HttpResponse {
    HttpResponse::new(status.try_into().unwrap(), SdkBody::from(body.to_string()))
}

#[derive(Debug)]
struct Client(Arc<Wire>);

impl HttpClient for Client {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(Connector(Arc::clone(&self.0), self.0.inner.http_connector(settings, components)))
    }
}

#[derive(Debug)]
struct Connector(Arc<Wire>, SharedHttpConnector);

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (wire, to) = (Arc::clone(&self.0), self.1.clone());
        HttpConnectorFuture::new(async move { wire.call(to, request).await })
    }
}
