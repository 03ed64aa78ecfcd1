use syn::{Attribute, Expr, ExprLit, Lit, Meta};

/// The lines of the first paragraph of an item's documentation, if it has any.
pub(crate) fn summary(attrs: &[Attribute]) -> Option<Vec<String>> {
    let text: String = attrs.iter().filter_map(text).map(|text| text + "\n").collect();
    let is_blank = |line: &&str| line.trim().is_empty();
    let summary: Vec<_> =
        text.lines().skip_while(is_blank).take_while(|line| !is_blank(line)).map(str::to_owned).collect();
    (!summary.is_empty()).then_some(summary)
}

fn text(attribute: &Attribute) -> Option<String> {
    match &attribute.meta {
        Meta::NameValue(doc) if doc.path.is_ident("doc") => match &doc.value {
            Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text.value()),
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_is_the_first_paragraph() {
        let table: [(Vec<Attribute>, Option<Vec<&str>>); 5] = [
            (
                syn::parse_quote!(#[doc = " One"] #[inline] #[doc = " two."] #[doc = ""] #[doc = " More."]),
                Some(vec![" One", " two."]),
            ),
            (syn::parse_quote!(#[doc = "\n One\n two.\n\n More."]), Some(vec![" One", " two."])),
            (syn::parse_quote!(#[doc = include_str!("x.md")] #[doc = " One."]), Some(vec![" One."])),
            (syn::parse_quote!(#[doc(hidden)]), None),
            (Vec::new(), None),
        ];
        for (attrs, expected) in table {
            assert_eq!(summary(&attrs), expected.map(|lines| lines.into_iter().map(str::to_owned).collect()));
        }
    }
}
