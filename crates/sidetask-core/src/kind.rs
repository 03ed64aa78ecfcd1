//! A kind is a module path with dots in place of `::`, made while compiling.

/// The length of [`kind_bytes`] of the same path.
pub const fn kind_len(path: &str) -> usize {
    let bytes = path.as_bytes();
    let (mut at, mut len) = (0, 0);
    while at < bytes.len() {
        at += if is_separator(bytes, at) { 2 } else { 1 };
        len += 1;
    }
    len
}

/// `path` with each `::` written as a dot.
pub const fn kind_bytes<const N: usize>(path: &str) -> [u8; N] {
    let bytes = path.as_bytes();
    let mut kind = [0; N];
    let (mut at, mut len) = (0, 0);
    while at < bytes.len() {
        if is_separator(bytes, at) {
            kind[len] = b'.';
            at += 2;
        } else {
            kind[len] = bytes[at];
            at += 1;
        }
        len += 1;
    }
    kind
}

/// The text of [`kind_bytes`].
pub const fn kind_str(bytes: &'static [u8]) -> &'static str {
    match std::str::from_utf8(bytes) {
        Ok(kind) => kind,
        Err(_) => panic!("a module path is UTF-8, and replacing `::` in it leaves it so"),
    }
}

const fn is_separator(bytes: &[u8], at: usize) -> bool {
    bytes[at] == b':' && at + 1 < bytes.len() && bytes[at + 1] == b':'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_becomes_a_kind() {
        const PATH: &str = "shop::mail::größe";
        const BYTES: [u8; kind_len(PATH)] = kind_bytes(PATH);
        assert_eq!(kind_str(&BYTES), "shop.mail.größe");
    }
}
