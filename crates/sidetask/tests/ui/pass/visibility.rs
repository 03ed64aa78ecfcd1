//! A task is as visible as its function.
#![deny(warnings)]

use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct Private(u8);

#[sidetask::task]
async fn takes_a_private_type(value: Private) -> Private {
    value
}

mod outer {
    #[derive(serde::Serialize, serde::Deserialize)]
    pub(crate) struct Shared;

    pub(crate) mod inner {
        #[sidetask::task]
        pub(super) async fn for_parent(value: super::Shared) -> super::Shared {
            value
        }

        #[sidetask::task]
        pub(in crate::outer) async fn for_outer() {}

        #[sidetask::task]
        pub(crate) async fn for_all() {}
    }

    pub(crate) fn make() {
        drop(inner::for_parent::call(Shared));
        drop(inner::for_outer::call());
        assert_eq!(inner::for_outer::KIND.split_once('.').map(|(_, path)| path), Some("outer.inner.for_outer"));
    }
}

fn main() {
    drop(takes_a_private_type::call(Private(1)));
    drop(outer::inner::for_all::call());
    outer::make();
}
