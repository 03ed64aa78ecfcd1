use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Mutex, OnceLock};
use std::thread;
use std::time::Duration;

use sidetask::stall::{Detector, Stall};
use sidetask::{Call, Runner, Task, Tasks, task};

use crate::kit::{self, soon};
use crate::wait::{LONG, block_on_bare};

const THRESHOLD: Duration = Duration::from_millis(150);
const OVER: Duration = Duration::from_millis(160);

/// Turns it on for the whole test program, and hears of the stalls of tasks whose name begins with `prefix`.
fn stalls_of(prefix: &'static str) -> Receiver<Stall> {
    static LISTENERS: Mutex<Vec<(&str, Sender<Stall>)>> = Mutex::new(Vec::new());
    static INSTALLED: OnceLock<()> = OnceLock::new();
    let (sender, stalls) = mpsc::channel();
    LISTENERS.lock().unwrap().push((prefix, sender));
    INSTALLED.get_or_init(|| {
        let tell = |stall: &Stall| {
            for (prefix, listener) in &*LISTENERS.lock().unwrap() {
                if stall.task.starts_with(prefix) {
                    // Its test may have ended.
                    let _ = listener.send(stall.clone());
                }
            }
            if stall.is_over && stall.task.starts_with("polled by the callback") {
                let again = Task::new(|| async { thread::sleep(OVER) }).named("polled by the callback again");
                block_on_bare(async { again.await.unwrap() });
            }
        };
        drop(Detector::new().threshold(THRESHOLD).on_stall(tell).install().unwrap());
    });
    stalls
}

/// The reports so far of polls that are over, once a task of this name has stalled as the last.
fn over_until(stalls: &Receiver<Stall>, last: &str) -> Vec<Stall> {
    let mut over = Vec::new();
    loop {
        let stall = stalls.recv_timeout(LONG).unwrap();
        if stall.is_over {
            let is_last = stall.task == last;
            over.push(stall);
            if is_last {
                return over;
            }
        }
    }
}

fn names(stalls: &[Stall]) -> Vec<&str> {
    stalls.iter().map(|stall| &*stall.task).collect()
}

#[tokio::test]
async fn a_poll_over_the_threshold_is_reported_with_name_place_and_duration() {
    let stalls = stalls_of("slow poll");
    let line = line!() + 1;
    let task = Task::new(|| async { thread::sleep(OVER) });
    task.named("slow poll").await.unwrap();
    let [stall] = &*over_until(&stalls, "slow poll") else { panic!("one poll") };
    assert_eq!((stall.place.file(), stall.place.line()), (file!(), line));
    assert!(stall.lasted >= OVER && stall.lasted < LONG, "{stall:?}");
}

/// A runner starts a plain task with less around it.
#[tokio::test]
async fn a_task_that_nobody_waits_for_is_reported_as_well() {
    let stalls = stalls_of("in a runner");
    let runner = Runner::new();
    let line = line!() + 1;
    let task = Task::new(|| async { thread::sleep(OVER) });
    runner.spawn(task.named("in a runner")).unwrap();
    assert!(runner.shutdown(LONG).await.is_clean());
    let [stall] = &*over_until(&stalls, "in a runner") else { panic!("one poll") };
    assert_eq!((stall.place.file(), stall.place.line()), (file!(), line));
}

#[tokio::test]
async fn a_task_without_a_name_is_reported_by_its_place() {
    let stalls = stalls_of(file!());
    let task = Task::new(|| async { thread::sleep(OVER) });
    let name = task.name();
    task.await.unwrap();
    assert_eq!(over_until(&stalls, &name).last().unwrap().place.line(), line!() - 3);
}

#[tokio::test]
async fn a_stuck_poll_is_named_while_it_is_stuck() {
    let stalls = Mutex::new(stalls_of("stuck poll"));
    let seen = Task::once(async move {
        let stuck = stalls.lock().unwrap().recv_timeout(LONG);
        stuck.map(|stuck| (stuck, stalls))
    });
    let (stuck, stalls) = seen.named("stuck poll").await.unwrap();
    assert!(!stuck.is_over && stuck.lasted >= THRESHOLD, "{stuck:?}");
    let over = stalls.lock().unwrap().recv_timeout(LONG).unwrap();
    assert!(over.is_over && over.lasted >= stuck.lasted, "{over:?}");
    assert_eq!(over.place, stuck.place);
}

#[tokio::test]
async fn a_poll_is_named_once_while_it_is_stuck() {
    let stalls = stalls_of("stuck for long");
    Task::new(|| async { thread::sleep(4 * THRESHOLD) }).named("stuck for long").await.unwrap();
    let told: Vec<_> = std::iter::from_fn(|| stalls.recv_timeout(LONG).ok().filter(|stall| !stall.is_over)).collect();
    assert_eq!(told.len(), 1);
}

