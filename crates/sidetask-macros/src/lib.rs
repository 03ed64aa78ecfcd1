//! The attribute that makes a function a sidetask task. Use it through the `sidetask` crate, which exports it.

mod doc;
mod duration;
mod expand;
mod faults;
mod function;
mod options;

use proc_macro::TokenStream;

#[doc = include_str!("../docs/task.md")]
#[proc_macro_attribute]
pub fn task(options: TokenStream, item: TokenStream) -> TokenStream {
    task_tokens(options.into(), item.into()).into()
}

/// Where something is wrong, the function is still emitted, so that the compiler does not also miss it.
fn task_tokens(options: proc_macro2::TokenStream, item: proc_macro2::TokenStream) -> proc_macro2::TokenStream {
    let mut faults = faults::Faults::default();
    let options = options::Options::parse(options, &mut faults);
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
