//! The framing of what a PostgreSQL server sends: a letter, a length that counts itself, and the rest.

/// Where in its messages a server is. Any other protocol passes it unharmed as long as nothing is dropped.
#[derive(Debug, Default)]
pub(super) enum Frames {
    /// The next byte says what kind of message begins.
    #[default]
    Kind,
    /// The message's length is being read.
    Length { read: u8, length: u32, drops: bool },
    /// So much of the message is left.
    Rest { left: u32, drops: bool },
    /// Nothing can be read in this any more.
    Encrypted,
}

const NOTIFICATION_RESPONSE: u8 = b'A';

/// What a client may ask before it says who it is, both in a message of eight bytes.
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];
const GSS_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 48];

/// Whether this is all that the client says, and the server is to answer by one byte without a frame.
pub(super) fn asks_for_encryption(request: &[u8]) -> bool {
    request == SSL_REQUEST || request == GSS_REQUEST
}

impl Frames {
    /// The server's answer to such a request.
    pub(super) fn answer_about_encryption(&mut self, answer: u8) {
        if matches!(answer, b'S' | b'G') {
            *self = Self::Encrypted;
        }
    }

    /// Adds to `kept` what is to go on, and answers how many notifications were left out.
    pub(super) fn pass(&mut self, bytes: &[u8], drops_notifications: bool, kept: &mut Vec<u8>) -> u64 {
        let mut dropped = 0;
        let mut bytes = bytes;
        while let Some((&first, after)) = bytes.split_first() {
            match self {
                Self::Encrypted => {
                    kept.extend_from_slice(bytes);
                    break;
                }
                Self::Kind => {
                    let drops = drops_notifications && first == NOTIFICATION_RESPONSE;
                    dropped += u64::from(drops);
                    keep(&[first], drops, kept);
                    *self = Self::Length { read: 0, length: 0, drops };
                    bytes = after;
                }
                Self::Length { read, length, drops } => {
                    (*read, *length) = (*read + 1, *length << 8 | u32::from(first));
                    keep(&[first], *drops, kept);
                    if *read == 4 {
                        *self = Self::rest(length.saturating_sub(4), *drops);
                    }
                    bytes = after;
                }
                Self::Rest { left, drops } => {
                    let here = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
                    keep(&bytes[..here], *drops, kept);
                    *self = Self::rest(left.saturating_sub(u32::try_from(here).unwrap_or(u32::MAX)), *drops);
                    bytes = &bytes[here..];
                }
            }
        }
        dropped
    }

    fn rest(left: u32, drops: bool) -> Self {
        if left == 0 { Self::Kind } else { Self::Rest { left, drops } }
    }
}

fn keep(bytes: &[u8], drops: bool, kept: &mut Vec<u8>) {
    if !drops {
        kept.extend_from_slice(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: u8, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(body.len() + 4).unwrap().to_be_bytes();
        [&[kind], &length[..], body].concat()
    }

    fn passed(chunks: &[&[u8]], drops: bool) -> (Vec<u8>, u64) {
        let (mut frames, mut kept) = (Frames::default(), Vec::new());
        let dropped = chunks.iter().map(|chunk| frames.pass(chunk, drops, &mut kept)).sum();
        (kept, dropped)
    }

    #[test]
    fn notifications_are_left_out_wherever_the_stream_is_split() {
        let (row, notice) = (message(b'D', b"AAAA"), message(b'A', b"\0\0\0\x07jobs\0D"));
        let (done, empty) = (message(b'Z', b"I"), message(b'A', b""));
        let stream = [row.clone(), notice.clone(), notice, done.clone(), empty].concat();
        for at in 0..=stream.len() {
            let (kept, dropped) = passed(&[&stream[..at], &stream[at..]], true);
            assert_eq!((kept, dropped), ([row.clone(), done.clone()].concat(), 3), "split at {at}");
        }
        let bytes: Vec<&[u8]> = stream.chunks(1).collect();
        assert_eq!(passed(&bytes, false), (stream.clone(), 0));
    }

    #[test]
    fn a_notification_that_has_begun_to_pass_passes_whole() {
        let notice = message(b'A', b"jobs");
        let (mut frames, mut kept) = (Frames::default(), Vec::new());
        frames.pass(&notice[..3], false, &mut kept);
        frames.pass(&notice[3..], true, &mut kept);
        assert_eq!(kept, notice);
        frames.pass(&notice, true, &mut kept);
        assert_eq!(kept, notice);
    }

    #[test]
    fn what_is_encrypted_passes() {
        let (mut frames, mut kept) = (Frames::default(), Vec::new());
        frames.answer_about_encryption(b'S');
        frames.pass(&message(b'A', b"jobs"), true, &mut kept);
        assert_eq!(kept, message(b'A', b"jobs"));
        let (mut frames, mut kept) = (Frames::default(), Vec::new());
        frames.answer_about_encryption(b'N');
        frames.pass(&message(b'A', b"jobs"), true, &mut kept);
        assert_eq!(kept, b"");
    }
}
