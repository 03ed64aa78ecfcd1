//! The part of `cargo metadata` that the checks read.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::steps::{cargo, output};

/// The workspace and all that it is built on.
#[derive(Debug, Deserialize)]
pub(crate) struct Metadata {
    pub(crate) packages: Vec<Package>,
    workspace_members: Vec<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Package {
    id: String,
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) rust_version: Option<String>,
    /// The registries that it may go to; `None` stands for all.
    publish: Option<Vec<String>>,
    pub(crate) dependencies: Vec<Dependency>,
    /// What each feature switches on.
    #[serde(default)]
    pub(crate) features: BTreeMap<String, Vec<String>>,
    targets: Vec<Target>,
}

#[derive(Debug, Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    kind: Option<String>,
    /// Whether only features bring it.
    #[serde(default)]
    pub(crate) optional: bool,
}

impl Metadata {
    /// Asks cargo. Fails where `Cargo.lock` is not up to date.
    pub(crate) fn load() -> Result<Self> {
        let text = output(cargo().args(["metadata", "--format-version=1", "--locked"]))?;
        serde_json::from_str(&text).context("`cargo metadata` is not of the form expected")
    }

    /// The crates of this workspace.
    pub(crate) fn members(&self) -> impl Iterator<Item = &Package> {
        self.packages.iter().filter(|package| self.workspace_members.contains(&package.id))
    }

    /// The crates of others.
    pub(crate) fn foreign(&self) -> impl Iterator<Item = &Package> {
        self.packages.iter().filter(|package| !self.workspace_members.contains(&package.id))
    }
}

/// Where cargo puts what it builds.
pub(crate) fn target_directory() -> Result<PathBuf> {
    #[derive(Deserialize)]
    struct Answer {
        target_directory: PathBuf,
    }
    let text = output(cargo().args(["metadata", "--format-version=1", "--no-deps"]))?;
    let answer: Answer = serde_json::from_str(&text).context("`cargo metadata` names no target directory")?;
    Ok(answer.target_directory)
}

impl Package {
    pub(crate) fn is_published(&self) -> bool {
        self.publish.as_ref().is_none_or(|registries| !registries.is_empty())
    }

    pub(crate) fn has_program(&self, name: &str) -> bool {
        self.targets.iter().any(|target| target.name == name && target.kind.iter().any(|kind| kind == "bin"))
    }
}

impl Dependency {
    /// Whether only tests, benches and examples have it.
    pub(crate) fn is_dev(&self) -> bool {
        self.kind.as_deref() == Some("dev")
    }
}
