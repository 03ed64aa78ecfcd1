//! The guide: builds it, and compiles what its chapters show.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use mdbook_driver::MDBook;

/// Where the guide is.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../guide")
}

/// Builds the guide into `to` and answers the page to begin with.
///
/// # Errors
/// Where a chapter is missing or cannot be read, or the pages cannot be written.
pub fn build(to: &Path) -> Result<PathBuf> {
    let mut book = MDBook::load(folder()).context("cannot load the guide")?;
    book.config.build.build_dir = to.to_owned();
    book.build().context("cannot build the guide")?;
    Ok(to.join("index.html"))
}

macro_rules! chapters {
    ($($name:ident = $file:literal,)*) => {
        /// The chapters whose snippets are compiled.
        pub const CHAPTERS: &[&str] = &[$($file),*];

        $(
            #[cfg(doctest)]
            #[doc = include_str!(concat!("../../../guide/src/", $file))]
            #[derive(Debug)]
            pub struct $name;
        )*
    };
}

chapters! {
    Introduction = "introduction.md",
    FirstSteps = "first-steps.md",
    LifeOfAJob = "life-of-a-job.md",
    ChoosingATier = "choosing-a-tier.md",
    WebApp = "web-app.md",
    Testing = "testing.md",
    Operating = "operating.md",
    ProductionChecklist = "production-checklist.md",
    FromCelery = "from-celery.md",
    FromStarlette = "from-starlette.md",
    FromZappa = "from-zappa.md",
}
