use std::borrow::Cow;
use std::fmt;
use std::panic::Location;

/// What a task is called in errors: its name, or else the place where it was made.
#[derive(Clone, Debug)]
pub(crate) struct Label {
    pub(crate) name: Option<Cow<'static, str>>,
    pub(crate) place: &'static Location<'static>,
}

impl Label {
    pub(crate) const fn at(place: &'static Location<'static>) -> Self {
        Self { name: None, place }
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => f.write_str(name),
            None => self.place.fmt(f),
        }
    }
}
