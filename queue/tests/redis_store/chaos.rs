//! Workers and a producer at work while the server is killed and frozen at random moments.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use oxherd_queue::worker::{Handlers, Worker, WorkerOptions};
use oxherd_queue::{Backend, Backoff, EventKind, JobId, JobOptions, JobState, Position};
use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep};

use crate::server::{Server, job, run};

const JOBS: usize = 300;

fn worker_options() -> WorkerOptions {
    WorkerOptions {
        concurrency: 8,
        lock: Duration::from_secs(2),
        renew_every: Duration::from_millis(400),
        stalled_every: Duration::from_millis(500),
        stalled_every_idle: Duration::from_millis(500),
        stalled_max: 50,
        grace: Duration::from_secs(5),
        remove_on_complete: None,
        ..WorkerOptions::default()
    }
}

/// Runs a worker on connections of its own until told to stop.
async fn worker(server: &Server) -> (oneshot::Sender<()>, tokio::task::JoinHandle<()>) {
    let queue = server.queue().await;
    let (stop, stopped) = oneshot::channel::<()>();
    let handlers = Handlers::new().with_fn("send", |_: serde_json::Value, context| async move {
        let _ = context.progress(oxherd_queue::Payload::encode(&50).unwrap()).await;
        sleep(Duration::from_millis(20)).await;
        Ok(())
    });
    let running = Worker::new(queue, worker_options()).unwrap().run(handlers, async {
        let _ = stopped.await;
    });
    (stop, tokio::spawn(async move { running.await.unwrap() }))
}

/// Adds every job until it is acknowledged; a repeated one changes nothing.
async fn produce(queue: Arc<dyn Backend>) {
    for number in 0..JOBS {
        let options = JobOptions {
            attempts: 20,
            backoff: Some(Backoff::fixed(Duration::from_millis(50))),
            ..JobOptions::bare()
        };
        let id = JobId::custom(format!("job-{number}")).unwrap();
        let new = job("{}").with_id(id).with_options(options);
        while let Err(error) = queue.add(vec![new.clone()]).await {
            assert!(error.is_transient(), "{error}");
        }
        sleep(Duration::from_millis(15)).await;
    }
}

#[test]
fn every_acknowledged_job_completes_once_whatever_happens_to_the_server() {
    run(|mut server| async move {
        let seed = rand::rng().random::<u64>();
        println!("seed {seed}");
        let mut random = SmallRng::seed_from_u64(seed);
        server.sync_always().await;
        let workers = [worker(&server).await, worker(&server).await];
        let queue = server.queue().await;
        let producer = tokio::spawn(produce(Arc::clone(&queue)));

        for _ in 0..5 {
            sleep(Duration::from_millis(random.random_range(100..1500))).await;
            let away = Duration::from_millis(random.random_range(0..1500));
            if random.random_bool(0.7) {
                server.kill();
                sleep(away).await;
                server.restart().await;
            } else {
                server.freeze();
                sleep(away * 3).await;
                server.thaw();
            }
        }
        producer.await.unwrap();
        let deadline = Instant::now() + Duration::from_secs(30);
        let all = u64::try_from(JOBS).unwrap();
        while queue.counts().await.unwrap()["completed"] < all {
            let counts = queue.counts().await.unwrap();
            assert!(Instant::now() < deadline, "seed {seed}: {counts:?}");
            sleep(Duration::from_millis(100)).await;
        }
        for (stop, task) in workers {
            let _ = stop.send(());
            task.await.unwrap();
        }

        let mut ends: HashMap<JobId, u32> = HashMap::new();
        for event in queue.events(Position::START, 100_000, Duration::ZERO).await.unwrap().events {
            if let EventKind::Completed { id, .. } = event.kind {
                *ends.entry(id).or_default() += 1;
            }
        }
        assert_eq!(ends.len(), JOBS, "seed {seed}");
        assert!(ends.values().all(|times| *times == 1), "seed {seed}: {ends:?}");
        let counts = queue.counts().await.unwrap();
        let other: u64 = counts.values().sum::<u64>() - counts[JobState::Completed.as_str()];
        assert_eq!(other, 0, "seed {seed}: {counts:?}");
    });
}
