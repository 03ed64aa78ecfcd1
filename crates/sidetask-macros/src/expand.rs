use std::time::Duration;

use proc_macro2::{Literal, Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Attribute, Ident, LitStr};

use crate::doc;
use crate::function::{Argument, Function, Param};
use crate::options::{Backoff, Options};
use crate::parameters;

/// The function, and all that is added to it. What is added may name nothing but `::sidetask`, `::core` and `::std`, and
/// its variables are of the macro's own hygiene, so that no name in the user's code is in its way.
pub(crate) fn expand(function: &Function, options: &Options) -> TokenStream {
    let Function { vis, sig, .. } = function;
    let name = &sig.ident;
    let conditions = attributes(function, &["cfg"]);
    let doc = format!("The task of [`{0}`](fn@{0}): its kind, and how to call it.", name.unraw());
    let args = args_name(function);
    let stored = stored_struct(function, &args);
    let inherent = inherent_impl(function, options, &args);
    let task = task_impl(function, options, &args);
    let arguments = argument_checks(function);
    let outcome = output_check(function);
    let registration = registration(function);
    quote! {
        #function

        #(#conditions)*
        #[doc = #doc]
        #[allow(non_camel_case_types)]
        #[derive(::core::fmt::Debug)]
        #[non_exhaustive]
        #vis enum #name {}

        #(#conditions)*
        #[allow(non_camel_case_types, non_snake_case, deprecated)]
        const _: () = {
            #(#arguments)*
            #stored
            #inherent
            #task
            #outcome
            #registration
        };
    }
}

