//! Flows: parents that wait for their children, over queues.

use serde_json::{Value, json};

use crate::row::Row;
use crate::scenario::scenarios;
use crate::side::Work;

scenarios![
    s_082_a_parent_of_ours_runs_after_its_last_child,
    s_083_a_parent_of_node_runs_after_its_last_child,
    s_084_a_tree_of_three_levels_is_done_by_workers_of_both,
    s_085_a_failed_child_without_a_policy_is_awaited_until_it_succeeds,
    s_086_failures_go_up_two_levels,
    s_087_a_parent_continues_after_a_failure,
    s_088_an_ignored_failure_is_noted,
    s_089_a_removed_dependency_leaves_no_trace,
    s_090_a_child_without_a_policy_that_is_not_kept_releases_its_parent,
    s_091_a_parent_with_a_delay_a_priority_or_in_a_paused_queue,
    s_092_children_that_have_completed_count_at_once,
    s_093_a_child_of_another_living_parent_is_refused,
    s_094_a_missing_parent_is_told_and_nothing_written,
    s_095_a_processor_adds_a_child_and_waits_for_it,
    s_096_jobs_are_removed_with_what_is_below_them,
];

async fn s_082_a_parent_of_ours_runs_after_its_last_child(row: Row) {
    runs_after_its_last_child(row).await;
}

async fn s_083_a_parent_of_node_runs_after_its_last_child(row: Row) {
    runs_after_its_last_child(row).await;
}

async fn runs_after_its_last_child(row: Row) {
    let child = |queue: &str, name: &str| json!({ "name": name, "queueName": queue, "data": {} });
    let children = [child("up", "a"), child("down", "b"), child("down", "c")];
    let flow = json!({ "name": "root", "queueName": "up", "data": {}, "opts": { "jobId": "P" }, "children": children });

    row.first().add_flow(flow).await.unwrap();

    assert_eq!(row.node().job("up", "P").await["state"], "waiting-children");
    assert_eq!(row.node().flow("up", "P").await["children"].as_array().unwrap().len(), 3);
    let options = json!({ "concurrency": 3 });
    let up = row.second().work("up", options.clone(), json!([["return", 1]])).await;
    let down = row.second().work("down", options, json!([["return", 2]])).await;
    row.node().job_in("up", "P", "completed").await;
    assert_eq!((up.runs().await.len(), down.runs().await.len()), (2, 2));
    assert_eq!(up.runs().await[1]["name"], "root");
    let values = row.node().on_job("up", "P", "getChildrenValues", json!([])).await;
    let mut values: Vec<_> = values.as_object().unwrap().values().collect();
    values.sort_by_key(|value| value.as_u64());
    assert_eq!(values, [1, 2, 2]);
}

fn leaf(queue: &str, id: &str, options: Value) -> Value {
    let mut options = options;
    options["jobId"] = id.into();
    json!({ "name": id, "queueName": queue, "data": {}, "opts": options })
}

fn tree(queue: &str, id: &str, options: Value, children: Vec<Value>) -> Value {
    let mut root = leaf(queue, id, options);
    root["children"] = children.into();
    root
}

/// Fails the jobs named `bad` and completes all others.
async fn work(row: &Row, queue: &str) -> Work {
    let steps = json!([["fail_named", { "message": "BROKEN: no", "name": "bad" }], ["return", 1]]);
    row.second().work(queue, json!({}), steps).await
}

async fn s_084_a_tree_of_three_levels_is_done_by_workers_of_both(row: Row) {
    let leaves =
        |middle: usize| (0..10).map(move |n| leaf("down", &format!("l{middle}-{n}"), json!({})));
    let middles = (0..4).map(|n| tree("up", &format!("m{n}"), json!({}), leaves(n).collect()));
    row.ours().add_flow(tree("up", "root", json!({}), middles.collect())).await.unwrap();

    let options = json!({ "concurrency": 3 });
    let mut workers = Vec::new();
    for side in [row.ours(), row.node()] {
        for queue in ["up", "down"] {
            workers.push(side.work(queue, options.clone(), json!([["return", 1]])).await);
        }
    }

    row.node().job_in("up", "root", "completed").await;
    let mut runs = Vec::new();
    for worker in &workers {
        runs.extend(worker.runs().await);
    }
    assert_eq!(runs.len(), 45);
    assert_eq!(runs.iter().filter(|run| run["name"] == "root").count(), 1);
}

