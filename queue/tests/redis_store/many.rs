//! Many jobs, many callers, many at once.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use oxherd_queue::backend::{Added, Submitted};
use oxherd_queue::outcome::Settled;
use oxherd_queue::{Backend, JobId, JobOptions, Position, Retention, Store as _};

use crate::server::{ask, claim, completed, job, run, settlement};

#[test]
fn adds_of_many_callers_share_calls_and_each_gets_its_own_id() {
    run(|server| async move {
        let mut stranger = server.connect().await;
        let queue = server.queue().await;
        ask::<String>(&mut stranger, "CONFIG RESETSTAT").await;

        let callers: Vec<_> = (0..200)
            .map(|_| {
                let queue = Arc::clone(&queue);
                tokio::spawn(async move {
                    let mut ids = Vec::new();
                    for _ in 0..5 {
                        ids.push(queue.add(vec![job("{}")]).await.unwrap()[0].id().clone());
                    }
                    ids
                })
            })
            .collect();
        let mut ids = HashSet::new();
        for caller in callers {
            ids.extend(caller.await.unwrap());
        }

        let expected: HashSet<JobId> =
            (1..=1000).map(|number: u32| JobId::from_store(number.to_string())).collect();
        assert_eq!(ids, expected);
        let stats: String = ask(&mut stranger, "INFO commandstats").await;
        let calls = stats.lines().find(|line| line.starts_with("cmdstat_evalsha:")).unwrap();
        let calls = calls.split(&['=', ','][..]).nth(1).unwrap().parse::<u32>().unwrap();
        assert!(calls < 500, "{calls} calls for 1,000 adds");
    });
}

#[test]
fn a_bulk_of_thousands_keeps_its_order_and_its_duplicates() {
    run(|server| async move {
        let queue = server.queue().await;
        let mut jobs: Vec<_> = (0..2500).map(|_| job("{}")).collect();
        let twice = JobId::custom("twice").unwrap();
        jobs[10] = job("{}").with_id(twice.clone());
        jobs[2400] = job("{}").with_id(twice.clone());

        let added = queue.add(jobs).await.unwrap();

        assert_eq!(added.len(), 2500);
        assert!(matches!(added[10], Added::Created { .. }));
        assert_eq!(added[2400], Added::Duplicate { id: twice });
        let order: Vec<JobId> = added
            .iter()
            .filter(|added| matches!(added, Added::Created { .. }))
            .map(|added| added.id().clone())
            .collect();
        let claimed = queue.claim(&claim(5000)).await.unwrap().jobs;
        let claimed: Vec<JobId> = claimed.into_iter().map(|job| job.job.id).collect();
        assert_eq!(claimed, order);
    });
}

#[test]
fn two_processes_share_the_work_and_no_job_runs_twice() {
    run(|server| async move {
        const JOBS: usize = 5000;
        let queues = [server.queue().await, server.queue().await, server.queue().await];
        queues[0].add((0..JOBS).map(|_| job("{}")).collect()).await.unwrap();

        let workers = queues.clone().map(|queue| {
            tokio::spawn(async move {
                let mut ran = Vec::new();
                let mut claimed = queue.claim(&claim(7)).await.unwrap().jobs;
                while !claimed.is_empty() {
                    let done: Vec<_> =
                        claimed.iter().map(|job| settlement(job, completed("1"))).collect();
                    ran.extend(claimed.drain(..).map(|job| job.job.id));
                    let turn = queue.settle(done, Some(&claim(7))).await.unwrap();
                    assert!(turn.settled.iter().all(|one| matches!(one, Settled::Done { .. })));
                    claimed = turn.claimed.jobs;
                }
                ran
            })
        });
        let mut ran = Vec::new();
        for worker in workers {
            ran.extend(worker.await.unwrap());
        }

        let different: HashSet<_> = ran.iter().collect();
        assert_eq!((ran.len(), different.len()), (JOBS, JOBS));
        assert_eq!(queues[0].counts().await.unwrap()["completed"], JOBS as u64);
    });
}

