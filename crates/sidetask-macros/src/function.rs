use proc_macro2::{Delimiter, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::parse::{Parse, ParseStream};
use syn::spanned::Spanned;
use syn::{
    Attribute, FnArg, GenericArgument, Ident, Meta, Pat, PatIdent, PatType, Path, PathArguments, ReturnType, Safety,
    Signature, Type, TypeReference, Visibility,
};

use crate::faults::Faults;
use crate::options::Options;

/// A function under the attribute: as it is emitted again, and what the attribute must know of it.
pub(crate) struct Function {
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) vis: Visibility,
    /// Without the parameter attributes that belong to `#[task]`.
    pub(crate) sig: Signature,
    body: TokenStream,
    pub(crate) params: Vec<Param>,
    pub(crate) output: Output,
}

/// Where a parameter's value comes from.
pub(crate) enum Param {
    Stored(Argument),
    State(Type),
    Context,
}

/// A parameter that is stored with the job.
pub(crate) struct Argument {
    pub(crate) name: Ident,
    pub(crate) ty: Type,
    /// Its `#[serde(..)]` attributes.
    pub(crate) serde: Vec<Attribute>,
}

/// What the function returns.
pub(crate) struct Output {
    /// The value of success.
    pub(crate) ty: Type,
    /// Whether it is written as a `Result`.
    pub(crate) fallible: bool,
    /// Where the return type stands.
    pub(crate) at: Span,
}

impl Function {
    /// Reads the function. `None` where it is none; other `faults` leave it readable.
    pub(crate) fn read(item: TokenStream, faults: &mut Faults) -> Option<Self> {
        let Ok(Source { attrs, vis, mut sig, body }) = syn::parse2(item.clone()) else {
            faults.add(first_line(item), "`#[task]` goes on a function: `async fn name(..)` or `fn name(..)`");
            return None;
        };
        refuse_kinds_of_function(&sig, faults);
        let mut params = Vec::new();
        for input in &mut sig.inputs {
            let param = param(input, faults);
            if matches!(param, Some(Param::Context)) && params.iter().any(|known| matches!(known, Param::Context)) {
                faults.add(&*input, "a task takes at most one `Context`: remove this one, or clone the first");
            }
            params.extend(param);
        }
        let output = output(&sig.output, faults);
        Some(Self { attrs, vis, sig, body, params, output })
    }

    /// Checks that the options apply to a function of this sort.
    pub(crate) fn check(&self, options: &Options, faults: &mut Faults) {
        if let (Some(pool), Some(_)) = (&options.pool, self.sig.asyncness) {
            faults.add(
                pool,
                "a `pool` is of threads for plain functions, and an `async fn` runs on the async runtime: remove \
                 `pool`, or `async` where the body blocks",
            );
        }
    }

    pub(crate) fn stored(&self) -> impl Iterator<Item = &Argument> {
        self.params.iter().filter_map(|param| match param {
            Param::Stored(argument) => Some(argument),
            Param::State(_) | Param::Context => None,
        })
    }

    pub(crate) fn states(&self) -> impl Iterator<Item = &Type> {
        self.params.iter().filter_map(|param| match param {
            Param::State(ty) => Some(ty),
            Param::Stored(_) | Param::Context => None,
        })
    }
}

/// The function as it was written, less the attributes that belong to `#[task]`.
impl ToTokens for Function {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        let Self { attrs, vis, sig, body, .. } = self;
        tokens.extend(quote!(#(#attrs)* #vis #sig #body));
    }
}

/// The body is not parsed: whatever the compiler takes will do.
struct Source {
    attrs: Vec<Attribute>,
    vis: Visibility,
    sig: Signature,
    body: TokenStream,
}

impl Parse for Source {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        Ok(Self {
            attrs: input.call(Attribute::parse_outer)?,
            vis: input.parse()?,
            sig: input.parse()?,
            body: input.parse()?,
        })
    }
}

/// The tokens up to the body, which a message should not underline.
fn first_line(item: TokenStream) -> TokenStream {
    let is_body = |token: &TokenTree| matches!(token, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace);
    item.into_iter().take_while(|token| !is_body(token)).collect()
}

fn refuse_kinds_of_function(sig: &Signature, faults: &mut Faults) {
    if let Safety::Unsafe(token) = sig.safety {
        faults.add(token, "a task cannot be `unsafe`: the worker that runs it can promise nothing");
    }
    if let Some(abi) = &sig.abi {
        faults.add(abi, "a task cannot be `extern`: call the foreign function from a plain one");
    }
    if let Some(token) = sig.constness {
        faults.add(token, "a task cannot be `const`: remove the word, or call the function from a task");
    }
    if !sig.generics.params.is_empty() {
        faults.add(
            &sig.generics,
            "a task is stored by name and cannot be generic: write one function for each type, which may call a \
             generic one",
        );
    }
}

