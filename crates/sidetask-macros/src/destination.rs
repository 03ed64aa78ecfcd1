use std::fmt::Write as _;

use syn::{Expr, ExprLit, Ident, Lit, LitStr};

use crate::faults::Faults;
use crate::options::{name, plain, text};

const SERVICES: [&str; 3] = ["lambda", "sns", "sqs"];

/// Where a client that dispatches sends the jobs of one function: as a whole, or in the parts that Zappa's users know.
#[derive(Default)]
pub(crate) struct Destination {
    to: Option<LitStr>,
    service: Option<String>,
    function: Option<LitStr>,
    region: Option<LitStr>,
    capture: Option<bool>,
    /// The parts that were written, in their order.
    parts: Vec<Ident>,
}

impl Destination {
    /// The options that [`set`](Self::set) takes.
    pub(crate) const OPTIONS: &str =
        "to, service, capture_response, remote_aws_lambda_function_name, remote_aws_region";

    /// Where the attribute itself names a service.
    pub(crate) fn of(service: Option<&str>) -> Self {
        Self { service: service.map(str::to_owned), ..Self::default() }
    }

    pub(crate) fn set(&mut self, option: &Ident, value: &Expr, faults: &mut Faults) {
        if option == "to" {
            self.to = to(value, faults);
            return;
        }
        self.parts.push(option.clone());
        match option.to_string().as_str() {
            "service" => self.set_service(value, faults),
            "remote_aws_lambda_function_name" => self.function = name(&format!("`{option}`"), value, faults),
            "remote_aws_region" => self.region = name(&format!("`{option}`"), value, faults),
            _ => self.capture = capture(value, faults),
        }
    }

    fn set_service(&mut self, value: &Expr, faults: &mut Faults) {
        let Some(service) = text(value).map(LitStr::value).filter(|service| SERVICES.contains(&service.as_str()))
        else {
            faults.add(value, "`service` is one of \"lambda\", \"sns\" and \"sqs\"");
            return;
        };
        match &self.service {
            Some(given) if *given != service => {
                let message = format!("`#[task_{given}]` is of the service `{given}`: use `#[task]` for another");
                faults.add(value, message);
            }
            _ => self.service = Some(service),
        }
    }

    /// Checks that it is said in one way only.
    pub(crate) fn check(&self, faults: &mut Faults) {
        let Some(to) = &self.to else { return };
        if !self.parts.is_empty() {
            let parts: Vec<_> = self.parts.iter().map(|part| format!("`{part}`")).collect();
            faults.add(
                to,
                format!("`to` is a whole destination: put all of it there, and leave out {}", parts.join(", ")),
            );
        } else if let Some(service) = &self.service {
            let message = format!("`to` is a whole destination, and `#[task_{service}]` names one too: use `#[task]`");
            faults.add(to, message);
        }
    }

    /// The destination, where there is one.
    pub(crate) fn url(&self) -> Option<String> {
        let Self { to, service, function, region, capture, parts } = self;
        if let Some(to) = to {
            return Some(to.value());
        }
        if parts.is_empty() && service.is_none() {
            return None;
        }
        let mut url = format!("{}:", service.as_deref().unwrap_or("lambda"));
        if let Some(function) = function {
            url += &percent_encoded(&function.value(), ":/$");
        }
        let region = region.as_ref().map(|region| format!("region={}", percent_encoded(&region.value(), "")));
        let capture = capture.map(|capture| format!("capture={capture}"));
        for (value, separator) in region.into_iter().chain(capture).zip(['?', '&']) {
            url.push(separator);
            url += &value;
        }
        Some(url)
    }
}

fn to(value: &Expr, faults: &mut Faults) -> Option<LitStr> {
    let url = text(value).filter(|url| is_url(&url.value()));
    if url.is_none() {
        faults.add(value, "`to` takes a destination in quotes, such as \"lambda:thumbnails:live?region=eu-west-1\"");
    }
    url.cloned()
}

fn is_url(text: &str) -> bool {
    let scheme = text.split_once(':').map_or("", |(scheme, _)| scheme);
    scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
        && !text.chars().any(|c| c.is_control() || c.is_whitespace())
}

fn capture(value: &Expr, faults: &mut Faults) -> Option<bool> {
    match plain(value) {
        Expr::Lit(ExprLit { lit: Lit::Bool(capture), .. }) => Some(capture.value),
        _ => {
            faults.add(value, "`capture_response` is `true` or `false`");
            None
        }
    }
}

