//! The server goes away, falls silent, forgets, refuses: and everything works again afterwards.

use std::sync::Arc;
use std::time::Duration;

use faults::FaultProxy;
use oxherd_queue::backend::redis::{RedisOptions, RedisStore};
use oxherd_queue::backend::{Added, Held};
use oxherd_queue::clock::{Clock, SystemClock};
use oxherd_queue::outcome::{Settled, Verdict};
use oxherd_queue::{Backend, JobId, JobState, Position, QueueError, Store as _};
use tokio::time::{Instant, sleep};

use crate::server::{
    Server, add, ask, claim, claim_one, completed, failed, job, open, run, settle, settlement,
};

/// How soon everything works after the server is back.
const BACK_WITHIN: Duration = Duration::from_millis(2500);

/// Waits as an idle worker does, over errors, until a claim brings a job.
fn idle_worker(queue: &Arc<dyn Backend>) -> tokio::task::JoinHandle<JobId> {
    let queue = Arc::clone(queue);
    tokio::spawn(async move {
        loop {
            if let Ok(claimed) = queue.claim(&claim(1)).await
                && let Some(job) = claimed.jobs.into_iter().next()
            {
                return job.job.id;
            }
            let _ = queue.wait(Duration::from_secs(30)).await;
        }
    })
}

/// Adds, over errors, until it works; returns the id.
async fn add_at_last(queue: &Arc<dyn Backend>) -> JobId {
    loop {
        match queue.add(vec![job("{}")]).await {
            Ok(added) => return added[0].id().clone(),
            Err(error) => assert!(error.is_transient(), "{error}"),
        }
    }
}

fn assert_unavailable<T: std::fmt::Debug>(result: Result<T, QueueError>) {
    assert!(matches!(result, Err(QueueError::Unavailable { .. })), "{result:?}");
}

#[test]
fn an_idle_worker_outlives_the_death_of_the_server() {
    run(|mut server| async move {
        for away in [0, 300, 5000] {
            let queue = server.queue().await;
            let worker = idle_worker(&queue);
            sleep(Duration::from_millis(200)).await;
            server.kill();
            sleep(Duration::from_millis(away)).await;
            server.restart().await;
            let back = Instant::now();

            let added = add_at_last(&queue).await;

            assert_eq!(worker.await.unwrap(), added, "away {away} ms");
            assert!(back.elapsed() < BACK_WITHIN, "{:?} after {away} ms away", back.elapsed());
            let job = JobId::from_store(added.as_str());
            assert!(queue.jobs(&[job]).await.unwrap()[0].is_some());
        }
    });
}

#[test]
fn acknowledged_adds_survive_the_death_of_the_server() {
    run(|mut server| async move {
        server.sync_always().await;
        let queue = server.queue().await;
        let (tell, mut acknowledged) = tokio::sync::mpsc::channel(100_000);
        let producer = tokio::spawn(async move {
            while let Ok(added) = queue.add(vec![job("{}")]).await {
                tell.send(added[0].id().clone()).await.unwrap();
            }
        });
        let mut ids = Vec::new();
        while ids.len() < 200 {
            acknowledged.recv_many(&mut ids, 100).await;
        }

        server.kill();
        producer.await.unwrap();
        while let Some(id) = acknowledged.recv().await {
            ids.push(id);
        }
        server.restart().await;

        let fresh = server.queue().await;
        let found = fresh.jobs(&ids).await.unwrap();
        let lost = found.iter().filter(|job| job.is_none()).count();
        assert_eq!(lost, 0, "of {} acknowledged adds", ids.len());
    });
}

#[test]
fn calls_to_a_frozen_server_end_in_time_and_work_again_after_it() {
    run(|server| async move {
        let store = server.store().await;
        let queue = store.queue("m").await.unwrap();
        let id = add(&queue, job("{}")).await;
        server.freeze();
        let frozen = Instant::now();

        let (added, read, pinged) = tokio::join!(
            queue.add(vec![job("{}")]),
            queue.jobs(std::slice::from_ref(&id)),
            store.ping()
        );
        assert_unavailable(added);
        assert_unavailable(read);
        assert_unavailable(pinged);
        assert!(frozen.elapsed() < Duration::from_secs(6), "{:?}", frozen.elapsed());
        sleep(Duration::from_secs(4)).await;
        server.thaw();

        let back = Instant::now();
        add_at_last(&queue).await;
        assert!(back.elapsed() < BACK_WITHIN, "{:?}", back.elapsed());
        store.ping().await.unwrap();
    });
}