#[test]
fn jobs_settled_in_any_order_leave_the_active_list_clean() {
    run(|server| async move {
        let mut stranger = server.connect().await;
        let queue = server.queue().await;
        queue.add((0..60).map(|_| job("{}")).collect()).await.unwrap();
        let mut claimed = queue.claim(&claim(60)).await.unwrap().jobs;
        // The tail, the head, every other one, one alone: each way of leaving the list.
        for picked in [vec![0, 1, 2], vec![56, 55], (0..50).step_by(2).collect(), vec![7]] {
            let mut done = Vec::new();
            for place in &picked {
                done.push(settlement(&claimed[*place], completed("1")));
            }
            let turn = queue.settle(done, None).await.unwrap();
            assert!(turn.settled.iter().all(|one| matches!(one, Settled::Done { .. })));
            let mut place = 0;
            claimed.retain(|_| {
                place += 1;
                !picked.contains(&(place - 1))
            });
            let active: Vec<String> = ask(&mut stranger, "LRANGE bull:m:active 0 -1").await;
            let left: Vec<&str> = claimed.iter().rev().map(|job| job.job.id.as_str()).collect();
            assert_eq!(active, left, "the order of the others stays");
        }
    });
}

#[test]
fn the_kept_count_holds_after_batches() {
    run(|server| async move {
        let mut stranger = server.connect().await;
        let queue = server.queue().await;
        let keep = Retention::newest(3);
        let options = JobOptions { remove_on_complete: Some(keep), ..JobOptions::bare() };
        let jobs = (0..250).map(|_| job("{}").with_options(options.clone()));
        queue.add(jobs.collect()).await.unwrap();
        let claimed = queue.claim(&claim(250)).await.unwrap().jobs;

        let done = claimed.iter().map(|job| settlement(job, completed("1"))).collect();
        queue.settle(done, None).await.unwrap();

        assert_eq!(queue.counts().await.unwrap()["completed"], 3);
        let hashes: Vec<String> = ask(&mut stranger, "KEYS bull:m:[0-9]*").await;
        assert_eq!(hashes.len(), 3, "{hashes:?}");
    });
}

#[test]
fn many_due_jobs_and_many_dead_workers_jobs_are_handled_in_slices() {
    run(|server| async move {
        let queue = server.queue().await;
        let soon = JobOptions::bare().delayed(Duration::from_millis(1));
        let jobs = (0..2300).map(|_| job("{}").with_options(soon.clone()));
        queue.add(jobs.collect()).await.unwrap();
        tokio::time::sleep(Duration::from_millis(10)).await;

        let (promoted, next) = queue.promote_due().await.unwrap();
        assert_eq!((promoted, next), (2300, None));

        let dead = oxherd_queue::backend::Claim { lock: Duration::from_millis(1), ..claim(2300) };
        assert_eq!(queue.claim(&dead).await.unwrap().jobs.len(), 2300);
        let interval = Duration::from_millis(1);
        assert!(queue.sweep_stalled(interval, 1).await.unwrap().is_empty());
        tokio::time::sleep(Duration::from_millis(10)).await;
        let recovered = queue.sweep_stalled(interval, 1).await.unwrap();
        let different: HashSet<_> = recovered.iter().collect();
        assert_eq!((recovered.len(), different.len()), (2300, 2300));
        assert_eq!(queue.counts().await.unwrap()["waiting"], 2300);
    });
}

#[test]
fn many_requests_and_many_records_go_in_slices() {
    run(|server| async move {
        let store = server.store().await;
        let queue: Arc<dyn Backend> = store.queue("m").await.unwrap();
        let named = |number: usize| {
            job(r#"{"generation":1}"#).with_id(JobId::custom(format!("j{number}")).unwrap())
        };

        let submitted = queue.submit((0..730).map(named).collect()).await.unwrap();
        let again = queue.submit((0..730).map(named).collect()).await.unwrap();

        assert!(submitted.iter().all(|one| matches!(one, Submitted::Added { .. })));
        assert!(again.iter().all(|one| matches!(one, Submitted::Unchanged { .. })));
        let positions: HashSet<Position> = submitted
            .iter()
            .filter_map(|one| match one {
                Submitted::Added { version } => Some(*version),
                _ => None,
            })
            .collect();
        assert_eq!(positions.len(), 730);
        let ids: Vec<JobId> =
            (0..730).map(|number| JobId::custom(format!("j{number}")).unwrap()).collect();
        let found = queue.jobs(&ids).await.unwrap();
        assert!(found.iter().all(Option::is_some));
    });
}
