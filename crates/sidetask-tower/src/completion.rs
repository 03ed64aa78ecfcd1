//! When a response body is complete: a pure state machine.

/// How a response ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The whole body was given to the server.
    Sent,
    /// The body gave an error, or fewer bytes than declared.
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
        self.whole |= self.rest == Some(0);
        if self.whole || is_end_stream { self.end() } else { None }
    }

    /// Trailers came, which are always last.
    pub(crate) fn trailers(&mut self) -> Option<Ending> {
        self.end()
    }

    /// The body has no more frames. Where more bytes were declared, the server breaks the response off.
    pub(crate) fn end(&mut self) -> Option<Ending> {
        let is_short = !self.whole && self.rest.is_some();
        self.tell(if is_short { Ending::Failed } else { Ending::Sent })
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Copy, Debug)]
    enum Step {
        Data { len: u64, is_end_stream: bool },
        Trailers,
        End,
        Error,
    }

    fn take(completion: &mut Completion, step: Step) -> Option<Ending> {
        match step {
            Step::Data { len, is_end_stream } => completion.data(len, is_end_stream),
            Step::Trailers => completion.trailers(),
            Step::End => completion.end(),
            Step::Error => completion.error(),
        }
    }

    const DATA: Step = Step::Data { len: 3, is_end_stream: false };
    const LAST: Step = Step::Data { len: 3, is_end_stream: true };

    #[test]
    fn every_kind_of_response_ends_as_it_should() {
        use Ending::{Failed, Gone, Sent};
        // Whether it is at its end when it begins, its declared length, whether it has a body; what comes; where it is
        // told, the drop being after all steps.
        type Case = (&'static str, bool, Option<u64>, bool, &'static [Step], usize, Ending);
        let cases: &[Case] = &[
            ("sized", false, Some(3), true, &[LAST], 0, Sent),
            ("empty, never polled", true, Some(0), true, &[], 0, Sent),
            ("stream", false, None, true, &[DATA, DATA, Step::End], 2, Sent),
            ("stream with a length, no end polled", false, Some(6), true, &[DATA, DATA], 1, Sent),
            ("more than its length", false, Some(5), true, &[DATA, DATA], 1, Sent),
            ("length of zero, never polled", false, Some(0), true, &[], 0, Sent),
            ("trailers", false, None, true, &[DATA, Step::Trailers], 1, Sent),
            ("204 with a stream, never polled", false, None, false, &[], 0, Sent),
            ("disconnect mid-stream", false, None, true, &[DATA], 1, Gone),
            ("disconnect mid-length", false, Some(6), true, &[DATA], 1, Gone),
            ("disconnect before the first frame", false, None, true, &[], 0, Gone),
            ("end before its length", false, Some(6), true, &[DATA, Step::End], 1, Failed),
            ("last frame before its length", false, Some(6), true, &[LAST], 0, Failed),
            ("trailers before its length", false, Some(6), true, &[DATA, Step::Trailers], 1, Failed),
            ("body error", false, None, true, &[DATA, Step::Error], 1, Failed),
        ];
        for &(what, is_end_stream, declared, has_body, steps, told_at, ending) in cases {
            let mut completion = Completion::new(is_end_stream, declared, has_body);
            let mut told: Vec<_> = steps.iter().map(|step| take(&mut completion, *step)).collect();
            told.push(completion.drop());
            let expected: Vec<_> = (0..told.len()).map(|at| (at == told_at).then_some(ending)).collect();
            assert_eq!(told, expected, "{what}");
        }
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            6 => (0_u64..5, prop::bool::weighted(0.2)).prop_map(|(len, is_end_stream)| Step::Data { len, is_end_stream }),
            1 => Just(Step::Trailers),
            1 => Just(Step::End),
            1 => Just(Step::Error),
        ]
    }

    /// What a reader of the rules would say: the first step that decides, else the drop.
    fn model(is_whole: bool, declared: Option<u64>, steps: &[Step]) -> (usize, Ending) {
        let sent_by = |at: usize| {
            let len = |step: &Step| if let Step::Data { len, .. } = step { *len } else { 0 };
            steps[..=at].iter().map(len).sum::<u64>()
        };
        let decides = |(at, step): (usize, &Step)| {
            let has_all = is_whole || declared.is_some_and(|declared| sent_by(at) >= declared);
            let ending = if has_all || declared.is_none() { Ending::Sent } else { Ending::Failed };
            match step {
                Step::Data { is_end_stream, .. } => (has_all || *is_end_stream).then_some((at, ending)),
                Step::Trailers | Step::End => Some((at, ending)),
                Step::Error => Some((at, Ending::Failed)),
            }
        };
        let dropped = (steps.len(), if is_whole { Ending::Sent } else { Ending::Gone });
        steps.iter().enumerate().find_map(decides).unwrap_or(dropped)
    }

    proptest! {
        #[test]
        fn a_response_ends_exactly_once_and_as_the_model_says(
            is_end_stream: bool,
            declared in prop::option::of(0_u64..12),
            has_body: bool,
            steps in prop::collection::vec(step(), 0..8),
        ) {
            let mut completion = Completion::new(is_end_stream, declared, has_body);
            let mut told: Vec<_> = steps.iter().map(|step| take(&mut completion, *step)).collect();
            told.push(completion.drop());
            told.push(completion.drop());
            let told: Vec<_> = told.into_iter().enumerate().filter_map(|(at, told)| Some((at, told?))).collect();
            let is_whole = is_end_stream || !has_body || declared == Some(0);
            prop_assert_eq!(told, [model(is_whole, declared, &steps)]);
        }
    }
}
