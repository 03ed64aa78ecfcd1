use std::time::Duration;

use proc_macro2::TokenStream;
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::{Expr, ExprLit, Ident, Lit, LitStr, Token, UnOp};

use crate::destination::Destination;
use crate::duration;
use crate::faults::Faults;

const OPTIONS: &str = "name, aliases, queue, max_attempts, timeout, pool, priority, backoff, rate_limit";

/// The longest name that a store takes, in bytes.
const NAME_BYTES: usize = 256;

/// What stands in the attribute's parentheses.
#[derive(Default)]
pub(crate) struct Options {
    pub(crate) name: Option<LitStr>,
    pub(crate) aliases: Vec<LitStr>,
    pub(crate) queue: Option<LitStr>,
    pub(crate) max_attempts: Option<u32>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) pool: Option<LitStr>,
    pub(crate) priority: Option<i16>,
    pub(crate) backoff: Option<Backoff>,
    pub(crate) rate_limit: Option<Expr>,
    pub(crate) destination: Destination,
}

pub(crate) enum Backoff {
    Fixed(Duration),
    Expression(Box<Expr>),
}

impl Options {
    /// Reads every option of an attribute, which may be of one `service`; those that cannot be used become `faults`.
    pub(crate) fn parse(tokens: TokenStream, service: Option<&str>, faults: &mut Faults) -> Self {
        let mut options = Self { destination: Destination::of(service), ..Self::default() };
        let mut seen: Vec<Ident> = Vec::new();
        let parsed = Parser::parse2(
            |input: ParseStream<'_>| {
                while !input.is_empty() {
                    let option = option_name(input)?;
                    let value = option_value(&option, input)?;
                    if seen.contains(&option) {
                        faults.add(&option, format!("`{option}` is given twice: keep one of them"));
                    } else {
                        options.set(&option, value, faults);
                        seen.push(option);
                    }
                    if !input.is_empty() {
                        input.parse::<Token![,]>()?;
                    }
                }
                Ok(())
            },
            tokens,
        );
        if let Err(error) = parsed {
            faults.push(error);
        }
        options.destination.check(faults);
        options
    }

    fn set(&mut self, option: &Ident, value: Expr, faults: &mut Faults) {
        match option.to_string().as_str() {
            "name" => self.name = name("`name`", &value, faults),
            "aliases" => self.aliases = aliases(&value, faults),
            "queue" => self.queue = name("`queue`", &value, faults),
            "max_attempts" => self.max_attempts = max_attempts(&value, faults),
            "timeout" => self.timeout = timeout(&value, faults),
            "pool" => self.pool = name("`pool`", &value, faults),
            "priority" => self.priority = priority(&value, faults),
            "backoff" => self.backoff = backoff(value, faults),
            "rate_limit" => self.rate_limit = rate_limit(value, faults),
            _ => self.destination.set(option, &value, faults),
        }
    }
}

fn option_name(input: ParseStream<'_>) -> syn::Result<Ident> {
    let known = format!("{OPTIONS}, {}", Destination::OPTIONS);
    let expected = |place| syn::Error::new(place, format!("expected `option = value`: the options are {known}"));
    let option = input.call(Ident::parse_any).map_err(|error| expected(error.span()))?;
    if known.split(", ").any(|known| option == known) {
        return Ok(option);
    }
    Err(syn::Error::new_spanned(&option, format!("`#[task]` has no option `{option}`: the options are {known}")))
}

fn option_value(option: &Ident, input: ParseStream<'_>) -> syn::Result<Expr> {
    if !input.peek(Token![=]) {
        return Err(syn::Error::new_spanned(option, format!("`{option}` needs a value: write `{option} = ..`")));
    }
    input.parse::<Token![=]>()?;
    input.parse()
}

fn aliases(value: &Expr, faults: &mut Faults) -> Vec<LitStr> {
    let Expr::Array(array) = plain(value) else {
        faults.add(value, "`aliases` takes a list of earlier names, such as aliases = [\"app.old.path\"]");
        return Vec::new();
    };
    array.elems.iter().filter_map(|alias| name("an alias", alias, faults)).collect()
}

pub(crate) fn name(what: &str, value: &Expr, faults: &mut Faults) -> Option<LitStr> {
    let Some(text) = text(value) else {
        faults.add(value, format!("{what} must be a string literal"));
        return None;
    };
    let name = text.value();
    if name.is_empty() {
        faults.add(value, format!("{what} must not be empty"));
    } else if name.len() > NAME_BYTES || name.chars().any(char::is_control) {
        faults.add(value, format!("{what} must have at most {NAME_BYTES} bytes and no control characters"));
    }
    Some(text.clone())
}

fn max_attempts(value: &Expr, faults: &mut Faults) -> Option<u32> {
    let attempts = whole_number(value).and_then(|number| u32::try_from(number).ok()).filter(|attempts| *attempts > 0);
    if attempts.is_none() {
        let first = "`max_attempts` counts every attempt, the first included";
        faults.add(value, format!("{first}: write a whole number from 1 to {}", u32::MAX));
    }
    attempts
}

fn timeout(value: &Expr, faults: &mut Faults) -> Option<Duration> {
    let Some(text) = text(value) else {
        faults.add(value, "`timeout` takes a duration in quotes, such as \"30s\"");
        return None;
    };
    let timeout = checked_duration(text, faults);
    if timeout == Some(Duration::ZERO) {
        faults.add(value, "a `timeout` of zero fails every attempt: leave it out to set no limit");
    }
    timeout
}

fn priority(value: &Expr, faults: &mut Faults) -> Option<i16> {
    let priority = whole_number(value).and_then(|number| i16::try_from(number).ok());
    if priority.is_none() {
        faults.add(value, format!("`priority` takes a whole number from {} to {}", i16::MIN, i16::MAX));
    }
    priority
}

