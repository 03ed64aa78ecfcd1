//! How often what goes wrong, by the seed.

use std::time::Duration;

/// How a link is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Weather {
    /// Nothing goes wrong.
    Clear,
    /// Nothing goes wrong, but all takes its time.
    Slow,
    /// Something goes wrong now and then.
    Showers,
    /// Much goes wrong.
    Storm,
}

/// What happens to one request.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Fate {
    pub(crate) delay: Duration,
    pub(crate) is_lost: bool,
    pub(crate) answer_delay: Duration,
    pub(crate) answer_is_lost: bool,
}

/// What happens to a batch of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hearing {
    Once,
    Twice,
    Never,
    Late(Duration),
}

impl Weather {
    pub(crate) fn faultless(random: &mut fastrand::Rng) -> Self {
        if random.bool() { Self::Clear } else { Self::Slow }
    }

    pub(crate) fn draw(random: &mut fastrand::Rng) -> Self {
        match random.u8(0..4) {
            0 => Self::Clear,
            1 | 2 => Self::Showers,
            _ => Self::Storm,
        }
    }

    pub(crate) fn request(self, random: &mut fastrand::Rng) -> Fate {
        let often = match self {
            Self::Clear => return Fate::default(),
            Self::Slow => return Fate { delay: short(random), answer_delay: short(random), ..Fate::default() },
            Self::Showers => 15,
            Self::Storm => 80,
        };
        let mut happens = |often: u16| random.u16(0..1000) < often;
        let (is_lost, answer_is_lost, is_slow, is_late) =
            (happens(often), happens(often), happens(4 * often), happens(often));
        Fate {
            is_lost,
            answer_is_lost,
            delay: if is_slow { delay(random) } else { Duration::ZERO },
            answer_delay: if is_late { delay(random) } else { Duration::ZERO },
        }
    }

    pub(crate) fn events(self, random: &mut fastrand::Rng) -> Hearing {
        let often = match self {
            Self::Clear => return Hearing::Once,
            Self::Slow => return Hearing::Late(short(random)),
            Self::Showers => 30,
            Self::Storm => 150,
        };
        match random.u16(0..1000) {
            draw if draw < often => Hearing::Never,
            draw if draw < 2 * often => Hearing::Twice,
            draw if draw < 3 * often => Hearing::Late(delay(random)),
            _ => Hearing::Once,
        }
    }
}

fn short(random: &mut fastrand::Rng) -> Duration {
    Duration::from_millis(random.u64(0..30))
}

/// Mostly short, now and then beyond any lease.
fn delay(random: &mut fastrand::Rng) -> Duration {
    let longest = match random.u8(0..20) {
        0 => 20_000,
        1..4 => 3_000,
        _ => 50,
    };
    Duration::from_millis(random.u64(1..=longest))
}
