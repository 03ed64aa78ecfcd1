//! What holds of any bytes that are taken for an event: the fuzzer's entry, and a short run of it without the fuzzer.

use super::{Call, Event, read};
use crate::message::Message;

/// Reads the bytes as an event.
///
/// # Panics
/// Where reading does, or where what was read does not hold together.
pub(crate) fn check(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match read(text) {
        Ok(Event::Direct(call)) => survives(&call),
        Ok(Event::Topic(calls)) => {
            assert!(!calls.is_empty());
            calls.iter().flatten().for_each(survives);
        }
        Ok(Event::Queue(messages)) => {
            assert!(!messages.is_empty());
            messages.iter().filter_map(|message| message.call.as_ref().ok()).for_each(survives);
        }
        Err(error) => assert!(error.is_decode() || error.is_unusable(), "{error:?}"),
    }
}

/// Whatever is read can be written, and what that is read as is written the same.
fn survives(call: &Call) {
    let Call::Native(message) = call else { return };
    let text = message.encode().expect("it was JSON");
    let again = Message::decode(&text).expect("it was written here");
    assert_eq!(again.encode().expect("it was JSON"), text);
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::check;

    /// Fragments that take a mutation past the first comparison.
    const WORDS: [&str; 20] = [
        "\"sidetask\":1",
        "\"Records\":[",
        "\"command\":\"zappa.asynchronous.route_sns_task\"",
        "\"eventSource\":\"aws:sqs\"",
        "\"EventSource\":\"aws:sns\"",
        "\"messageId\":\"m\"",
        "\"body\":\"{}\"",
        "\"Sns\":{\"Message\":\"{}\"}",
        "\"args\":[]",
        "\"stored\":{}",
        "\"timeout_ms\":18446744073709551615",
        "\"max_attempts\":4294967295",
        "null",
        "NaN",
        "-0.0e309",
        "\\ud800",
        "\\\"",
        "{",
        "]",
        ",",
    ];

    #[test]
    fn forty_thousand_mutations_of_the_corpus_are_read_or_refused() {
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/event");
        let files = fs::read_dir(&corpus).expect("the corpus is there");
        let mut seeds: Vec<_> = files.map(|file| file.unwrap().path()).collect();
        seeds.sort();
        let seeds: Vec<Vec<u8>> = seeds.iter().map(|path| fs::read(path).unwrap()).collect();
        assert!(seeds.len() >= 8, "{} files in {}", seeds.len(), corpus.display());
        seeds.iter().for_each(|seed| check(seed));
        let mut random = fastrand::Rng::with_seed(0x51de_7a5c);
        for _ in 0..40_000 {
            let mut text = seeds[random.usize(..seeds.len())].clone();
            for _ in 0..random.usize(1..8) {
                mutate(&mut text, &seeds, &mut random);
            }
            check(&text);
        }
    }

    fn mutate(text: &mut Vec<u8>, seeds: &[Vec<u8>], random: &mut fastrand::Rng) {
        let at = random.usize(..=text.len());
        let end = (at + random.usize(..16)).min(text.len());
        match random.u8(..6) {
            0 if at < text.len() => text[at] ^= 1 << random.u8(..8),
            1 => drop(text.drain(at..end)),
            2 => text.truncate(at),
            3 => {
                let part = text[at..end].to_vec();
                drop(text.splice(at..at, part));
            }
            4 => {
                let other = &seeds[random.usize(..seeds.len())];
                let from = random.usize(..=other.len());
                drop(text.splice(at.., other[from..].iter().copied()));
            }
            _ => drop(text.splice(at..end, WORDS[random.usize(..WORDS.len())].bytes())),
        }
    }
}
