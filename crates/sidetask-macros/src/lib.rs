//! The attribute that makes a function a sidetask task.

use proc_macro::TokenStream;

/// Makes a function a task.
#[proc_macro_attribute]
pub fn task(_arguments: TokenStream, function: TokenStream) -> TokenStream {
    function
}
