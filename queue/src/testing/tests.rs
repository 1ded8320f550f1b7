//! The test kit, used as a library user would.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;

use super::*;
use crate::options::{Backoff, Deduplication};
use crate::outcome::{Failure, JobError};

fn fails_twice() -> Handlers {
    let runs = Arc::new(AtomicUsize::new(0));
    Handlers::new().with_fn("send", move |_: Value, _| {
        let run = runs.fetch_add(1, Ordering::SeqCst);
        async move {
            if run < 2 {
                return Err(JobError::Retry(Failure::new("BUSY", "the post office is closed")));
            }
            Ok(json!({ "sent": true }))
        }
    })
}

fn state(ran: Option<Ran>) -> JobState {
    ran.expect("a job ran").after.expect("it is kept").state
}

#[tokio::test]
async fn retries_follow_their_backoff_in_virtual_time() {
    let queue = TestQueue::new(fails_twice()).await.unwrap();
    let hour = Backoff::exponential(Duration::from_secs(3600));
    let options = JobOptions { attempts: 3, backoff: Some(hour), ..JobOptions::default() };
    queue.enqueue("send", &json!({ "to": "Ada" }), options).await.unwrap();

    assert_eq!(state(queue.run_one().await.unwrap()), JobState::Delayed);
    queue.advance(Duration::from_secs(3599));
    assert!(queue.run_one().await.unwrap().is_none());
    queue.advance(Duration::from_secs(1));
    assert_eq!(state(queue.run_one().await.unwrap()), JobState::Delayed);
    queue.advance(Duration::from_secs(7200));
    let ran = queue.run_one().await.unwrap().unwrap();

    let after = ran.after.unwrap();
    assert_eq!((after.state, after.job.attempts_made), (JobState::Completed, 3));
    assert_eq!(after.job.result.unwrap().decode::<Value>().unwrap(), json!({ "sent": true }));
    assert_eq!(queue.now_ms(), EPOCH_MS + 3 * 3_600_000);
}

#[tokio::test]
async fn what_is_enqueued_is_found_by_a_part_of_its_data() {
    let queue = TestQueue::new(Handlers::new()).await.unwrap();
    let data = json!({ "to": "Ada", "copies": 2 });
    queue.enqueue("send", &data, JobOptions::default()).await.unwrap();

    queue.assert_enqueued("send", &json!({ "to": "Ada" })).await;
    queue.refute_enqueued("send", &json!({ "to": "Grace" })).await;
    queue.refute_enqueued("print", &json!({})).await;
}

#[tokio::test]
#[should_panic(
    expected = "no job send with {\"to\":\"Grace\"} is enqueued; there is:\n  waiting 1 send: {\"to\":\"Ada\"}"
)]
async fn what_is_missing_is_said_with_what_there_is() {
    let queue = TestQueue::new(Handlers::new()).await.unwrap();
    queue.enqueue("send", &json!({ "to": "Ada" }), JobOptions::default()).await.unwrap();
    queue.assert_enqueued("send", &json!({ "to": "Grace" })).await;
}

#[tokio::test]
async fn a_duplicate_is_the_job_that_is_there() {
    let queue = TestQueue::new(Handlers::new()).await.unwrap();
    let minute = Deduplication::throttle("ada", Duration::from_secs(60));
    let options = JobOptions::default().deduplicated(minute);
    let first = queue.enqueue("send", &1, options.clone()).await.unwrap();
    assert_eq!(queue.enqueue("send", &2, options.clone()).await.unwrap(), first);
    queue.advance(Duration::from_secs(61));
    assert_ne!(queue.enqueue("send", &3, options).await.unwrap(), first);
}

#[tokio::test]
async fn the_job_of_a_worker_that_died_is_taken_back() {
    let echo = |data: Value, _| async move { Ok(data) };
    let queue = TestQueue::new(Handlers::new().with_fn("echo", echo)).await.unwrap();
    let id = queue.enqueue("echo", &1, JobOptions::default()).await.unwrap();
    assert_eq!(queue.abandon_one().await.unwrap(), Some(id.clone()));
    assert!(queue.run_one().await.unwrap().is_none(), "a dead worker holds it");

    assert_eq!(queue.recover_stalled().await.unwrap(), [id]);

    assert_eq!(state(queue.run_one().await.unwrap()), JobState::Completed);
}

#[tokio::test]
async fn everything_that_is_ready_runs_in_order() {
    let echo = |data: Value, _| async move { Ok(data) };
    let queue = TestQueue::new(Handlers::new().with_fn("echo", echo)).await.unwrap();
    for (data, priority) in [(1, 0), (2, 9), (3, 4)] {
        let options = JobOptions::default().with_priority(priority);
        queue.enqueue("echo", &data, options).await.unwrap();
    }
    let ran = queue.run_all().await.unwrap();
    let order: Vec<_> = ran.iter().map(|ran| ran.id.as_str()).collect();
    assert_eq!(order, ["1", "3", "2"]);
    assert!(queue.enqueued().await.unwrap().is_empty());
}
