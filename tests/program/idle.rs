//! What a process costs that has nothing to do.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::support::{Options, RedisServer, Service, skip};

/// The most commands a minute, those within scripts counted.
const COMMANDS_MAX: u64 = 30;

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_process_sends_at_most_thirty_commands_a_minute() {
    let Some(redis) = RedisServer::start().await else {
        return skip("redis-server is not installed");
    };
    let options = Options { redis_url: Some(redis.url()), ..Options::default() };
    let service = Service::start(&options).await;
    let client = service.client();
    let material = client.upload("one.md", b"# One\n\nSome text to learn.".to_vec()).await;
    client.ended(&material, Duration::from_secs(30)).await;
    tokio::time::sleep(Duration::from_secs(10)).await;

    let before = commands(&redis).await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    let mut sent = commands(&redis).await;

    for (command, calls) in &mut sent {
        *calls -= before.get(command).copied().unwrap_or(0);
    }
    sent.retain(|command, calls| *calls > 0 && command != "info");
    println!("in a minute: {sent:?}");
    let total: u64 = sent.values().sum();
    assert!(total <= COMMANDS_MAX, "{total} commands: {sent:?}");
    assert_eq!(client.get("/readyz").await.0, 200, "and it is known to be ready");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_service_stays_ready() {
    let service = Service::start(&Options::default()).await;
    let operator = service.operator();
    let until = std::time::Instant::now() + Duration::from_secs(30);
    while std::time::Instant::now() < until {
        let (status, body) = operator.get("/readyz").await;
        assert_eq!(status, 200, "{body}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Counts the commands of a server, by name.
async fn commands(redis: &RedisServer) -> BTreeMap<String, u64> {
    let client = redis::Client::open(redis.url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let stats: String =
        redis::cmd("INFO").arg("commandstats").query_async(&mut connection).await.unwrap();
    let calls = |line: &str| {
        let (name, rest) = line.strip_prefix("cmdstat_")?.split_once(":calls=")?;
        Some((name.to_owned(), rest.split(',').next()?.parse().ok()?))
    };
    stats.lines().filter_map(calls).collect()
}
