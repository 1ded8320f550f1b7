//! How the end of a job is awaited, and ended by others.

use serde_json::json;

use crate::row::Row;
use crate::scenario::scenarios;
use crate::side::Work;

scenarios![
    s_106_the_end_of_a_job_is_told_before_during_and_after_it,
    s_117_a_cancelled_job_is_a_failed_one_for_everybody,
];

const DOWN: &str = "SMTP_DOWN: no answer";

async fn s_106_the_end_of_a_job_is_told_before_during_and_after_it(row: Row) {
    let node = row.node();
    let value = json!({ "ok": [1, null] });
    let start = async |queue: &str, hold: bool| -> Work {
        let mut steps = vec![json!(["fail_named", { "message": DOWN, "name": "bad" }])];
        if hold {
            steps.insert(0, json!(["hold", null]));
        }
        steps.push(json!(["return", value]));
        row.second().work(queue, json!({ "concurrency": 3 }), json!(steps)).await
    };
    let add = async |queue: &str, name: &str, options: serde_json::Value| {
        row.first().add(queue, name, json!({}), options).await
    };

    for queue in ["before", "during"] {
        let good = add(queue, "good", json!({})).await;
        let bad = add(queue, "bad", json!({})).await;
        let gone = add(queue, "good", json!({ "removeOnComplete": true })).await;
        let begun = if queue == "during" { Some(start(queue, true).await) } else { None };
        if let Some(worker) = &begun {
            worker.begun(3).await;
        }

        let begin = async {
            // The listeners have to stand first, and only a reader of the stream can tell.
            node.events_until(queue, |events| events.count("added") == 3).await;
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            match &begun {
                Some(worker) => worker.release().await,
                None => drop(start(queue, false).await),
            }
        };
        let (good, bad, gone, ()) = tokio::join!(
            node.finished(queue, &good),
            node.finished(queue, &bad),
            node.finished(queue, &gone),
            begin
        );

        assert_eq!((good, bad, gone), (Ok(value.clone()), Err(DOWN.to_owned()), Ok(value.clone())));
    }
    // The polls after the end.
    assert_eq!(node.finished("before", "1").await, Ok(value.clone()));
    assert_eq!(node.finished("before", "2").await, Err(DOWN.to_owned()));
    let missing =
        |id: &str| Err(format!("Missing key for job {}. isFinished", row.key("before", id)));
    assert_eq!(node.finished("before", "3").await, missing("3"));
    assert_eq!(node.finished("before", "never").await, missing("never"));
    // A removal is no end: the client gives up by its own clock.
    let removed = add("removed", "late", json!({ "delay": 60_000 })).await;
    let remove = async {
        node.events_until("removed", |events| events.count("delayed") == 1).await;
        row.second().call("removed", "remove", json!([removed])).await;
    };
    let (waited, ()) = tokio::join!(node.finished_within("removed", &removed, 700), remove);
    let waited = waited.unwrap_err();
    let gave_up = waited.contains("timed out before finishing") || waited.contains("Missing key");
    assert!(gave_up, "{waited}");
}

async fn s_117_a_cancelled_job_is_a_failed_one_for_everybody(row: Row) {
    if row.has_no_model("BullMQ has no cancellation that others see") {
        return;
    }
    let (ours, node) = (row.first(), row.node());
    let add = async |options| ours.add("q", "x", json!({ "n": 1 }), options).await;
    let once = json!({ "deduplication": { "id": "once" } });
    let child = json!({ "name": "c", "queueName": "q", "data": {}, "opts": { "jobId": "C", "failParentOnFailure": true, "delay": 60_000 } });
    let parent = |id: &str, child| json!({ "name": "p", "queueName": "up", "data": {}, "opts": { "jobId": id }, "children": [child] });
    ours.add_flow(parent("P", child)).await.unwrap();
    let plain = json!({ "name": "c", "queueName": "q", "data": {}, "opts": { "jobId": "D", "delay": 60_000 } });
    ours.add_flow(parent("W", plain)).await.unwrap();
    let mut jobs = vec![("q", "C".to_owned()), ("up", "W".to_owned())];
    for options in [json!({}), json!({ "delay": 60_000 }), json!({ "priority": 3 }), once.clone()] {
        jobs.push(("q", add(options).await));
    }

    for (queue, id) in &jobs {
        let cancel = async {
            node.events_until(queue, |events| !events.of(id).is_empty()).await;
            ours.on_job(queue, id, "cancel", json!([])).await;
        };
        let (told, ()) = tokio::join!(node.finished(queue, id), cancel);

        assert_eq!(told, Err("CANCELLED: the job was cancelled".to_owned()), "{id}");
        let job = node.job_in(queue, id, "failed").await;
        assert_eq!(job["failedReason"], "CANCELLED: the job was cancelled");
        assert!(job["finishedOn"].is_u64(), "{job}");
        node.events_until(queue, |events| events.of(id).contains(&"failed")).await;
    }
    // Its deduplication is free again, and its parent hears of it.
    let (_, owner) = jobs.last().unwrap();
    assert_ne!(&add(once).await, owner);
    let parents = node.work("up", json!({}), json!([])).await;
    let failed = node.job_in("up", "P", "failed").await;
    assert_eq!(failed["failedReason"], format!("child {} failed", row.key("q", "C")));
    assert_eq!(parents.runs().await.len(), 0);
    // And all of them can be tried again.
    for (queue, id) in jobs.iter().filter(|(_, id)| id != "W") {
        node.on_job(queue, id, "retry", json!(["failed"])).await;
    }
    node.work("q", json!({ "concurrency": 5 }), json!([])).await;
    for (queue, id) in jobs.iter().filter(|(_, id)| id != "W") {
        let job = node.job_in(queue, id, "completed").await;
        assert_eq!(job["failedReason"], json!(null), "{id}");
    }
}
