//! Flows: parents that wait for their children, over queues.

use serde_json::json;

use crate::row::Row;
use crate::scenario::scenarios;

scenarios![s_083_a_parent_of_node_runs_after_its_last_child];

async fn s_083_a_parent_of_node_runs_after_its_last_child(row: Row) {
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
