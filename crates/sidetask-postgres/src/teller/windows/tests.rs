use super::*;

const MS: Duration = Duration::from_millis(1);

/// One text that random transactions owe for a while, and a task that says it: each time takes it a while, and some fail.
struct Simulation {
    windows: Windows,
    start: Instant,
    random: fastrand::Rng,
    /// When the task goes on, and what it is saying until then.
    wakes: Option<u32>,
    saying: Option<(u32, Vec<String>)>,
    said: Vec<u32>,
    committed: Vec<u32>,
    failed: usize,
}

impl Simulation {
    const END: u32 = 2_000;
    /// The longest that it takes to say something, and to try again.
    const SLOWEST: u32 = 10;

    fn run(seed: u64, fails: bool) -> Self {
        let mut simulation = Self {
            windows: Windows::default(),
            start: Instant::now(),
            random: fastrand::Rng::with_seed(seed),
            wakes: None,
            saying: None,
            said: Vec::new(),
            committed: Vec::new(),
            failed: 0,
        };
        let rate = simulation.random.f64();
        for ms in 0..Self::END + 500 {
            if ms < Self::END && simulation.random.f64() < rate {
                simulation.commit(ms);
            }
            simulation.say(ms, fails);
        }
        simulation
    }

    fn at(&self, ms: u32) -> Instant {
        self.start + MS * ms
    }

    fn commit(&mut self, ms: u32) {
        self.committed.push(ms);
        let is_any_new = self.windows.owe(vec!["x".to_owned()], self.at(ms));
        let begins = !std::mem::replace(&mut self.windows.says, true);
        if begins || (is_any_new && self.saying.is_none()) {
            self.wakes = Some(ms);
        }
    }

    fn say(&mut self, ms: u32, fails: bool) {
        while self.wakes == Some(ms) {
            if let Some((began, payloads)) = self.saying.take() {
                if fails && self.random.bool() {
                    self.failed += 1;
                    let pause = self.random.u32(0..Self::SLOWEST);
                    self.windows.unsaid(payloads, self.at(ms + pause));
                } else {
                    self.said.push(began);
                }
            }
            match self.windows.take(self.at(ms)) {
                Next::Nothing => self.wakes = None,
                Next::Say(payloads) => {
                    self.saying = Some((ms, payloads));
                    self.wakes = Some(ms + self.random.u32(0..Self::SLOWEST));
                }
                Next::Wait(until) => self.wakes = Some(u32::try_from((until - self.start).as_millis()).unwrap()),
            }
        }
    }
}

fn window() -> u32 {
    u32::try_from(WINDOW.as_millis()).unwrap()
}

#[test]
fn whatever_is_committed_is_said_then_or_within_a_window() {
    for seed in 0..200 {
        let simulation = Simulation::run(seed, false);
        for committed in &simulation.committed {
            let latest = committed + window().max(Simulation::SLOWEST);
            let told = simulation.said.iter().any(|said| (*committed..=latest).contains(said));
            assert!(told, "seed {seed}: nothing was said after {committed} ms");
        }
    }
}

#[test]
fn whatever_is_committed_is_said_in_the_end_however_often_that_fails() {
    for seed in 0..200 {
        let simulation = Simulation::run(seed, true);
        assert!(simulation.said.last() >= simulation.committed.last(), "seed {seed}: the last is not said");
        assert!(simulation.failed > 0);
    }
}

#[test]
fn little_is_said_however_much_happens() {
    for seed in 0..200 {
        let simulation = Simulation::run(seed, false);
        assert!(simulation.said.windows(2).all(|two| two[1] - two[0] >= window()), "seed {seed}");
    }
}

fn said(next: Next) -> Vec<String> {
    match next {
        Next::Say(payloads) => payloads,
        Next::Wait(_) | Next::Nothing => Vec::new(),
    }
}

fn owe(windows: &mut Windows, payload: &str, now: Instant) -> bool {
    windows.owe(vec![payload.to_owned()], now)
}

#[test]
fn an_idle_system_says_things_at_once_and_once() {
    let (mut windows, now) = (Windows::default(), Instant::now());
    for second in 0..5 {
        let now = now + Duration::from_secs(second);
        assert!(owe(&mut windows, "x", now));
        assert_eq!(said(windows.take(now)), ["x"]);
        assert!(matches!(windows.take(now), Next::Nothing));
    }
}

#[test]
fn what_is_new_does_not_wait_for_what_was_said_before() {
    let (mut windows, now) = (Windows::default(), Instant::now());
    assert!(owe(&mut windows, "x", now));
    assert_eq!(said(windows.take(now)), ["x"]);
    assert!(owe(&mut windows, "x", now));
    assert!(!owe(&mut windows, "x", now), "it is owed already");
    assert!(matches!(windows.take(now), Next::Wait(until) if until == now + WINDOW));
    assert!(owe(&mut windows, "y", now));
    assert_eq!(said(windows.take(now)), ["y"]);
    assert_eq!(said(windows.take(now + WINDOW)), ["x"]);
}

#[test]
fn in_the_end_all_is_said_at_once() {
    let (mut windows, now) = (Windows::default(), Instant::now());
    owe(&mut windows, "x", now);
    assert_eq!(said(windows.take(now)), ["x"]);
    owe(&mut windows, "x", now);
    windows.ends = true;
    assert_eq!(said(windows.take(now)), ["x"]);
    assert!(matches!(windows.take(now), Next::Nothing));
}

#[test]
fn windows_that_are_over_are_forgotten() {
    let (mut windows, now) = (Windows::default(), Instant::now());
    for number in 0..10 * MANY {
        let now = now + WINDOW * u32::try_from(number).unwrap();
        owe(&mut windows, &number.to_string(), now);
        assert_eq!(said(windows.take(now)), [number.to_string()]);
    }
    assert!(windows.by_payload.len() <= MANY);
}
