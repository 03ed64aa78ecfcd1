use percent_encoding::percent_decode_str;
use sidetask::Error;

use super::{ASYNC_CLASSES, App, LambdaAsyncResponse, SnsAsyncResponse};
use crate::{Arn, Service};

/// Where a call is to go; `None` leaves it to whoever knows better.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Placement {
    pub(super) service: Option<Service>,
    /// For SNS also a topic's ARN.
    pub(super) function: Option<String>,
    pub(super) region: Option<String>,
    pub(super) capture_response: Option<bool>,
}

impl Placement {
    /// Reads a task's destination, `lambda:function?region=..&capture=true`. It may be one of Zappa's alone, which name
    /// a function for SNS as well, and not the topic; what Zappa has no word for is passed over.
    pub(super) fn read(url: &str) -> Result<Self, Error> {
        let unread = |what: &str| Error::url(format!("the destination `{url}` is not understood: {what}"));
        let (service, rest) = url.split_once(':').ok_or_else(|| unread("it has no service"))?;
        let (function, query) = rest.split_once('?').unwrap_or((rest, ""));
        let service = match service {
            "sqs" => Service::Sqs,
            name => ASYNC_CLASSES.iter().find(|class| class.0 == name).ok_or_else(|| unread("it names no service"))?.1,
        };
        let decoded = |text: &str| {
            percent_decode_str(text).decode_utf8().map(String::from).map_err(|_| unread("it is not UTF-8"))
        };
        let function = Some(decoded(function)?).filter(|function| !function.is_empty());
        let mut placement = Self { service: Some(service), function, ..Self::default() };
        for (name, value) in query.split('&').filter_map(|part| part.split_once('=')) {
            match name {
                "region" => placement.region = Some(decoded(value)?),
                "capture" => placement.capture_response = Some(value == "true"),
                _ => {}
            }
        }
        Ok(placement)
    }

    /// What is not said here is as `other` says.
    pub(super) fn or(self, other: Self) -> Self {
        Self {
            service: self.service.or(other.service),
            function: self.function.or(other.function),
            region: self.region.or(other.region),
            capture_response: self.capture_response.or(other.capture_response),
        }
    }

    pub(super) fn lambda(self, app: &App) -> LambdaAsyncResponse {
        let mut sending = LambdaAsyncResponse::new(app).capture_response(self.capture_response.unwrap_or_default());
        if let Some(function) = self.function {
            sending = sending.lambda_function_name(function);
        }
        if let Some(region) = self.region {
            sending = sending.aws_region(region);
        }
        sending
    }

    pub(super) fn sns(self, app: &App) -> SnsAsyncResponse {
        let mut sending = SnsAsyncResponse::new(app).capture_response(self.capture_response.unwrap_or_default());
        if let Some(function) = self.function {
            let is_topic = function.parse::<Arn>().is_ok_and(|arn| arn.service == "sns");
            sending = if is_topic { sending.arn(function) } else { sending.lambda_function_name(function) };
        }
        if let Some(region) = self.region {
            sending = sending.aws_region(region);
        }
        sending
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tasks_destination_is_read() {
        let placement = |service, function: Option<&str>, region: Option<&str>, capture_response| Placement {
            service: Some(service),
            function: function.map(ToOwned::to_owned),
            region: region.map(ToOwned::to_owned),
            capture_response,
        };
        let cases = [
            ("lambda:?capture=true", placement(Service::Lambda, None, None, Some(true))),
            ("sns:", placement(Service::Sns, None, None, None)),
            (
                "lambda:pizza-pie-prod?region=us-east-1&capture=false&table=t",
                placement(Service::Lambda, Some("pizza-pie-prod"), Some("us-east-1"), Some(false)),
            ),
            ("lambda:pie%3Alive", placement(Service::Lambda, Some("pie:live"), None, None)),
            ("sqs:https://queue", placement(Service::Sqs, Some("https://queue"), None, None)),
        ];
        for (url, expected) in cases {
            assert_eq!(Placement::read(url).unwrap(), expected, "{url}");
        }
        for url in ["pie", "ftp:pie", "lambda:%ff"] {
            assert!(Placement::read(url).unwrap_err().is_url(), "{url}");
        }
    }

    #[test]
    fn the_call_counts_before_the_task() {
        let task = Placement::read("sns:kitchen?region=eu-west-1&capture=true").unwrap();
        let call =
            Placement { function: Some("other".to_owned()), capture_response: Some(false), ..Placement::default() };
        let both = call.or(task);
        assert_eq!(both.service, Some(Service::Sns));
        assert_eq!((both.function.as_deref(), both.region.as_deref()), (Some("other"), Some("eu-west-1")));
        assert_eq!(both.capture_response, Some(false));
    }
}
