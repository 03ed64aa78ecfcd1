//! Where each job goes.

use std::time::Duration;

use sidetask::core::When;
use sidetask::{Error, Timestamp};

use crate::destination::{Destination, Service, agree};
use crate::target::Target;

/// The longest delay of a message in SQS.
const LONGEST_DELAY: Duration = Duration::from_secs(900);

/// What applies to jobs that do not say otherwise.
#[derive(Clone, Debug)]
pub(super) struct Defaults {
    service: Service,
    /// At most one of each service.
    targets: Vec<Target>,
    pub(super) region: Option<String>,
    capture: Option<bool>,
}

/// Where one job goes. Jobs of one route may travel in one batch.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Route {
    pub(super) target: Target,
    /// `None` is the client's.
    pub(super) region: Option<String>,
}

impl Defaults {
    pub(super) fn new(destination: &Destination, targets: Vec<Target>) -> Self {
        let service = destination.service;
        let own = targets.iter().find(|target| target.service() == service);
        let region = own.and_then(Target::region).or(destination.region.as_deref()).map(ToOwned::to_owned);
        Self { service, targets, region, capture: destination.capture }
    }

    /// Where a job goes, and whether its response is to be kept, where that is said.
    ///
    /// # Errors
    /// [`is_url`](Error::is_url); [`is_unsupported`](Error::is_unsupported) where the feature is missing.
    pub(super) fn route(&self, to: Option<&str>) -> Result<(Route, Option<bool>), Error> {
        let Some(to) = to else {
            return Ok((self.of(self.own(self.service)?, None), self.capture));
        };
        let refuse = |fault: String| Error::url(format!("`{to}` cannot be sent to: {fault}"));
        let said: Destination = to.parse()?;
        if let Some(name) = clients_own(&said) {
            return Err(refuse(format!("`{name}` is the client's: set it where the client is connected")));
        }
        let target = match said.named(said.service) {
            Some(name) => Target::parse(said.service, name).map_err(refuse)?,
            None => self.own(said.service)?,
        };
        agree(&target, said.region.as_deref()).map_err(refuse)?;
        Ok((self.of(target, said.region), said.capture.or(self.capture)))
    }

    fn of(&self, target: Target, region: Option<String>) -> Route {
        let region =
            target.region().map(ToOwned::to_owned).or(region).filter(|said| self.region.as_ref() != Some(said));
        Route { target, region }
    }

    fn own(&self, service: Service) -> Result<Target, Error> {
        let own = self.targets.iter().find(|target| target.service() == service);
        own.cloned().ok_or_else(|| {
            let (scheme, noun) = (service.scheme(), service.noun());
            Error::url(format!(
                "`{scheme}:` names no {noun}, and the client has none: write it after the colon, or connect the client \
                 with `?{noun}=..`"
            ))
        })
    }
}

fn clients_own(said: &Destination) -> Option<&'static str> {
    let set = [
        ("responses", said.responses.is_some()),
        ("payloads", said.payloads.is_some()),
        ("ttl", said.ttl.is_some()),
        ("endpoint", said.endpoint.is_some()),
    ];
    set.into_iter().find(|(_, set)| *set).map(|(name, _)| name)
}

