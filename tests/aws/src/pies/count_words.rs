//! Work in ten parts, and what became of each.

use sidetask_aws::zappa::{App, AsyncException, get_async_response, run, task};

/// One of the parts.
#[task(name = "pies.count_words", capture_response = true)]
pub async fn count_words(text: String) -> usize {
    text.split_whitespace().count()
}

/// Answers the ids of the responses.
pub async fn start(app: &App, texts: Vec<String>) -> Result<Vec<String>, AsyncException> {
    let mut ids = Vec::new();
    for text in texts {
        let ran = run(app, count_words::call(text)).await?;
        ids.extend(ran.sent().and_then(|sent| sent.response_id()).map(String::from));
    }
    Ok(ids)
}

/// Answers the sum, or nothing as long as a part is not done.
pub async fn collect(app: &App, ids: &[String]) -> Result<Option<usize>, AsyncException> {
    let mut words = 0;
    for id in ids {
        match get_async_response(app, id).await? {
            Some(part) if part.is_complete() => words += part.response.decode::<usize>()?,
            _ => return Ok(None),
        }
    }
    Ok(Some(words))
}
