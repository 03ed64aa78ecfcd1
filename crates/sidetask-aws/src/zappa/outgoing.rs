//! Zappa's message as it is sent.

use sidetask::{Error, Json};

use super::message::COMMANDS;
use super::python;

/// How a call goes to the function that runs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    Lambda,
    Sns,
}

/// One call, to be sent.
#[derive(Clone, Debug)]
pub(crate) struct Outgoing<'a> {
    pub(crate) task_path: &'a str,
    /// An array.
    pub(crate) args: &'a Json,
    /// An object.
    pub(crate) kwargs: &'a Json,
    /// The id of the item that is to hold the response, where it is to be kept.
    pub(crate) response_id: Option<&'a str>,
    pub(crate) route: Route,
}

impl Outgoing<'_> {
    /// The text that Zappa sends, to the byte. All of it is ASCII.
    ///
    /// # Errors
    /// Arguments that are not JSON.
    pub(crate) fn encode(&self) -> Result<String, Error> {
        let Self { task_path, args, kwargs, response_id, route } = self;
        let (args, kwargs) = (python::dumps(args.as_str())?, python::dumps(kwargs.as_str())?);
        let quoted = |text: &str| {
            let mut out = String::new();
            python::push_string(&mut out, text);
            out
        };
        let (task_path, captured) = (quoted(task_path), response_id.is_some());
        let response_id = response_id.map_or_else(|| "null".to_owned(), quoted);
        let command = COMMANDS[*route as usize];
        Ok(format!(
            r#"{{"task_path": {task_path}, "capture_response": {captured}, "response_id": {response_id}, "args": {args}, "kwargs": {kwargs}, "command": "{command}"}}"#
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::super::message::decode;
    use super::*;

    #[test]
    fn a_message_is_written_as_zappa_writes_it_and_read_again() {
        let (args, kwargs) = (Json::from_stored(r#"["é",1.5]"#), Json::from_stored(r#"{"foo":[1,2]}"#));
        let mut outgoing =
            Outgoing { task_path: "a.b", args: &args, kwargs: &kwargs, response_id: None, route: Route::Lambda };
        let expected = concat!(
            r#"{"task_path": "a.b", "capture_response": false, "response_id": null, "args": ["\u00e9", 1.5], "#,
            r#""kwargs": {"foo": [1, 2]}, "command": "zappa.asynchronous.route_lambda_task"}"#,
        );
        assert_eq!(outgoing.encode().unwrap(), expected);

        (outgoing.response_id, outgoing.route) = (Some("r1"), Route::Sns);
        let text = outgoing.encode().unwrap();
        assert!(text.contains(r#""capture_response": true, "response_id": "r1""#), "{text}");
        assert!(text.ends_with(r#""command": "zappa.asynchronous.route_sns_task"}"#), "{text}");
        let message = decode(&text).unwrap();
        assert_eq!((message.task_path.as_str(), message.response_id.as_deref()), ("a.b", Some("r1")));
        let args: Vec<_> = message.args.iter().map(|arg| arg.get()).collect();
        assert_eq!((args, message.kwargs["foo"].get()), (vec![r#""\u00e9""#, "1.5"], "[1, 2]"));
    }
}
