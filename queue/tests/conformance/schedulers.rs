//! Job schedulers.

use std::time::Duration;

use oxherd_queue::job::ClaimedJob;
use oxherd_queue::scheduler::{Armed, NewScheduler, Rhythm};
use oxherd_queue::{JobId, JobOptions, JobState, NewJob, Payload, QueueError};

use crate::world::{World, assert_invalid, completed, failed, job, retried};

on_both_stores!(
    the_first_run_is_at_once_and_each_start_arms_the_next,
    a_run_carries_the_template_and_counts,
    a_retry_arms_nothing_more,
    a_run_that_was_taken_back_arms_nothing_more,
    runs_of_a_living_scheduler_never_stall_too_often,
    a_series_ends_with_its_limit_and_its_record_stays,
    no_run_takes_place_before_the_start_date,
    missed_slots_are_skipped,
    an_upsert_keeps_the_slot_of_the_same_interval,
    an_upsert_replaces_the_armed_run_in_a_paused_queue_too,
    an_upsert_with_another_interval_begins_anew,
    an_upsert_while_a_run_is_active_leaves_one_armed_run,
    busy_slots_are_passed_over_and_too_many_refuse_the_upsert,
    the_armed_run_is_neither_removed_nor_cancelled,
    schedulers_are_listed_by_their_next_run,
    a_removed_scheduler_takes_its_delayed_run_along,
    a_waiting_run_outlives_its_scheduler,
    a_scheduler_that_means_nothing_is_refused,
    a_run_without_its_rhythm_fails_with_a_reason,
    a_pattern_arms_its_next_time_with_each_start,
    a_pattern_with_an_immediate_first_run_goes_on_at_its_own_times,
    an_upsert_changes_an_interval_into_a_pattern_and_back,
    a_pattern_without_a_time_before_the_end_arms_nothing,
    the_last_run_of_a_series_can_be_cleaned_when_it_has_ended,
    a_pattern_that_replaces_no_run_forgets_the_offset_of_the_interval,
    a_pattern_or_a_zone_that_is_not_known_is_refused,
);

const EVERY: Duration = Duration::from_millis(200);
const EVERY_MS: u64 = 200;
const HOUR: Duration = Duration::from_secs(3600);

fn tick() -> NewJob {
    job("tick")
}

fn every(id: &str, every: Duration) -> NewScheduler {
    NewScheduler::every(id, every, tick())
}

async fn upsert(world: &World, scheduler: NewScheduler) -> Armed {
    world.queue.upsert_scheduler(scheduler).await.unwrap().expect("a run is armed")
}

/// The id of the only delayed job.
async fn armed(world: &World) -> JobId {
    let delayed = world.list(JobState::Delayed).await;
    assert_eq!(delayed.len(), 1, "{delayed:?}");
    delayed.into_iter().next().unwrap()
}

fn slot_of(id: &JobId) -> u64 {
    id.as_str().rsplit_once(':').unwrap().1.parse().unwrap()
}

async fn next_run(world: &World) -> ClaimedJob {
    world.pass(EVERY).await;
    world.claim().await
}

async fn the_first_run_is_at_once_and_each_start_arms_the_next(world: World) {
    let first = upsert(&world, every("s", EVERY)).await;
    assert_eq!(world.state(&first.id).await, JobState::Waiting);
    assert_eq!(first.id.as_str(), format!("repeat:s:{}", first.slot_ms));

    let run = world.claim().await;
    assert_eq!(run.job.id, first.id);
    let second = armed(&world).await;
    assert_eq!(slot_of(&second), first.slot_ms + EVERY_MS);
    world.complete(&run).await;

    let run = next_run(&world).await;

    assert_eq!(run.job.id, second);
    let third = armed(&world).await;
    assert_eq!((slot_of(&third) - first.slot_ms) % EVERY_MS, 0);
    let kept = world.queue.scheduler("s").await.unwrap().unwrap();
    assert_eq!((kept.iterations, kept.next_ms), (3, slot_of(&third)));
}