/// The stored arguments. `pub`, since an associated type may not be less visible than its trait; outside of the block
/// that it stands in, nothing can name it.
fn stored_struct(function: &Function, args: &Ident) -> TokenStream {
    let vis = &function.vis;
    let fields = function.stored().map(|Argument { name, ty, serde }| quote!(#(#serde)* #vis #name: #ty));
    let name = function.sig.ident.unraw();
    let expecting = format!("the arguments of `{name}`, as an object by parameter name or an array by position");
    quote! {
        #[doc = "The stored arguments."]
        #[derive(::sidetask::__private::serde::Serialize, ::sidetask::__private::serde::Deserialize)]
        #[serde(crate = "::sidetask::__private::serde", expecting = #expecting)]
        pub struct #args { #(#fields,)* }
    }
}

fn inherent_impl(function: &Function, options: &Options, args: &Ident) -> TokenStream {
    let Function { vis, sig, .. } = function;
    let name = &sig.ident;
    let output = &function.output.ty;
    let kind = kind(name, options.name.as_ref());
    let params = function.stored().map(|Argument { name, ty, .. }| quote!(#name: #ty));
    let fields: Vec<_> = function.stored().map(|argument| &argument.name).collect();
    let value =
        if fields.is_empty() { quote!(::core::option::Option::Some(#args {})) } else { quote!(#args { #(#fields),* }) };
    let many = (fields.len() > 7).then(|| quote!(#[allow(clippy::too_many_arguments)]));
    let deprecated = attributes(function, &["deprecated"]);
    let summary = doc::summary(&function.attrs).unwrap_or_else(|| vec![format!("Calls `{}`.", name.unraw())]);
    quote! {
        impl #name {
            #[doc = "The stable name that its jobs are stored under."]
            #vis const KIND: &'static str = #kind;

            #(#[doc = #summary])*
            #[doc = ""]
            #[doc = "Makes the call; nothing runs until it is enqueued or awaited."]
            #(#deprecated)*
            #[allow(dead_code)]
            #many
            #vis fn call(#(#params),*) -> ::sidetask::Call<#output> {
                ::sidetask::Call::of::<Self>(&#value)
            }
        }
    }
}

fn task_impl(function: &Function, options: &Options, args: &Ident) -> TokenStream {
    let name = &function.sig.ident;
    let output = &function.output.ty;
    let aliases = &options.aliases;
    let parameters = parameters::names(function);
    let settings = settings(options);
    let states = function.states();
    // Without arguments, `null` is taken as well: it is what `Call::new(kind, ())` stores.
    let args_type = match function.stored().next() {
        Some(_) => quote!(#args),
        None => quote!(::core::option::Option<#args>),
    };
    let run = run_body(function, args);
    quote! {
        impl ::sidetask::TaskFunction for #name {
            const KIND: &'static str = <#name>::KIND;
            const ALIASES: &'static [&'static str] = &[#(#aliases),*];
            const PARAMETERS: &'static [&'static str] = &[#(#parameters),*];
            type Args = #args_type;
            type Output = #output;

            fn options() -> ::sidetask::TaskOptions {
                ::sidetask::TaskOptions::new() #settings
            }

            fn needs() -> ::std::vec::Vec<::sidetask::StateNeed> {
                ::std::vec![#(::sidetask::StateNeed::of::<#states>()),*]
            }

            #run
        }
    }
}

fn run_body(function: &Function, args: &Ident) -> TokenStream {
    let name = &function.sig.ident;
    let [given, cx, states] = ["_args", "_cx", "_states"].map(local);
    let (fields, stored): (Vec<_>, Vec<_>) =
        function.stored().enumerate().map(|(at, argument)| (&argument.name, local(&format!("arg{at}")))).unzip();
    let unpack = (!fields.is_empty()).then(|| quote!(let #args { #(#fields: #stored),* } = #given;));

    let mut stored = stored.into_iter();
    let mut lets = Vec::new();
    let values = function.params.iter().filter_map(|param| match param {
        Param::Stored(_) => stored.next(),
        Param::Context => Some(cx.clone()),
        Param::State(ty) => {
            let state = local(&format!("state{}", lets.len()));
            let value = quote_spanned!(place(ty.span())=> #states.value::<#ty>());
            lets.push(quote! {
                let #state = #value.ok_or_else(|| {
                    ::sidetask::Error::missing_state(<#name>::KIND, ::core::any::type_name::<#ty>())
                })?;
            });
            Some(state)
        }
    });
    let call = quote!(#name(#(#values),*));
    let work = work(function, &call);
    quote! {
        fn run(
            #given: Self::Args,
            #cx: ::sidetask::Context,
            #states: &::sidetask::StateMap,
        ) -> ::core::result::Result<::sidetask::Work<Self::Output>, ::sidetask::TaskError> {
            #unpack
            #(#lets)*
            ::core::result::Result::Ok(#work)
        }
    }
}

/// One attempt. Placed at the function's name, where the compiler then shows that a future is not `Send`.
fn work(function: &Function, call: &TokenStream) -> TokenStream {
    let at = place(function.sig.ident.span());
    let result = |value: TokenStream| {
        if !function.output.fallible {
            return quote!(::core::result::Result::Ok(#value));
        }
        let error = local("error");
        let convert = quote_spanned! {place(function.output.at)=>
            (&mut &mut ::sidetask::__private::Wrap(::core::option::Option::Some(#error))).take_task_error()
        };
        quote! {{
            use ::sidetask::__private::{ViaBox as _, ViaInto as _};
            #value.map_err(|#error| #convert)
        }}
    };
    if function.sig.asyncness.is_some() {
        let result = result(quote!(#call.await));
        quote_spanned!(at=> ::sidetask::Work::future(async move { #result }))
    } else {
        let result = result(call.clone());
        quote_spanned!(at=> ::sidetask::Work::blocking(move || #result))
    }
}

/// Placed at each type, and first, so that the compiler says this before all that follows from it. A `#[serde(..)]`
/// attribute may give any type a stored form.
fn argument_checks(function: &Function) -> impl Iterator<Item = TokenStream> {
    function.stored().filter(|argument| argument.serde.is_empty()).map(|Argument { ty, .. }| {
        let check = quote_spanned!(place(ty.span())=> check::<#ty>);
        quote! {
            const _: fn() = {
                const fn check<T: ::sidetask::__private::Argument>() {}
                #check
            };
        }
    })
}

/// An alias of `Result` would pass for an output, and every failure for a success.
fn output_check(function: &Function) -> Option<TokenStream> {
    if function.output.fallible {
        return None;
    }
    let output = &function.output.ty;
    let message = "this type is an alias of `Result`, which `#[task]` cannot see: write `Result<..>` itself, so that \
                   errors count as failures";
    Some(quote_spanned! {place(function.output.at)=>
        const _: () = {
            use ::sidetask::__private::NotResult as _;
            ::core::assert!(!::sidetask::__private::Returns::<#output>::RESULT, #message);
        };
    })
}

/// The call of `Definition::of` has the span of the function's name, unchanged: it is what the registry reports as the
/// task's place.
fn registration(function: &Function) -> TokenStream {
    let name = &function.sig.ident;
    let definition = quote_spanned!(name.span()=> ::sidetask::Definition::of::<#name>());
    quote! {
        ::sidetask::__private::inventory::submit! {
            ::sidetask::Registration(|| #definition)
        }
    }
}

fn kind(name: &Ident, pinned: Option<&LitStr>) -> TokenStream {
    if let Some(pinned) = pinned {
        return quote!(#pinned);
    }
    let name = name.unraw().to_string();
    quote! {{
        const PATH: &str = ::core::concat!(::core::module_path!(), "::", #name);
        const BYTES: [u8; ::sidetask::__private::kind_len(PATH)] = ::sidetask::__private::kind_bytes(PATH);
        ::sidetask::__private::kind_str(&BYTES)
    }}
}

fn settings(options: &Options) -> TokenStream {
    let queue = options.queue.iter();
    let max_attempts = options.max_attempts.iter();
    let timeout = options.timeout.map(duration).into_iter();
    let pool = options.pool.iter();
    let priority = options.priority.iter();
    let backoff = options.backoff.iter().map(|backoff| match backoff {
        Backoff::Fixed(wait) => duration(*wait),
        Backoff::Expression(backoff) => quote!(#backoff),
    });
    let rate_limit = options.rate_limit.iter();
    let to = options.destination.url().into_iter();
    quote! {
        #(.queue(#queue))*
        #(.max_attempts(#max_attempts))*
        #(.timeout(#timeout))*
        #(.pool(#pool))*
        #(.priority(#priority))*
        #(.backoff(#backoff))*
        #(.rate_limit(#rate_limit))*
        #(.to(#to))*
    }
}

fn duration(duration: Duration) -> TokenStream {
    let seconds = Literal::u64_unsuffixed(duration.as_secs());
    let nanos = Literal::u32_unsuffixed(duration.subsec_nanos());
    quote!(::sidetask::__private::Duration::new(#seconds, #nanos))
}

fn attributes<'a>(function: &'a Function, names: &[&str]) -> Vec<&'a Attribute> {
    let named = |attribute: &&Attribute| names.iter().any(|name| attribute.path().is_ident(name));
    function.attrs.iter().filter(named).collect()
}

fn args_name(function: &Function) -> Ident {
    format_ident!("__{}_args", function.sig.ident.unraw(), span = Span::call_site())
}

/// A variable that the user's code cannot see, nor it the user's.
fn local(name: &str) -> Ident {
    Ident::new(name, Span::mixed_site())
}

/// The user's place for messages, with the macro's own hygiene.
fn place(span: Span) -> Span {
    span.resolved_at(Span::mixed_site())
}
