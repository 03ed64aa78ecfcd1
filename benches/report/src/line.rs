use crate::Figures;

/// What is reported: a figure of a round, by itself or with another of the same round.
#[derive(Clone, Copy, Debug)]
pub struct Line {
    pub(crate) key: &'static str,
    pub(crate) of: Of,
    pub(crate) bound: Bound,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Of {
    Itself,
    Over(&'static str, &'static str),
    Less(&'static str, &'static str),
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Bound {
    Free,
    AtLeast(f64),
    AtMost(f64),
}

/// What was measured under this key.
pub const fn figure(key: &'static str) -> Line {
    Line { key, of: Of::Itself, bound: Bound::Free }
}

/// One figure divided by another.
pub const fn over(key: &'static str, of: &'static str, to: &'static str) -> Line {
    Line { key, of: Of::Over(of, to), bound: Bound::Free }
}

/// One figure without another.
pub const fn less(key: &'static str, of: &'static str, than: &'static str) -> Line {
    Line { key, of: Of::Less(of, than), bound: Bound::Free }
}

impl Line {
    /// Asks for no more than this.
    pub const fn at_most(mut self, limit: f64) -> Self {
        self.bound = Bound::AtMost(limit);
        self
    }

    /// Asks for no less than this.
    pub const fn at_least(mut self, limit: f64) -> Self {
        self.bound = Bound::AtLeast(limit);
        self
    }

    pub(crate) fn value(&self, figures: &Figures) -> f64 {
        match self.of {
            Of::Itself => figures.value(self.key),
            Of::Over(of, to) => figures.value(of) / figures.value(to),
            Of::Less(of, than) => figures.value(of) - figures.value(than),
        }
    }
}

impl Bound {
    /// In words, with whether it is kept.
    pub(crate) fn verdict(self, value: f64) -> Option<String> {
        let (words, limit, is_met) = match self {
            Self::Free => return None,
            Self::AtLeast(limit) => ("at least", limit, value >= limit),
            Self::AtMost(limit) => ("at most", limit, value <= limit),
        };
        Some(format!("{words} {limit} {}", if is_met { "ok" } else { "MISSED" }))
    }
}
