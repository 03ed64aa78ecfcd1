use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};
use sidetask::Error;

use crate::target::{Target, check, check_region, is_word, web_address};

#[cfg(test)]
mod tests;

/// A service that jobs are sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Service {
    /// Invokes a function, asynchronously.
    Lambda,
    /// Publishes to a topic.
    Sns,
    /// Sends to a queue.
    Sqs,
}

impl Service {
    const ALL: [Self; 3] = [Self::Lambda, Self::Sns, Self::Sqs];

    /// The scheme of its URLs, which is also the feature that adds it.
    pub const fn scheme(self) -> &'static str {
        match self {
            Self::Lambda => "lambda",
            Self::Sns => "sns",
            Self::Sqs => "sqs",
        }
    }

    /// What it sends to.
    pub(crate) const fn noun(self) -> &'static str {
        match self {
            Self::Lambda => "function",
            Self::Sns => "topic",
            Self::Sqs => "queue",
        }
    }
}

/// Where jobs are sent and what is kept of them: a URL, taken apart.
///
/// | URL | sends to |
/// |---|---|
/// | `lambda:function`, `lambda:function:alias`, `lambda:function-arn` | a function, an alias or version of it |
/// | `sns:topic-arn` | a topic |
/// | `sqs:queue-url`, `sqs:queue-name` | a queue |
///
/// Followed by `?name=value&name=value`, each at most once, `%` escapes decoded:
///
/// | name | says | default |
/// |---|---|---|
/// | `region` | where that is, unless the ARN or the queue's URL says it | the environment's |
/// | `responses` | the DynamoDB table that keeps what becomes of jobs | nothing is kept |
/// | `payloads` | the S3 bucket for arguments that are too large to send | they are refused |
/// | `ttl` | how long a response is kept after its last change, in seconds | one day |
/// | `endpoint` | the address of a server in place of AWS | AWS |
/// | `function`, `topic`, `queue` | what `lambda:`, `sns:` and `sqs:` alone are short for | the URL's own; nothing else |
/// | `capture` | `false`: nothing is kept; `true`: a job is refused without a table | kept with a table |
///
/// The table's hash key is `id`, a string; it has no range key, and its TTL attribute is `ttl`.
///
/// Of a [call's own destination](sidetask::Call::to), `responses`, `payloads`, `ttl` and `endpoint` are always the
/// client's.
///
/// ```
/// use sidetask_aws::{Destination, Service};
///
/// let to: Destination = "lambda:mailer:live?region=eu-west-1&responses=jobs&ttl=3600".parse()?;
/// assert_eq!((to.service, to.target.as_str()), (Service::Lambda, "mailer:live"));
/// assert_eq!(to.responses.as_deref(), Some("jobs"));
///
/// let error = "lambda:mailer?regoin=eu-west-1".parse::<Destination>().unwrap_err();
/// assert!(error.to_string().contains("`regoin`"));
/// # Ok::<(), sidetask::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Destination {
    /// The service.
    pub service: Service,
    /// The function, topic or queue; empty where it is to be the client's own.
    pub target: String,
    /// The region, where it was given.
    pub region: Option<String>,
    /// The address of a server in place of AWS.
    pub endpoint: Option<String>,
    /// The table of responses.
    pub responses: Option<String>,
    /// The bucket for large arguments.
    pub payloads: Option<String>,
    /// How long a response is kept after its last change, in whole seconds.
    pub ttl: Option<Duration>,
    /// What `lambda:` alone is short for.
    pub function: Option<String>,
    /// What `sns:` alone is short for.
    pub topic: Option<String>,
    /// What `sqs:` alone is short for.
    pub queue: Option<String>,
    /// Whether responses are kept.
    pub capture: Option<bool>,
}

impl Destination {
    /// How long a response is kept where nothing else is said. Longer than AWS tries an event again.
    #[cfg(feature = "dynamodb")]
    pub(crate) const DEFAULT_TTL: Duration = Duration::from_secs(24 * 60 * 60);

    /// The names that a query may have.
    const PARAMETERS: [&str; 9] =
        ["capture", "endpoint", "function", "payloads", "queue", "region", "responses", "topic", "ttl"];

    /// This target of this service, and nothing else said.
    pub fn new(service: Service, target: impl Into<String>) -> Self {
        Self {
            service,
            target: target.into(),
            region: None,
            endpoint: None,
            responses: None,
            payloads: None,
            ttl: None,
            function: None,
            topic: None,
            queue: None,
            capture: None,
        }
    }

    /// What a service's scheme alone is short for here: the target, or what the query names.
    pub(crate) fn named(&self, service: Service) -> Option<&str> {
        let own = (service == self.service && !self.target.is_empty()).then_some(self.target.as_str());
        own.or_else(|| self.parameter(service))
    }

    fn parameter(&self, service: Service) -> Option<&str> {
        match service {
            Service::Lambda => self.function.as_deref(),
            Service::Sns => self.topic.as_deref(),
            Service::Sqs => self.queue.as_deref(),
        }
    }