fn backoff(value: Expr, faults: &mut Faults) -> Option<Backoff> {
    match text(&value) {
        Some(text) => checked_duration(text, faults).map(Backoff::Fixed),
        None => Some(Backoff::Expression(Box::new(value))),
    }
}

fn rate_limit(value: Expr, faults: &mut Faults) -> Option<Expr> {
    if matches!(plain(&value), Expr::Lit(_)) {
        let example = "RateLimit::new(\"crm\", Duration::from_millis(100), 5)";
        faults.add(&value, format!("`rate_limit` takes an expression that is a `RateLimit`, such as {example}"));
        return None;
    }
    Some(value)
}

fn checked_duration(text: &LitStr, faults: &mut Faults) -> Option<Duration> {
    duration::parse(&text.value()).map_err(|message| faults.add(text, message)).ok()
}

pub(crate) fn text(value: &Expr) -> Option<&LitStr> {
    match plain(value) {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text),
        _ => None,
    }
}

fn whole_number(value: &Expr) -> Option<i64> {
    match plain(value) {
        Expr::Lit(ExprLit { lit: Lit::Int(number), .. }) if number.suffix().is_empty() => number.base10_parse().ok(),
        Expr::Unary(unary) if matches!(unary.op, UnOp::Neg(_)) => whole_number(&unary.expr)?.checked_neg(),
        _ => None,
    }
}

/// The value without the invisible group that a `macro_rules!` variable puts around it.
pub(crate) fn plain(value: &Expr) -> &Expr {
    match value {
        Expr::Group(group) => plain(&group.expr),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults_of(options: &str) -> String {
        let mut faults = Faults::default();
        Options::parse(options.parse().unwrap(), None, &mut faults);
        faults.into_compile_errors().map(|errors| errors.to_string()).unwrap_or_default()
    }

    #[test]
    fn each_option_is_read() {
        let mut faults = Faults::default();
        let options = r#"name = "mail.welcome", aliases = ["a", "b"], queue = "mail", max_attempts = 5,
            timeout = "30s", pool = "smtp", priority = -3, backoff = "5s","#;
        let options = Options::parse(options.parse().unwrap(), None, &mut faults);
        assert!(faults.into_compile_errors().is_none());
        assert_eq!(options.name.unwrap().value(), "mail.welcome");
        assert_eq!(options.aliases.iter().map(LitStr::value).collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(options.queue.unwrap().value(), "mail");
        assert_eq!(options.pool.unwrap().value(), "smtp");
        assert_eq!((options.max_attempts, options.priority), (Some(5), Some(-3)));
        assert_eq!(options.timeout, Some(Duration::from_secs(30)));
        assert!(matches!(options.backoff, Some(Backoff::Fixed(wait)) if wait == Duration::from_secs(5)));
    }

    #[test]
    fn a_backoff_may_be_any_expression() {
        let mut faults = Faults::default();
        let options = "backoff = Backoff::exponential(FIRST, LONGEST)".parse().unwrap();
        let options = Options::parse(options, None, &mut faults);
        assert!(faults.into_compile_errors().is_none());
        assert!(matches!(options.backoff, Some(Backoff::Expression(_))));
    }

    #[test]
    fn a_rate_limit_may_be_any_expression_but_a_literal() {
        for options in ["rate_limit = RateLimit::new(\"crm\", PER, 5)", "rate_limit = CRM", "rate_limit = crm()"] {
            assert_eq!(faults_of(options), "", "{options}");
        }
    }

    #[test]
    fn each_wrong_option_is_told_what_to_do() {
        let table = [
            ("retries = 5", "the options are name, aliases"),
            ("retries = 5", "rate_limit, to, service"),
            ("blocking", "has no option `blocking`"),
            ("\"mail\"", "expected `option = value`"),
            ("queue", "`queue` needs a value"),
            ("queue(\"mail\")", "`queue` needs a value"),
            ("queue = 5", "must be a string literal"),
            ("queue = \"\"", "must not be empty"),
            ("name = \"a\\nb\"", "no control characters"),
            ("aliases = \"a\"", "takes a list"),
            ("aliases = [\"\"]", "an alias must not be empty"),
            ("max_attempts = 0", "from 1 to"),
            ("max_attempts = -1", "from 1 to"),
            ("max_attempts = 4294967296", "from 1 to"),
            ("max_attempts = 5u32", "from 1 to"),
            ("timeout = 30", "a duration in quotes"),
            ("timeout = \"30\"", "is not a duration"),
            ("timeout = \"0s\"", "of zero"),
            ("pool = 8", "must be a string literal"),
            ("pool = \"\"", "must not be empty"),
            ("priority = 32768", "from -32768 to 32767"),
            ("priority = \"high\"", "from -32768 to 32767"),
            ("backoff = \"soon\"", "is not a duration"),
            ("rate_limit = \"10/s\"", "is a `RateLimit`, such as"),
            ("rate_limit = 5", "is a `RateLimit`, such as"),
            ("priority = 1, priority = 1", "`priority` is given twice"),
            ("priority = 1 queue = \"a\"", "expected `,`"),
        ];
        for (options, expected) in table {
            let faults = faults_of(options);
            assert!(faults.contains(expected), "{options}: {faults}");
        }
    }

    #[test]
    fn the_limits_of_priority_are_taken() {
        for options in ["priority = -32768", "priority = 32767", "max_attempts = 4294967295", ""] {
            assert_eq!(faults_of(options), "", "{options}");
        }
    }

    #[test]
    fn all_faults_are_reported_at_once() {
        let faults = faults_of("queue = \"\", timeout = \"x\", max_attempts = 0");
        assert_eq!(faults.matches("compile_error").count(), 3, "{faults}");
    }
}
