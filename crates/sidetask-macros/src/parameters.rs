use syn::ext::IdentExt;
use syn::meta::ParseNestedMeta;
use syn::{LitStr, Token};

use crate::function::{Argument, Function};

/// The stored arguments by the names that they are read under, in their order. Empty where the order does not say which
/// is which.
pub(crate) fn names(function: &Function) -> Vec<String> {
    let stored: Vec<_> = function.stored().map(stored).collect();
    if stored.contains(&Stored::Spread) {
        return Vec::new();
    }
    let name = |stored| match stored {
        Stored::As(name) => Some(name),
        Stored::Not | Stored::Spread => None,
    };
    stored.into_iter().filter_map(name).collect()
}

/// What an argument's `#[serde(..)]` make of it.
#[derive(PartialEq)]
enum Stored {
    As(String),
    Not,
    Spread,
}

fn stored(argument: &Argument) -> Stored {
    let mut stored = Stored::As(argument.name.unraw().to_string());
    for attribute in &argument.serde {
        // What is wrong with it serde's own derive says, at the struct that it is put on.
        let _ = attribute.parse_nested_meta(|meta| {
            if meta.path.is_ident("skip") || meta.path.is_ident("skip_deserializing") {
                stored = Stored::Not;
            } else if meta.path.is_ident("flatten") {
                stored = Stored::Spread;
            } else if meta.path.is_ident("rename") {
                if let Some(name) = renamed(&meta)? {
                    stored = Stored::As(name);
                }
            } else if meta.input.peek(Token![=]) {
                meta.value()?.parse::<syn::Expr>()?;
            } else if meta.input.peek(syn::token::Paren) {
                meta.parse_nested_meta(|inner| inner.value()?.parse::<syn::Expr>().map(drop))?;
            }
            Ok(())
        });
    }
    stored
}

/// `rename = ".."`, or the part of `rename(serialize = "..", deserialize = "..")` that reading goes by.
fn renamed(meta: &ParseNestedMeta<'_>) -> syn::Result<Option<String>> {
    if meta.input.peek(Token![=]) {
        return Ok(Some(meta.value()?.parse::<LitStr>()?.value()));
    }
    let mut name = None;
    meta.parse_nested_meta(|inner| {
        let value = inner.value()?.parse::<LitStr>()?.value();
        if inner.path.is_ident("deserialize") {
            name = Some(value);
        }
        Ok(())
    })?;
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::faults::Faults;

    #[test]
    fn arguments_are_named_as_they_are_read() {
        let table: [(&str, &[&str]); 9] = [
            ("fn f() {}", &[]),
            ("fn f(#[state] db: Db, to: String, cx: Context, mut marks: u8) {}", &["to", "marks"]),
            ("fn f(r#type: u8) {}", &["type"]),
            (r#"fn f(#[serde(rename = "path")] source: String) {}"#, &["path"]),
            (r#"fn f(#[serde(default = "one", alias = "n", rename = "m")] number: u8) {}"#, &["m"]),
            (r#"fn f(#[serde(default)] #[serde(rename(serialize = "a", deserialize = "b"))] c: u8) {}"#, &["b"]),
            (r#"fn f(#[serde(rename(serialize = "a"))] c: u8) {}"#, &["c"]),
            (
                "fn f(a: u8, #[serde(skip)] b: u8, #[serde(bound(serialize = \"\"), skip_deserializing)] c: u8) {}",
                &["a"],
            ),
            ("fn f(a: u8, #[serde(flatten)] rest: Rest) {}", &[]),
        ];
        for (item, expected) in table {
            let function = Function::read(item.parse().unwrap(), &mut Faults::default()).unwrap();
            assert_eq!(names(&function), expected, "{item}");
        }
    }
}
