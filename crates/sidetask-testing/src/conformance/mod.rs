//! What every store owes, one function a behaviour, the files by operation.
//!
//! [`conformance_tests!`](crate::conformance_tests) makes a test of each. A behaviour is a public async function that
//! takes an empty [`Harness`](crate::Harness) and panics where the store errs. Time moves by the harness's clock only.

#![expect(clippy::unwrap_used, reason = "a call that fails is a test that fails")]

pub mod activity;
pub mod cancel;
pub mod claim;
pub mod close;
pub mod delete;
pub mod detail;
pub mod enqueue;
pub mod events;
pub mod finish;
pub mod hand_off;
pub mod heartbeat;
pub mod lane;
pub mod lane_by_hand;
pub mod lane_contention;
pub mod list;
pub mod logs;
pub mod model;
mod model_lanes;
pub mod pause;
pub mod progress;
pub mod promote;
pub mod purge;
pub mod reschedule;
pub mod rescue;
pub mod retry;
pub mod rewrite;
pub mod schema;
pub mod stats;
pub mod tick;
pub mod workers;

use std::future::Future;
use std::time::Duration;

/// Bounds a wait for something that must come.
async fn within<F: Future>(wait: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(20), wait).await.expect("nothing came within 20 seconds")
}

/// Calls a macro with every behaviour. A test checks that none is missing.
#[doc(hidden)]
#[macro_export]
macro_rules! __for_each_behaviour {
    ($($callback:tt)+) => {
        $($callback)+! {
            enqueue: keeps_every_field keeps_extreme_values answers_in_order accepts_an_empty_batch shows_a_batch_whole
                puts_off_what_is_for_later makes_what_is_due_available makes_ids_that_sort_by_time
                finds_the_key_in_every_state finds_the_key_within_the_batch keeps_keys_apart_by_kind
                makes_one_job_of_a_key_under_contention frees_the_key_of_a_purged_job keeps_a_given_id
                finds_the_id_in_every_state finds_the_id_within_the_batch finds_the_id_before_the_key
                makes_one_job_of_an_id_under_contention frees_the_id_of_a_purged_job reads_its_own_clock;
            tick: stores_a_tick_once answers_the_recorded_job never_goes_back survives_the_purge_of_its_job
                only_records_a_missed_tick_of_an_unknown_schedule makes_up_a_missed_tick_of_a_known_schedule
                one_job_under_contention keeps_schedules_apart later_ticks_within_one_batch
                records_the_job_that_the_id_or_key_found comes_before_the_id_and_the_key;
            claim: takes_in_order keeps_the_order_across_claims orders_by_storing_whatever_the_ids limits_by_queue
                may_give_nothing passes_over_unknown_kinds mixes_kinds_in_order writes_down_the_holder
                counts_attempts_and_fences refuses_an_unknown_worker never_shares_a_job takes_jobs_with_damaged_arguments;
            hand_off: fills_a_free_slot fences_what_was_handed fills_slots_from_the_front_of_a_batch lets_nobody_overtake passes_over_who_is_gone waits_while_paused
                respects_kinds_and_queues leaves_what_is_for_later needs_a_free_slot needs_a_live_worker
                needs_a_known_worker hands_a_key_over_once hands_a_given_id_over_once uses_every_lender
                is_healed_by_the_lease never_shares_a_job_with_a_claim;
            finish: writes_the_lifecycles_answer ends_cancelled_when_asked_to_stop refuses_who_is_not_the_holder
                refuses_a_purged_job counts_a_report_once judges_each_report_for_itself counts_what_comes_with_a_late_report accepts_an_empty_batch
                bounds_the_errors fences_what_was_given_back retries_at_once_without_backoff
                keeps_outputs_as_they_are counts_while_nobody_rescued;
            progress: keeps_the_last_report outlives_its_attempt refuses_who_is_not_the_holder refuses_the_rescued;
            heartbeat: renews_the_lease renews_nobody_elses_lease reports_cancel_requests refuses_an_unknown_worker
                forgives_who_is_late gives_back_when_leaving may_leave_twice may_join_twice;
            promote: moves_only_what_is_due moves_the_earliest_first says_when_the_next_is_due;
            rescue: waits_for_the_lease ends_what_may_not_run_again shuts_out_the_old_holder respects_its_limit
                forgets_idle_workers leaves_the_living_alone survives_a_clock_set_back;
            cancel: ends_what_waits asks_what_runs is_too_late_for_what_ended answers_in_order outlasts_a_failure;
            retry: makes_available leaves_what_is_under_way allows_one_more_attempt forgets_the_request_to_stop
                answers_in_order takes_many;
            reschedule: moves_the_time puts_off_what_is_due_already makes_available_at_once leaves_everything_else
                answers_in_order takes_many;
            delete: takes_it_in_every_state leaves_what_runs answers_in_order frees_the_key_and_the_id leaves_nothing_behind
                leaves_what_has_not_ended_where_told_so makes_room_in_its_lane of_a_held_job_frees_no_place tells_those_who_wait;
            rewrite: runs_it_again_with_other_arguments leaves_what_is_available_in_its_place refuses_what_ran_since
                refuses_who_read_other_arguments allows_one_more_attempt keeps_to_its_lane answers_in_order;
            lane: lets_in_as_many_as_its_width holds_the_rest_in_order counts_jobs_of_one_batch spans_queues_and_kinds
                keeps_lanes_apart lets_nobody_overtake lets_in_when_one_completes lets_in_when_one_is_cancelled
                lets_in_when_one_is_discarded lets_in_when_one_is_rescued_for_good lets_in_when_a_worker_leaves
                keeps_its_place_while_it_waits keeps_its_place_through_rescue let_in_jobs_of_the_future_stay_scheduled
                held_jobs_are_not_promoted held_jobs_are_not_handed_over widens key_in_a_lane_adds_nothing
                stats_count_held_as_scheduled tells_of_what_it_lets_in runs_a_sequence_in_order outlives_its_jobs;
            lane_by_hand: cancel_of_a_held_job_frees_nothing cancel_of_the_first_held_looks_at_the_next
                retry_enters_again retry_of_held reschedule_of_held;
            lane_contention: lets_in_no_more_where_many_come_at_once loses_no_turn_where_many_end_at_once
                takes_several_lanes_in_any_order never_exceeds_its_width_under_contention;
            list: reads_jobs_in_order lists_the_newest_first filters pages_cover_everything_once
                pages_go_on_after_a_purged_job finds_few_among_many looks_at_no_more_than_it_may
                names_the_queues_there_are;
            stats: begin_empty count_every_state remember_emptied_queues count_a_key_once
                tell_since_when_jobs_are_due;
            workers: are_in_the_order_of_joining hold_what_they_claimed are_there_until_they_are_rescued_from;
            logs: are_kept_of_every_outcome grow_while_the_attempt_runs are_kept_by_attempt
                are_refused_of_who_is_not_the_holder are_cut_to_their_end may_be_any_text are_bounded_in_number
                go_with_their_job;
            activity: counts_every_outcome adds_up_times counts_what_is_accepted counts_what_is_rescued
                keeps_minutes_and_queues_apart is_kept_for_a_day;
            schema: is_told;
            pause: holds_back_claims lets_all_else_go_on is_shown_in_stats;
            purge: takes_only_its_state takes_nothing_that_has_not_ended takes_the_oldest_first
                counts_age_from_the_end;
            events: tell_of_new_jobs tell_of_every_way_to_become_available tell_of_every_end come_after_the_change
                tell_of_progress tell_of_cancel_requests tell_of_what_is_put_off
                tell_of_what_is_rescheduled;
            detail: tells_of_new_jobs tells_of_claims tells_of_what_comes_back tells_of_rescues tells_of_changes_by_hand
                tells_of_pauses is_made_for_those_who_ask;
            close: refuses_everything_afterwards may_be_repeated ends_the_events answers_calls_under_way;
            model: follows_the_lifecycle_whatever_happens;
        }
    };
}

