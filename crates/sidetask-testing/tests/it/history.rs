use sidetask_core::State::{Available, Cancelled, Completed, Discarded, Retryable, Running, Scheduled};
use sidetask_core::{IdSource, JobId, JobRecord, Json, State, Timestamp, Token, Verdict, WorkerId};
use sidetask_testing::faults::History;
use sidetask_testing::faults::history::{Event, Report, Violation};

/// One job, and what is told of it.
struct Story {
    job: JobId,
    worker: WorkerId,
    history: History,
}

impl Story {
    /// It was acknowledged.
    fn new() -> Self {
        let ids = IdSource::new();
        let mut story = Self { job: ids.job(at(0)), worker: ids.worker(at(0)), history: History::new() };
        story.history.acknowledged(story.job);
        story
    }

    fn ran(&mut self, attempt: u32, fence: u64, from: i64, to: i64) {
        self.history.began(self.job, attempt, fence, at(from));
        self.history.ended(self.job, attempt, fence, at(to));
    }

    fn finalized(&mut self, attempt: u32, fence: u64, state: State) {
        let token = Token { job: self.job, attempt, fence, worker: self.worker };
        self.history.finalized(&token, &Verdict::Accepted(state));
    }

    fn refused(&mut self, attempt: u32, fence: u64) {
        let token = Token { job: self.job, attempt, fence, worker: self.worker };
        self.history.finalized(&token, &Verdict::LeaseLost);
    }

    fn record(&self, state: State, attempt: u32) -> JobRecord {
        let args = Json::from_stored("{}");
        let mut record = JobRecord::new(self.job, "kind".to_owned(), "default".to_owned(), args, state, at(0));
        (record.attempt, record.max_attempts) = (attempt, 3);
        record
    }

    fn found(&self) -> Vec<Violation> {
        self.history.check().violations
    }
}

fn at(micros: i64) -> Timestamp {
    Timestamp::from_micros(micros)
}

#[test]
fn a_full_life_is_sound() {
    let mut story = Story::new();
    story.history.moved(story.job, Scheduled, Available);
    story.history.moved(story.job, Available, Running);
    story.history.saw(story.job, Running, at(15));
    story.ran(1, 1, 10, 20);
    story.finalized(1, 1, Retryable);
    // Given back with its attempt, then taken from a worker that died.
    story.ran(2, 2, 30, 40);
    story.finalized(2, 2, Scheduled);
    story.history.began(story.job, 2, 3, at(50));
    story.history.rescued(story.job, at(60));
    story.ran(3, 4, 70, 80);
    story.finalized(3, 4, Completed);
    story.history.saw(story.job, Completed, at(90));
    story.history.saw(story.job, Completed, at(95));
    let report = story.history.check_against(&[story.record(Completed, 3)]);
    report.assert_sound();
    assert_eq!((report.jobs, report.attempts, report.overlaps, report.late), (1, 4, 0, 0));
    story.history.check().assert_sound();
}

#[test]
fn a_retry_by_hand_allows_another_end_and_another_attempt() {
    let mut story = Story::new();
    story.history = story.history.max_attempts(1);
    story.finalized(1, 1, Discarded);
    story.history.saw(story.job, Discarded, at(20));
    story.history.retried(story.job, at(30));
    story.history.saw(story.job, Running, at(40));
    story.ran(2, 2, 35, 45);
    story.finalized(2, 2, Completed);
    story.history.check_against(&[story.record(Completed, 2)]).assert_sound();
}

#[test]
fn a_job_that_is_neither_there_nor_ended_is_lost() {
    let mut story = Story::new();
    let lost = [Violation::Lost { job: story.job }];
    assert_eq!(story.found(), lost);
    story.ran(1, 1, 10, 20);
    story.refused(1, 1);
    assert_eq!(story.found(), lost, "nobody accepted its end");
    story.history.check_against(&[story.record(Available, 1)]).assert_sound();
    let another = Story::new().record(Available, 0);
    assert_eq!(story.history.check_against(&[another]).violations, lost);
    story.finalized(1, 2, Completed);
    story.history.check().assert_sound();
    assert_eq!(story.history.acknowledgements(), 1);
}

#[test]
fn two_reports_of_one_attempt_that_are_accepted_are_found() {
    let mut story = Story::new();
    story.finalized(1, 1, Completed);
    story.refused(1, 1);
    story.history.check().assert_sound();
    story.finalized(1, 1, Completed);
    let states = vec![Completed, Completed];
    assert_eq!(story.found(), [Violation::FinalizedTwice { job: story.job, attempt: 1, fence: 1, states }]);
}

#[test]
fn two_attempts_that_end_one_job_are_found() {
    let mut story = Story::new();
    story.finalized(1, 1, Completed);
    story.finalized(2, 2, Discarded);
    let states = vec![Completed, Discarded];
    assert_eq!(story.found(), [Violation::EndedTwice { job: story.job, states }]);
}

