//! The plain driver at its work, in real time.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use oxherd_queue::queue::End;
use oxherd_queue::worker::{Handlers, JobContext, Worker};
use oxherd_queue::{JobId, JobOptions, Payload, Position};

use crate::running::{Payloadless, Running, end_of, number, quick, until};
use crate::world::{World, job};

on_both_stores!(
    jobs_run_and_keep_their_results,
    no_more_jobs_run_at_a_time_than_there_are_slots,
    a_long_job_keeps_its_lock,
    an_idle_worker_starts_a_job_at_once,
    a_delayed_job_starts_when_it_is_due,
    progress_is_stored_and_heard,
);

async fn jobs_run_and_keep_their_results(world: World) {
    let added = world.queue.add((0..80).map(number).collect()).await.unwrap();
    let handlers = Handlers::new().with_fn("double", |value: u64, _| async move { Ok(value * 2) });

    let worker = Running::start(&world, quick(20), handlers);

    for (value, added) in (0_u64..).zip(&added) {
        let expected = Payload::encode(&(value * 2)).unwrap();
        assert_eq!(end_of(&world, added.id()).await, End::Completed(expected));
    }
    worker.stop().await;
    assert_eq!(world.queue.counts().await.unwrap()["active"], 0);
}

async fn no_more_jobs_run_at_a_time_than_there_are_slots(world: World) {
    let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let handlers = Handlers::new().with_fn("a", {
        let (running, most) = (Arc::clone(&running), Arc::clone(&most));
        move |_: Payloadless, _| {
            let (running, most) = (Arc::clone(&running), Arc::clone(&most));
            async move {
                most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                tokio::time::sleep(Duration::from_millis(5)).await;
                running.fetch_sub(1, Ordering::SeqCst);
                Ok(())
            }
        }
    });
    world.queue.add((0..60).map(|_| job("a")).collect()).await.unwrap();

    let worker = Running::start(&world, quick(7), handlers);
    until("all complete", async || world.queue.counts().await.unwrap()["completed"] == 60).await;
    worker.stop().await;

    assert_eq!(most.load(Ordering::SeqCst), 7);
}

async fn a_long_job_keeps_its_lock(world: World) {
    let runs = Arc::new(AtomicUsize::new(0));
    let handlers = Handlers::new().with_fn("a", {
        let runs = Arc::clone(&runs);
        move |_: Payloadless, _| {
            runs.fetch_add(1, Ordering::SeqCst);
            async {
                tokio::time::sleep(Duration::from_secs(3)).await;
                Ok(())
            }
        }
    });
    let id = world.add("a").await;

    let worker = Running::start(&world, quick(2), handlers);

    assert!(matches!(end_of(&world, &id).await, End::Completed(_)));
    worker.stop().await;
    assert_eq!(runs.load(Ordering::SeqCst), 1);
    assert_eq!(world.job(&id).await.stalled_count, 0);
}

async fn an_idle_worker_starts_a_job_at_once(world: World) {
    let handlers = Handlers::new().with_fn("a", |_: Payloadless, _| async { Ok(()) });
    let worker = Running::start(&world, quick(3), handlers);
    for _ in 0..5 {
        tokio::time::sleep(Duration::from_millis(60)).await;
        let start = tokio::time::Instant::now();

        let id = world.add("a").await;

        end_of(&world, &id).await;
        assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());
    }
    worker.stop().await;
}

async fn a_delayed_job_starts_when_it_is_due(world: World) {
    let handlers = Handlers::new().with_fn("a", |_: Payloadless, _| async { Ok(()) });
    let worker = Running::start(&world, quick(3), handlers);
    let start = tokio::time::Instant::now();

    let id = world.add_with("a", JobOptions::bare().delayed(Duration::from_millis(400))).await;

    end_of(&world, &id).await;
    let took = start.elapsed();
    assert!(took > Duration::from_millis(350) && took < Duration::from_secs(4), "{took:?}");
    worker.stop().await;
}

#[derive(Default)]
struct Heard(std::sync::Mutex<Vec<(String, Position)>>);

impl oxherd_queue::worker::ProgressObserver for Heard {
    fn progressed(&self, job: &JobId, progress: &Payload, version: Position) {
        self.0.lock().unwrap().push((format!("{job} {}", progress.as_str()), version));
    }
}

async fn progress_is_stored_and_heard(world: World) {
    let handlers = Handlers::new().with_fn("a", |_: Payloadless, context: JobContext| async move {
        context.progress(Payload::encode(&50).unwrap()).await.unwrap();
        context.log("half").await.unwrap();
        Ok(())
    });
    let id = world.add_with("a", JobOptions { keep_logs: Some(3), ..JobOptions::bare() }).await;
    let heard = Arc::new(Heard::default());
    let worker = Worker::new(Arc::clone(&world.queue), quick(1)).unwrap();
    let worker = worker.with_observer(Arc::clone(&heard) as _);
    let task = tokio::spawn(worker.run(handlers, std::future::pending()));

    end_of(&world, &id).await;

    task.abort();
    let heard = heard.0.lock().unwrap().clone();
    assert_eq!(heard.len(), 1);
    assert_eq!(heard[0].0, format!("{id} 50"));
    assert_eq!(world.job(&id).await.progress, Some(Payload::encode(&50).unwrap()));
    assert_eq!(world.queue.logs(&id, 0, 10).await.unwrap().0, ["half"]);
}
