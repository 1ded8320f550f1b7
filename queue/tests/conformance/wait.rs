//! Waiting for something to claim. These run in real time on both stores.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use oxherd_queue::JobOptions;
use oxherd_queue::outcome::Verdict;
use tokio::time::Instant;

use crate::world::{World, claim, job};

on_both_stores!(
    a_job_that_waits_already_ends_the_wait_at_once,
    an_added_job_ends_the_wait,
    a_due_job_ends_the_wait,
    a_delayed_job_added_later_ends_the_wait_when_it_is_due,
    a_resume_ends_the_wait,
    a_job_handed_back_ends_the_wait,
    a_retried_job_ends_the_wait,
    a_wait_for_nothing_ends_in_time,
    a_dropped_wait_takes_no_news_along,
    a_bulk_wakes_many_workers,
);

/// The longest wait that a case allows before it calls it polling.
const AT_ONCE: Duration = Duration::from_secs(4);

/// Waits as an idle worker does, until a claim brings a job; returns how long it took.
async fn woken(world: &World, news: impl Future<Output = ()>) -> Duration {
    let queue = Arc::clone(&world.queue);
    while !queue.claim(&claim(100)).await.unwrap().jobs.is_empty() {}
    let worker = tokio::spawn(async move {
        loop {
            queue.wait(Duration::from_secs(20)).await.unwrap();
            if !queue.claim(&claim(1)).await.unwrap().jobs.is_empty() {
                return Instant::now();
            }
        }
    });
    tokio::time::sleep(Duration::from_millis(100)).await;
    let start = Instant::now();
    news.await;
    tokio::time::timeout(Duration::from_secs(15), worker).await.unwrap().unwrap() - start
}

async fn a_job_that_waits_already_ends_the_wait_at_once(world: World) {
    world.add("a").await;
    let start = Instant::now();

    world.queue.wait(Duration::from_secs(20)).await.unwrap();

    assert!(start.elapsed() < AT_ONCE, "{:?}", start.elapsed());
}

async fn an_added_job_ends_the_wait(world: World) {
    let took = woken(&world, async {
        world.add("a").await;
    });
    let took = took.await;
    assert!(took < AT_ONCE, "{took:?}");
}

async fn a_due_job_ends_the_wait(world: World) {
    world.add_with("a", JobOptions::bare().delayed(Duration::from_millis(600))).await;
    let took = woken(&world, async {}).await;
    assert!(took > Duration::from_millis(300), "{took:?} is too early");
    assert!(took < Duration::from_millis(500) + AT_ONCE, "{took:?}");
}

async fn a_delayed_job_added_later_ends_the_wait_when_it_is_due(world: World) {
    let took = woken(&world, async {
        for ms in [60_000, 300, 30_000] {
            world.add_with("a", JobOptions::bare().delayed(Duration::from_millis(ms))).await;
        }
    });
    let took = took.await;
    assert!(took >= Duration::from_millis(295), "{took:?} is too early");
    assert!(took < Duration::from_millis(300) + AT_ONCE, "{took:?}");
}

async fn a_resume_ends_the_wait(world: World) {
    world.queue.pause().await.unwrap();
    world.add("a").await;
    let took = woken(&world, async {
        world.queue.resume().await.unwrap();
    });
    let took = took.await;
    assert!(took < AT_ONCE, "{took:?}");
}

async fn a_job_handed_back_ends_the_wait(world: World) {
    world.add("a").await;
    let job = world.claim().await;
    let took = woken(&world, async {
        world.settle(&job, Verdict::HandBack).await;
    });
    let took = took.await;
    assert!(took < AT_ONCE, "{took:?}");
}

async fn a_retried_job_ends_the_wait(world: World) {
    let id = world.ended("a", crate::world::failed()).await;
    let took = woken(&world, async {
        world.queue.retry(&id, true).await.unwrap();
    });
    let took = took.await;
    assert!(took < AT_ONCE, "{took:?}");
}

async fn a_wait_for_nothing_ends_in_time(world: World) {
    let start = Instant::now();
    // Wake-ups may be spurious: what counts is that they end and that there are few.
    let mut rounds = 0;
    while start.elapsed() < Duration::from_millis(300) {
        let wait = world.queue.wait(Duration::from_millis(100));
        tokio::time::timeout(Duration::from_secs(5), wait).await.unwrap().unwrap();
        rounds += 1;
    }
    assert!(rounds <= 10, "{rounds} wake-ups without news");
}

async fn a_dropped_wait_takes_no_news_along(world: World) {
    for _ in 0..20 {
        let wait = world.queue.wait(Duration::from_secs(20));
        let _ = tokio::time::timeout(Duration::from_millis(2), wait).await;
        let adding = world.add("a");
        let dropped = world.queue.wait(Duration::from_secs(20));
        tokio::select! {
            biased;
            _ = adding => {}
            _ = dropped => {}
        }
        while world.queue.counts().await.unwrap()["waiting"] > 0 {
            let wait = world.queue.wait(Duration::from_secs(20));
            tokio::time::timeout(Duration::from_secs(5), wait).await.unwrap().unwrap();
            world.claim_all(10).await;
        }
    }
}

async fn a_bulk_wakes_many_workers(world: World) {
    let workers = (0..5).map(|_| {
        let queue = Arc::clone(&world.queue);
        tokio::spawn(async move {
            loop {
                queue.wait(Duration::from_secs(20)).await.unwrap();
                if !queue.claim(&claim(1)).await.unwrap().jobs.is_empty() {
                    return Instant::now();
                }
            }
        })
    });
    let workers: Vec<_> = workers.collect();
    tokio::time::sleep(Duration::from_millis(100)).await;
    let start = Instant::now();

    world.queue.add((0..5).map(|_| job("a")).collect()).await.unwrap();

    for worker in workers {
        let woken = tokio::time::timeout(Duration::from_secs(10), worker).await.unwrap().unwrap();
        assert!(woken - start < AT_ONCE, "{:?}", woken - start);
    }
}