    /// The function, topic and queue that it names, and everything that is wrong with it.
    pub(crate) fn targets(&self, faults: &mut Vec<String>) -> Vec<Target> {
        let mut note = |checked: Result<(), String>| faults.extend(checked.err());
        if let Some(region) = &self.region {
            note(check_region(region));
        }
        if let Some(endpoint) = &self.endpoint {
            note(web_address("endpoint", endpoint).map(drop));
        }
        if let Some(table) = &self.responses {
            note(check_length("table", table, 3).and(check("table", table, 255, |c| is_word(c) || c == '.')));
        }
        if let Some(bucket) = &self.payloads {
            let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
            note(check_length("bucket", bucket, 3).and(check("bucket", bucket, 63, allowed)));
        }
        if self.ttl.is_some_and(|ttl| ttl < Duration::from_secs(1)) {
            note(Err("`ttl` must be at least 1 second".to_owned()));
        }
        let noun = self.service.noun();
        if !self.target.is_empty() && self.parameter(self.service).is_some() {
            note(Err(format!("the {noun} is named twice: after the colon and as `{noun}`")));
        }
        let mut targets = Vec::new();
        for (service, name) in Service::ALL.into_iter().filter_map(|service| Some((service, self.named(service)?))) {
            match Target::parse(service, name) {
                Ok(target) => {
                    if service == self.service {
                        note(agree(&target, self.region.as_deref()));
                    }
                    targets.push(target);
                }
                Err(fault) => note(Err(fault)),
            }
        }
        targets
    }

    fn set(&mut self, given: &mut BTreeMap<&str, String>, faults: &mut Vec<String>) {
        self.region = given.remove("region");
        self.endpoint = given.remove("endpoint");
        self.responses = given.remove("responses");
        self.payloads = given.remove("payloads");
        self.function = given.remove("function");
        self.topic = given.remove("topic");
        self.queue = given.remove("queue");
        if let Some(ttl) = given.remove("ttl") {
            match ttl.parse() {
                Ok(seconds) => self.ttl = Some(Duration::from_secs(seconds)),
                Err(_) => faults.push(format!("`ttl` must be a number of seconds: got `{ttl}`")),
            }
        }
        match given.remove("capture").as_deref() {
            None => {}
            Some("true") => self.capture = Some(true),
            Some("false") => self.capture = Some(false),
            Some(other) => faults.push(format!("`capture` must be `true` or `false`: got `{other}`")),
        }
    }
}

impl FromStr for Destination {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let refuse = |faults: &[String]| Error::url(format!("`{text}` is not understood: {}", faults.join("; ")));
        let of = |scheme: &str| Service::ALL.into_iter().find(|service| service.scheme() == scheme);
        let Some((service, rest)) = text.split_once(':').and_then(|(scheme, rest)| Some((of(scheme)?, rest))) else {
            return Err(refuse(&["write `lambda:function`, `sns:topic-arn` or `sqs:queue-url`".to_owned()]));
        };
        let mut faults = Vec::new();
        let (target, query) = rest.split_once('?').unwrap_or((rest, ""));
        let mut destination = Self::new(service, decode(target, &mut faults));
        let mut given = parameters(query, &mut faults);
        destination.set(&mut given, &mut faults);
        destination.targets(&mut faults);
        if faults.is_empty() { Ok(destination) } else { Err(refuse(&faults)) }
    }
}

/// The URL that it was read from, its parameters in the order of their names.
impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.service.scheme(), encode(&self.target))?;
        let (capture, ttl) = (self.capture.map(|on| on.to_string()), self.ttl.map(|ttl| ttl.as_secs().to_string()));
        let values = [
            &capture,
            &self.endpoint,
            &self.function,
            &self.payloads,
            &self.queue,
            &self.region,
            &self.responses,
            &self.topic,
            &ttl,
        ];
        let mut mark = '?';
        for (name, value) in Self::PARAMETERS.into_iter().zip(values) {
            if let Some(value) = value {
                write!(f, "{mark}{name}={}", encode(value))?;
                mark = '&';
            }
        }
        Ok(())
    }
}

/// Whether a target may be in this region: its own name may say another.
pub(crate) fn agree(target: &Target, region: Option<&str>) -> Result<(), String> {
    match (target.region(), region) {
        (Some(said), Some(given)) if said != given => {
            Err(format!("the {target} is in `{said}`, but `region` is `{given}`: leave `region` out"))
        }
        _ => Ok(()),
    }
}

fn check_length(what: &str, name: &str, least: usize) -> Result<(), String> {
    if name.len() < least {
        Err(format!("the name of the {what} must have at least {least} characters"))
    } else {
        Ok(())
    }
}

fn parameters<'a>(query: &'a str, faults: &mut Vec<String>) -> BTreeMap<&'a str, String> {
    let mut given = BTreeMap::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        if !Destination::PARAMETERS.contains(&name) {
            let known = Destination::PARAMETERS.join("`, `");
            faults.push(format!("there is no parameter `{name}`: those known are `{known}`"));
        } else if given.insert(name, decode(value, faults)).is_some() {
            faults.push(format!("the parameter `{name}` is given twice"));
        }
    }
    given
}

/// What would end a part of the URL, and what URLs do not hold.
const ESCAPED: &AsciiSet = &CONTROLS.add(b' ').add(b'%').add(b'?').add(b'&').add(b'#').add(b'"').add(b'<').add(b'>');

fn encode(text: &str) -> impl fmt::Display + '_ {
    utf8_percent_encode(text, ESCAPED)
}

fn decode(text: &str, faults: &mut Vec<String>) -> String {
    match percent_decode_str(text).decode_utf8() {
        Ok(decoded) => decoded.into_owned(),
        Err(_) => {
            faults.push(format!("`{text}` is not UTF-8 once its `%` escapes are decoded"));
            String::new()
        }
    }
}
