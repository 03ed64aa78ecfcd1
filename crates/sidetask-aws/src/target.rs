//! What a job is sent to: a function, a topic or a queue, checked before AWS is asked.

use std::fmt;

use crate::arn::{Arn, partition_of};
use crate::destination::Service;

/// A function, topic or queue whose name AWS can take.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Target {
    /// A function's name or ARN, and an alias or version of it.
    Function { name: String, qualifier: Option<String>, region: Option<String> },
    /// A topic's ARN.
    Topic { arn: String, region: String },
    /// A queue by its URL.
    Queue { url: String, region: Option<String> },
    /// A queue of this account by its name.
    QueueName(String),
}

impl Target {
    /// Reads `function[:alias]` or a function's ARN; a topic's ARN; a queue's URL or name.
    ///
    /// # Errors
    /// What is wrong with it, and what is wanted.
    pub(crate) fn parse(service: Service, text: &str) -> Result<Self, String> {
        match service {
            Service::Lambda => function(text),
            Service::Sns => topic(text),
            Service::Sqs if text.contains("://") => queue_url(text),
            Service::Sqs => queue_name(text),
        }
    }

    #[cfg(any(feature = "__dispatch", test))]
    pub(crate) fn service(&self) -> Service {
        match self {
            Self::Function { .. } => Service::Lambda,
            Self::Topic { .. } => Service::Sns,
            Self::Queue { .. } | Self::QueueName(_) => Service::Sqs,
        }
    }

    /// The region that its name says, if it says one.
    pub(crate) fn region(&self) -> Option<&str> {
        match self {
            Self::Function { region, .. } | Self::Queue { region, .. } => region.as_deref(),
            Self::Topic { region, .. } => Some(region),
            Self::QueueName(_) => None,
        }
    }

    /// Whether it keeps an order and drops duplicates.
    #[cfg(feature = "__dispatch")]
    pub(crate) fn is_fifo(&self) -> bool {
        match self {
            Self::Function { .. } => false,
            Self::Topic { arn: name, .. } | Self::Queue { url: name, .. } | Self::QueueName(name) => {
                name.ends_with(".fifo")
            }
        }
    }
}

/// For texts: "function `mailer:live`".
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Function { name, qualifier: Some(qualifier), .. } => write!(f, "function `{name}:{qualifier}`"),
            Self::Function { name, qualifier: None, .. } => write!(f, "function `{name}`"),
            Self::Topic { arn, .. } => write!(f, "topic `{arn}`"),
            Self::Queue { url: name, .. } | Self::QueueName(name) => write!(f, "queue `{name}`"),
        }
    }
}

fn function(text: &str) -> Result<Target, String> {
    const WANTED: &str = "a function is named `name`, `name:alias` or by its ARN";
    let arn = if text.starts_with("arn:") { Some(arn_of("lambda", text)?) } else { None };
    let named = match &arn {
        Some(arn) => arn.resource.strip_prefix("function:").ok_or_else(|| format!("`{text}`: {WANTED}"))?,
        None => text,
    };
    let (name, qualifier) = named.split_once(':').map_or((named, None), |(name, after)| (name, Some(after)));
    check("function", name, 64, is_word).map_err(|fault| format!("{fault}: {WANTED}"))?;
    if let Some(qualifier) = qualifier {
        check("alias", qualifier, 128, |c| is_word(c) || c == '$')?;
    }
    let region = arn.as_ref().map(|arn| arn.region.clone());
    let qualifier = qualifier.map(ToOwned::to_owned);
    let name = match &arn {
        Some(arn) => Arn { resource: format!("function:{name}"), ..arn.clone() }.to_string(),
        None => name.to_owned(),
    };
    Ok(Target::Function { name, qualifier, region })
}

fn topic(text: &str) -> Result<Target, String> {
    if !text.starts_with("arn:") {
        return Err(format!("`{text}` is not an ARN: an SNS destination is a topic's ARN, not a function's name"));
    }
    let arn = arn_of("sns", text)?;
    check("topic", without_fifo(&arn.resource), 256, is_word)?;
    Ok(Target::Topic { arn: text.to_owned(), region: arn.region })
}

fn queue_name(text: &str) -> Result<Target, String> {
    if text.starts_with("arn:") {
        return Err(format!("`{text}` is an ARN: write the queue's URL or name, not its ARN"));
    }
    check("queue", without_fifo(text), 80, is_word)
        .map_err(|fault| format!("{fault}: a queue is named by its URL, or by its name where it is of this account"))?;
    Ok(Target::QueueName(text.to_owned()))
}

fn queue_url(text: &str) -> Result<Target, String> {
    let (host, path) = web_address("queue URL", text)?;
    let name = path.rsplit('/').next().unwrap_or_default();
    check("queue", without_fifo(name), 80, is_word)?;
    Ok(Target::Queue { url: text.to_owned(), region: region_of_host(host) })
}

/// `sqs.REGION.amazonaws.com`, in China with `.cn` at its end, and the older `REGION.queue.amazonaws.com`.
fn region_of_host(host: &str) -> Option<String> {
    let (labels, _) = host.split_once(".amazonaws.com")?;
    let region = match labels.strip_prefix("sqs.").or_else(|| labels.strip_prefix("sqs-fips.")) {
        Some(region) => region,
        None => labels.strip_suffix(".queue")?,
    };
    check_region(region).is_ok().then(|| region.to_owned())
}

