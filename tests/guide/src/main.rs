//! Builds the guide below the target directory, and says where it is.

use std::path::Path;

use anyhow::{Context, Result};

fn main() -> Result<()> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let page = sidetask_guide::build(&workspace.join("target/guide"))?;
    eprintln!("the guide is in {}", page.canonicalize().context("the guide has no first page")?.display());
    Ok(())
}
