//! Attributes of the function stay with it, and `cfg` holds for all that is added.
#![deny(warnings)]

use sidetask::{Registry, task};

#[task]
#[cfg(unix)]
async fn twice() -> u8 {
    1
}

#[cfg(not(unix))]
#[task]
async fn twice() -> u8 {
    2
}

#[task(name = "never")]
#[cfg(any())]
async fn never(value: NoSuchType) {}

#[task]
#[allow(unused_variables)]
#[must_use]
#[inline]
async fn lenient(#[allow(unused)] n: u8) -> u8 {
    0
}

#[task]
#[deprecated = "use another"]
async fn old() {}

fn main() {
    drop(twice::call());
    drop(lenient::call(1));
    #[expect(deprecated)]
    drop(old::call());
    assert!(Registry::discovered().find("never").is_none());
}
