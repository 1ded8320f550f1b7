//! Starts and stops the parts of a test: the service, Redis, and a client that reads the contract.

mod audit;
mod client;
mod redis;
mod service;

pub(crate) use audit::{all, each_run_ended_once, rows_and_jobs_agree};
pub(crate) use client::Client;
pub(crate) use redis::RedisServer;
pub(crate) use service::{Options, Service};

use std::time::{Duration, Instant};

/// Tells once why tests are skipped, and that they are.
pub(crate) fn skip(what: &str) {
    println!("SKIPPED: {what}");
}

/// Asks again until there is an answer, for at most `within`.
pub(crate) async fn eventually<T, F>(within: Duration, what: &str, mut ask: impl FnMut() -> F) -> T
where
    F: Future<Output = Option<T>>,
{
    let until = Instant::now() + within;
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(Instant::now() < until, "not within {within:?}: {what}");
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
}

/// The stores that a test runs on: embedded, and Redis where it is installed.
pub(crate) async fn on_both_stores<F>(test: impl Fn(Options) -> F)
where
    F: Future<Output = ()>,
{
    println!("on the embedded store");
    test(Options::default()).await;
    match RedisServer::start().await {
        Some(redis) => {
            println!("on Redis");
            test(Options { redis_url: Some(redis.url()), ..Options::default() }).await;
            drop(redis);
        }
        None => skip("redis-server is not installed; only the embedded store was tested"),
    }
}
