//! A throwaway PostgreSQL, for tests, benchmarks and developers.
//!
//! Tests that need nothing but a database ask for [`fresh_url`]: `cargo xtask test` starts one server for all of them,
//! and each has a schema of its own. A test that hurts its server starts one of its own, a [`Server`].
//!
//! All processes that this starts end with the value that they belong to, and with the process that started them.

mod binaries;
mod server;
#[cfg(feature = "tls")]
mod tls;

pub use binaries::Binaries;
pub use server::{Builder, Server};

/// Where `cargo xtask test` says which server its tests share.
pub const SHARED: &str = "SIDETASK_TEST_POSTGRES";

/// The URL of the server that all tests share: what the environment variable `SIDETASK_TEST_POSTGRES` says, else
/// `DATABASE_URL`.
///
/// Others use it too: work in a [`schema`] of your own.
///
/// # Panics
///
/// Where neither is set.
pub fn url() -> String {
    let set = [SHARED, "DATABASE_URL"].into_iter().find_map(|name| std::env::var(name).ok());
    set.unwrap_or_else(|| panic!("there is no server to test with: set DATABASE_URL or run `cargo xtask test`"))
}

/// A name for a schema that nobody has: `test_` and 16 hexadecimal digits. It is not made.
pub fn schema() -> String {
    format!("test_{:016x}", fastrand::u64(..))
}

/// The shared server's [`url`] with `schema=` and a fresh [`schema`].
///
/// # Panics
///
/// Where no server is named, as [`url`] does.
pub fn fresh_url() -> String {
    with_schema(&url(), &schema())
}

fn with_schema(url: &str, schema: &str) -> String {
    let joint = if url.contains('?') { '&' } else { '?' };
    format!("{url}{joint}schema={schema}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_is_added_to_what_a_url_asks_for() {
        assert_eq!(with_schema("postgres://a/b", "s"), "postgres://a/b?schema=s");
        assert_eq!(with_schema("postgres://a/b?sslmode=require", "s"), "postgres://a/b?sslmode=require&schema=s");
    }

    #[test]
    fn no_two_schemas_are_alike() {
        let (one, two) = (schema(), schema());
        assert_ne!(one, two);
        assert!(one.starts_with("test_") && one.len() == 21, "{one}");
    }
}
