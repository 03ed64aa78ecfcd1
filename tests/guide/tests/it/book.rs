use std::collections::BTreeSet;
use std::fs;

#[test]
fn the_book_is_built_with_all_of_its_chapters() {
    let folder = tempfile::tempdir().unwrap();
    let first = sidetask_guide::build(folder.path()).unwrap();
    assert!(fs::read_to_string(first).unwrap().contains("What it is for"));
    for chapter in sidetask_guide::CHAPTERS {
        let page = folder.path().join(chapter).with_extension("html");
        assert!(page.is_file(), "{chapter} is no page of the book");
    }
}

#[test]
fn what_every_chapter_shows_is_compiled() {
    let written = fs::read_dir(sidetask_guide::folder().join("src")).unwrap();
    let names = written.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let written: BTreeSet<String> = names.filter(|name| name != "SUMMARY.md").collect();
    let compiled: BTreeSet<String> = sidetask_guide::CHAPTERS.iter().map(|&name| name.to_owned()).collect();
    assert_eq!(written, compiled);
}
