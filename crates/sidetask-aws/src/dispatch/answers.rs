use sidetask::{Enqueued, Error};

/// One answer for each of the jobs that were given together, by their places.
#[derive(Debug)]
pub(super) struct Answers {
    each: Vec<Option<Result<Enqueued, Error>>>,
    /// Jobs that are others: their places, and those of the others.
    same: Vec<(usize, usize)>,
}

impl Answers {
    pub(super) fn to(jobs: usize) -> Self {
        Self { each: (0..jobs).map(|_| None).collect(), same: Vec::new() }
    }

    pub(super) fn set(&mut self, at: usize, answer: Result<Enqueued, Error>) {
        if let Some(place) = self.each.get_mut(at) {
            *place = Some(answer);
        }
    }

    /// The job at this place is the one at another, whose answer is both's.
    #[cfg(feature = "dynamodb")]
    pub(super) fn same(&mut self, at: usize, other: usize) {
        self.same.push((at, other));
    }

    pub(super) fn into_vec(mut self) -> Vec<Result<Enqueued, Error>> {
        for (at, other) in std::mem::take(&mut self.same) {
            match self.each[other].take().unwrap_or_else(unanswered) {
                Ok(enqueued) => {
                    self.set(other, Ok(enqueued));
                    self.set(at, Ok(Enqueued { existed: true, ..enqueued }));
                }
                Err(error) => {
                    let mut both = error.repeated(2).into_iter();
                    self.each[at] = both.next().map(Err);
                    self.each[other] = both.next().map(Err);
                }
            }
        }
        self.each.into_iter().map(|answer| answer.unwrap_or_else(unanswered)).collect()
    }
}

fn unanswered() -> Result<Enqueued, Error> {
    Err(Error::storage("AWS answered for fewer jobs than it was given", "an answer is missing"))
}

#[cfg(test)]
#[cfg(feature = "dynamodb")]
mod tests {
    use sidetask::JobId;

    use super::*;

    #[test]
    fn a_job_given_twice_has_the_first_ones_answer() {
        let id = JobId::from_bytes([7; 16]);
        let mut answers = Answers::to(5);
        answers.same(1, 0);
        answers.same(3, 2);
        answers.set(0, Ok(Enqueued { id, existed: false }));
        answers.set(2, Err(Error::unsupported("no")));
        let each = answers.into_vec();
        assert_eq!(each[0].as_ref().unwrap(), &Enqueued { id, existed: false });
        assert_eq!(each[1].as_ref().unwrap(), &Enqueued { id, existed: true });
        assert!(each[2].as_ref().unwrap_err().is_unsupported() && each[3].as_ref().unwrap_err().is_unsupported());
        assert!(each[4].as_ref().unwrap_err().is_storage());
    }
}
