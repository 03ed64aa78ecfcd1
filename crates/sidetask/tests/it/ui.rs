//! What `#[task]` takes and what it refuses. After a wanted change of a message, run with `TRYBUILD=overwrite` and look
//! at the difference.

#[test]
fn the_attribute_takes_what_is_right_and_says_what_is_wrong() {
    let cases = trybuild::TestCases::new();
    cases.pass("tests/ui/pass/*.rs");
    cases.compile_fail("tests/ui/fail/*.rs");
}
