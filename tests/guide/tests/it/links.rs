//! Links inside of the repository. Those to other places are left to the reader: a test must not depend on them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

/// A document's headings, as fragments of a link, and where its links lead.
#[derive(Default)]
struct Document {
    fragments: BTreeSet<String>,
    links: Vec<String>,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// The documents that are kept under version control, or would be.
fn documents() -> BTreeMap<PathBuf, Document> {
    let listed = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard", "*.md"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(listed.status.success());
    let names = String::from_utf8(listed.stdout).unwrap();
    let paths = names.lines().map(|name| root().join(name)).filter(|path| path.is_file());
    paths.map(|path| (path.clone(), read(&fs::read_to_string(path).unwrap()))).collect()
}

fn read(text: &str) -> Document {
    let mut document = Document::default();
    let mut heading: Option<String> = None;
    for event in Parser::new_ext(text, Options::ENABLE_TABLES) {
        match event {
            Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
            Event::End(TagEnd::Heading(_)) => {
                document.fragments.extend(heading.take().map(|words| fragment(&words)));
            }
            Event::Text(words) | Event::Code(words) => {
                if let Some(heading) = &mut heading {
                    heading.push_str(&words);
                }
            }
            Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                document.links.push(dest_url.into_string());
            }
            _ => {}
        }
    }
    document
}

/// What GitHub and mdbook make of a heading.
fn fragment(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

/// What is wrong with a link, where it leads inside of the repository.
fn fault(from: &Path, link: &str, documents: &BTreeMap<PathBuf, Document>) -> Option<String> {
    // An item in a text that is part of a crate's documentation: rustdoc checks it.
    let is_of_rustdoc = !link.contains(['/', '.']) && from.components().any(|part| part.as_os_str() == "docs");
    if link.contains("://") || link.starts_with("mailto:") || is_of_rustdoc {
        return None;
    }
    let (path, fragment) = link.split_once('#').unwrap_or((link, ""));
    let to = if path.is_empty() { from.to_owned() } else { from.parent().unwrap().join(path) };
    let Ok(to) = to.canonicalize() else { return Some(format!("{}: there is no {link}", from.display())) };
    let book = root().join("guide/src");
    if from.starts_with(&book) && !to.starts_with(&book) {
        return Some(format!(
            "{}: {link} leads out of the book, which is read without what is around it",
            from.display()
        ));
    }
    if fragment.is_empty() {
        return None;
    }
    let is_there = documents.get(&to).is_some_and(|document| document.fragments.contains(fragment));
    (!is_there).then(|| format!("{}: there is no heading for {link}", from.display()))
}

#[test]
fn every_link_inside_of_the_repository_leads_somewhere() {
    let documents = documents();
    assert!(documents.len() > 10, "only {} documents were found", documents.len());
    let links = documents.iter().flat_map(|(path, document)| document.links.iter().map(move |link| (path, link)));
    let faults: Vec<String> = links.filter_map(|(path, link)| fault(path, link, &documents)).collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn a_link_to_nowhere_is_found() {
    let documents = documents();
    let readme = root().join("README.md");
    assert_eq!(fault(&readme, "https://example.com/gone", &documents), None);
    assert_eq!(fault(&readme, "guide/src/first-steps.md#state", &documents), None);
    for wrong in ["guide/src/gone.md", "guide/src/first-steps.md#gone", "#gone"] {
        assert!(fault(&readme, wrong, &documents).is_some(), "{wrong}");
    }
}