#[tokio::test]
async fn fast_polls_are_not_reported_however_many_there_are() {
    let stalls = stalls_of("fast");
    let yields = || async {
        let began = std::time::Instant::now();
        while began.elapsed() < 2 * OVER {
            tokio::task::yield_now().await;
        }
    };
    Task::new(yields).named("fast").await.unwrap();
    Task::new(|| async { tokio::time::sleep(OVER).await }).named("fast sleep").await.unwrap();
    Task::blocking(|| thread::sleep(OVER)).named("fast, since it runs on the pool").await.unwrap();
    Task::new(|| async { thread::sleep(OVER) }).named("fast not").await.unwrap();
    assert_eq!(names(&over_until(&stalls, "fast not")), ["fast not"]);
}

#[tokio::test]
async fn of_lists_within_lists_the_innermost_task_is_reported() {
    let stalls = stalls_of("nested");
    for grouped in [false, true] {
        let mut inner = Tasks::new().named("nested inner list").as_group(grouped);
        inner.add_task(Task::new(|| async { thread::sleep(OVER) }).named("nested culprit"));
        let mut outer = Tasks::new().named("nested outer list").as_group(grouped);
        outer.add_task(inner);
        let around = Task::once(async { outer.await.map(drop) }).named("nested around");
        around.await.unwrap();
    }
    Task::new(|| async { thread::sleep(OVER) }).named("nested end").await.unwrap();
    assert_eq!(names(&over_until(&stalls, "nested end")), ["nested culprit", "nested culprit", "nested end"]);
}

#[tokio::test]
async fn an_outer_task_is_reported_for_what_it_does_itself() {
    let stalls = stalls_of("outer");
    let around = Task::new(|| async {
        Task::new(|| async {}).named("outer, the inner one").await?;
        thread::sleep(OVER);
        Ok::<_, sidetask::Error>(())
    });
    around.named("outer itself").await.unwrap();
    assert_eq!(names(&over_until(&stalls, "outer itself")), ["outer itself"]);
}

#[tokio::test]
async fn a_poll_that_panics_is_reported_as_well() {
    let stalls = stalls_of("panicking");
    fn fails() {
        thread::sleep(OVER);
        panic!("now");
    }
    let task = Task::new(|| async { fails() });
    assert!(task.named("panicking").await.unwrap_err().is_panic());
    over_until(&stalls, "panicking");
}

#[task(name = "stalling.job")]
async fn stalling() {
    thread::sleep(OVER);
}
const STALLING_LINE: u32 = line!() - 3;

#[tokio::test]
async fn a_call_is_reported_with_its_kind_and_the_place_of_its_function() {
    let stalls = stalls_of("stalling.");
    Task::from(stalling::call()).await.unwrap();
    let stall = over_until(&stalls, stalling::KIND).pop().unwrap();
    assert_eq!((stall.place.file(), stall.place.line()), (file!(), STALLING_LINE));
}

async fn a_job_is_reported_with_its_kind_and_the_place_of_its_function(kit: kit::Kit) {
    let stalls = stalls_of("registered.");
    let stalling = |(): ()| async { thread::sleep(OVER) };
    let line = line!() + 1;
    let worker = kit.worker().register("registered.stalling", stalling).start().await.unwrap();
    let job = kit.client.enqueue(Call::new("registered.stalling", ())).await.unwrap();
    soon(job.output()).await.unwrap();
    let stall = over_until(&stalls, "registered.stalling").pop().unwrap();
    assert!(stall.lasted >= OVER, "{stall:?}");
    assert_eq!((stall.place.file(), stall.place.line()), (file!(), line));
    worker.shutdown(LONG).await;
}

kit::over_stores! {
    a_job_is_reported_with_its_kind_and_the_place_of_its_function,
}

#[tokio::test]
async fn what_the_callback_polls_is_not_told_to_it_without_end() {
    let stalls = stalls_of("polled by the callback");
    for name in ["polled by the callback", "polled by the callback, the last"] {
        Task::new(|| async { thread::sleep(OVER) }).named(name).await.unwrap();
    }
    let over = over_until(&stalls, "polled by the callback, the last");
    assert_eq!(names(&over), ["polled by the callback", "polled by the callback, the last"]);
}

#[tokio::test]
async fn a_second_detector_is_refused() {
    let _stalls = stalls_of("nothing");
    let error = Detector::new().install().unwrap_err();
    assert!(error.is_configuration() && error.to_string().contains("installed already"), "{error}");
}