/// How long the service is to wait, in whole seconds, rounded up; `None` where the job is due.
///
/// # Errors
/// [`is_unsupported`](Error::is_unsupported) where it cannot wait so long, or at all.
pub(super) fn delay(target: &Target, when: When, now: Timestamp) -> Result<Option<i32>, Error> {
    let (due, ahead) = when.due(now);
    if !ahead {
        return Ok(None);
    }
    let wait = due.since(now);
    let refused = |cannot: &str, queue: &str| {
        Err(Error::unsupported(format!(
            "a delay of {wait:?} was asked for, and {cannot}: use {queue}EventBridge Scheduler, or a store such as \
             `sqlite:` or `postgres:`, which takes any delay"
        )))
    };
    let refuse = |cannot| refused(cannot, "a standard SQS queue for up to 900 s, ");
    match target {
        Target::Function { .. } => refuse("Lambda runs functions at once"),
        Target::Topic { .. } => refuse("SNS delivers messages at once"),
        _ if target.is_fifo() => refuse("a FIFO queue has no delay for one message"),
        _ if wait > LONGEST_DELAY => refused("SQS takes at most 900 s", ""),
        _ => {
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            Ok(Some(i32::try_from(seconds).unwrap_or(i32::MAX)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOPIC: &str = "arn:aws:sns:us-east-1:123456789012:t";

    fn defaults(url: &str) -> Defaults {
        let destination: Destination = url.parse().unwrap();
        let targets = destination.targets(&mut Vec::new());
        Defaults::new(&destination, targets)
    }

    fn shown(defaults: &Defaults, to: Option<&str>) -> String {
        match defaults.route(to) {
            Ok((Route { target, region }, captures)) => format!("{target} {region:?} {captures:?}"),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn a_call_goes_where_it_says_and_takes_the_rest_from_the_client() {
        let own = defaults(&format!("lambda:mailer:live?region=eu-west-1&topic={TOPIC}"));
        for (to, expected) in [
            (None, "function `mailer:live` None None"),
            (Some("lambda:"), "function `mailer:live` None None"),
            (Some("lambda:other?region=eu-west-1"), "function `other` None None"),
            (Some("lambda:other?region=us-west-2&capture=false"), "function `other` Some(\"us-west-2\") Some(false)"),
            (Some("lambda:?region=us-west-2"), "function `mailer:live` Some(\"us-west-2\") None"),
            (Some("sns:"), "topic `arn:aws:sns:us-east-1:123456789012:t` Some(\"us-east-1\") None"),
            (Some("sqs:jobs"), "queue `jobs` None None"),
        ] {
            assert_eq!(shown(&own, to), expected);
        }
        let uncaptured = defaults("lambda:f?capture=false");
        assert_eq!(uncaptured.route(None).unwrap().1, Some(false));
        assert_eq!(uncaptured.route(Some("lambda:")).unwrap().1, Some(false));
        assert_eq!(uncaptured.route(Some("lambda:?capture=true")).unwrap().1, Some(true));
    }

    #[test]
    fn a_call_cannot_say_what_is_its_clients() {
        let own = defaults(&format!("lambda:mailer?topic={TOPIC}"));
        for (to, part) in [
            ("sqs:", "`sqs:` names no queue, and the client has none"),
            ("sns:?region=eu-west-1", "is in `us-east-1`"),
            ("lambda:?responses=other", "`responses` is the client's"),
            ("lambda:?endpoint=http://x", "`endpoint` is the client's"),
            ("lambda", "not understood"),
            ("mail:", "not understood"),
        ] {
            let said = shown(&own, Some(to));
            assert!(said.contains(part), "{to}: {said}");
        }
    }

    #[test]
    fn a_delay_is_whole_seconds_up_to_what_the_service_can_do() {
        let now = Timestamp::from_micros(1_700_000_000_000_000);
        let queue = Target::parse(Service::Sqs, "jobs").unwrap();
        let after = |micros| delay(&queue, When::After(Duration::from_micros(micros)), now);
        assert_eq!(after(0).unwrap(), None);
        assert_eq!(after(1).unwrap(), Some(1));
        assert_eq!(after(899_000_001).unwrap(), Some(900));
        assert_eq!(after(900_000_000).unwrap(), Some(900));
        let longer = after(900_000_001).unwrap_err();
        assert!(longer.is_unsupported() && longer.to_string().contains("at most 900 s: use EventBridge"), "{longer}");
        assert_eq!(delay(&queue, When::At(now.before(Duration::from_secs(5))), now).unwrap(), None);
        assert_eq!(delay(&queue, When::At(now.after(Duration::from_secs(5))), now).unwrap(), Some(5));

        for (service, name) in [(Service::Lambda, "f"), (Service::Sns, TOPIC), (Service::Sqs, "jobs.fifo")] {
            let target = Target::parse(service, name).unwrap();
            let error = delay(&target, When::After(Duration::from_secs(1)), now).unwrap_err();
            assert!(error.is_unsupported());
            for part in ["SQS queue for up to 900 s", "EventBridge Scheduler", "`sqlite:`"] {
                assert!(error.to_string().contains(part), "{error}");
            }
            assert_eq!(delay(&target, When::After(Duration::ZERO), now).unwrap(), None);
        }
    }
}
