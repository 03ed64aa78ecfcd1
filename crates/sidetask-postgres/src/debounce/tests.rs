use super::*;

const MS: Duration = Duration::from_millis(1);

/// A transaction that says, or holds back, that something happened.
struct Transaction {
    leads: bool,
    ends: u32,
    commits: bool,
}

/// One text said by random transactions for a while, and by the task for what they hold back.
struct Simulation {
    windows: Windows,
    start: Instant,
    random: fastrand::Rng,
    open: Vec<Transaction>,
    wakes: Option<u32>,
    said: Vec<u32>,
    committed: Vec<u32>,
    failed: usize,
}

impl Simulation {
    const END: u32 = 2_000;

    fn run(seed: u64) -> Self {
        let mut simulation = Self {
            windows: Windows::default(),
            start: Instant::now(),
            random: fastrand::Rng::with_seed(seed),
            open: Vec::new(),
            wakes: None,
            said: Vec::new(),
            committed: Vec::new(),
            failed: 0,
        };
        let rate = simulation.random.f64();
        for ms in 0..Self::END + 100 {
            if ms < Self::END && simulation.random.f64() < rate {
                simulation.begin(ms);
            }
            simulation.end_those_of(ms);
            simulation.say(ms);
        }
        simulation
    }

    fn at(&self, ms: u32) -> Instant {
        self.start + MS * ms
    }

    fn begin(&mut self, ms: u32) {
        let leads = self.windows.lead("x", self.at(ms));
        let ends = ms + self.random.u32(0..20);
        self.open.push(Transaction { leads, ends, commits: self.random.u8(0..4) > 0 });
    }

    fn end_those_of(&mut self, ms: u32) {
        let (ended, open) = std::mem::take(&mut self.open).into_iter().partition(|open| open.ends == ms);
        self.open = open;
        for Transaction { leads, commits, .. } in ended as Vec<Transaction> {
            match (leads, commits) {
                (true, true) => self.said.push(ms),
                (true, false) => self.windows.unsaid("x"),
                (false, _) => {
                    if self.windows.owe(vec!["x".to_owned()], self.at(ms)) {
                        self.wakes = Some(ms);
                    }
                }
            }
            if commits {
                self.committed.push(ms);
            } else {
                self.failed += 1;
            }
        }
    }

    fn say(&mut self, ms: u32) {
        while self.wakes == Some(ms) {
            match self.windows.take(self.at(ms)) {
                Next::Nothing => self.wakes = None,
                Next::Say(_) => self.said.push(ms),
                Next::Wait(until) => self.wakes = Some(u32::try_from((until - self.start).as_millis()).unwrap()),
            }
        }
    }
}

#[test]
fn whatever_is_committed_is_said_then_or_within_a_window() {
    let window = u32::try_from(WINDOW.as_millis()).unwrap();
    for seed in 0..200 {
        let simulation = Simulation::run(seed);
        for committed in &simulation.committed {
            let told = simulation.said.iter().any(|said| (*committed..=committed + window).contains(said));
            assert!(told, "seed {seed}: nothing was said after {committed} ms");
        }
    }
}

#[test]
fn little_is_said_however_much_happens() {
    let windows = (Simulation::END + 100) / u32::try_from(WINDOW.as_millis()).unwrap();
    for seed in 0..200 {
        let simulation = Simulation::run(seed);
        let most = usize::try_from(windows).unwrap() * 2 + simulation.failed;
        assert!(simulation.said.len() <= most, "seed {seed}: {} times", simulation.said.len());
    }
}

#[test]
fn an_idle_system_says_things_at_once_and_once() {
    let (mut windows, now) = (Windows::default(), Instant::now());
    for second in 0..5 {
        assert!(windows.lead("x", now + Duration::from_secs(second)));
    }
    assert!(matches!(windows.take(now), Next::Nothing));
}

#[test]
fn what_a_failed_transaction_was_to_say_the_next_says() {
    let (mut windows, now) = (Windows::default(), Instant::now());
    assert!(windows.lead("x", now));
    assert!(!windows.lead("x", now + MS));
    windows.unsaid("x");
    assert!(windows.lead("x", now + MS));
    assert!(windows.lead("y", now + MS), "texts are apart");
}

#[test]
fn windows_that_are_over_are_forgotten() {
    let (mut windows, now) = (Windows::default(), Instant::now());
    for number in 0..10 * MANY {
        assert!(windows.lead(&number.to_string(), now + WINDOW * u32::try_from(number).unwrap()));
    }
    assert!(windows.by_payload.len() <= MANY);
}
