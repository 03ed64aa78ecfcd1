use std::thread;
use std::time::Duration;

use crate::victim::{Database, Said, Victim};

/// Two processes enqueue into and work from one file at the same time.
#[test]
fn two_processes_on_one_file_share_the_work_and_repeat_none_of_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("jobs.db");
    let workers = [Victim::start("work", &path, &[]), Victim::start("work", &path, &[])];
    for worker in &workers {
        worker.wait_for("ready");
    }
    let producers: Vec<_> = (0..2).map(|_| Victim::start("enqueue", &path, &["500", "0"])).collect();
    let mut acknowledged = Vec::new();
    for producer in producers {
        acknowledged.extend(producer.finish().acknowledged);
    }
    let database = Database::open(&path);
    while database.count("state = 4") < acknowledged.len() {
        thread::sleep(Duration::from_millis(10));
    }
    let mut said = Said::default();
    for worker in workers {
        worker.terminate();
        let heard = worker.finish();
        assert!(!heard.runs.is_empty(), "one of the workers had nothing to do");
        said.add(heard);
    }
    assert_eq!(acknowledged.len(), 1000);
    assert_eq!(database.has(&acknowledged), 1000);
    assert_eq!(database.count("attempt = 1 AND fence = 1"), 1000);
    assert!(said.runs.values().all(|runs| *runs == 1), "a job ran twice");
    database.assert_sound();
}
