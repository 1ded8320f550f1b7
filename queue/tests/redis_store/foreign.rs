//! What the store makes of what other clients wrote, good and bad.

use std::sync::Arc;
use std::time::Duration;

use oxherd_queue::backend::Cancelled;
use oxherd_queue::outcome::{Settled, Verdict};
use oxherd_queue::{Backend, JobId, JobState};
use redis::aio::MultiplexedConnection;

use crate::server::{add, ask, claim, claim_one, completed, failed, job, run, settle};

/// Writes a job hash as a Node producer would, with further fields.
async fn write(connection: &mut MultiplexedConnection, id: &str, fields: &[(&str, &str)]) {
    let mut command = redis::cmd("HSET");
    command.arg(format!("bull:m:{id}"));
    let plain = [
        ("name", "node"),
        ("data", "{}"),
        ("opts", r#"{"attempts":3}"#),
        ("timestamp", "1795500000000"),
        ("delay", "0"),
        ("priority", "0"),
    ];
    for (field, content) in plain.iter().chain(fields) {
        command.arg(*field).arg(*content);
    }
    command.exec_async(connection).await.unwrap();
}

async fn names(queue: &Arc<dyn Backend>, max: usize) -> Vec<String> {
    let claimed = queue.claim(&claim(max)).await.unwrap().jobs;
    claimed.into_iter().map(|job| job.job.id.as_str().to_owned()).collect()
}

#[test]
fn ids_without_a_job_are_dropped_and_leave_no_hash() {
    run(|server| async move {
        let mut stranger = server.connect().await;
        let queue = server.queue().await;
        let id = add(&queue, job("{}")).await;
        ask::<i64>(&mut stranger, "RPUSH bull:m:wait ghost 0:marker").await;
        ask::<i64>(&mut stranger, "ZADD bull:m:delayed 1 late-ghost").await;
        ask::<i64>(&mut stranger, "ZADD bull:m:prioritized 1 ranked-ghost").await;

        assert_eq!(names(&queue, 10).await, [id.as_str()]);

        for key in ["ghost", "late-ghost", "ranked-ghost", "0:marker"] {
            assert_eq!(ask::<i64>(&mut stranger, &format!("EXISTS bull:m:{key}")).await, 0);
        }
        let active: Vec<String> = ask(&mut stranger, "LRANGE bull:m:active 0 -1").await;
        assert_eq!(active, [id.as_str()]);
    });
}

#[test]
fn a_key_that_is_no_job_is_dropped() {
    run(|server| async move {
        let mut stranger = server.connect().await;
        let queue = server.queue().await;
        ask::<String>(&mut stranger, "SET bull:m:odd text").await;
        ask::<i64>(&mut stranger, "RPUSH bull:m:wait odd").await;
        let id = add(&queue, job("{}")).await;

        assert_eq!(names(&queue, 10).await, [id.as_str()]);
    });
}

#[test]
fn a_job_that_cannot_be_read_is_claimed_to_fail_and_made_readable() {
    run(|server| async move {
        let mut stranger = server.connect().await;
        let queue = server.queue().await;
        let bad: [(&str, &[(&str, &str)]); 4] = [
            ("bad-data", &[("data", "not json")]),
            ("bad-opts", &[("opts", "null")]),
            ("bad-backoff", &[("opts", r#"{"backoff":{"type":"lunar"}}"#)]),
            ("bad-progress", &[("progress", "half"), ("ats", "1")]),
        ];
        for (id, fields) in bad {
            write(&mut stranger, id, fields).await;
            ask::<i64>(&mut stranger, &format!("LPUSH bull:m:wait {id}")).await;
        }

        let claimed = queue.claim(&claim(10)).await.unwrap().jobs;

        let told: Vec<_> = claimed.iter().map(|job| job.unreadable.clone()).collect();
        assert!(told[0].as_ref().unwrap().starts_with("JOB_UNREADABLE: data is not JSON"));
        assert!(told[1].as_ref().unwrap().contains("opts"));
        assert!(told[2].as_ref().unwrap().contains("lunar"));
        assert_eq!(told[3], None, "nobody needs the old progress");
        let field = |id: &str, field: &str| format!("HGET bull:m:{id} {field}");
        let data: String = ask(&mut stranger, &field("bad-data", "data")).await;
        assert_eq!(data, r#""not json""#);
        let opts: String = ask(&mut stranger, &field("bad-opts", "opts")).await;
        assert_eq!(opts, "{}");
        let progress: String = ask(&mut stranger, &field("bad-progress", "progress")).await;
        assert_eq!(progress, r#""half""#);
        settle(&queue, &claimed[0], failed(told[0].as_ref().unwrap())).await;
        let found = queue.jobs(&[JobId::from_store("bad-data")]).await.unwrap();
        assert_eq!(found[0].as_ref().unwrap().state, JobState::Failed);
    });
}

#[test]
fn data_that_is_too_large_is_not_even_sent() {
    run(|server| async move {
        let mut stranger = server.connect().await;
        let queue = server.queue().await;
        let large = format!("\"{}\"", "x".repeat(2 * 1024 * 1024));
        write(&mut stranger, "large", &[("data", &large)]).await;
        ask::<i64>(&mut stranger, "LPUSH bull:m:wait large").await;

        let job = claim_one(&queue).await;

        assert!(job.unreadable.unwrap().starts_with("DATA_TOO_LARGE: "));
        assert_eq!(job.job.data.as_str(), "null");
    });
}

#[test]
fn many_large_jobs_are_claimed_a_few_at_a_time() {
    run(|server| async move {
        let mut stranger = server.connect().await;
        let queue = server.queue().await;
        let large = format!("\"{}\"", "x".repeat(1000 * 1000));
        for number in 0..12 {
            write(&mut stranger, &format!("l{number}"), &[("data", &large)]).await;
            ask::<i64>(&mut stranger, &format!("LPUSH bull:m:wait l{number}")).await;
        }

        let first = names(&queue, 12).await;
        let rest = [names(&queue, 12).await, names(&queue, 12).await].concat();

        assert!((1..=6).contains(&first.len()), "{first:?}");
        let all: Vec<String> = (0..12).map(|number| format!("l{number}")).collect();
        assert_eq!([first, rest].concat(), all, "none is lost and the order stays");
    });
}

#[test]
fn prioritized_jobs_come_after_waiting_ones_lowest_number_first() {
    run(|server| async move {
        let mut stranger = server.connect().await;
        let queue = server.queue().await;
        for (id, priority, score) in
            [("low", "9", 9_u64 << 32 | 1), ("high", "1", 1 << 32 | 2), ("later", "1", 1 << 32 | 3)]
        {
            write(&mut stranger, id, &[("priority", priority)]).await;
            ask::<i64>(&mut stranger, &format!("ZADD bull:m:prioritized {score} {id}")).await;
        }
        let plain = add(&queue, job("{}")).await;

        let order = names(&queue, 10).await;

        assert_eq!(order, [plain.as_str(), "high", "later", "low"]);
    });
}

#[test]
fn a_prioritized_job_keeps_its_rank_through_retry_delay_and_hand_back() {
    run(|server| async move {
        let mut stranger = server.connect().await;
        let queue = server.queue().await;
        write(&mut stranger, "p", &[("priority", "7")]).await;
        ask::<i64>(&mut stranger, "ZADD bull:m:prioritized 30064771073 p").await;
        let pause =
            |pause| Verdict::Retry { reason: "X_Y: z".to_owned(), stack_trace: Vec::new(), pause };

        for verdict in [
            pause(Duration::ZERO),
            pause(Duration::from_millis(1)),
            Verdict::Delay { until_ms: 0, reason: None },
            Verdict::HandBack,
        ] {
            let job = claim_one(&queue).await;
            let turn = settle(&queue, &job, verdict).await;
            assert!(matches!(turn.settled[0], Settled::Done { .. }), "{turn:?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
            queue.promote_due().await.unwrap();
            let score: f64 = ask(&mut stranger, "ZSCORE bull:m:prioritized p").await;
            assert_eq!((score / 4_294_967_296.0).floor(), 7.0);
        }
        let waiting: i64 = ask(&mut stranger, "LLEN bull:m:wait").await;
        assert_eq!(waiting, 0);
    });
}

#[test]
fn a_lifo_job_that_is_retried_runs_next() {
    run(|server| async move {
        let mut stranger = server.connect().await;
        let queue = server.queue().await;
        write(&mut stranger, "front", &[("opts", r#"{"attempts":3,"lifo":true}"#)]).await;
        ask::<i64>(&mut stranger, "RPUSH bull:m:wait front").await;
        add(&queue, job("{}")).await;
        let lifo = claim_one(&queue).await;

        let verdict = Verdict::Retry {
            reason: "X_Y: z".to_owned(),
            stack_trace: Vec::new(),
            pause: Duration::ZERO,
        };
        settle(&queue, &lifo, verdict).await;

        assert_eq!(names(&queue, 1).await, ["front"]);
    });
}

#[test]
fn a_queue_wide_concurrency_is_kept_by_batches() {
    run(|server| async move {
        let mut stranger = server.connect().await;
        let queue = server.queue().await;
        queue.add((0..10).map(|_| job("{}")).collect()).await.unwrap();
        ask::<i64>(&mut stranger, "HSET bull:m:meta concurrency 3").await;

        let claimed = queue.claim(&claim(10)).await.unwrap().jobs;
        assert_eq!(claimed.len(), 3);
        assert!(queue.claim(&claim(10)).await.unwrap().jobs.is_empty());
        let done = claimed[..2].iter().map(|job| crate::server::settlement(job, completed("1")));

        let turn = queue.settle(done.collect(), Some(&claim(10))).await.unwrap();

        assert_eq!(turn.claimed.jobs.len(), 2, "as many as ended");
    });
}

#[test]
fn a_queue_wide_rate_limit_is_kept_by_batches() {
    run(|server| async move {
        let mut stranger = server.connect().await;
        let queue = server.queue().await;
        queue.add((0..10).map(|_| job("{}")).collect()).await.unwrap();
        ask::<i64>(&mut stranger, "HSET bull:m:meta max 4 duration 400").await;

        let first = queue.claim(&claim(10)).await.unwrap();
        let limited = queue.claim(&claim(10)).await.unwrap();

        assert_eq!((first.jobs.len(), limited.jobs.len()), (4, 0));
        assert!(limited.next_due_ms.is_some(), "it says when to ask again");
        let mut asked = 0;
        let again = loop {
            queue.wait(Duration::from_secs(20)).await.unwrap();
            asked += 1;
            let claimed = queue.claim(&claim(10)).await.unwrap().jobs;
            if !claimed.is_empty() {
                break claimed;
            }
        };
        assert_eq!(again.len(), 4);
        assert!(asked < 5, "asked {asked} times meanwhile");
    });
}

#[test]
fn broken_settings_of_a_queue_stop_nothing() {
    run(|server| async move {
        let mut stranger = server.connect().await;
        let queue = server.queue().await;
        let settings =
            "HSET bull:m:meta max 1 opts.maxLenEvents lots concurrency many library x version y";
        ask::<i64>(&mut stranger, settings).await;
        queue.add((0..3).map(|_| job("{}")).collect()).await.unwrap();

        for _ in 0..3 {
            let job = claim_one(&queue).await;
            settle(&queue, &job, completed("1")).await;
        }

        assert_eq!(queue.counts().await.unwrap()["completed"], 3);
    });
}

#[test]
fn the_waiting_list_of_a_bullmq_5_pause_is_merged_at_resume() {
    run(|server| async move {
        let mut stranger = server.connect().await;
        let queue = server.queue().await;
        queue.pause().await.unwrap();
        add(&queue, job("{}")).await;
        let mut old = redis::pipe();
        for number in 0..2500 {
            let key = format!("bull:m:old{number}");
            old.cmd("HSET").arg(key).arg("name").arg("node").arg("timestamp").arg(1);
            old.cmd("LPUSH").arg("bull:m:paused").arg(format!("old{number}"));
        }
        old.exec_async(&mut stranger).await.unwrap();
        assert_eq!(queue.counts().await.unwrap()["waiting"], 2501);

        queue.resume().await.unwrap();

        assert_eq!(ask::<i64>(&mut stranger, "LLEN bull:m:wait").await, 2501);
        assert_eq!(ask::<i64>(&mut stranger, "EXISTS bull:m:paused").await, 0);
    });
}

#[test]
fn a_parent_written_by_a_flow_is_released_by_its_last_child() {
    run(|server| async move {
        let mut stranger = server.connect().await;
        let queue = server.queue().await;
        write(&mut stranger, "P", &[]).await;
        ask::<i64>(&mut stranger, "ZADD bull:m:waiting-children 1795500000000 P").await;
        let link = |flag: &str| format!(r#"{{"id":"P","queueKey":"bull:m"{flag}}}"#);
        for (id, flag) in [("good", ""), ("ignored", r#","idof":true"#)] {
            let parent = link(flag);
            write(&mut stranger, id, &[("parentKey", "bull:m:P"), ("parent", &parent)]).await;
            ask::<i64>(&mut stranger, &format!("SADD bull:m:P:dependencies bull:m:{id}")).await;
            ask::<i64>(&mut stranger, &format!("LPUSH bull:m:wait {id}")).await;
        }

        let good = claim_one(&queue).await;
        settle(&queue, &good, completed(r#"{"n":1}"#)).await;
        assert_eq!(ask::<i64>(&mut stranger, "ZCARD bull:m:waiting-children").await, 1);
        let ignored = claim_one(&queue).await;
        settle(&queue, &ignored, failed("no")).await;

        assert_eq!(names(&queue, 1).await, ["P"]);
        let value: String = ask(&mut stranger, "HGET bull:m:P:processed bull:m:good").await;
        assert_eq!(value, r#"{"n":1}"#);
        let reason: String = ask(&mut stranger, "HGET bull:m:P:failed bull:m:ignored").await;
        assert_eq!(reason, "no");
    });
}

#[test]
fn a_parent_whose_child_failed_is_given_a_failure_to_carry_out() {
    run(|server| async move {
        let mut stranger = server.connect().await;
        let queue = server.queue().await;
        write(&mut stranger, "P", &[]).await;
        ask::<i64>(&mut stranger, "ZADD bull:m:waiting-children 1795500000000 P").await;
        let parent = r#"{"id":"P","queueKey":"bull:m","fpof":true}"#;
        write(&mut stranger, "c", &[("parentKey", "bull:m:P"), ("parent", parent)]).await;
        ask::<i64>(&mut stranger, "SADD bull:m:P:dependencies bull:m:c").await;
        ask::<i64>(&mut stranger, "LPUSH bull:m:wait c").await;

        let child = claim_one(&queue).await;
        settle(&queue, &child, failed("no")).await;

        let parent = claim_one(&queue).await;
        let deferred = parent.job.deferred_failure.as_deref();
        assert_eq!(deferred, Some("child bull:m:c failed"));
        settle(&queue, &parent, failed("child bull:m:c failed")).await;
        let left: i64 = ask(&mut stranger, "HEXISTS bull:m:P defa").await;
        assert_eq!(left, 0);
    });
}

#[test]
fn a_finished_job_frees_its_deduplication_id_and_the_add_kept_back_follows() {
    run(|server| async move {
        let mut stranger = server.connect().await;
        let queue = server.queue().await;
        write(&mut stranger, "owner", &[("deid", "d")]).await;
        ask::<i64>(&mut stranger, "LPUSH bull:m:wait owner").await;
        ask::<String>(&mut stranger, "SET bull:m:de:d owner").await;
        let opts = r#"{"de":{"id":"d","keepLastIfActive":true}}"#;
        let kept = format!("HSET bull:m:dn:d name next data {{\"n\":2}} opts {opts} jid 77");
        ask::<i64>(&mut stranger, &kept).await;
        let owner = claim_one(&queue).await;

        settle(&queue, &owner, completed("1")).await;

        let next = claim_one(&queue).await;
        assert_eq!((next.job.id.as_str(), next.job.name.as_str()), ("77", "next"));
        settle(&queue, &next, completed("1")).await;
        assert_eq!(ask::<i64>(&mut stranger, "EXISTS bull:m:de:d bull:m:dn:d").await, 0);
    });
}

#[test]
fn a_job_that_a_foreign_worker_holds_is_told_as_foreign() {
    run(|server| async move {
        let mut stranger = server.connect().await;
        let queue = server.queue().await;
        let ours = add(&queue, job("{}")).await;
        let theirs = add(&queue, job("{}")).await;
        queue.claim(&claim(2)).await.unwrap();
        let token = "7f1a4f6e-8d0a-4b39-9a51-2f7d3b6c9e10:4";
        ask::<String>(&mut stranger, &format!("SET bull:m:{theirs}:lock {token} PX 30000")).await;

        for (id, expected) in [(ours, false), (theirs, true)] {
            let Cancelled::Requested { foreign, .. } = queue.cancel(&id).await.unwrap() else {
                panic!("the job {id} runs");
            };
            assert_eq!(foreign, expected, "{id}");
        }
    });
}

#[test]
fn a_cancelled_job_whose_worker_died_ends_cancelled() {
    run(|server| async move {
        let queue = server.queue().await;
        let id = add(&queue, job("{}")).await;
        let dead = claim(1);
        let dead = oxherd_queue::backend::Claim { lock: Duration::from_millis(20), ..dead };
        queue.claim(&dead).await.unwrap();
        queue.cancel(&id).await.unwrap();
        let interval = Duration::from_millis(10);
        for _ in 0..2 {
            tokio::time::sleep(Duration::from_millis(40)).await;
            queue.sweep_stalled(interval, 1).await.unwrap();
        }

        let job = claim_one(&queue).await;

        let deferred = job.job.deferred_failure.clone().unwrap();
        assert!(deferred.starts_with("CANCELLED: "), "{deferred}");
        let turn = settle(&queue, &job, failed(&deferred)).await;
        assert!(matches!(turn.settled[0], Settled::Done { cancelled: true, .. }), "{turn:?}");
    });
}
