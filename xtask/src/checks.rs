//! The workspace's own rules, which no other tool checks.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};

use crate::metadata::{Dependency, Metadata, Package};
use crate::steps::{Step, cargo, output, succeed};

/// Which crates of this workspace each published one may be built on.
const MAY_USE: &[(&str, &[&str])] = &[
    ("sidetask-core", &[]),
    ("sidetask-macros", &[]),
    ("sidetask-postgres", &["sidetask-core"]),
    ("sidetask-sqlite", &["sidetask-core"]),
    ("sidetask-testing", &["sidetask-core"]),
    ("sidetask", &["sidetask-core", "sidetask-macros", "sidetask-postgres", "sidetask-sqlite"]),
    ("sidetask-tower", &["sidetask"]),
    ("sidetask-aws", &["sidetask"]),
    ("sidetask-observe", &["sidetask"]),
    ("sidetask-dashboard", &["sidetask"]),
    ("sidetask-cli", &["sidetask", "sidetask-dashboard", "sidetask-observe"]),
];

/// What nobody may be built on: it is for tests.
const FOR_TESTS: &str = "sidetask-testing";

/// Who may all the same: programs that are killed by tests, and tell these what they did, and sites that they look at.
const PARTS_OF_TESTS: &[&str] = &["sidetask-browser-tests", "sidetask-reliability"];

/// The one crate that may, for the one feature with which users test: their tests move the clock that ours move.
const FEATURE_FOR_TESTS: (&str, &str) = (FACADE, "testing");

/// The crate that users depend on.
const FACADE: &str = "sidetask";

/// The facade must pull fewer crates than this, its own included.
const TOO_MANY_CRATES: usize = 90;

/// Sets of features to be linted by themselves: each alone, and what programs are likely to combine.
const FEATURES: &[(&str, &[&str])] = &[
    (FACADE, &["", "sqlite", "postgres", "metrics", "logs", "otel", "metrics,logs,otel", "testing"]),
    ("sidetask-cli", &["", "sqlite", "postgres"]),
    (
        "sidetask-aws",
        &[
            "",
            "lambda",
            "sns",
            "sqs",
            "dynamodb",
            "s3",
            "handler",
            "lambda,sns,sqs",
            "lambda,dynamodb",
            "handler,dynamodb",
            "handler,dynamodb,s3",
        ],
    ),
    ("sidetask-observe", &["", "otel"]),
];

/// The Rust in use is the one that `rust-toolchain.toml` names.
pub(crate) fn toolchain() -> Step {
    Step::check("toolchain", || {
        let wanted = pinned_rust()?;
        let rustc = output(std::process::Command::new("rustc").arg("--version"))?;
        let used = rustc.split_whitespace().nth(1).context("`rustc --version` names no version")?;
        ensure!(used == wanted, "rustc {used} is in use, but `rust-toolchain.toml` asks for {wanted}");
        Ok(format!("rustc {used}"))
    })
}

/// Crates depend on each other in one direction.
pub(crate) fn dependencies() -> Step {
    Step::check("dependency direction", || {
        let metadata = Metadata::load()?;
        none_of(metadata.members().flat_map(|package| wrong_dependencies(package, &metadata)).collect())?;
        Ok(format!("{} crates keep to it", metadata.members().count()))
    })
}

/// Every crate of the workspace asks for the one Rust that CI runs, and no dependency asks for a newer one.
pub(crate) fn rust_versions() -> Step {
    Step::check("rust-version", || {
        let pinned = pinned_rust()?;
        none_of(wrong_rust_versions(&Metadata::load()?, version(&pinned).context("not a version")?))?;
        Ok(format!("{pinned} does for the workspace and for all dependencies"))
    })
}

/// The facade stays small.
pub(crate) fn weight() -> Step {
    Step::check("weight", || {
        let tree = ["tree", "--locked", "--package", FACADE, "--edges", "no-dev", "--prefix", "none"];
        let crates = count_crates(&output(cargo().args(tree))?);
        ensure!(crates < TOO_MANY_CRATES, "`{FACADE}` pulls {crates} crates: it must be under {TOO_MANY_CRATES}");
        Ok(format!("`{FACADE}` with default features is {crates} crates, under {TOO_MANY_CRATES}"))
    })
}

