//! Redis away: reads go on, requests are accepted or refused before anything is written, and
//! everything that was accepted is done when it is back.

use std::time::Duration;

use serde_json::json;

use crate::support::{Options, RedisServer, Service, eventually, skip};

const WITHIN: Duration = Duration::from_secs(60);
const AWAY: Duration = Duration::from_secs(15);

#[tokio::test(flavor = "multi_thread")]
async fn everything_accepted_while_redis_was_away_is_done_afterwards() {
    let Some(mut redis) = RedisServer::start().await else {
        return skip("redis-server is not installed");
    };
    let options = Options { redis_url: Some(redis.url()), ..Options::default() };
    let service = Service::start(&options).await;
    let client = service.client();
    let before = client.upload("before.md", b"# Before\n\nSome text to learn.".to_vec()).await;
    client.ended(&before, WITHIN).await;

    redis.kill();
    let until = std::time::Instant::now() + AWAY;
    let (mut accepted, mut refused, mut number) = (Vec::new(), 0, 0);
    while std::time::Instant::now() < until {
        number += 1;
        let (status, body) = client.get(&format!("/api/jobs/{before}")).await;
        assert_eq!(status, 200, "reads go on: {body}");
        assert_eq!(client.get(&format!("/api/materials/{before}")).await.0, 200);
        let text = format!("# Number {number}\n\nWritten while Redis was away.");
        let (status, body) = client.try_upload(&format!("{number}.md"), text.into_bytes()).await;
        match status {
            202 => accepted.push(body["data"]["jobId"].as_str().unwrap().to_owned()),
            503 => refused += 1,
            _ => panic!("neither accepted nor refused: {status} {body}"),
        }
        tokio::time::sleep(Duration::from_millis(400)).await;
    }
    let operator = service.operator();
    eventually(Duration::from_secs(10), "readiness says it", || async {
        (operator.get("/readyz").await.0 == 503).then_some(())
    })
    .await;
    redis.resume().await;

    assert!(!accepted.is_empty(), "the first two seconds are borne by the outbox");
    assert!(refused > 0, "after them requests are refused");
    println!("{} accepted, {refused} refused while Redis was away", accepted.len());
    for job in &accepted {
        assert_eq!(client.ended(job, WITHIN).await["status"], "completed");
    }
    eventually(WITHIN, "ready again", || async {
        (operator.get("/readyz").await.0 == 200).then_some(())
    })
    .await;
    let (_, materials) = client.get("/api/materials?limit=100&status=READY").await;
    let ready = materials["data"].as_array().unwrap().len();
    assert_eq!(json!(ready), json!(accepted.len() + 1), "refused requests left nothing behind");
}