#[test]
fn connections_that_died_in_silence_are_noticed() {
    run(|server| async move {
        let proxy = FaultProxy::before(server.port()).await;
        let queue = open(&proxy.url()).await.queue("m").await.unwrap();
        let near = server.queue().await;
        let worker = idle_worker(&queue);
        let tail = {
            let queue = Arc::clone(&queue);
            tokio::spawn(async move {
                loop {
                    let page = queue.events(Position::START, 10, Duration::from_secs(30)).await;
                    if let Ok(page) = page
                        && !page.events.is_empty()
                    {
                        return page.gap;
                    }
                }
            })
        };
        sleep(Duration::from_millis(300)).await;
        // Bytes are thrown away while both sockets stay open, then pass again.
        proxy.half_open();
        sleep(Duration::from_secs(12)).await;
        proxy.pass();
        let healed = Instant::now();

        let added = add(&near, job("{}")).await;

        assert_eq!(worker.await.unwrap(), added);
        assert!(!tail.await.unwrap());
        assert!(healed.elapsed() < Duration::from_secs(10), "{:?}", healed.elapsed());
    });
}

#[test]
fn an_add_whose_answer_was_lost_can_be_repeated_by_its_id() {
    run(|server| async move {
        let proxy = FaultProxy::before(server.port()).await;
        let queue = open(&proxy.url()).await.queue("m").await.unwrap();
        let named = || job("{}").with_id(JobId::custom("once").unwrap());
        proxy.cut_after(0);

        assert_unavailable(queue.add(vec![named()]).await);
        proxy.pass();

        let again = queue.add(vec![named()]).await.unwrap();
        assert!(matches!(again[0], Added::Duplicate { .. }), "{again:?}");
        assert_eq!(queue.counts().await.unwrap()["waiting"], 1);
    });
}

#[test]
fn a_settlement_whose_answer_was_lost_is_confirmed_when_it_is_repeated() {
    run(|server| async move {
        let proxy = FaultProxy::before(server.port()).await;
        let queue = open(&proxy.url()).await.queue("m").await.unwrap();
        queue.add((0..4).map(|_| job("{}")).collect()).await.unwrap();
        let held = queue.claim(&claim(4)).await.unwrap().jobs;
        let pause = Duration::from_secs(60);
        let verdicts = [
            completed("1"),
            failed("BROKEN: no"),
            Verdict::Retry { reason: "BROKEN: no".to_owned(), stack_trace: Vec::new(), pause },
            Verdict::HandBack,
        ];
        let told = || held.iter().zip(verdicts.clone()).map(|(job, v)| settlement(job, v));
        let stranger = settlement(&held[0], completed("2"));
        proxy.cut_after(0);
        assert_unavailable(queue.settle(told().collect(), None).await);
        proxy.pass();

        let again = queue.settle(told().collect(), None).await.unwrap().settled;

        let states = [
            (JobState::Completed, 1),
            (JobState::Failed, 1),
            (JobState::Delayed, 1),
            (JobState::Waiting, 0),
        ];
        let ids: Vec<JobId> = held.iter().map(|job| job.job.id.clone()).collect();
        let found = queue.jobs(&ids).await.unwrap();
        for ((settled, found), (expected, made)) in again.iter().zip(found).zip(states) {
            let Settled::Done { state, attempts_made, .. } = settled else {
                panic!("{settled:?} where {expected} belongs");
            };
            assert_eq!((*state, *attempts_made), (expected, made));
            let found = found.unwrap();
            assert_eq!((found.state, found.job.attempts_made), (expected, made));
        }
        // Once answered, a third try is refused as ever.
        let third = queue.settle(vec![stranger], None).await.unwrap().settled;
        assert!(matches!(third[0], Settled::Lost { .. }), "{third:?}");
    });
}

#[test]
fn a_server_that_forgets_its_scripts_is_taught_them_again() {
    run(|server| async move {
        let mut stranger = server.connect().await;
        let queue = server.queue().await;
        for _ in 0..50 {
            ask::<String>(&mut stranger, "SCRIPT FLUSH").await;
            add(&queue, job("{}")).await;
            ask::<String>(&mut stranger, "SCRIPT FLUSH").await;
            let held = claim_one(&queue).await;
            ask::<String>(&mut stranger, "SCRIPT FLUSH").await;
            settle(&queue, &held, completed("1")).await;
        }
        assert_eq!(queue.counts().await.unwrap()["completed"], 50);
    });
}