async fn s_085_a_failed_child_without_a_policy_is_awaited_until_it_succeeds(row: Row) {
    let children = vec![leaf("down", "a", json!({}))];
    row.first().add_flow(tree("up", "P", json!({}), children)).await.unwrap();
    let failing = json!([["fail", { "message": "BROKEN: no", "times": 1 }], ["return", 1]]);
    let _down = row.second().work("down", json!({}), failing).await;
    let _up = work(&row, "up").await;
    row.node().job_in("down", "a", "failed").await;
    assert_eq!(row.node().job("up", "P").await["state"], "waiting-children");

    row.node().on_job("down", "a", "retry", json!([])).await;

    row.node().job_in("up", "P", "completed").await;
}

async fn s_086_failures_go_up_two_levels(row: Row) {
    let policy = || json!({ "failParentOnFailure": true });
    let children = vec![leaf("down", "bad", policy()), leaf("down", "good", json!({}))];
    let middle = tree("up", "M", policy(), children);
    row.first().add_flow(tree("up", "P", json!({}), vec![middle])).await.unwrap();

    let (_down, _up) = (work(&row, "down").await, work(&row, "up").await);

    let parent = row.node().job_in("up", "P", "failed").await;
    let key = |queue: &str, id: &str| row.key(queue, id);
    assert_eq!(parent["failedReason"], format!("child {} failed", key("up", "M")));
    let middle = row.node().job_in("up", "M", "failed").await;
    assert_eq!(middle["failedReason"], format!("child {} failed", key("down", "bad")));
    let counts = row.node().on_job("up", "M", "getDependenciesCount", json!([])).await;
    assert_eq!(counts["failed"], 1);
    row.node().job_in("down", "good", "completed").await;
}

async fn s_087_a_parent_continues_after_a_failure(row: Row) {
    let policy = json!({ "continueParentOnFailure": true });
    let middle = tree("late", "middle", json!({}), vec![leaf("late", "deep", json!({}))]);
    let children = vec![leaf("down", "bad", policy), leaf("late", "slow", json!({})), middle];
    row.first().add_flow(tree("up", "P", json!({}), children)).await.unwrap();

    let _down = work(&row, "down").await;
    let up = row.second().work("up", json!({}), json!([["hold", null]])).await;

    up.begun(1).await;
    let ignored = row.node().on_job("up", "P", "getIgnoredChildrenFailures", json!([])).await;
    assert_eq!(ignored[row.key("down", "bad")], "BROKEN: no");
    row.second().on_job("up", "P", "removeUnprocessedChildren", json!([])).await;
    for id in ["slow", "middle", "deep"] {
        assert!(row.node().job("late", id).await.is_null(), "{id}");
    }
    let counts = row.node().on_job("up", "P", "getDependenciesCount", json!([])).await;
    assert_eq!((&counts["unprocessed"], &counts["ignored"]), (&json!(0), &json!(1)));
    up.release().await;
    row.node().job_in("up", "P", "completed").await;
}

async fn ends_after_a_failure(row: &Row, policy: &str) -> Value {
    let children =
        vec![leaf("down", "bad", json!({ policy: true })), leaf("down", "good", json!({}))];
    row.first().add_flow(tree("up", "P", json!({}), children)).await.unwrap();
    let (_down, _up) = (work(row, "down").await, work(row, "up").await);
    row.node().job_in("up", "P", "completed").await;
    assert!(row.node().job("down", "good").await["state"] == "completed", "the rest was awaited");
    row.node().on_job("up", "P", "getDependencies", json!([])).await
}

async fn s_088_an_ignored_failure_is_noted(row: Row) {
    let found = ends_after_a_failure(&row, "ignoreDependencyOnFailure").await;
    assert_eq!(found["ignored"][row.key("down", "bad")], "BROKEN: no");
    assert_eq!(found["processed"].as_object().unwrap().len(), 1);
}

async fn s_089_a_removed_dependency_leaves_no_trace(row: Row) {
    let found = ends_after_a_failure(&row, "removeDependencyOnFailure").await;
    assert_eq!(found["processed"].as_object().unwrap().len(), 1);
    assert!(found["ignored"].as_object().is_none_or(|ignored| ignored.is_empty()), "{found}");
}

async fn s_090_a_child_without_a_policy_that_is_not_kept_releases_its_parent(row: Row) {
    let children = vec![leaf("down", "bad", json!({ "removeOnFail": true }))];
    row.first().add_flow(tree("up", "P", json!({}), children)).await.unwrap();
    let (_down, _up) = (work(&row, "down").await, work(&row, "up").await);
    row.node().job_in("up", "P", "completed").await;
}

