use std::fmt::Display;
use std::sync::{Arc, Mutex};

use sidetask::{Task, TaskError};
use sidetask_tower::{BackgroundLayer, BackgroundLayerBuilder};

use super::until;

/// What tasks wrote down.
#[derive(Clone, Default)]
pub(crate) struct Notes(Arc<Mutex<Vec<String>>>);

impl Notes {
    pub(crate) fn note(&self, what: impl Display) {
        self.0.lock().unwrap().push(what.to_string());
    }

    pub(crate) fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    pub(crate) fn sorted(&self) -> Vec<String> {
        let mut all = self.all();
        all.sort();
        all
    }

    /// Waits until there are so many.
    pub(crate) async fn until(&self, number: usize) {
        until(&format!("{number} notes"), || self.all().len() >= number).await;
    }

    /// A task that notes this.
    pub(crate) fn task(&self, what: impl Display + Send + Sync + 'static) -> Task<()> {
        let notes = self.clone();
        Task::new(move || {
            notes.note(&what);
            async {}
        })
    }

    /// One that notes this, and fails.
    pub(crate) fn failing(&self, what: &'static str) -> Task<()> {
        let notes = self.clone();
        let task = Task::new(move || {
            notes.note(what);
            async { Err::<(), _>(TaskError::new("it did not work out")) }
        });
        task.named(what)
    }

    /// A layer that notes its tasks' failures here.
    pub(crate) fn layer(&self) -> BackgroundLayer {
        self.layer_with(|builder| builder)
    }

    pub(crate) fn layer_with(
        &self,
        settings: impl FnOnce(BackgroundLayerBuilder) -> BackgroundLayerBuilder,
    ) -> BackgroundLayer {
        let notes = self.clone();
        let builder = BackgroundLayer::builder().on_error(move |failure| {
            let origin = failure.origin.unwrap_or("nothing");
            notes.note(format_args!("{} of {origin}: {}", failure.name, failure.error));
        });
        settings(builder).build().unwrap()
    }
}
