//! The whole program, killed and started again, and on what it cannot read.

use std::collections::{HashMap, HashSet};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};

use serde::Deserialize;
use sidetask::{Filter, Page};

use super::*;

/// Tells this executable, started again, which folder to work on.
const DIR: &str = "SIDETASK_THUMBNAILS_DIR";
const WIDTH: u32 = 64;
const IMAGES: usize = 300;
const KILLS: usize = 4;

/// The program as a process of its own, in which the tests start it. Without a folder to work on it does nothing.
#[tokio::test]
async fn the_program() {
    if let Some(dir) = std::env::var_os(DIR) {
        run(options(Path::new(&dir))).await.unwrap();
    }
}

fn options(dir: &Path) -> Options {
    Options { dir: dir.to_owned(), width: NonZero::new(WIDTH).unwrap(), concurrency: NonZero::new(2) }
}

#[tokio::test]
async fn killed_in_the_middle_it_goes_on_where_it_stopped() {
    let dir = tempfile::tempdir().unwrap();
    let paths = fill(dir.path());
    let folder = Folder::open(dir.path()).unwrap();
    let count = || paths.iter().filter(|path| folder.thumbnail(path, WIDTH).exists()).count();

    let mut done = HashMap::new();
    let mut in_flight = HashSet::new();
    for _ in 0..KILLS {
        let before = count();
        let mut program = Program::start(dir.path());
        eventually(|| program.ended().is_some() || count() >= before + 10).await;
        tokio::time::sleep(Duration::from_micros(fastrand::u64(0..50_000))).await;
        assert_eq!(program.ended(), None, "it was to be killed in the middle");
        program.kill();
        for job in jobs(&folder).await {
            match job.state {
                State::Completed => {
                    let made = Made::of(&job, &folder);
                    assert_eq!(*done.entry(job.id).or_insert_with(|| made.clone()), made, "made again");
                }
                State::Running => {
                    in_flight.insert((job.id, job.attempt));
                }
                _ => {}
            }
        }
    }
    assert!(!done.is_empty() && done.len() < IMAGES, "{} were done", done.len());

    let mut program = Program::start(dir.path());
    eventually(|| program.ended().is_some()).await;
    assert!(program.ended().unwrap().success());
    let jobs = jobs(&folder).await;
    assert_eq!(jobs.len(), IMAGES);
    for job in &jobs {
        assert_eq!(job.state, State::Completed, "{job:?}");
        let made = Made::of(job, &folder);
        assert_eq!(*done.get(&job.id).unwrap_or(&made), made, "made again");
    }
    let attempts: usize = jobs.iter().map(|job| job.attempt as usize).sum();
    assert_eq!(attempts, IMAGES + in_flight.len(), "only what was in flight is made again");
    for path in &paths {
        assert_eq!(image::open(folder.thumbnail(path, WIDTH)).unwrap().width(), WIDTH, "{path}");
    }
}

#[tokio::test]
async fn what_cannot_be_read_holds_up_nothing_and_is_tried_again_by_the_next_run() {
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str| dir.path().join(name);
    picture().save(file("good.png")).unwrap();
    std::fs::write(file("zero.png"), "").unwrap();
    std::fs::write(file("text.jpg"), "not an image").unwrap();
    std::fs::create_dir(file("folder.png")).unwrap();
    std::os::unix::fs::symlink("..", file("loop")).unwrap();
    std::os::unix::fs::symlink("nowhere", file("dangling.png")).unwrap();

    let folder = Folder::open(dir.path()).unwrap();
    for run_number in 1..=2 {
        run(options(dir.path())).await.unwrap();
        let ended: HashMap<String, (State, u32)> =
            jobs(&folder).await.into_iter().map(|job| (path_of(&job), (job.state, job.attempt))).collect();
        let expected = [
            ("good.png", (State::Completed, 1)),
            ("zero.png", (State::Discarded, run_number)),
            ("text.jpg", (State::Discarded, run_number)),
        ];
        assert_eq!(ended, expected.map(|(path, job)| (path.to_owned(), job)).into());
    }
    assert!(folder.thumbnail("good.png", WIDTH).exists());
}

#[tokio::test]
async fn an_empty_folder_is_done_at_once() {
    let dir = tempfile::tempdir().unwrap();
    run(options(dir.path())).await.unwrap();
    assert!(jobs(&Folder::open(dir.path()).unwrap()).await.is_empty());
}

fn picture() -> image::RgbImage {
    image::RgbImage::from_fn(400, 300, |x, y| image::Rgb([(x % 256) as u8, (y % 256) as u8, ((x * y) % 256) as u8]))
}

/// Puts images into a folder and one below it.
fn fill(dir: &Path) -> Vec<String> {
    std::fs::create_dir(dir.join("trip")).unwrap();
    let paths: Vec<String> = (0..IMAGES).map(|n| format!("{}{n}.png", if n % 2 == 0 { "" } else { "trip/" })).collect();
    picture().save(dir.join(&paths[0])).unwrap();
    for path in &paths[1..] {
        std::fs::copy(dir.join(&paths[0]), dir.join(path)).unwrap();
    }
    paths
}

/// What the queue in a folder has, while no program works on it.
async fn jobs(folder: &Folder) -> Vec<JobRecord> {
    let client = sidetask::connect(folder.store_url().unwrap()).await.unwrap();
    let jobs = client.list(Filter::all(), Page::first(Page::MOST)).await.unwrap();
    client.close().await.unwrap();
    jobs
}

fn path_of(job: &JobRecord) -> String {
    #[derive(Deserialize)]
    struct Args {
        path: String,
    }
    job.args.decode::<Args>().unwrap().path
}

/// Which attempt made a thumbnail, and which file that is. Writing it again would make another file.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Made {
    attempt: u32,
    file: u64,
    at: (i64, i64),
}

impl Made {
    fn of(job: &JobRecord, folder: &Folder) -> Self {
        let file = std::fs::metadata(folder.thumbnail(&path_of(job), WIDTH)).unwrap();
        Self { attempt: job.attempt, file: file.ino(), at: (file.mtime(), file.mtime_nsec()) }
    }
}

struct Program(Child);

impl Program {
    fn start(dir: &Path) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "tests::the_program"]).env(DIR, dir).stdout(Stdio::null());
        Self(command.spawn().unwrap())
    }

    fn ended(&mut self) -> Option<ExitStatus> {
        self.0.try_wait().unwrap()
    }

    /// As `kill -9` does.
    fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

async fn eventually(mut holds: impl FnMut() -> bool) {
    let wait = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), wait).await.expect("it did not happen within a minute");
}
