use super::*;

fn read(item: &str) -> (Option<Function>, String) {
    let mut faults = Faults::default();
    let function = Function::read(item.parse().unwrap(), &mut faults);
    (function, faults.into_compile_errors().map(|errors| errors.to_string()).unwrap_or_default())
}

fn sound(item: &str) -> Function {
    let (function, faults) = read(item);
    assert_eq!(faults, "", "{item}");
    function.unwrap()
}

#[test]
fn each_parameter_is_put_where_it_belongs() {
    let function =
        sound("async fn f(#[state] db: Pool, cx: sidetask::Context, mut to: String, #[serde(default)] r#type: u8) {}");
    let stored: Vec<_> = function.stored().map(|argument| argument.name.to_string()).collect();
    assert_eq!(stored, ["to", "r#type"]);
    assert_eq!(function.states().count(), 1);
    assert!(matches!(function.params[1], Param::Context));
    assert_eq!(function.stored().map(|argument| argument.serde.len()).sum::<usize>(), 1);
}

#[test]
fn the_function_is_emitted_without_our_attributes_and_otherwise_unchanged() {
    let function =
        sound("/// Doc.\n#[inline] pub fn f(#[state] a: A, #[allow(unused)] #[serde(default)] b: u8) -> u8 { b }");
    let expected = "/// Doc.\n#[inline] pub fn f(a: A, #[allow(unused)] b: u8) -> u8 { b }";
    assert_eq!(function.to_token_stream().to_string(), expected.parse::<TokenStream>().unwrap().to_string());
}

#[test]
fn the_output_is_what_a_result_holds_or_else_the_type_itself() {
    let table = [
        ("fn f() {}", "()", false),
        ("fn f() -> u8 {}", "u8", false),
        ("fn f() -> Option<u8> {}", "Option < u8 >", false),
        ("fn f() -> Result<u8, E> {}", "u8", true),
        ("fn f() -> std::io::Result<Vec<u8>> {}", "Vec < u8 >", true),
        ("fn f() -> (anyhow::Result<()>) {}", "()", true),
    ];
    for (item, ty, fallible) in table {
        let output = sound(item).output;
        assert_eq!((output.ty.to_token_stream().to_string().as_str(), output.fallible), (ty, fallible), "{item}");
    }
}

#[test]
fn what_only_looks_borrowed_or_generic_is_taken() {
    for item in [
        "fn f(a: Cow<'static, str>) {}",
        "fn f(#[state] a: &'static Config) {}",
        "fn f(#[state] a: Arc<dyn Fn(&str) -> bool + Send + Sync>) {}",
        "fn f(implied: u8) -> implement::Type {}",
        "fn f(_: Context, #[state] Db(pool): Db) {}",
        "fn f(a: u8) { let x = |&y: &u8| y; }",
    ] {
        sound(item);
    }
}

#[test]
fn each_function_that_cannot_be_a_task_is_told_what_to_do() {
    let table = [
        ("struct S;", "goes on a function"),
        ("impl S { fn f() {} }", "goes on a function"),
        ("fn f(&self) {}", "free function"),
        ("fn f(self: Arc<Self>) {}", "free function"),
        ("fn f<T>(a: T) {}", "cannot be generic"),
        ("fn f<'a>(a: u8) {}", "cannot be generic"),
        ("fn f<const N: usize>() {}", "cannot be generic"),
        ("unsafe fn f() {}", "cannot be `unsafe`"),
        ("const fn f() {}", "cannot be `const`"),
        ("extern \"C\" fn f() {}", "cannot be `extern`"),
        ("fn f(a: impl Into<String>) {}", "a type of its own"),
        ("fn f(a: Vec<impl Clone>) {}", "a type of its own"),
        ("fn f(a: &str) {}", "owned `String`"),
        ("fn f(a: &[u8]) {}", "owned `Vec`"),
        ("fn f(a: &std::path::Path) {}", "owned `PathBuf`"),
        ("fn f(a: &mut u8) {}", "without `&`"),
        ("fn f(a: Option<&'static str>) {}", "owned form"),
        ("fn f(a: Cow<'_, str>) {}", "owned form"),
        ("fn f((a, b): (u8, u8)) {}", "give it one"),
        ("fn f(_: u8) {}", "give it one"),
        ("fn f(#[cfg(unix)] a: u8) {}", "cannot be conditional"),
        ("fn f(#[cfg(unix)] cx: Context) {}", "cannot be conditional"),
        ("fn f(_: u8, a: Context, b: Context) {}", "at most one `Context`"),
        ("fn f(a: Context, b: Context) {}", "at most one `Context`"),
        ("fn f(cx: &Context) {}", "by value"),
        ("fn f(#[state] a: &Pool) {}", "by value"),
        ("fn f(#[state(x)] a: Pool) {}", "takes no options"),
        ("fn f(#[state] #[serde(default)] a: Pool) {}", "for stored arguments"),
        ("fn f() -> impl Future {}", "a type of its own"),
        ("fn f() -> &'static str {}", "owned `String`"),
        ("fn f() -> Result<&'static str, E> {}", "owned `String`"),
        ("fn f() -> io::Result {}", "say what this `Result` holds"),
    ];
    for (item, expected) in table {
        let (_, faults) = read(item);
        assert!(faults.contains(expected), "{item}: {faults}");
    }
}
