//! Waiting for jobs of which nothing is heard.

use std::sync::Arc;
use std::time::Duration;

use sidetask::{Clock, State, SystemClock};

use super::{SECOND, nothing, service, thumbnail};
use crate::kit::{soon, until};
use crate::service::Service;

#[tokio::test]
async fn an_output_comes_from_what_the_service_keeps() {
    let (service, client) = service();
    let job = client.enqueue(thumbnail::call("a.png".into())).await.unwrap();
    assert!(job.try_output().await.unwrap_err().is_not_finished());
    service.complete(job.id(), "5");
    assert_eq!(soon(job.output()).await.unwrap(), 5);
    assert_eq!(soon(client.handle::<usize>(job.id()).wait()).await.unwrap().state, State::Completed);
    service.forget(job.id());
    assert!(soon(job.output()).await.unwrap_err().is_not_found());
    assert!(client.job(job.id()).await.unwrap().is_none());
}

#[tokio::test]
async fn where_nothing_is_kept_sending_works_and_asking_says_what_to_do() {
    let (service, client) = service();
    service.keeps_nothing();
    let job = client.enqueue(thumbnail::call("a.png".into())).await.unwrap();
    for error in [
        soon(job.output()).await.unwrap_err(),
        soon(job.wait()).await.unwrap_err(),
        client.job(job.id()).await.unwrap_err(),
        soon(job.progress().next()).await.unwrap().unwrap_err(),
    ] {
        assert!(error.is_unsupported() && error.to_string().contains("add one"), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_job_is_asked_about_soon_and_then_less_and_less_often() {
    let service = Service::new(SystemClock);
    let client = service.client();
    let job = client.enqueue(thumbnail::call("a.png".into())).await.unwrap();
    let begin = SystemClock.elapsed();
    let ends = {
        let (service, id) = (Arc::clone(&service), job.id());
        tokio::spawn(async move {
            tokio::time::sleep(600 * SECOND).await;
            service.complete(id, "5");
        })
    };
    assert_eq!(job.output().await.unwrap(), 5);
    let found = SystemClock.elapsed() - begin;
    assert!(found <= Duration::from_millis(605_600), "{found:?}");
    ends.await.unwrap();
    let times: Vec<_> = service.asked().iter().map(|(at, _)| *at - begin).collect();
    assert!(times[0] < Duration::from_millis(10), "at once, since it may have ended: {times:?}");
    assert!(times[1] >= Duration::from_millis(95) && times[1] <= Duration::from_millis(115), "{times:?}");
    assert!(times.len() > 120 && times.len() < 140, "{}", times.len());
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_short_job_is_found_within_about_a_tenth_of_a_second() {
    let service = Service::new(SystemClock);
    let client = service.client();
    let old = client.enqueue(thumbnail::call("old".into())).await.unwrap();
    let waits_long = tokio::spawn(async move { old.wait().await });
    tokio::time::sleep(60 * SECOND).await;
    let before = service.asked().len();

    let job = client.enqueue(thumbnail::call("new".into())).await.unwrap();
    let (ended, id) = (Arc::clone(&service), job.id());
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(50)).await;
        ended.complete(id, "3");
    });
    let begin = tokio::time::Instant::now();
    assert_eq!(job.output().await.unwrap(), 3);
    assert!(begin.elapsed() <= Duration::from_millis(115), "{:?}", begin.elapsed());
    let questions = service.asked().split_off(before);
    assert!(questions.iter().filter(|(_, ids)| ids.contains(&id)).count() <= 3, "{questions:?}");
    let of_others = questions.iter().flat_map(|(_, ids)| ids).filter(|other| **other != id).count();
    assert!(of_others <= 1, "the old job keeps its own pace: {questions:?}");
    waits_long.abort();
}

#[tokio::test(start_paused = true)]
async fn nobody_is_asked_once_nobody_waits() {
    let service = Service::new(SystemClock);
    let client = service.client();
    let job = client.enqueue(thumbnail::call("a.png".into())).await.unwrap();
    assert!(tokio::time::timeout(SECOND, job.output()).await.is_err());
    let asked = service.asked().len();
    assert!(asked >= 4, "{asked}");
    tokio::time::sleep(600 * SECOND).await;
    assert_eq!(service.asked().len(), asked);
    service.complete(job.id(), "5");
    assert_eq!(job.output().await.unwrap(), 5);
    assert_eq!(service.asked().len(), asked + 1);
}

#[tokio::test(start_paused = true)]
async fn many_jobs_are_asked_about_together() {
    let service = Service::new(SystemClock);
    let client = service.client();
    let jobs = client.enqueue_many((0..100).map(|_| nothing())).await.unwrap();
    let waiting: Vec<_> = jobs.iter().cloned().map(|job| tokio::spawn(async move { job.wait().await })).collect();
    tokio::time::sleep(60 * SECOND).await;
    assert!(service.asked().len() < 40, "{}", service.asked().len());
    for job in &jobs {
        service.complete(job.id(), "null");
    }
    for waited in waiting {
        assert_eq!(waited.await.unwrap().unwrap().state, State::Completed);
    }
}

#[tokio::test(start_paused = true)]
async fn progress_is_followed_by_asking() {
    let service = Service::new(SystemClock);
    let client = service.client();
    let job = client.enqueue(thumbnail::call("a.png".into())).await.unwrap();
    let (reports, id) = (Arc::clone(&service), job.id());
    tokio::spawn(async move {
        for done in 1..=3 {
            tokio::time::sleep(20 * SECOND).await;
            reports.report(id, done);
        }
        reports.complete(id, "5");
    });
    let mut progress = job.progress();
    for done in 1..=3 {
        assert_eq!(progress.next().await.unwrap().unwrap().done, done);
    }
    assert!(progress.next().await.is_none());
}

#[tokio::test]
async fn a_service_that_fails_ends_the_wait_which_can_begin_again() {
    let (service, client) = service();
    let job = client.enqueue(thumbnail::call("a.png".into())).await.unwrap();
    service.set_down(true);
    assert!(soon(job.output()).await.unwrap_err().is_storage());
    assert!(client.enqueue(nothing()).await.unwrap_err().is_storage());
    service.set_down(false);
    service.complete(job.id(), "5");
    assert_eq!(soon(job.output()).await.unwrap(), 5);
}

#[tokio::test]
async fn a_wait_begun_while_another_is_under_way_is_answered_too() {
    let (service, client) = service();
    let job = client.enqueue(thumbnail::call("a.png".into())).await.unwrap();
    let first = tokio::spawn({
        let job = job.clone();
        async move { job.output().await }
    });
    until("the first question", async || !service.asked().is_empty()).await;
    service.complete(job.id(), "5");
    assert_eq!(soon(job.output()).await.unwrap(), 5);
    assert_eq!(soon(first).await.unwrap().unwrap(), 5);
}
