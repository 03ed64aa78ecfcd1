//! Closures as tasks.

use std::any::TypeId;
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::error::Error as StdError;
use std::future::Future;
use std::panic::Location;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Definition, Work};
use crate::{Context, Error, Json, StateMap, TaskError, TaskOptions};

/// What a closure or an in-process task may return: a `Result`, or a plain value of a common type. The error is a
/// [`TaskError`], or whatever becomes a `Box<dyn Error + Send + Sync>`: any error, text, an `anyhow::Error`.
pub trait IntoOutcome: Send + 'static {
    /// The value of success.
    type Output: Send + 'static;

    /// The outcome.
    ///
    /// # Errors
    /// The closure's own.
    fn into_outcome(self) -> Result<Self::Output, TaskError>;
}

impl<T: Send + 'static, E: Into<Box<dyn StdError + Send + Sync>> + Send + 'static> IntoOutcome for Result<T, E> {
    type Output = T;

    fn into_outcome(self) -> Result<T, TaskError> {
        self.map_err(TaskError::of)
    }
}

macro_rules! plain_values {
    ($([$($generics:tt)*] $type:ty;)*) => {$(
        impl<$($generics)*> IntoOutcome for $type {
            type Output = Self;

            fn into_outcome(self) -> Result<Self, TaskError> {
                Ok(self)
            }
        }
    )*};
}

plain_values! {
    [] (); [] bool; [] char; [] String;
    [] u8; [] u16; [] u32; [] u64; [] u128; [] usize;
    [] i8; [] i16; [] i32; [] i64; [] i128; [] isize;
    [] f32; [] f64; [] serde_json::Value; [] Json;
    [T: Send + 'static] Option<T>;
    [T: Send + 'static] Vec<T>;
    [T: Send + 'static] Box<T>;
    [A: Send + 'static, B: Send + 'static] (A, B);
    [A: Send + 'static, B: Send + 'static, C: Send + 'static] (A, B, C);
    [K: Send + 'static, V: Send + 'static] BTreeMap<K, V>;
    [K: Send + 'static, V: Send + 'static] HashMap<K, V>;
}

/// A closure that [`Registry::register`](crate::Registry::register) takes: `Fn(args) -> future` or
/// `Fn(args, Context) -> future`. `M` tells the forms apart and is always inferred.
pub trait Handler<M>: Send + Sync + 'static {
    /// The arguments.
    type Args: DeserializeOwned;

    /// Begins one attempt.
    ///
    /// # Errors
    /// An output that has no JSON form.
    fn begin(&self, args: Self::Args, cx: Context) -> Work<Json>;
}

impl<F, A, Fut> Handler<fn(A) -> Fut> for F
where
    F: Fn(A) -> Fut + Send + Sync + 'static,
    A: DeserializeOwned + Send + 'static,
    Fut: Future<Output: IntoOutcome<Output: Serialize>> + Send + 'static,
{
    type Args = A;

    fn begin(&self, args: A, _: Context) -> Work<Json> {
        encoded(self(args))
    }
}

impl<F, A, Fut> Handler<fn(A, Context) -> Fut> for F
where
    F: Fn(A, Context) -> Fut + Send + Sync + 'static,
    A: DeserializeOwned + Send + 'static,
    Fut: Future<Output: IntoOutcome<Output: Serialize>> + Send + 'static,
{
    type Args = A;

    fn begin(&self, args: A, cx: Context) -> Work<Json> {
        encoded(self(args, cx))
    }
}

fn encoded<R: IntoOutcome<Output: Serialize>>(future: impl Future<Output = R> + Send + 'static) -> Work<Json> {
    Work::future(async move { Ok(Json::encode(&future.await.into_outcome()?)?) })
}

pub(super) struct Blocking<F>(pub(super) Arc<F>);

impl<F, A, R> Handler<fn(A) -> R> for Blocking<F>
where
    F: Fn(A) -> R + Send + Sync + 'static,
    A: DeserializeOwned + Send + 'static,
    R: IntoOutcome<Output: Serialize>,
{
    type Args = A;

    fn begin(&self, args: A, _: Context) -> Work<Json> {
        let f = Arc::clone(&self.0);
        Work::blocking(move || Ok(Json::encode(&f(args).into_outcome()?)?))
    }
}

pub(super) fn definition<M, H: Handler<M>>(
    kind: Cow<'static, str>,
    place: &'static Location<'static>,
    handler: H,
) -> Definition {
    fn check<M, H: Handler<M>>(args: &Json) -> Result<(), Error> {
        args.decode::<H::Args>().map(drop)
    }
    let called = kind.clone();
    let run = move |args: &Json, cx: Context, _: &StateMap| {
        let args = args.decode().map_err(|error| error.unfit(&called))?;
        Ok(handler.begin(args, cx))
    };
    Definition {
        kind,
        aliases: Vec::new(),
        parameters: &[],
        options: TaskOptions::new(),
        needs: Vec::new(),
        place,
        function: TypeId::of::<H>(),
        check: check::<M, H>,
        run: Arc::new(run),
    }
}
