//! What is where: images, thumbnails, the database.

use std::ffi::OsStr;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, ensure};
use walkdir::{DirEntry, WalkDir};

const OURS: &str = ".thumbnails";
const UNFINISHED: &str = "unfinished";

/// An unfinished file as old as this was left behind by a process that was killed: writing one takes much less.
const ABANDONED: Duration = Duration::from_secs(60);

/// The folder that the program works on. A worker lends it to its tasks.
#[derive(Clone, Debug)]
pub(crate) struct Folder(PathBuf);

/// An image that is to have a thumbnail.
#[derive(Debug)]
pub(crate) struct Image {
    /// Relative to the folder, so that jobs outlive its being moved.
    pub(crate) path: String,
    modified: SystemTime,
}

impl Folder {
    /// A folder that is there; makes `.thumbnails` in it, and clears away what a killed process left in there.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        ensure!(path.is_dir(), "`{}` is not a folder", path.display());
        let folder = Self(path.to_owned());
        let unfinished = folder.unfinished();
        std::fs::create_dir_all(&unfinished)
            .and_then(|()| remove_abandoned(&unfinished))
            .with_context(|| format!("thumbnails cannot be kept in `{}`", path.join(OURS).display()))?;
        Ok(folder)
    }

    pub(crate) fn store_url(&self) -> Result<String> {
        let path = self.0.join(OURS).join("jobs.db");
        let text = path.to_str().with_context(|| format!("`{}` is not UTF-8: rename the folder", path.display()))?;
        Ok(format!("sqlite:{text}"))
    }

    /// Where an image is.
    pub(crate) fn image(&self, path: &str) -> PathBuf {
        self.0.join(path)
    }

    /// Where thumbnails of a width go.
    pub(crate) fn thumbnails(&self, width: u32) -> PathBuf {
        self.0.join(OURS).join(width.to_string())
    }

    /// Where the thumbnail of an image goes.
    pub(crate) fn thumbnail(&self, path: &str, width: u32) -> PathBuf {
        self.thumbnails(width).join(path)
    }

    /// Where files are while they are being written.
    pub(crate) fn unfinished(&self) -> PathBuf {
        self.0.join(OURS).join(UNFINISHED)
    }

    /// The images, by name; and what could not be read, with the reason.
    pub(crate) fn images(&self) -> (Vec<Image>, Vec<(String, String)>) {
        let mut images = Vec::new();
        let mut unreadable = Vec::new();
        let entries = WalkDir::new(&self.0).min_depth(1).sort_by_file_name().into_iter();
        for entry in entries.filter_entry(|entry| entry.file_name() != OURS) {
            match entry {
                Ok(entry) => match self.image_of(&entry) {
                    Ok(image) => images.extend(image),
                    Err(error) => unreadable.push((self.shown(entry.path()), format!("{error:#}"))),
                },
                Err(error) => {
                    let path = self.shown(error.path().unwrap_or(&self.0));
                    let reason = error.io_error().map_or_else(|| error.to_string(), ToString::to_string);
                    unreadable.push((path, reason));
                }
            }
        }
        (images, unreadable)
    }

    fn image_of(&self, entry: &DirEntry) -> Result<Option<Image>> {
        if !entry.file_type().is_file() || !is_image(entry.path()) {
            return Ok(None);
        }
        let path = entry.path().strip_prefix(&self.0)?;
        let path = path.to_str().context("its path is not UTF-8: rename it")?.to_owned();
        let modified = entry.metadata()?.modified()?;
        Ok(Some(Image { path, modified }))
    }

    /// A path as people are told of it, relative to the folder.
    fn shown(&self, path: &Path) -> String {
        path.strip_prefix(&self.0).unwrap_or(path).display().to_string()
    }
}

fn remove_abandoned(folder: &Path) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.metadata()?.modified()?.elapsed().is_ok_and(|age| age > ABANDONED) {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

impl Image {
    /// The same for the same image at the same width. A hash, since a path may be longer than a key; should a new Rust
    /// hash differently, thumbnails are made once more.
    pub(crate) fn key(&self, width: u32) -> String {
        let mut hasher = DefaultHasher::new();
        (&self.path, self.modified, width).hash(&mut hasher);
        format!("{:016x}", hasher.finish())
    }
}

fn is_image(path: &Path) -> bool {
    let known = |extension: &OsStr| ["png", "jpg", "jpeg"].iter().any(|known| extension.eq_ignore_ascii_case(known));
    path.extension().is_some_and(known)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn images_are_found_below_and_thumbnails_are_not_images() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::open(dir.path()).unwrap();
        std::fs::create_dir_all(dir.path().join("trip")).unwrap();
        std::fs::create_dir_all(folder.thumbnails(320)).unwrap();
        for file in ["b.PNG", "trip/a.jpeg", "notes.txt", ".thumbnails/320/b.PNG"] {
            std::fs::write(dir.path().join(file), "").unwrap();
        }
        let (images, unreadable) = folder.images();
        assert_eq!(images.iter().map(|image| image.path.as_str()).collect::<Vec<_>>(), ["b.PNG", "trip/a.jpeg"]);
        assert!(unreadable.is_empty(), "{unreadable:?}");
    }

    #[test]
    fn the_key_changes_with_the_path_the_time_and_the_width() {
        let image = |path: &str, seconds| Image {
            path: path.to_owned(),
            modified: SystemTime::UNIX_EPOCH + Duration::from_secs(seconds),
        };
        let key = image("a.png", 1).key(320);
        assert_eq!(key, image("a.png", 1).key(320));
        for other in [image("b.png", 1).key(320), image("a.png", 2).key(320), image("a.png", 1).key(64)] {
            assert_ne!(key, other);
        }
    }

    #[test]
    fn what_a_killed_process_left_is_cleared_away_and_what_is_being_written_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let unfinished = Folder::open(dir.path()).unwrap().unfinished();
        for (name, age) in [("old", 2 * ABANDONED), ("new", Duration::ZERO)] {
            let file = std::fs::File::create(unfinished.join(name)).unwrap();
            file.set_modified(SystemTime::now() - age).unwrap();
        }
        Folder::open(dir.path()).unwrap();
        assert_eq!((unfinished.join("old").exists(), unfinished.join("new").exists()), (false, true));
    }

    #[test]
    fn what_is_not_a_folder_is_refused() {
        let error = Folder::open(Path::new("no/such/folder")).unwrap_err();
        assert!(error.to_string().contains("no/such/folder"), "{error}");
    }
}