async fn s_091_a_parent_with_a_delay_a_priority_or_in_a_paused_queue(row: Row) {
    let family = |id: &str, queue: &str, options: Value| {
        tree(queue, id, options, vec![leaf("down", &format!("of-{id}"), json!({}))])
    };
    row.first().add_flow(family("later", "up", json!({ "delay": 400 }))).await.unwrap();
    row.first().add_flow(family("ranked", "up", json!({ "priority": 3 }))).await.unwrap();
    row.first().call("quiet", "pause", json!([])).await;
    row.first().add_flow(family("held", "quiet", json!({}))).await.unwrap();

    let _down = work(&row, "down").await;

    row.node().job_in("down", "of-held", "completed").await;
    assert_eq!(row.node().job("up", "later").await["state"], "delayed");
    assert_eq!(row.node().job("up", "ranked").await["state"], "prioritized");
    let (_up, _quiet) = (work(&row, "up").await, work(&row, "quiet").await);
    row.node().job_in("up", "later", "completed").await;
    row.node().job_in("up", "ranked", "completed").await;
    assert_eq!(row.node().job("quiet", "held").await["state"], "waiting");
    row.first().call("quiet", "resume", json!([])).await;
    row.node().job_in("quiet", "held", "completed").await;
}

async fn s_092_children_that_have_completed_count_at_once(row: Row) {
    let down = work(&row, "down").await;
    for id in ["a", "b"] {
        row.first().add("down", id, json!({}), json!({ "jobId": id })).await;
        row.node().job_in("down", id, "completed").await;
    }
    down.close().await;

    let both = vec![leaf("down", "a", json!({})), leaf("down", "b", json!({}))];
    row.first().add_flow(tree("up", "P", json!({}), both)).await.unwrap();
    row.node().job_in("up", "P", "waiting").await;
    row.first().add("down", "c", json!({}), json!({ "jobId": "c" })).await;
    let mixed = vec![leaf("down", "c", json!({})), leaf("down", "d", json!({}))];
    row.first().add_flow(tree("up", "Q", json!({}), mixed)).await.unwrap();
    assert_eq!(row.node().job("up", "Q").await["state"], "waiting-children");

    let (_down, up) = (work(&row, "down").await, work(&row, "up").await);
    row.node().job_in("up", "Q", "completed").await;
    assert_eq!(up.ended(2).await.len(), 2);
    let events = row.node().events_until("up", |events| events.count("completed") == 2).await;
    assert_eq!(events.of("P").iter().filter(|event| **event == "waiting").count(), 1);
}

async fn s_093_a_child_of_another_living_parent_is_refused(row: Row) {
    if row.has_no_model("BullMQ leaves a parent that waits for ever") {
        return;
    }
    let child = || vec![leaf("down", "c", json!({}))];
    row.first().add_flow(tree("up", "P", json!({}), child())).await.unwrap();

    let refused = row.first().add_flow(tree("up", "thief", json!({}), child())).await;
    assert!(refused.unwrap_err().contains("has another parent"));
    let mut plain = leaf("down", "c", json!({}));
    row.first()
        .add_flow(tree("up", "R", json!({}), vec![leaf("down", "r", json!({}))]))
        .await
        .unwrap();
    plain["opts"]["parent"] =
        json!({ "id": "R", "queue": row.key("up", "").trim_end_matches(':') });
    assert!(row.first().add_flow(plain).await.unwrap_err().contains("has another parent"));

    assert!(row.node().job("up", "thief").await.is_null());
    assert_eq!(row.node().flow("up", "P").await["children"].as_array().unwrap().len(), 1);
}

async fn s_094_a_missing_parent_is_told_and_nothing_written(row: Row) {
    let mut orphan = leaf("down", "c", json!({}));
    orphan["opts"]["parent"] =
        json!({ "id": "none", "queue": row.key("up", "").trim_end_matches(':') });
    // Opened, so that its settings are there with both.
    row.node().call("down", "getJobCounts", json!([])).await;

    let refused = row.first().add_flow(orphan).await;

    if row.roles != crate::row::Roles::Model {
        let told = refused.unwrap_err().to_lowercase();
        assert!(told.contains("missing key for parent job"), "{told}");
    }
    assert!(row.node().job("down", "c").await.is_null());
}