fn arn_of(service: &str, text: &str) -> Result<Arn, String> {
    let arn: Arn = text.parse().map_err(|error: sidetask::Error| error.to_string())?;
    if arn.service != service {
        return Err(format!("`{text}` is an ARN of `{}`, and one of `{service}` is needed", arn.service));
    }
    check_region(&arn.region)?;
    let partition = partition_of(&arn.region);
    if partition != arn.partition && (partition != "aws" || ["aws-cn", "aws-us-gov"].contains(&&*arn.partition)) {
        return Err(format!(
            "`{text}` names the partition `{}`, but `{}` is in `{partition}`",
            arn.partition, arn.region
        ));
    }
    if arn.account.len() != 12 || !arn.account.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(format!("`{text}` names the account `{}`: an account has 12 digits", arn.account));
    }
    Ok(arn)
}

pub(crate) fn check_region(region: &str) -> Result<(), String> {
    check("region", region, 63, |c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}

/// The address of a server, without a query: its host and path.
pub(crate) fn web_address<'a>(what: &str, text: &'a str) -> Result<(&'a str, &'a str), String> {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let (host, path) = rest.map_or(("", ""), |rest| rest.split_once('/').unwrap_or((rest, "")));
    if host.is_empty() || !text.chars().all(|c| c.is_ascii_graphic() && !"?#\"<>\\^`{|}".contains(c)) {
        return Err(format!("the {what} `{text}` must be `https://host/..` or `http://host/..`, without a query"));
    }
    Ok((host, path))
}

/// What is wrong with a name that may have 1 to `most` of these characters.
pub(crate) fn check(what: &str, name: &str, most: usize, allowed: impl Fn(char) -> bool) -> Result<(), String> {
    if name.is_empty() {
        return Err(format!("the name of the {what} is empty"));
    }
    if let Some(wrong) = name.chars().find(|c| !allowed(*c)) {
        return Err(format!("the {what} `{name}` has a character that AWS does not take: {wrong:?}"));
    }
    if name.len() > most {
        return Err(format!("the name of the {what} has {} characters, and may have {most}", name.len()));
    }
    Ok(())
}

pub(crate) fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '-' || c == '_'
}

fn without_fifo(name: &str) -> &str {
    name.strip_suffix(".fifo").unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_their_region_and_what_they_are() {
        for (service, text, region, shown) in [
            (Service::Lambda, "mailer", None, "function `mailer`"),
            (Service::Lambda, "mailer:live", None, "function `mailer:live`"),
            (Service::Lambda, "mailer:$LATEST", None, "function `mailer:$LATEST`"),
            (
                Service::Lambda,
                "arn:aws-cn:lambda:cn-north-1:123456789012:function:mailer:7",
                Some("cn-north-1"),
                "function `arn:aws-cn:lambda:cn-north-1:123456789012:function:mailer:7`",
            ),
            (
                Service::Sns,
                "arn:aws-us-gov:sns:us-gov-west-1:123456789012:t",
                Some("us-gov-west-1"),
                "topic `arn:aws-us-gov:sns:us-gov-west-1:123456789012:t`",
            ),
            (Service::Sqs, "jobs.fifo", None, "queue `jobs.fifo`"),
            (
                Service::Sqs,
                "https://sqs.cn-north-1.amazonaws.com.cn/123456789012/q",
                Some("cn-north-1"),
                "queue `https://sqs.cn-north-1.amazonaws.com.cn/123456789012/q`",
            ),
            (
                Service::Sqs,
                "https://eu-west-1.queue.amazonaws.com/123456789012/q",
                Some("eu-west-1"),
                "queue `https://eu-west-1.queue.amazonaws.com/123456789012/q`",
            ),
            (Service::Sqs, "http://127.0.0.1:5000/1/q", None, "queue `http://127.0.0.1:5000/1/q`"),
        ] {
            let target = Target::parse(service, text).unwrap();
            assert_eq!((target.region(), target.to_string().as_str()), (region, shown), "{text}");
            assert_eq!(target.service(), service);
        }
    }

    #[test]
    fn what_aws_does_not_take_is_found_here() {
        let long = "f".repeat(65);
        for (service, text, part) in [
            (Service::Lambda, "", "empty"),
            (Service::Lambda, "a b", "' '"),
            (Service::Lambda, "f:", "alias is empty"),
            (Service::Lambda, "f:a:b", "':'"),
            (Service::Lambda, long.as_str(), "65 characters, and may have 64"),
            (Service::Lambda, "arn:aws:sns:eu-west-1:123456789012:t", "an ARN of `sns`"),
            (Service::Lambda, "arn:aws:lambda:eu-west-1:123456789012:layer:l", "by its ARN"),
            (Service::Sns, "topic", "a topic's ARN, not a function's name"),
            (Service::Sns, "arn:aws:sns:cn-north-1:123456789012:t", "`cn-north-1` is in `aws-cn`"),
            (Service::Sns, "arn:aws-cn:sns:eu-west-1:123456789012:t", "`eu-west-1` is in `aws`"),
            (Service::Sns, "arn:aws:sns:eu-west-1:1:t", "12 digits"),
            (Service::Sns, "arn:aws:sns::123456789012:t", "region is empty"),
            (Service::Sqs, "a/b", "'/'"),
            (Service::Sqs, "arn:aws:sqs:eu-west-1:123456789012:q", "URL or name, not its ARN"),
            (Service::Sqs, "https:///q", "without a query"),
            (Service::Sqs, "ftp://host/q", "https://host"),
            (Service::Sqs, "https://host/1/q?x", "without a query"),
            (Service::Sqs, "https://host/", "empty"),
        ] {
            let fault = Target::parse(service, text).unwrap_err();
            assert!(fault.contains(part), "{text}: {fault}");
        }
    }
}
