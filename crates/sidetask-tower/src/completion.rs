//! When a response body is complete: a pure state machine.

/// How a response ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The whole body was given to the server.
    Sent,
    /// The body gave an error.
    Failed,
    /// The body was dropped before its end: the client is gone.
    Gone,
}

/// Watches one body. Says how it ended exactly once, when it is dropped at the latest.
#[derive(Debug)]
pub(crate) struct Completion {
    /// How many bytes are to come, where that was declared.
    rest: Option<u64>,
    /// Nothing is to come, as far as is known.
    whole: bool,
    told: bool,
}

impl Completion {
    /// `declared` is how many bytes the server will take before it turns away from the body.
    pub(crate) fn new(is_end_stream: bool, declared: Option<u64>, has_body: bool) -> Self {
        Self { rest: declared, whole: is_end_stream || declared == Some(0) || !has_body, told: false }
    }

    /// A data frame of `len` bytes came, and the body says whether that was the last one.
    pub(crate) fn data(&mut self, len: u64, is_end_stream: bool) -> Option<Ending> {
        self.rest = self.rest.map(|rest| rest.saturating_sub(len));
        self.whole |= is_end_stream || self.rest == Some(0);
        if self.whole { self.tell(Ending::Sent) } else { None }
    }

    /// Trailers came, which are always last.
    pub(crate) fn trailers(&mut self) -> Option<Ending> {
        self.tell(Ending::Sent)
    }

    /// The body has no more frames.
    pub(crate) fn end(&mut self) -> Option<Ending> {
        self.tell(Ending::Sent)
    }

    /// The body gave an error.
    pub(crate) fn error(&mut self) -> Option<Ending> {
        self.tell(Ending::Failed)
    }

    /// The body is dropped. A server does not look at bodies that it knows to be empty: they were sent.
    pub(crate) fn drop(&mut self) -> Option<Ending> {
        self.tell(if self.whole { Ending::Sent } else { Ending::Gone })
    }

    fn tell(&mut self, ending: Ending) -> Option<Ending> {
        (!std::mem::replace(&mut self.told, true)).then_some(ending)
    }
}
