/// Any of several texts, in each of which `*` stands for any text, also for none. Letters count with their case.
///
/// ```
/// use sidetask_core::Pattern;
///
/// let pattern = Pattern::new("mail.*").or(Pattern::exact("2*2"));
/// assert!(pattern.matches("mail.welcome") && pattern.matches("2*2"));
/// assert!(!pattern.matches("2002"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern(Vec<Pieces>);

/// What stands before, between and after the stars; a single piece where there is none. Only the first and the last may be
/// empty.
pub(super) type Pieces = Vec<String>;

impl Pattern {
    /// One text, in which each `*` is a star.
    pub fn new(text: &str) -> Self {
        Self::of(text.split('*').map(str::to_owned).collect())
    }

    /// One text, in which `*` is a character as any other.
    pub fn exact(text: impl Into<String>) -> Self {
        Self::of(vec![text.into()])
    }

    /// Matches what `other` does as well.
    #[must_use]
    pub fn or(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    /// Whether this text, all of it, is one of those that are meant. Takes time in proportion to the lengths of both.
    pub fn matches(&self, text: &str) -> bool {
        self.0.iter().any(|pieces| matches(pieces, text))
    }

    pub(super) fn of(mut pieces: Pieces) -> Self {
        let (last, mut at) = (pieces.len().saturating_sub(1), 0);
        pieces.retain(|piece| {
            at += 1;
            at == 1 || at == last + 1 || !piece.is_empty()
        });
        Self(vec![pieces])
    }

    pub(super) fn alternatives(&self) -> &[Pieces] {
        &self.0
    }

    /// The text, where it is only one and has no star.
    pub(super) fn as_exact(&self) -> Option<&str> {
        match self.0.as_slice() {
            [pieces] if pieces.len() == 1 => pieces.first().map(String::as_str),
            _ => None,
        }
    }
}

fn matches(pieces: &[String], text: &str) -> bool {
    match pieces {
        [] => false,
        [only] => text == only,
        [first, middle @ .., last] => {
            let Some(mut rest) = text.strip_prefix(&**first).and_then(|rest| rest.strip_suffix(&**last)) else {
                return false;
            };
            // The first place is as good as any: what follows it can only lose by a later one.
            middle.iter().all(|piece| match rest.find(&**piece) {
                Some(at) => {
                    rest = &rest[at + piece.len()..];
                    true
                }
                None => false,
            })
        }
    }
}