#[test]
fn a_full_server_refuses_adds_but_running_jobs_can_end() {
    run(|server| async move {
        let mut stranger = server.connect().await;
        let queue = server.queue().await;
        add(&queue, job("{}")).await;
        let held = claim_one(&queue).await;
        ask::<String>(&mut stranger, "CONFIG SET maxmemory 1").await;

        let refused = queue.add(vec![job("{}")]).await;
        assert!(matches!(refused, Err(QueueError::Refused { .. })), "{refused:?}");
        let lock = Held { id: held.job.id.clone(), token: held.token.clone() };
        let renewal = queue.renew(&[lock], Duration::from_secs(30)).await.unwrap();
        assert!(renewal.lost.is_empty());
        let turn = settle(&queue, &held, completed("1")).await;
        assert!(matches!(turn.settled[0], Settled::Done { .. }), "{turn:?}");

        ask::<String>(&mut stranger, "CONFIG SET maxmemory 0").await;
        assert_eq!(ask::<i64>(&mut stranger, "GET bull:m:id").await, 1, "nothing was written");
        add(&queue, job("{}")).await;
    });
}

#[test]
fn an_emptied_server_is_told_as_a_gap() {
    run(|mut server| async move {
        let mut stranger = server.connect().await;
        let queue = server.queue().await;
        add(&queue, job("{}")).await;
        let last = queue.last_position().await.unwrap();
        ask::<String>(&mut stranger, "FLUSHALL").await;

        let page = queue.events(last, 10, Duration::ZERO).await.unwrap();
        assert!(page.gap && page.events.is_empty(), "{page:?}");

        server.kill();
        server.restart().await;
        add_at_last(&queue).await;
        let page = queue.events(last, 10, Duration::from_secs(5)).await.unwrap();
        assert!(page.gap && page.events.len() == 2, "{page:?}");
    });
}

async fn refusal(options: RedisOptions) -> String {
    let options = RedisOptions { patience: Duration::from_secs(2), ..options };
    match RedisStore::connect(options, Arc::new(SystemClock)).await {
        Err(error @ QueueError::Unusable { .. }) => error.to_string(),
        Err(error) => panic!("{error:?}"),
        Ok(_) => panic!("the store was opened"),
    }
}

async fn refusal_by(server: &Server, url: &str) -> String {
    let place = format!("127.0.0.1:{}", server.port());
    let told = refusal(RedisOptions::new(url.replace("HOST", &place))).await;
    assert!(!told.contains("hidden"), "{told}");
    told
}

#[test]
fn a_server_that_cannot_be_used_is_refused_with_the_fix() {
    run(|server| async move {
        let mut stranger = server.connect().await;
        ask::<String>(&mut stranger, "CONFIG SET maxmemory-policy allkeys-lru").await;
        let told = refusal(RedisOptions::new(server.url())).await;
        assert!(told.contains("allkeys-lru") && told.contains("noeviction"), "{told}");
        ask::<String>(&mut stranger, "CONFIG SET maxmemory-policy noeviction").await;

        ask::<String>(&mut stranger, "CONFIG SET requirepass p@ss:w").await;
        let told = refusal_by(&server, "redis://HOST").await;
        assert!(told.contains("password"), "{told}");
        let told = refusal_by(&server, "redis://:hidden@HOST").await;
        assert!(told.contains("password"), "{told}");
        open(&format!("redis://:p%40ss%3Aw@127.0.0.1:{}/2", server.port())).await;
    });
}

#[test]
fn a_server_that_is_not_there_is_named() {
    run(|mut server| async move {
        server.kill();
        let told = refusal_by(&server, "redis://:hidden@HOST").await;
        assert!(told.contains(&server.port().to_string()), "{told}");
    });
}

#[test]
fn a_closed_store_answers_with_an_error() {
    run(|server| async move {
        let store = server.store().await;
        let queue = store.queue("m").await.unwrap();
        let waiting = {
            let queue = Arc::clone(&queue);
            tokio::spawn(async move { queue.wait(Duration::from_secs(60)).await })
        };
        sleep(Duration::from_millis(100)).await;

        store.close().await;

        waiting.await.unwrap().unwrap();
        assert_unavailable(queue.add(vec![job("{}")]).await);
        assert_unavailable(queue.claim(&claim(1)).await);
        assert_unavailable(store.ping().await);
    });
}

#[test]
fn timestamps_are_of_the_servers_clock() {
    #[derive(Debug)]
    struct Ahead;

    impl Clock for Ahead {
        fn now_ms(&self) -> u64 {
            SystemClock.now_ms() + 3_600_000
        }
    }

    run(|server| async move {
        let store = RedisStore::connect(RedisOptions::new(server.url()), Arc::new(Ahead));
        let queue = store.await.unwrap().queue("m").await.unwrap();
        add(&queue, job("{}")).await;

        let claimed = claim_one(&queue).await.job;

        for time in [claimed.timestamp_ms, claimed.processed_on_ms.unwrap()] {
            assert!(time.abs_diff(SystemClock.now_ms()) < 5000, "{time}");
        }
    });
}
