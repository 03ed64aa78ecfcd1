use std::collections::BTreeSet;
use std::future::Future;
use std::pin::Pin;

use sidetask_core::__private::inventory;
use sidetask_core::Error;

use crate::Backend;

/// A kind of URL that [`connect`](crate::connect) opens, brought in by another crate with [`scheme!`](crate::scheme!).
#[derive(Debug)]
pub struct Scheme {
    name: &'static str,
    open: fn(String) -> Opening,
}

/// What [`Scheme::new`] takes: opens what a whole URL names.
pub type Opening = Pin<Box<dyn Future<Output = Result<Backend, Error>> + Send>>;

impl Scheme {
    /// The scheme `name`, without its colon. Of two with one name, either may be used.
    pub const fn new(name: &'static str, open: fn(String) -> Opening) -> Self {
        Self { name, open }
    }

    pub(crate) async fn open(&self, url: &str) -> Result<Backend, Error> {
        (self.open)(url.to_owned()).await
    }
}

inventory::collect!(Scheme);

/// Adds a [`Scheme`] to those that [`connect`](crate::connect) opens, in every program that links this crate.
///
/// A crate of which nothing is named is not linked: tell users to write `use your_crate as _;`.
///
/// ```
/// use std::sync::Arc;
///
/// use sidetask::{Backend, MemoryStore, Scheme};
///
/// sidetask::scheme!(Scheme::new("forgetful", |_url| Box::pin(async {
///     Ok(Backend::Store(Arc::new(MemoryStore::new())))
/// })));
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// assert!(sidetask::connect("forgetful:anything").await.is_ok());
/// # }
/// ```
#[macro_export]
macro_rules! scheme {
    ($scheme:expr) => {
        $crate::__private::inventory::submit! { $scheme }
    };
}

pub(crate) fn find(name: &str) -> Option<&'static Scheme> {
    inventory::iter::<Scheme>().find(|scheme| scheme.name == name)
}

/// Those that other crates have brought in, in the order of the alphabet.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    inventory::iter::<Scheme>().map(|scheme| scheme.name).collect::<BTreeSet<_>>().into_iter()
}
