use serde_json::{Value, json};

use super::*;

/// A package that asks for Rust 1.95, with dependencies of the kinds given (`null` is the ordinary one).
fn package(name: &str, dependencies: &[(&str, Value)]) -> Value {
    let dependencies: Vec<Value> =
        dependencies.iter().map(|(name, kind)| json!({ "name": name, "kind": kind })).collect();
    json!({
        "id": name, "name": name, "version": "1.0.0", "rust_version": "1.95", "publish": null,
        "dependencies": dependencies, "targets": [],
    })
}

fn metadata(members: &[&str], packages: Vec<Value>) -> Metadata {
    serde_json::from_value(json!({ "workspace_members": members, "packages": packages })).unwrap()
}

fn faults_of(package: Value) -> Vec<String> {
    let name = package["name"].as_str().unwrap().to_owned();
    let others = ["sidetask", "sidetask-core", "sidetask-sqlite", "sidetask-testing"];
    let others: Vec<&str> = others.into_iter().filter(|&other| other != name).collect();
    let mut packages: Vec<Value> = others.iter().map(|name| self::package(name, &[])).collect();
    packages.push(package);
    let members: Vec<&str> = others.into_iter().chain([name.as_str()]).collect();
    let metadata = metadata(&members, packages);
    let package = metadata.members().find(|member| member.name == name).unwrap();
    wrong_dependencies(package, &metadata)
}

#[test]
fn a_store_may_use_core_and_foreign_crates_only() {
    let sound = package("sidetask-sqlite", &[("sidetask-core", Value::Null), ("rusqlite", Value::Null)]);
    assert_eq!(faults_of(sound), Vec::<String>::new());
    let upwards = package("sidetask-sqlite", &[("sidetask", Value::Null)]);
    assert_eq!(faults_of(upwards), ["`sidetask-sqlite` is built on `sidetask`, but may use only [\"sidetask-core\"]"]);
    let building = package("sidetask-core", &[("sidetask-sqlite", json!("build"))]);
    assert_eq!(faults_of(building).len(), 1);
}

#[test]
fn the_test_kit_is_a_dev_dependency_or_none() {
    assert_eq!(faults_of(package("sidetask-sqlite", &[("sidetask-testing", json!("dev"))])), Vec::<String>::new());
    let mut unpublished = package("example", &[("sidetask-testing", Value::Null), ("sidetask", Value::Null)]);
    unpublished["publish"] = json!([]);
    let faults = faults_of(unpublished);
    assert_eq!(faults.len(), 1);
    assert!(faults[0].contains("dev-dependency"), "{faults:?}");
    let mut part_of_tests = package("sidetask-reliability", &[("sidetask-testing", Value::Null)]);
    assert_eq!(faults_of(part_of_tests.clone()).len(), 1, "not where it is published");
    part_of_tests["publish"] = json!([]);
    assert_eq!(faults_of(part_of_tests), Vec::<String>::new());
}

#[test]
fn the_facade_may_use_the_test_kit_for_one_feature_that_nothing_switches_on() {
    let facade = |optional: bool, features: Value| {
        let mut facade = package("sidetask", &[("sidetask-testing", Value::Null)]);
        facade["dependencies"][0]["optional"] = json!(optional);
        facade["features"] = features;
        faults_of(facade).len()
    };
    let switch = json!(["dep:sidetask-testing"]);
    assert_eq!(facade(true, json!({ "testing": switch, "default": [] })), 0);
    assert_eq!(facade(false, json!({ "testing": switch })), 1);
    assert_eq!(facade(true, json!({ "testing": switch, "default": ["testing"] })), 1);
    assert_eq!(facade(true, json!({ "testing": switch, "sqlite": switch })), 1);
    assert_eq!(facade(true, json!({ "kit": switch })), 1);
}

#[test]
fn a_published_crate_without_a_rule_is_a_fault() {
    assert!(faults_of(package("sidetask-redis", &[]))[0].contains("MAY_USE"));
}

#[test]
fn members_ask_for_the_pinned_rust_and_others_for_none_newer() {
    let with = |name: &str, rust: Value| {
        let mut package = package(name, &[]);
        package["rust_version"] = rust;
        package
    };
    let packages = vec![
        with("sidetask", json!("1.95")),
        with("sidetask-core", json!("1.94")),
        with("sidetask-sqlite", Value::Null),
        with("old", json!("1.60.1")),
        with("silent", Value::Null),
        with("new", json!("1.100")),
    ];
    let metadata = metadata(&["sidetask", "sidetask-core", "sidetask-sqlite"], packages);
    let faults = wrong_rust_versions(&metadata, [1, 95, 0]);
    let named: Vec<&str> = faults.iter().map(|fault| fault.split('`').nth(1).unwrap()).collect();
    assert_eq!(named, ["sidetask-core", "sidetask-sqlite", "new"]);
}

#[test]
fn a_crate_listed_twice_counts_once_and_two_versions_count_twice() {
    let tree = "sidetask v0.1.0 (/somewhere)\nserde v1.0.2\nserde v1.0.2 (*)\n\nsyn v2.0.0\nsyn v3.0.0\n";
    assert_eq!(count_crates(tree), 4);
}

#[test]
fn the_channel_is_found_among_other_settings() {
    assert_eq!(channel("[toolchain]\ncomponents = [\"clippy\"]\nchannel = \"1.95.0\"\n"), Some("1.95.0"));
    assert_eq!(channel("[toolchain]\n"), None);
}

#[test]
fn versions_compare_by_number() {
    assert_eq!(version("1.95"), version("1.95.0"));
    assert!(version("1.100") > version("1.95.0"));
    assert_eq!(version("nightly"), None);
    assert_eq!(version("1.2.3.4"), None);
}