#[test]
fn a_fence_that_is_given_twice_is_found() {
    let mut story = Story::new();
    story.finalized(2, 1, Completed);
    story.history.began(story.job, 1, 1, at(10));
    story.history.began(story.job, 2, 1, at(20));
    assert_eq!(story.found(), [Violation::FenceReused { job: story.job, fence: 1, attempts: vec![1, 2] }]);
}

#[test]
fn a_fence_that_does_not_grow_is_found() {
    let mut story = Story::new();
    story.finalized(2, 1, Completed);
    story.history.began(story.job, 1, 2, at(10));
    story.history.began(story.job, 2, 1, at(20));
    assert_eq!(story.found(), [Violation::FenceWentBack { job: story.job, later: (2, 1), earlier: (1, 2) }]);
}

#[test]
fn a_transition_that_no_state_allows_is_found() {
    let wrong = [
        (Scheduled, Running),
        (Scheduled, Completed),
        (Available, Completed),
        (Available, Scheduled),
        (Retryable, Running),
        (Completed, Running),
        (Cancelled, Completed),
        (Discarded, Retryable),
    ];
    for (from, to) in wrong {
        let mut story = Story::new();
        story.history.saw(story.job, Completed, at(10));
        story.history.moved(story.job, from, to);
        assert_eq!(story.found(), [Violation::Moved { job: story.job, from, to }]);
    }
}

#[test]
fn a_job_that_leaves_its_end_is_found() {
    let mut story = Story::new();
    // Told in another order than it happened.
    story.history.saw(story.job, Running, at(20));
    story.history.saw(story.job, Completed, at(10));
    assert_eq!(story.found(), [Violation::Moved { job: story.job, from: Completed, to: Running }]);
    story.history.retried(story.job, at(15));
    story.history.check().assert_sound();

    let mut story = Story::new();
    story.finalized(1, 1, Completed);
    let report = story.history.check_against(&[story.record(Discarded, 1)]);
    assert_eq!(report.violations, [Violation::Moved { job: story.job, from: Completed, to: Discarded }]);
}

#[test]
fn more_attempts_than_allowed_are_found() {
    let mut story = Story::new();
    story.finalized(4, 4, Completed);
    story.history.began(story.job, 4, 4, at(10));
    story.history.check().assert_sound();
    let found = |max_attempts| [Violation::TooManyAttempts { job: story.job, attempt: 4, max_attempts }];
    assert_eq!(story.history.check_against(&[story.record(Completed, 3)]).violations, found(3));
    assert_eq!(story.history.clone().max_attempts(2).check().violations, found(2));
    let mut record = story.record(Completed, 4);
    record.max_attempts = 4;
    story.history.check_against(&[record]).assert_sound();
}

#[test]
fn overlaps_and_late_beginnings_are_counted() {
    let count = |tell: &dyn Fn(&mut Story)| {
        let mut story = Story::new();
        story.finalized(2, 2, Completed);
        tell(&mut story);
        let Report { violations, overlaps, late, .. } = story.history.check();
        assert_eq!(violations, []);
        (overlaps, late)
    };
    let overlapping = |story: &mut Story| {
        story.ran(1, 1, 10, 50);
        story.ran(2, 2, 30, 40);
    };
    assert_eq!(count(&overlapping), (1, 0));
    let rescued = |story: &mut Story| {
        overlapping(story);
        story.history.rescued(story.job, at(20));
    };
    assert_eq!(count(&rescued), (0, 0));
    let in_turn = |story: &mut Story| {
        story.ran(1, 1, 10, 30);
        story.ran(2, 2, 30, 40);
    };
    assert_eq!(count(&in_turn), (0, 0));
    let late = |story: &mut Story| {
        story.ran(1, 1, 35, 50);
        story.ran(2, 2, 30, 40);
    };
    assert_eq!(count(&late), (0, 1));
}

#[test]
fn several_processes_are_heard() {
    let story = Story::new();
    let job = story.job;
    let one = [
        "ready".to_owned(),
        Event::Acknowledged { job }.to_string(),
        Event::Began { job, attempt: 1, fence: 1, at: at(10) }.to_string(),
        // It was killed in the middle of this.
        format!("sidetask-history ended {job} 1 1 2"),
    ];
    let two = [
        Event::Began { job, attempt: 2, fence: 2, at: at(30) }.to_string(),
        Event::Finalized { job, attempt: 2, fence: 2, state: Some(Completed) }.to_string(),
    ];
    let mut history = History::new();
    assert_eq!(history.hear_all(&two).unwrap(), 2);
    assert_eq!(history.hear_all(&one).unwrap(), 2);
    let report = history.check();
    report.assert_sound();
    assert_eq!((report.jobs, report.attempts), (1, 2));
    assert!(history.hear("sidetask-history began soon .").unwrap_err().is_configuration());
}

#[test]
#[should_panic(expected = "was acknowledged and is lost")]
fn a_history_that_is_not_sound_fails_the_test() {
    Story::new().history.check().assert_sound();
}