async fn s_095_a_processor_adds_a_child_and_waits_for_it(row: Row) {
    let id = row.first().add("up", "parent", json!({}), json!({})).await;
    let steps = json!([["child_once", "down"], ["children_values", null]]);
    let up = row.second().work("up", json!({}), steps).await;
    row.node().job_in("up", &id, "waiting-children").await;

    row.second().work("down", json!({}), json!([["return", { "ok": true }]])).await;

    let job = row.node().job_in("up", &id, "completed").await;
    assert_eq!((&job["attemptsMade"], &job["attemptsStarted"]), (&json!(1), &json!(2)));
    assert_eq!(job["returnvalue"], json!({ row.key("down", "C"): { "ok": true } }));
    assert_eq!(up.runs().await.len(), 2);
    let events = row.node().events_until("up", |events| events.count("completed") == 1).await;
    let expected =
        ["added", "waiting", "active", "waiting-children", "waiting", "active", "completed"];
    assert_eq!(events.of(&id), expected);
}

async fn s_096_jobs_are_removed_with_what_is_below_them(row: Row) {
    let children = ["a", "b", "c"].map(|id| leaf("down", id, json!({}))).to_vec();
    row.first().add_flow(tree("up", "P", json!({}), children)).await.unwrap();

    row.first().on_job("down", "a", "removeChildDependency", json!([])).await;
    let counts = row.node().on_job("up", "P", "getDependenciesCount", json!([])).await;
    assert_eq!(counts["unprocessed"], 2);
    row.first().on_job("down", "b", "remove", json!([])).await;
    assert_eq!(row.node().job("up", "P").await["state"], "waiting-children");
    row.first().on_job("down", "c", "remove", json!([])).await;

    row.node().job_in("up", "P", "waiting").await;
    let events = row.node().events_until("up", |events| events.count("waiting") == 1).await;
    assert_eq!(events.named("waiting")[0]["prev"], "waiting-children");
    removed_with_its_children_unless_one_is_held(&row).await;
}

async fn removed_with_its_children_unless_one_is_held(row: &Row) {
    let failing = json!({ "failParentOnFailure": true });
    let ignored = json!({ "ignoreDependencyOnFailure": true });
    let middle = tree("top", "M", json!({}), vec![leaf("low", "deep", json!({}))]);
    let children = vec![leaf("low", "good", json!({})), leaf("low", "bad", ignored), middle];
    let acts = row.first();
    acts.add_flow(tree("top", "P", json!({}), children)).await.unwrap();
    let steps = json!([["fail_named", { "message": "BROKEN: no", "name": "bad" }], ["return", 1]]);
    let down = acts.work("low", json!({}), steps).await;
    row.node().job_in("top", "M", "waiting").await;
    for id in ["good", "deep"] {
        row.node().job_in("low", id, "completed").await;
    }
    down.close().await;
    let up = acts.work("top", json!({}), json!([["hold", null]])).await;
    up.begun(1).await;

    let refused = acts.try_on_job("top", "P", "remove", json!([])).await;
    assert!(refused.is_err(), "a worker holds a job below it");
    assert_eq!(row.node().job("top", "P").await["state"], "waiting-children");
    assert_eq!(row.node().job("top", "M").await["state"], "active");
    up.release().await;
    row.node().job_in("top", "P", "completed").await;
    up.close().await;
    let alone = acts.try_on_job("top", "M", "remove", json!([{ "removeChildren": false }])).await;
    alone.unwrap();
    assert_eq!(row.node().job("low", "deep").await["state"], "completed");

    acts.on_job("top", "P", "remove", json!([])).await;

    for (queue, id) in [("top", "P"), ("low", "good"), ("low", "bad")] {
        assert!(row.node().job(queue, id).await.is_null(), "{id}");
    }
    let below = tree("top", "R", failing, vec![leaf("low", "r", json!({}))]);
    acts.add_flow(tree("top", "Q", json!({}), vec![below])).await.unwrap();
    acts.on_job("top", "R", "remove", json!([])).await;
    row.node().job_in("top", "Q", "waiting").await;
    assert!(row.node().job("low", "r").await.is_null());
    acts.add_flow(tree("top", "S", json!({}), vec![leaf("top", "s", json!({}))])).await.unwrap();
    acts.call("top", "remove", json!(["S"])).await;
    for id in ["S", "s"] {
        assert!(row.node().job("top", id).await.is_null(), "{id}");
    }
    let events = row.node().events_until("top", |events| events.of("S").contains(&"removed")).await;
    assert_eq!(events.count("removed"), 5, "M, P, R, s and S: {events:?}");
}
