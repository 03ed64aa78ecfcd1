use std::time::Duration;

use sidetask_core::lifecycle::Outcome;
use sidetask_core::{Claim, Filter, Finish, Kinds, Page, State, Store, Verdict, Want};
use sidetask_testing::new_job;

use crate::shared::{QUEUE, Schema, enqueue};

/// What a hand at work or a newer version may leave in a row.
const DAMAGES: &[&str] = &[
    "UPDATE {s}.jobs SET args = '{\"half\":' WHERE kind = 'poison'",
    "UPDATE {s}.jobs SET errors = 'no list', progress = 'nor this' WHERE kind = 'poison'",
    "UPDATE {s}.jobs SET attempt = -5, max_attempts = 99999999999, fence = -9, priority = -32768 WHERE kind = 'poison'",
    "UPDATE {s}.jobs SET attempt = 9223372036854775806, max_attempts = -1 WHERE kind = 'poison'",
    "UPDATE {s}.jobs SET state = 77 WHERE kind = 'poison'",
    "UPDATE {s}.jobs SET state = -1, worker = id WHERE kind = 'poison'",
    "UPDATE {s}.jobs SET timeout = -1, run_at = -9223372036854775808 WHERE kind = 'poison'",
    "UPDATE {s}.jobs SET lane = 'lane', lane_width = -1 WHERE kind = 'poison'",
    "UPDATE {s}.jobs SET state = 0, lane = 'lane', held = true WHERE kind = 'poison'",
];

#[tokio::test]
async fn a_damaged_row_stalls_no_other() {
    for damage in DAMAGES {
        let schema = Schema::new();
        let store = schema.open().await;
        let ids = enqueue(&store, vec![new_job("poison"), new_job("sound"), new_job("sound")]).await;
        schema.sql(damage).await;

        let worker = schema.join(&store).await;
        let wants = vec![Want { queue: QUEUE.to_owned(), limit: 10 }];
        let kinds = Kinds::from_iter(["poison", "sound"]);
        let claimed = store.claim(Claim { worker, kinds, wants }).await.unwrap();
        let sound: Vec<_> = claimed.iter().filter(|job| &*job.kind == "sound").map(|job| job.token.job).collect();
        assert_eq!(sound, ids[1..], "{damage}");

        assert_eq!(store.list(Filter::all(), Page::default()).await.unwrap().jobs.len(), 3, "{damage}");
        let records = store.jobs(ids).await.unwrap();
        assert!(records[1..].iter().flatten().all(|job| job.state == State::Running), "{damage}");
        let finish =
            |token| Finish { token, outcome: Outcome::Failed("again".into()), retry_in: Duration::ZERO, log: None };
        let verdicts = store.finish(claimed.iter().map(|job| finish(job.token)).collect()).await.unwrap();
        let of_sound = claimed.iter().zip(verdicts).find(|(job, _)| sound.contains(&job.token.job)).unwrap().1;
        assert_eq!(of_sound, Verdict::Accepted(State::Available), "{damage}");
        store.stats().await.unwrap();
        store.promote(10).await.unwrap();
        store.rescue(10).await.unwrap();
        store.leave(worker).await.unwrap();
    }
}

/// PostgreSQL refuses the character wherever it stands in a text.
#[tokio::test]
async fn a_filter_with_a_nul_finds_nothing() {
    let schema = Schema::new();
    let store = schema.open().await;
    enqueue(&store, vec![new_job("sound")]).await;
    assert!(store.list(Filter::all().kind("so\0und"), Page::default()).await.unwrap().jobs.is_empty());
    let unseen = store.list(Filter::all().queue("def\0ault"), Page::default()).await.unwrap_err();
    assert!(unseen.is_not_found(), "{unseen:?}");
}