/// Crates with features are without warnings whichever of them are on. The libraries alone: dev-dependencies would switch
/// features on again.
pub(crate) fn features() -> Step {
    Step::check("clippy, features apart", || {
        let sets = FEATURES.iter().flat_map(|(package, sets)| sets.iter().map(move |features| (package, features)));
        let mut linted = 0;
        for (package, features) in sets {
            let library = ["clippy", "--quiet", "--package", package, "--lib", "--no-default-features"];
            succeed(cargo().args(library).args(["--features", features, "--", "-D", "warnings"]))?;
            linted += 1;
        }
        Ok(format!("{linted} sets of features are without warnings"))
    })
}

fn none_of(faults: Vec<String>) -> Result<()> {
    ensure!(faults.is_empty(), "{}", faults.join("\n"));
    Ok(())
}

fn wrong_dependencies(package: &Package, metadata: &Metadata) -> Vec<String> {
    let name = &package.name;
    let allowed = MAY_USE.iter().find(|(known, _)| known == name).map(|(_, allowed)| *allowed);
    if allowed.is_none() && package.is_published() {
        return vec![format!("`{name}` is published but has no rule: say in `MAY_USE` which crates it may use")];
    }
    let built_on = package.dependencies.iter().filter(|dependency| !dependency.is_dev());
    let ours = built_on.filter(|dependency| metadata.members().any(|member| member.name == dependency.name));
    let faults = ours.filter_map(|dependency| {
        let used = dependency.name.as_str();
        if used == FOR_TESTS && PARTS_OF_TESTS.contains(&name.as_str()) && !package.is_published() {
            return None;
        }
        if used == FOR_TESTS && is_for_users_tests(package, dependency) {
            return None;
        }
        if used == FOR_TESTS {
            return Some(format!("`{name}` is built on `{used}`, which may only be a dev-dependency"));
        }
        let allowed = allowed?;
        (!allowed.contains(&used)).then(|| format!("`{name}` is built on `{used}`, but may use only {allowed:?}"))
    });
    faults.collect()
}

/// Whether a package has this dependency for [`FEATURE_FOR_TESTS`] and nothing else, which no other feature switches on.
fn is_for_users_tests(package: &Package, dependency: &Dependency) -> bool {
    let (crate_name, feature) = FEATURE_FOR_TESTS;
    let switch = format!("dep:{}", dependency.name);
    let brings = |parts: &[String]| parts.iter().any(|part| *part == switch || part == feature);
    let by: Vec<&String> = package.features.iter().filter(|(_, parts)| brings(parts)).map(|(name, _)| name).collect();
    package.name == crate_name && dependency.optional && by == [feature]
}

fn wrong_rust_versions(metadata: &Metadata, pinned: Version) -> Vec<String> {
    let asked = |package: &Package| package.rust_version.as_deref().and_then(version);
    let ours = metadata.members().filter(|package| asked(package) != Some(pinned)).map(|package| {
        format!(
            "`{}` has not the workspace's `rust-version`, which must be that of `rust-toolchain.toml`",
            package.name
        )
    });
    let theirs = metadata.foreign().filter(|package| asked(package) > Some(pinned)).map(|package| {
        let asked = package.rust_version.as_deref().unwrap_or_default();
        format!("`{}` {} asks for Rust {asked}, newer than the workspace's", package.name, package.version)
    });
    ours.chain(theirs).collect()
}

/// How many crates `cargo tree --prefix none` lists. It repeats those that several others use.
fn count_crates(tree: &str) -> usize {
    let name_and_version = |line: &str| line.split_whitespace().take(2).collect::<Vec<_>>().join(" ");
    let mut crates: BTreeSet<String> = tree.lines().map(name_and_version).collect();
    crates.remove("");
    crates.len()
}

fn pinned_rust() -> Result<String> {
    let file = "rust-toolchain.toml";
    let text = std::fs::read_to_string(file).with_context(|| format!("`{file}` cannot be read"))?;
    Ok(channel(&text).with_context(|| format!("`{file}` names no channel"))?.to_owned())
}

fn channel(toolchain: &str) -> Option<&str> {
    let mut settings = toolchain.lines().filter_map(|line| line.split_once('='));
    settings.find(|(key, _)| key.trim() == "channel").map(|(_, value)| value.trim().trim_matches('"'))
}

/// Major, minor, patch.
type Version = [u32; 3];

fn version(text: &str) -> Option<Version> {
    let mut version = [0; 3];
    for (at, part) in text.split('.').enumerate() {
        *version.get_mut(at)? = part.parse().ok()?;
    }
    Some(version)
}

#[cfg(test)]
mod tests;
