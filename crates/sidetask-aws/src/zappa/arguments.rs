//! Which parameter each argument of a call is for, by Python's rules.

use std::collections::{BTreeMap, btree_map};

use serde_json::value::RawValue;
use sidetask::{Definition, Error, Json};

use super::message::Message;

/// The arguments of a message as its task takes them.
///
/// What is given by position goes to the parameters in their order, the rest by name. Of a task whose parameters are not
/// known (a registered closure) arguments come either all by position or all by name, and a single one by position is the
/// closure's parameter itself where it fits.
///
/// # Errors
/// [`is_decode`](Error::is_decode): an argument too many, one given twice, one whose name no parameter has. Whether the
/// values fit the parameters' types is found when the task is run.
pub(crate) fn arguments(message: &Message, definition: &Definition) -> Result<Json, Error> {
    let parameters = definition.parameters();
    let Message { args, kwargs, .. } = message;
    if parameters.is_empty() {
        return of_unknown(args, kwargs, definition);
    }
    if args.len() > parameters.len() {
        let (given, taken) = (args.len(), parameters.len());
        return Err(unfit(definition, format!("takes {taken} arguments but {given} were given by position")));
    }
    let mut named: BTreeMap<&str, &RawValue> = parameters.iter().copied().zip(args.iter().map(|arg| &**arg)).collect();
    for (name, value) in kwargs {
        if !parameters.contains(&name.as_str()) {
            return Err(unfit(definition, format!("has no parameter `{}`", shown(name))));
        }
        match named.entry(name) {
            btree_map::Entry::Occupied(_) => {
                return Err(unfit(definition, format!("got more than one value for `{}`", shown(name))));
            }
            btree_map::Entry::Vacant(entry) => entry.insert(value),
        };
    }
    // By position where all are there: the names that a task stores may be others than its parameters'.
    if kwargs.is_empty() && args.len() == parameters.len() { Json::encode(args) } else { Json::encode(&named) }
}

fn of_unknown(
    args: &[Box<RawValue>],
    kwargs: &BTreeMap<String, Box<RawValue>>,
    definition: &Definition,
) -> Result<Json, Error> {
    match (args, kwargs.is_empty()) {
        ([], true) => first_fit([Json::encode(&()), Json::encode(args), Json::encode(kwargs)], definition),
        ([], false) => Json::encode(kwargs),
        ([only], true) => first_fit([Json::encode(only), Json::encode(args)], definition),
        (_, true) => Json::encode(args),
        (_, false) => {
            let what = "takes its arguments either all by position or all by name: its parameters' names are not known";
            Err(unfit(definition, what.to_owned()))
        }
    }
}

/// The first form that the task can read, or the first of all.
fn first_fit<const N: usize>(forms: [Result<Json, Error>; N], definition: &Definition) -> Result<Json, Error> {
    let mut forms: Vec<Json> = forms.into_iter().collect::<Result<_, _>>()?;
    let fits = forms.iter().position(|form| definition.check(form).is_ok());
    Ok(forms.swap_remove(fits.unwrap_or(0)))
}

fn unfit(definition: &Definition, what: String) -> Error {
    Error::decode("call of Zappa's", format!("task `{}` {what}", definition.kind()))
}

fn shown(name: &str) -> String {
    name.chars().take(64).collect()
}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};
    use sidetask::{Context, Registry, StateMap, TaskError, TaskFunction, Work};

    use super::super::message::decode;
    use super::*;

    struct Bake;

    #[derive(Serialize, Deserialize)]
    struct Given {
        pie: String,
        slices: u8,
        note: Option<String>,
    }

    impl TaskFunction for Bake {
        const KIND: &'static str = "kitchen.bake";
        const PARAMETERS: &'static [&'static str] = &["pie", "slices", "note"];
        type Args = Given;
        type Output = ();

        fn run(_: Given, _: Context, _: &StateMap) -> Result<Work<()>, TaskError> {
            Ok(Work::future(async { Ok(()) }))
        }
    }

    fn given(definition: &Definition, args: &str, kwargs: &str) -> Result<String, Error> {
        let message = decode(&format!(r#"{{"task_path": "k", "args": {args}, "kwargs": {kwargs}}}"#))?;
        arguments(&message, definition).map(|json| json.as_str().to_owned())
    }

    #[test]
    fn position_comes_before_name() {
        let bake = Definition::of::<Bake>();
        let cases = [
            (r#"["apple", 8, null]"#, "{}", r#"["apple",8,null]"#),
            (r#"["apple", 8]"#, "{}", r#"{"pie":"apple","slices":8}"#),
            ("[]", r#"{"slices": 8, "pie": "apple"}"#, r#"{"pie":"apple","slices":8}"#),
            (r#"["apple"]"#, r#"{"slices": 8}"#, r#"{"pie":"apple","slices":8}"#),
            (
                r#"["apple", 123456789012345678901234567890, 1.50]"#,
                "{}",
                r#"["apple",123456789012345678901234567890,1.50]"#,
            ),
        ];
        for (args, kwargs, expected) in cases {
            assert_eq!(given(&bake, args, kwargs).unwrap(), expected);
        }
    }

    #[test]
    fn what_python_refuses_is_refused() {
        let bake = Definition::of::<Bake>();
        let cases = [
            (r#"["apple"]"#, r#"{"pie": "plum"}"#, "more than one value for `pie`"),
            ("[]", r#"{"pie": "plum", "colour": 1}"#, "no parameter `colour`"),
            ("[1, 2, 3, 4]", "{}", "takes 3 arguments but 4"),
        ];
        for (args, kwargs, expected) in cases {
            let error = given(&bake, args, kwargs).unwrap_err();
            assert!(error.is_decode());
            let source = std::error::Error::source(&error).unwrap().to_string();
            assert!(source.contains(expected) && source.contains("kitchen.bake"), "{source}");
        }
    }

    #[test]
    fn an_integer_beyond_64_bits_fails_only_where_the_parameter_cannot_hold_it() {
        let mut registry = Registry::new();
        registry.register("small", |_: u64| async {});
        registry.register("large", |_: u128| async {});
        let json = given(registry.find("large").unwrap(), "[12345678901234567890123]", "{}").unwrap();
        assert_eq!(json, "12345678901234567890123");
        let json = Json::from_stored(json);
        assert!(registry.find("large").unwrap().check(&json).is_ok());
        assert!(registry.find("small").unwrap().check(&json).unwrap_err().is_decode());
    }

    #[test]
    fn a_closure_takes_its_parameter_by_position_or_an_object_by_name() {
        let mut registry = Registry::new();
        registry.register("nothing", |(): ()| async {});
        registry.register("one", |_: u64| async {});
        registry.register("two", |_: (u64, u64)| async {});
        registry.register("list", |_: Vec<u64>| async {});
        registry.register("any", |_: serde_json::Value| async {});
        let cases = [
            ("nothing", "[]", "{}", "null"),
            ("one", "[1]", "{}", "1"),
            ("two", "[1, 2]", "{}", "[1,2]"),
            ("list", "[1]", "{}", "[1]"),
            ("list", "[]", "{}", "[]"),
            ("list", "[[1]]", "{}", "[1]"),
            ("any", "[[1]]", "{}", "[1]"),
            ("any", "[]", r#"{"x": 1}"#, r#"{"x":1}"#),
        ];
        for (kind, args, kwargs, expected) in cases {
            assert_eq!(given(registry.find(kind).unwrap(), args, kwargs).unwrap(), expected, "{kind}");
        }
        assert!(given(registry.find("any").unwrap(), "[1]", r#"{"x": 1}"#).unwrap_err().is_decode());
    }
}
