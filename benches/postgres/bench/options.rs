use crate::Result;

/// Medians are taken over this many rounds.
const ROUNDS: usize = 5;

pub(crate) struct Options {
    pub(crate) json: bool,
    pub(crate) rounds: usize,
    pub(crate) peers: bool,
    only: Option<Part>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Enqueue,
    Bulk,
    Drain,
    Pickup,
    Claim,
    Idle,
}

const PARTS: [(&str, Part); 6] = [
    ("enqueue", Part::Enqueue),
    ("bulk", Part::Bulk),
    ("drain", Part::Drain),
    ("pickup", Part::Pickup),
    ("claim", Part::Claim),
    ("idle", Part::Idle),
];

impl Options {
    pub(crate) fn of(arguments: &[String]) -> Result<Self> {
        let mut options = Self { json: false, rounds: ROUNDS, peers: false, only: None };
        let mut words = arguments.iter().map(String::as_str);
        while let Some(word) = words.next() {
            match (word, if word == "--peers" { "" } else { words.next().unwrap_or_default() }) {
                ("--peers", _) => options.peers = true,
                ("--output", "json") => options.json = true,
                ("--rounds", rounds) => options.rounds = rounds.parse()?,
                ("--only", name) => options.only = Some(part(name)?),
                _ => return Err(format!("`{word}` is not understood: see the first page of the source").into()),
            }
        }
        Ok(options)
    }

    pub(crate) fn has(&self, part: Part) -> bool {
        self.only.is_none_or(|only| only == part)
    }
}

fn part(name: &str) -> Result<Part> {
    let found = PARTS.iter().find(|(known, _)| *known == name);
    found.map(|(_, part)| *part).ok_or_else(|| {
        let names: Vec<&str> = PARTS.iter().map(|(name, _)| *name).collect();
        format!("there is no part `{name}`: there are {}", names.join(", ")).into()
    })
}