fn param(input: &mut FnArg, faults: &mut Faults) -> Option<Param> {
    let typed = match input {
        FnArg::Typed(typed) => typed,
        FnArg::Receiver(receiver) => {
            faults.add(
                receiver,
                "a task cannot be a method: write a free function, and take `self`'s value as an argument or as \
                 `#[state]`",
            );
            return None;
        }
    };
    if let Some(cfg) = typed.attrs.iter().find(|attribute| is_any(attribute.path(), &["cfg", "cfg_attr"])) {
        faults.add(cfg, "a task's parameter cannot be conditional: write two functions under opposite `#[cfg]`s");
    }
    let (state, serde) = take_attributes(typed);
    let ty = peel(&typed.ty);
    if state.is_none() && is_context(ty) {
        refuse_serde(&serde, faults);
        return Some(Param::Context);
    }
    if let Type::Reference(reference) = ty
        && is_context(&reference.elem)
    {
        faults.add(ty, "take `Context` by value: it is cheap to clone");
        return None;
    }
    if contains(ty, "impl") {
        faults.add(ty, "a stored argument needs a type of its own: write the type in place of `impl ..`");
        return None;
    }
    match state {
        Some(state) => {
            refuse_serde(&serde, faults);
            if !matches!(state.meta, Meta::Path(_)) {
                faults.add(state, "`#[state]` takes no options");
            }
            if let Type::Reference(reference) = ty
                && !is_static(reference)
            {
                faults.add(ty, "take a `#[state]` value by value: every attempt gets a clone, so wrap it in an `Arc`");
            }
            Some(Param::State(ty.clone()))
        }
        None => stored(typed, serde, faults),
    }
}

fn stored(typed: &PatType, serde: Vec<Attribute>, faults: &mut Faults) -> Option<Param> {
    let ty = peel(&typed.ty);
    if contains(ty, "&") || contains(ty, "'_") {
        faults.add(ty, format!("a stored argument cannot be borrowed: {}", owned(ty)));
        return None;
    }
    match &*typed.pat {
        Pat::Ident(PatIdent { by_ref: None, subpat: None, ident, .. }) => {
            Some(Param::Stored(Argument { name: ident.clone(), ty: ty.clone(), serde }))
        }
        pattern => {
            let advice = "a stored argument is kept under its name: give it one, and take it apart in the body";
            faults.add(pattern, advice);
            None
        }
    }
}

/// Takes `#[state]` and the `#[serde(..)]` attributes off a parameter.
fn take_attributes(typed: &mut PatType) -> (Option<Attribute>, Vec<Attribute>) {
    let mut take = |name| typed.attrs.extract_if(.., |attribute| attribute.path().is_ident(name)).collect::<Vec<_>>();
    (take("state").pop(), take("serde"))
}

fn refuse_serde(serde: &[Attribute], faults: &mut Faults) {
    for attribute in serde {
        faults.add(attribute, "`#[serde(..)]` is for stored arguments: remove it here");
    }
}

fn output(output: &ReturnType, faults: &mut Faults) -> Output {
    let ReturnType::Type(_, ty) = output else {
        return Output { ty: syn::parse_quote!(()), fallible: false, at: Span::call_site() };
    };
    let written = peel(ty);
    let (ty, fallible) = match last_segment(written).filter(|segment| segment.ident == "Result") {
        Some(result) => (first_type(&result.arguments), true),
        None => (Some(written), false),
    };
    let Some(ty) = ty else {
        faults
            .add(written, "say what this `Result` holds, such as `Result<(), TaskError>`: the output's type is needed");
        return Output { ty: syn::parse_quote!(()), fallible, at: written.span() };
    };
    if contains(ty, "impl") {
        faults.add(ty, "an output is stored and needs a type of its own: write the type in place of `impl ..`");
    } else if contains(ty, "&") || contains(ty, "'_") {
        faults.add(ty, format!("an output is stored and cannot be borrowed: {}", owned(ty)));
    }
    Output { ty: ty.clone(), fallible, at: written.span() }
}

/// What to take or return in place of a borrowed type.
fn owned(ty: &Type) -> &'static str {
    let Type::Reference(TypeReference { elem, .. }) = ty else { return "use its owned form" };
    match last_segment(elem) {
        Some(segment) if segment.ident == "str" => "use an owned `String`",
        Some(segment) if segment.ident == "Path" => "use an owned `PathBuf`",
        _ if matches!(peel(elem), Type::Slice(_)) => "use an owned `Vec`",
        _ => "use the type without `&`",
    }
}

fn is_context(ty: &Type) -> bool {
    last_segment(ty).is_some_and(|segment| segment.ident == "Context")
}

fn is_static(reference: &TypeReference) -> bool {
    reference.lifetime.as_ref().is_some_and(|lifetime| lifetime.ident == "static")
}

fn is_any(path: &Path, names: &[&str]) -> bool {
    names.iter().any(|name| path.is_ident(name))
}

fn last_segment(ty: &Type) -> Option<&syn::PathSegment> {
    match peel(ty) {
        Type::Path(path) => path.path.segments.last(),
        _ => None,
    }
}

fn first_type(arguments: &PathArguments) -> Option<&Type> {
    let PathArguments::AngleBracketed(arguments) = arguments else { return None };
    arguments.args.iter().find_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    })
}

/// The type without parentheses and without the invisible group that a `macro_rules!` variable puts around it.
fn peel(ty: &Type) -> &Type {
    match ty {
        Type::Group(group) => peel(&group.elem),
        Type::Paren(paren) => peel(&paren.elem),
        other => other,
    }
}

/// Whether a word or sign occurs anywhere in a type.
fn contains(ty: &Type, word: &str) -> bool {
    fn within(tokens: TokenStream, word: &str) -> bool {
        let mut quoted = false;
        tokens.into_iter().any(|token| {
            let text = if quoted { format!("'{token}") } else { token.to_string() };
            quoted = text == "'";
            text == word || matches!(token, TokenTree::Group(group) if within(group.stream(), word))
        })
    }
    within(ty.to_token_stream(), word)
}

#[cfg(test)]
mod tests;
