//! What flows leave in Redis, as BullMQ 6.7 leaves it.
//!
//! The expected states were observed with BullMQ itself.

use std::time::Duration;

use oxherd_queue::flow::{ChildFailure, Flow};
use oxherd_queue::outcome::Verdict;
use oxherd_queue::{JobId, JobOptions, NewJob, Payload, Store as _};

use crate::keyspace::dump;
use crate::server::{claim_one, completed, failed, run, settle};

/// A creation time that producers give.
const T: u64 = 1_795_500_000_000;

fn flow(queue: &str, id: &str, options: JobOptions) -> Flow {
    let options = JobOptions { timestamp_ms: Some(T), ..options };
    let job = NewJob::new("work", Payload::parse("{}").unwrap());
    let job = job.with_id(JobId::custom(id).unwrap()).with_options(options);
    Flow::new(queue, job)
}

fn bare(queue: &str, id: &str) -> Flow {
    flow(queue, id, JobOptions::bare())
}

#[test]
fn a_parent_with_children_in_mixed_states_is_written_as_bullmq_writes_it() {
    run(|server| async move {
        let mut stranger = server.connect().await;
        let store = server.store().await;
        // Late enough to be due after any day on which this is played.
        let years = Duration::from_secs(12 * 365 * 86_400);
        let later = JobOptions::bare().delayed(years);
        let ignored = bare("m", "ign").on_failure(ChildFailure::IgnoreDependency);
        let tree = bare("up", "P")
            .with_child(bare("m", "ok"))
            .with_child(ignored)
            .with_child(flow("m", "todo", later));

        store.add_flow(tree).await.unwrap();
        let queue = store.queue("m").await.unwrap();
        let ok = claim_one(&queue).await;
        settle(&queue, &ok, completed(r#"{"n":1}"#)).await;
        let ign = claim_one(&queue).await;
        settle(&queue, &ign, failed("no")).await;

        let found = dump(&mut stranger).await;
        let expected = [
            (
                "bull:up:P",
                format!(
                    r#"hash data={{}} delay=0 name=work opts={{"attempts":0,"jobId":"P","timestamp":{T}}} priority=0 timestamp={T}"#
                ),
            ),
            ("bull:up:waiting-children", format!("zset P={T}")),
            ("bull:up:P:dependencies", "set bull:m:todo".to_owned()),
            ("bull:up:P:processed", r#"hash bull:m:ok={"n":1}"#.to_owned()),
            ("bull:up:P:failed", "hash bull:m:ign=no".to_owned()),
            ("bull:up:id", "string 1".to_owned()),
            (
                "bull:up:events",
                "stream event=added jobId=P name=work\nevent=waiting-children jobId=P".to_owned(),
            ),
            ("bull:up:meta", "hash opts.maxLenEvents=10000".to_owned()),
            ("delayed", format!("zset todo={}", (T + 12 * 365 * 86_400_000) * 4096)),
            ("id", "string 3".to_owned()),
        ];
        for (key, content) in expected {
            assert_eq!(found[key], content, "{key}");
        }
        let child = &found["ign"];
        for part in [
            "parentKey=bull:up:P",
            r#"parent={"id":"P","queueKey":"bull:up","idof":true}"#,
            r#""parent":{"id":"P","queue":"bull:up"}"#,
            r#""idof":true"#,
            "failedReason=no",
        ] {
            assert!(child.contains(part), "{part} in {child}");
        }
        assert!(!found.contains_key("bull:up:marker"), "nobody is woken yet");
    });
}

#[test]
fn a_job_that_moves_to_its_children_leaves_no_lock() {
    run(|server| async move {
        let mut stranger = server.connect().await;
        let store = server.store().await;
        let queue = store.queue("m").await.unwrap();
        store.add_flow(bare("m", "P")).await.unwrap();
        let job = claim_one(&queue).await;
        let parent = oxherd_queue::flow::JobKey::new("m", JobId::custom("P").unwrap());
        store.add_flow(bare("m", "c").under(parent)).await.unwrap();

        settle(&queue, &job, Verdict::WaitForChildren).await;

        let found = dump(&mut stranger).await;
        assert_eq!(found["waiting-children"], "zset P=now");
        assert_eq!(found["P:dependencies"], "set bull:m:c");
        assert!(!found.contains_key("P:lock") && !found.contains_key("active"), "{found:?}");
        assert!(!found["P"].contains("atm="), "no attempt is used");
        let last = found["events"].lines().last().unwrap();
        assert_eq!(last, "event=waiting-children jobId=P prev=active");
    });
}

#[test]
fn a_failed_parent_keeps_the_reason_of_bullmq() {
    run(|server| async move {
        let mut stranger = server.connect().await;
        let store = server.store().await;
        let child = bare("m", "c").on_failure(ChildFailure::FailParent);
        store.add_flow(bare("up", "P").with_child(child)).await.unwrap();
        let queue = store.queue("m").await.unwrap();
        let job = claim_one(&queue).await;

        settle(&queue, &job, failed("no")).await;

        let found = dump(&mut stranger).await;
        assert!(
            found["bull:up:P"].contains("defa=child bull:m:c failed"),
            "{}",
            found["bull:up:P"]
        );
        assert_eq!(found["bull:up:P:unsuccessful"], "zset bull:m:c=now");
        assert_eq!(found["bull:up:wait"], "list P");
        assert_eq!(found["bull:up:marker"], "zset 0=0");
    });
}
