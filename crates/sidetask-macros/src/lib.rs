//! The attributes that make a function a sidetask task. Use them through the `sidetask` crate, which exports them.

mod destination;
mod doc;
mod duration;
mod expand;
mod faults;
mod function;
mod options;
mod parameters;

use proc_macro::TokenStream;

#[doc = include_str!("../docs/task.md")]
#[proc_macro_attribute]
pub fn task(options: TokenStream, item: TokenStream) -> TokenStream {
    task_tokens(options.into(), None, item.into()).into()
}

/// Makes a function a task whose jobs go by SNS: `#[task(service = "sns")]`.
///
/// A client that dispatches publishes them to the topic of its own destination, where the options name no other; a client
/// of a store takes no notice. It has the [options of `#[task]`](macro@crate::task), but for `to`, and no other `service`.
///
/// ```
/// use sidetask::task_sns;
///
/// #[task_sns(capture_response = true, remote_aws_region = "eu-west-1")]
/// fn thumbnail(path: String, width: u32) -> Result<(), std::io::Error> {
///     Ok(())
/// }
///
/// # use sidetask::TaskFunction;
/// assert_eq!(thumbnail::options().to.as_deref(), Some("sns:?region=eu-west-1&capture=true"));
/// # let _ = thumbnail::call("a.png".into(), 80);
/// ```
#[proc_macro_attribute]
pub fn task_sns(options: TokenStream, item: TokenStream) -> TokenStream {
    task_tokens(options.into(), Some("sns"), item.into()).into()
}

/// Where something is wrong, the function is still emitted, so that the compiler does not also miss it.
fn task_tokens(
    options: proc_macro2::TokenStream,
    service: Option<&str>,
    item: proc_macro2::TokenStream,
) -> proc_macro2::TokenStream {
    let mut faults = faults::Faults::default();
    let options = options::Options::parse(options, service, &mut faults);
    let function = function::Function::read(item.clone(), &mut faults);
    if let Some(function) = &function {
        function.check(&options, &mut faults);
    }
    match (function, faults.into_compile_errors()) {
        (Some(function), None) => expand::expand(&function, &options),
        (Some(function), Some(errors)) => quote::quote!(#function #errors),
        (None, errors) => quote::quote!(#item #errors),
    }
}