async fn a_run_carries_the_template_and_counts(world: World) {
    let options = JobOptions { attempts: 4, ..JobOptions::bare() };
    let data = Payload::parse(r#"{"to":"x"}"#).unwrap();
    let template = NewJob::new("send", data.clone()).with_options(options);
    upsert(&world, NewScheduler::every("s", EVERY, template)).await;

    for count in 1..=3 {
        let run = world.claim().await;
        assert_eq!((run.job.name.as_str(), &run.job.data), ("send", &data));
        assert_eq!(run.job.options.attempts, 4);
        assert_eq!(run.job.options.other["repeat"]["count"], count);
        world.complete(&run).await;
        world.pass(EVERY).await;
    }
}

async fn a_retry_arms_nothing_more(world: World) {
    let template = tick().with_options(JobOptions { attempts: 2, ..JobOptions::bare() });
    upsert(&world, NewScheduler::every("s", HOUR, template)).await;
    let run = world.claim().await;
    let next = armed(&world).await;

    world.settle(&run, retried(Duration::ZERO)).await;
    let again = world.claim().await;
    assert_eq!(again.job.id, run.job.id);
    world.settle(&again, failed()).await;

    assert_eq!(armed(&world).await, next);
    assert_eq!(world.queue.scheduler("s").await.unwrap().unwrap().iterations, 2);
}

async fn take_back(world: &World) {
    world.pass(Duration::from_millis(30)).await;
    let interval = Duration::from_millis(5);
    world.queue.sweep_stalled(interval, 1).await.unwrap();
    world.pass(Duration::from_millis(10)).await;
    assert_eq!(world.queue.sweep_stalled(interval, 1).await.unwrap().len(), 1);
}

async fn a_run_that_was_taken_back_arms_nothing_more(world: World) {
    let first = upsert(&world, every("s", HOUR)).await;
    world.claim_for(Duration::from_millis(20)).await;
    let next = armed(&world).await;

    take_back(&world).await;

    let run = world.claim().await;
    assert_eq!(run.job.id, first.id);
    assert_eq!(armed(&world).await, next);
}

async fn runs_of_a_living_scheduler_never_stall_too_often(world: World) {
    upsert(&world, every("s", HOUR)).await;
    for _ in 0..3 {
        world.claim_for(Duration::from_millis(20)).await;
        take_back(&world).await;
    }

    let run = world.claim().await;

    assert_eq!((run.job.stalled_count, run.job.deferred_failure), (3, None));
}

async fn a_series_ends_with_its_limit_and_its_record_stays(world: World) {
    upsert(&world, every("s", EVERY).with_limit(2)).await;
    let run = world.claim().await;
    world.complete(&run).await;
    let run = next_run(&world).await;
    world.complete(&run).await;

    world.pass(EVERY * 2).await;

    assert!(world.claim_all(10).await.jobs.is_empty());
    assert!(world.list(JobState::Delayed).await.is_empty());
    let kept = world.queue.scheduler("s").await.unwrap().unwrap();
    assert_eq!((kept.limit, kept.iterations), (Some(2), 2));
    let used_up = NewScheduler { count: 2, ..every("s", EVERY).with_limit(2) };
    assert_eq!(world.queue.upsert_scheduler(used_up).await.unwrap(), None);
}

async fn no_run_takes_place_before_the_start_date(world: World) {
    let start_ms = world.now_ms() + 300;
    let first = upsert(&world, every("s", HOUR).starting_at(start_ms)).await;

    assert_eq!(first.slot_ms, start_ms);
    assert!(world.claim_all(1).await.jobs.is_empty());
    world.pass(Duration::from_millis(350)).await;
    assert_eq!(world.claim().await.job.id, first.id);
}

async fn missed_slots_are_skipped(world: World) {
    let first = upsert(&world, every("s", EVERY)).await;
    let run = world.claim().await;
    world.complete(&run).await;

    world.pass(EVERY * 5).await;

    let late = world.claim().await;
    assert_eq!(slot_of(&late.job.id), first.slot_ms + EVERY_MS);
    assert!(world.claim_all(10).await.jobs.is_empty(), "nothing is made up for");
    let next = slot_of(&armed(&world).await);
    assert!(next > world.now_ms() - 100, "{next}");
    assert_eq!((next - first.slot_ms) % EVERY_MS, 0, "aligned with the first");
}

async fn an_upsert_keeps_the_slot_of_the_same_interval(world: World) {
    upsert(&world, every("s", HOUR)).await;
    let run = world.claim().await;
    world.complete(&run).await;
    let before = armed(&world).await;

    let template = NewJob::new("tock", Payload::parse("[1]").unwrap());
    let again = upsert(&world, NewScheduler::every("s", HOUR, template)).await;

    assert_eq!((&again.id, armed(&world).await), (&before, before.clone()));
    let job = world.job(&before).await;
    assert_eq!((job.name.as_str(), job.data.as_str()), ("tock", "[1]"));
    let kept = world.queue.scheduler("s").await.unwrap().unwrap();
    assert_eq!((kept.name.as_str(), kept.iterations), ("tock", 2));
}

async fn an_upsert_replaces_the_armed_run_in_a_paused_queue_too(world: World) {
    upsert(&world, every("s", HOUR)).await;
    world.queue.pause().await.unwrap();

    upsert(&world, every("s", HOUR)).await;

    assert_eq!(world.list(JobState::Waiting).await.len(), 1);
    assert!(world.list(JobState::Delayed).await.is_empty());
}

async fn an_upsert_with_another_interval_begins_anew(world: World) {
    let start_ms = world.now_ms() + 60_000;
    let first = upsert(&world, every("s", HOUR).starting_at(start_ms)).await;

    let second = upsert(&world, every("s", Duration::from_secs(7))).await;

    assert_eq!(world.find(&first.id).await.map(|found| found.state), None);
    assert_eq!(world.state(&second.id).await, JobState::Waiting);
    let kept = world.queue.scheduler("s").await.unwrap().unwrap();
    assert!(
        matches!(kept.rhythm, Some(Rhythm::Every { every_ms: 7_000, .. })),
        "{:?}",
        kept.rhythm
    );
}

async fn an_upsert_while_a_run_is_active_leaves_one_armed_run(world: World) {
    upsert(&world, every("s", HOUR)).await;
    let run = world.claim().await;

    upsert(&world, every("s", HOUR)).await;

    armed(&world).await;
    assert_eq!(world.state(&run.job.id).await, JobState::Active);
}

async fn busy_slots_are_passed_over_and_too_many_refuse_the_upsert(world: World) {
    let start_ms = world.now_ms() + 60_000;
    let stand_in = |slot_ms: u64| {
        let id = JobId::custom(format!("repeat:s:{slot_ms}")).unwrap();
        tick().with_id(id)
    };
    world.queue.add((0..2).map(|n| stand_in(start_ms + n * EVERY_MS)).collect()).await.unwrap();

    let third = upsert(&world, every("s", EVERY).starting_at(start_ms)).await;
    assert_eq!(third.slot_ms, start_ms + 2 * EVERY_MS);
    assert!(world.queue.remove_scheduler("s").await.unwrap());

    world.queue.add((2..40).map(|n| stand_in(start_ms + n * EVERY_MS)).collect()).await.unwrap();
    let refused = world.queue.upsert_scheduler(every("s", EVERY).starting_at(start_ms)).await;
    assert!(matches!(refused, Err(QueueError::SlotTaken { .. })), "{refused:?}");
    assert_eq!(world.queue.scheduler("s").await.unwrap(), None, "nothing was changed");
}

async fn the_armed_run_is_neither_removed_nor_cancelled(world: World) {
    let armed = upsert(&world, every("s", HOUR)).await;

    let removed = world.queue.remove(&armed.id).await;
    assert!(matches!(removed, Err(QueueError::ArmedRun(_))), "{removed:?}");
    let cancelled = world.queue.cancel(&armed.id).await;
    assert!(matches!(cancelled, Err(QueueError::ArmedRun(_))), "{cancelled:?}");

    let run = world.claim().await;
    world.complete(&run).await;
    assert!(world.queue.remove(&run.job.id).await.unwrap(), "a run of the past can go");
}

async fn schedulers_are_listed_by_their_next_run(world: World) {
    let now_ms = world.now_ms();
    for (id, after) in [("c", 3_000), ("a", 1_000), ("b", 2_000)] {
        upsert(&world, every(id, HOUR).starting_at(now_ms + after)).await;
    }

    let ids = |page: Vec<oxherd_queue::scheduler::Scheduler>| {
        page.into_iter().map(|scheduler| scheduler.id).collect::<Vec<_>>()
    };
    assert_eq!(ids(world.queue.schedulers(0, 10).await.unwrap()), ["a", "b", "c"]);
    assert_eq!(ids(world.queue.schedulers(1, 1).await.unwrap()), ["b"]);
    assert!(world.queue.schedulers(0, 0).await.unwrap().is_empty());
    assert_eq!(world.queue.scheduler("nobody").await.unwrap(), None);
}

async fn a_removed_scheduler_takes_its_delayed_run_along(world: World) {
    upsert(&world, every("s", HOUR)).await;
    let run = world.claim().await;
    let next = armed(&world).await;
    let start = world.queue.last_position().await.unwrap();

    assert!(world.queue.remove_scheduler("s").await.unwrap());

    assert_eq!(world.words_after(start).await, [format!("removed {next} from delayed")]);
    assert!(world.list(JobState::Delayed).await.is_empty());
    world.complete(&run).await;
    assert!(!world.queue.remove_scheduler("s").await.unwrap());
}

async fn a_waiting_run_outlives_its_scheduler(world: World) {
    let first = upsert(&world, every("s", HOUR)).await;

    assert!(world.queue.remove_scheduler("s").await.unwrap());

    let run = world.claim().await;
    assert_eq!(run.job.id, first.id);
    assert!(world.list(JobState::Delayed).await.is_empty(), "it was the last");
}

async fn a_scheduler_that_means_nothing_is_refused(world: World) {
    let refused = [
        every("", HOUR),
        every("s", Duration::ZERO),
        every("s", HOUR).ending_at(1),
        every("s", HOUR).with_limit(0),
        NewScheduler::every("s", HOUR, tick().with_id(crate::world::id("mine"))),
    ];
    for scheduler in refused {
        assert_invalid(world.queue.upsert_scheduler(scheduler).await);
    }
    assert!(world.queue.schedulers(0, 10).await.unwrap().is_empty());
    assert!(world.claim_all(1).await.jobs.is_empty());
}

async fn a_run_without_its_rhythm_fails_with_a_reason(world: World) {
    let id = JobId::custom("repeat:s:17").unwrap();
    let mut options = JobOptions::bare();
    options.other.insert("repeatJobKey".to_owned(), "s".into());
    world.add_job(tick().with_id(id).with_options(options)).await;

    let run = world.claim().await;

    let reason = run.unreadable.clone().expect("it cannot be followed");
    assert!(reason.starts_with("SCHEDULER_UNREADABLE: "), "{reason}");
    world.settle(&run, completed()).await;
}

async fn a_pattern_arms_its_next_time_with_each_start(world: World) {
    let seconds = NewScheduler::cron("s", "* * * * * *", Some("Europe/Berlin"), tick());
    let first = upsert(&world, seconds).await;
    assert_eq!(first.slot_ms % 1000, 0);
    assert_eq!(world.state(&first.id).await, JobState::Delayed);

    world.pass(Duration::from_millis(1_050)).await;

    let run = world.claim().await;
    assert_eq!(run.job.id, first.id);
    let next = slot_of(&armed(&world).await);
    assert!(next > first.slot_ms && next.is_multiple_of(1000), "{next} after {}", first.slot_ms);
    let kept = world.queue.scheduler("s").await.unwrap().unwrap();
    let tz = Some("Europe/Berlin".to_owned());
    assert_eq!(kept.rhythm, Some(Rhythm::Cron { pattern: "* * * * * *".to_owned(), tz }));
    assert_eq!((kept.iterations, kept.next_ms), (2, next));
}

async fn a_pattern_with_an_immediate_first_run_goes_on_at_its_own_times(world: World) {
    let yearly = NewScheduler::cron("s", "@yearly", Some("UTC"), tick());
    let first = upsert(&world, yearly.immediately()).await;

    let run = world.claim().await;

    assert_eq!(run.job.id, first.id);
    assert_eq!(slot_of(&armed(&world).await) % 1000, 0);
}

async fn an_upsert_changes_an_interval_into_a_pattern_and_back(world: World) {
    let rhythm = async |world: &World| {
        let kept = world.queue.scheduler("s").await.unwrap().unwrap();
        kept.rhythm.unwrap()
    };
    upsert(&world, every("s", HOUR)).await;

    upsert(&world, NewScheduler::cron("s", "@yearly", Some("UTC"), tick())).await;
    assert!(matches!(rhythm(&world).await, Rhythm::Cron { .. }));
    assert!(world.list(JobState::Waiting).await.is_empty());
    armed(&world).await;

    upsert(&world, every("s", HOUR)).await;
    assert!(matches!(rhythm(&world).await, Rhythm::Every { .. }));
    assert!(world.list(JobState::Delayed).await.is_empty());
    assert_eq!(world.list(JobState::Waiting).await.len(), 1);
}

async fn the_last_run_of_a_series_can_be_cleaned_when_it_has_ended(world: World) {
    let armed = upsert(&world, NewScheduler { limit: Some(1), ..every("s", HOUR) }).await;
    let run = world.claim().await;
    world.complete(&run).await;

    let cleaned = world.queue.clean(JobState::Completed, Duration::ZERO, 0).await.unwrap();

    assert_eq!(cleaned, [armed.id]);
}

async fn a_pattern_without_a_time_before_the_end_arms_nothing(world: World) {
    let yearly = NewScheduler::cron("s", "@yearly", Some("UTC"), tick());
    let next = upsert(&world, yearly.clone()).await.slot_ms;

    let armed = world.queue.upsert_scheduler(yearly.clone().ending_at(next - 1)).await.unwrap();
    assert!(armed.is_none(), "{armed:?}");
    assert!(world.queue.scheduler("s").await.unwrap().unwrap().end_ms.is_none());

    assert_eq!(upsert(&world, yearly.ending_at(next)).await.slot_ms, next);
}

async fn a_pattern_that_replaces_no_run_forgets_the_offset_of_the_interval(world: World) {
    upsert(&world, NewScheduler { limit: Some(1), ..every("s", HOUR) }).await;
    world.claim().await;
    assert!(world.list(JobState::Delayed).await.is_empty(), "no run is armed");

    upsert(&world, NewScheduler::cron("s", "@yearly", Some("UTC"), tick())).await;
    upsert(&world, every("s", Duration::from_secs(7))).await;

    // The interval has taken the place of the pattern's run, and goes on with its offset.
    let kept = world.queue.scheduler("s").await.unwrap().unwrap().rhythm.unwrap();
    assert_eq!(kept, Rhythm::Every { every_ms: 7000, offset_ms: Some(0) });
}

async fn a_pattern_or_a_zone_that_is_not_known_is_refused(world: World) {
    let refused = [("61 * * * *", Some("UTC")), ("0 0 31 2 *", None), ("@daily", Some("Mars/X"))];
    for (pattern, tz) in refused {
        let scheduler = NewScheduler::cron("s", pattern, tz, tick());
        assert_invalid(world.queue.upsert_scheduler(scheduler).await);
    }
    let both = NewScheduler::cron("s", "@daily", None, tick()).starting_at(5).immediately();
    assert_invalid(world.queue.upsert_scheduler(both).await);
    assert!(world.queue.schedulers(0, 10).await.unwrap().is_empty());
}
