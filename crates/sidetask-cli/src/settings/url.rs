/// A URL as it may be shown: without its password, and without the values of its options, where there may be one too.
pub(crate) fn without_secrets(url: &str) -> String {
    if url.starts_with("sqlite:") || url.starts_with("memory:") {
        return url.to_owned();
    }
    let Some((scheme, rest)) = url.split_once("://") else {
        // Of what is no URL nobody knows which part is secret.
        return url.split_once(':').filter(|_| !url.contains('@')).map_or_else(
            || "a URL that is not understood".to_owned(),
            |(scheme, rest)| format!("{scheme}:{}", without_values(rest)),
        );
    };
    // The last one, since a password may hold others.
    let Some((login, place)) = rest.rsplit_once('@') else { return format!("{scheme}://{}", without_values(rest)) };
    let (user, password) = login.split_once(':').map_or((login, ""), |(user, _)| (user, ":***"));
    format!("{scheme}://{user}{password}@{}", without_values(place))
}

fn without_values(rest: &str) -> String {
    let Some((place, options)) = rest.split_once('?') else { return rest.to_owned() };
    let names = options.split('&').map(|option| option.split_once('=').map_or(option, |(name, _)| name));
    format!("{place}?{}", names.map(|name| format!("{name}=***")).collect::<Vec<_>>().join("&"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_never_shown() {
        for (url, shown) in [
            ("sqlite:tasks.db?shared=true", "sqlite:tasks.db?shared=true"),
            ("postgres://ada:secret@db:5432/app", "postgres://ada:***@db:5432/app"),
            ("postgres://ada:se/c@ret@db/app", "postgres://ada:***@db/app"),
            ("postgres://ada@db/app?password=secret&pool=3", "postgres://ada@db/app?password=***&pool=***"),
            ("postgres://db/app", "postgres://db/app"),
            ("postgres//ada:secret@db/app", "a URL that is not understood"),
            ("sqs:https://queue", "sqs:https://queue"),
            ("lambda:function?secret=secret", "lambda:function?secret=***"),
        ] {
            assert_eq!(without_secrets(url), shown);
            assert!(!without_secrets(url).contains("=secret") && !without_secrets(url).contains(":secret"));
        }
    }
}
