//! The task: one image, one thumbnail.

use std::io::{Cursor, Write};
use std::path::Path;

use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, ImageResult, Limits};
use sidetask::{TaskError, task};

use crate::folder::Folder;

/// The queue that thumbnails are made from.
pub(crate) const QUEUE: &str = "thumbnails";

/// Makes the thumbnail of the image at `path`. It keeps the image's format and is never wider than the image.
#[task(name = "thumbnails.make", queue = "thumbnails", max_attempts = 3)]
pub(crate) fn make(#[state] folder: Folder, path: String, width: u32) -> Result<(), TaskError> {
    // A file that cannot be read may be readable later; one that is no image stays so.
    let bytes = std::fs::read(folder.image(&path))?;
    let small = scaled(&bytes, width).map_err(TaskError::permanent)?;
    write(&folder.unfinished(), &folder.thumbnail(&path, width), &small)?;
    Ok(())
}

fn scaled(bytes: &[u8], width: u32) -> ImageResult<Vec<u8>> {
    let reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format()?;
    let format = reader.format().unwrap_or(ImageFormat::Png);
    let mut decoder = reader.into_decoder()?;
    // Some bytes can ask for gigabytes of pixels.
    Limits::default().reserve(decoder.total_bytes())?;
    let orientation = decoder.orientation()?;
    let mut image = DynamicImage::from_decoder(decoder)?;
    image.apply_orientation(orientation);
    if image.width() > width {
        image = image.thumbnail(width, u32::MAX);
    }
    let mut small = Cursor::new(Vec::new());
    image.write_to(&mut small, format)?;
    Ok(small.into_inner())
}

/// Writes a file that is there whole or not at all; until it is whole, it is in `unfinished`.
fn write(unfinished: &Path, path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let mut builder = tempfile::Builder::new();
    // A temporary file is for its owner's eyes only, a thumbnail for whoever the umask says.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut file = builder.tempfile_in(unfinished)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use sidetask::TaskErrorKind;

    use super::*;

    /// A picture without two equal pixels in a row.
    fn picture(width: u32, height: u32) -> DynamicImage {
        let pixel = |x: u32, y: u32| image::Rgb([(x % 256) as u8, (y % 256) as u8, ((x * 7 + y * 3) % 256) as u8]);
        image::RgbImage::from_fn(width, height, pixel).into()
    }

    fn folder_with(path: &str, picture: &DynamicImage) -> (tempfile::TempDir, Folder) {
        let dir = tempfile::tempdir().unwrap();
        picture.save(dir.path().join(path)).unwrap();
        let folder = Folder::open(dir.path()).unwrap();
        (dir, folder)
    }

    #[test]
    fn a_thumbnail_keeps_shape_and_format() {
        for path in ["a.png", "a.jpg"] {
            let (_dir, folder) = folder_with(path, &picture(640, 480));
            make(folder.clone(), path.to_owned(), 320).unwrap();
            let small = image::open(folder.thumbnail(path, 320)).unwrap();
            assert_eq!((small.width(), small.height()), (320, 240), "{path}");
        }
    }

    #[test]
    fn a_small_image_is_not_enlarged() {
        let (_dir, folder) = folder_with("a.png", &picture(10, 20));
        make(folder.clone(), "a.png".to_owned(), 320).unwrap();
        assert_eq!(image::open(folder.thumbnail("a.png", 320)).unwrap(), picture(10, 20));
    }

    #[test]
    fn a_damaged_image_is_a_permanent_failure_and_a_missing_one_is_not() {
        let (dir, folder) = folder_with("a.png", &picture(64, 64));
        let whole = std::fs::read(dir.path().join("a.png")).unwrap();
        for damaged in [&b"not an image"[..], &whole[..whole.len() / 2], &[]] {
            std::fs::write(dir.path().join("a.png"), damaged).unwrap();
            let error = make(folder.clone(), "a.png".to_owned(), 32).unwrap_err();
            assert_eq!(error.kind(), TaskErrorKind::Permanent, "{error}");
        }
        let error = make(folder.clone(), "gone.png".to_owned(), 32).unwrap_err();
        assert_eq!(error.kind(), TaskErrorKind::Retry, "{error}");
        assert!(!folder.thumbnail("a.png", 32).exists());
    }
}