/// Makes a test of every behaviour in [`conformance`](crate::conformance), each over a store of its own.
///
/// Takes the path of an `async fn(ManualClock) -> Harness` that makes an empty store. Call it once in a module; the
/// tests are named `enqueue::keeps_every_field` and so on, below that module.
#[macro_export]
macro_rules! conformance_tests {
    ($make_store:path) => {
        async fn __conformance_harness() -> $crate::Harness {
            $make_store($crate::ManualClock::default()).await
        }

        $crate::__for_each_behaviour! { $crate::__test_behaviours }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __test_behaviours {
    ($($module:ident: $($behaviour:ident)*;)*) => {
        $(mod $module {
            $(
                #[test]
                fn $behaviour() {
                    $crate::__private::run(async {
                        let harness = super::__conformance_harness().await;
                        $crate::conformance::$module::$behaviour(harness).await;
                    });
                }
            )*
        })*
    };
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    macro_rules! listed {
        ($($module:ident: $($behaviour:ident)*;)*) => {
            [$($((stringify!($module), stringify!($behaviour))),*),*]
        };
    }

    /// A behaviour that is not in the list would never run.
    #[test]
    fn every_behaviour_is_listed() {
        let listed = __for_each_behaviour! { listed };
        let listed: BTreeSet<String> = listed.iter().map(|(module, name)| format!("{module}::{name}")).collect();
        let mut written = BTreeSet::new();
        for file in Path::new(env!("CARGO_MANIFEST_DIR")).join("src/conformance").read_dir().unwrap() {
            let path = file.unwrap().path();
            let module = path.file_stem().unwrap().to_str().unwrap().to_owned();
            for line in std::fs::read_to_string(&path).unwrap().lines() {
                if let Some(rest) = line.strip_prefix("pub async fn ") {
                    written.insert(format!("{module}::{}", rest.split('(').next().unwrap()));
                }
            }
        }
        assert_eq!(listed, written);
    }
}