fn percent_encoded(text: &str, also_plain: &str) -> String {
    text.bytes().fold(String::new(), |mut encoded, byte| {
        let c = char::from(byte);
        if c.is_ascii_alphanumeric() || "-._~".contains(c) || also_plain.contains(c) {
            encoded.push(c);
        } else {
            // Writing to a string cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
        encoded
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::Options;

    fn read(options: &str, service: Option<&str>) -> (Option<String>, String) {
        let mut faults = Faults::default();
        let options = Options::parse(options.parse().unwrap(), service, &mut faults);
        let faults = faults.into_compile_errors().map(|errors| errors.to_string()).unwrap_or_default();
        (options.destination.url(), faults)
    }

    #[test]
    fn the_parts_are_put_together_into_one_destination() {
        let whole = r#"service = "lambda", remote_aws_lambda_function_name = "thumbs:live",
            remote_aws_region = "eu-west-1", capture_response = true"#;
        let table = [
            ("", None, None),
            (r#"queue = "mail""#, None, None),
            (r#"to = "lambda:thumbs:live?region=eu-west-1""#, None, Some("lambda:thumbs:live?region=eu-west-1")),
            (r#"to = "sns:""#, None, Some("sns:")),
            (r#"service = "lambda""#, None, Some("lambda:")),
            (r#"service = "sns""#, None, Some("sns:")),
            (r#"service = "sqs""#, None, Some("sqs:")),
            ("", Some("sns"), Some("sns:")),
            (r#"service = "sns""#, Some("sns"), Some("sns:")),
            ("capture_response = true", None, Some("lambda:?capture=true")),
            ("capture_response = false", None, Some("lambda:?capture=false")),
            (r#"remote_aws_region = "us-east-1""#, None, Some("lambda:?region=us-east-1")),
            (r#"remote_aws_lambda_function_name = "thumbs""#, None, Some("lambda:thumbs")),
            (whole, None, Some("lambda:thumbs:live?region=eu-west-1&capture=true")),
            (
                r#"capture_response = true, remote_aws_region = "cn-north-1""#,
                Some("sns"),
                Some("sns:?region=cn-north-1&capture=true"),
            ),
        ];
        for (options, service, url) in table {
            assert_eq!(read(options, service), (url.map(str::to_owned), String::new()), "{options}");
        }
    }

    #[test]
    fn what_would_mean_something_else_in_a_url_is_encoded() {
        let options = r#"remote_aws_lambda_function_name = "arn:aws:lambda:eu-west-1:1:function:a?b c%é:$LATEST",
            remote_aws_region = "a&b=c/d""#;
        let url = "lambda:arn:aws:lambda:eu-west-1:1:function:a%3Fb%20c%25%C3%A9:$LATEST?region=a%26b%3Dc%2Fd";
        assert_eq!(read(options, None), (Some(url.to_owned()), String::new()));
    }

    #[test]
    fn a_destination_that_is_none_or_said_twice_is_told_what_to_do() {
        let table = [
            ("to = \"\"", None, "takes a destination in quotes"),
            ("to = \"thumbnails\"", None, "takes a destination in quotes"),
            ("to = \":x\"", None, "takes a destination in quotes"),
            ("to = \"lambda:a b\"", None, "takes a destination in quotes"),
            ("to = HERE", None, "takes a destination in quotes"),
            ("service = \"mail\"", None, "is one of"),
            ("service = sns", None, "is one of"),
            ("service = \"lambda\"", Some("sns"), "`#[task_sns]` is of the service `sns`"),
            ("to = \"sns:t\"", Some("sns"), "`#[task_sns]` names one too"),
            ("to = \"sns:t\", service = \"sns\"", None, "leave out `service`"),
            (
                "remote_aws_region = \"r\", to = \"sns:t\", capture_response = true",
                None,
                "leave out `remote_aws_region`, `capture_response`",
            ),
            ("capture_response = \"yes\"", None, "is `true` or `false`"),
            ("remote_aws_region = \"\"", None, "must not be empty"),
            ("remote_aws_lambda_function_name = 5", None, "must be a string literal"),
        ];
        for (options, service, expected) in table {
            let (_, faults) = read(options, service);
            assert!(faults.contains(expected), "{options}: {faults}");
        }
    }
}
