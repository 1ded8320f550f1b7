//! A cluster: queues whose keys are in several slots are refused, slots move, nodes die.

use std::sync::Arc;
use std::time::Duration;

use faults::RedisCluster;
use oxherd_queue::backend::redis::{RedisOptions, RedisStore};
use oxherd_queue::clock::SystemClock;
use oxherd_queue::flow::{Flow, JobKey};
use oxherd_queue::worker::{Handlers, Worker, WorkerOptions};
use oxherd_queue::{Failure, JobError, JobId, NewJob, Payload, QueueError, Store as _};
use tokio::time::{Instant, sleep};

use crate::cell::{Cell, End, Load, play_in_turn};

/// The slot of `{bull}`.
const SLOT: u16 = 9263;

/// A cluster is reached by any of its nodes.
fn options(cluster: &RedisCluster, node: usize) -> RedisOptions {
    RedisOptions { prefix: "{bull}".to_owned(), ..RedisOptions::new(cluster.nodes[node].url()) }
}

async fn store(options: RedisOptions) -> Arc<RedisStore> {
    RedisStore::connect(options, Arc::new(SystemClock)).await.unwrap()
}

fn job() -> NewJob {
    NewJob::new("send", Payload::null())
}

#[test]
fn keys_in_several_slots_are_refused_before_anything_is_written_and_the_fix_is_told() {
    play_in_turn([async {
        let cluster = RedisCluster::start().await;
        let untagged =
            store(RedisOptions { prefix: "bull".to_owned(), ..options(&cluster, 0) }).await;

        let refused = untagged.queue("mail").await.err().unwrap();
        assert!(matches!(refused, QueueError::CrossSlot { .. }), "{refused}");
        assert!(
            refused.to_string().contains("give the prefix a hash tag, \"{bull}\""),
            "{refused}"
        );

        let queue = untagged.queue("{mail}").await.unwrap();
        queue.add(vec![job()]).await.unwrap();
        let flow = Flow::new("{mail}", job()).with_child(Flow::new("{letters}", job()));
        let refused = untagged.add_flow(flow).await.unwrap_err();
        assert!(matches!(refused, QueueError::CrossSlot { .. }), "{refused}");
        assert!(refused.to_string().contains("bull:{letters}:"), "{refused}");
        let parent = JobKey::new("{letters}", JobId::custom("P".to_owned()).unwrap());
        let refused = untagged.add_flow(Flow::new("{mail}", job()).under(parent)).await;
        assert!(matches!(refused, Err(QueueError::CrossSlot { .. })), "{refused:?}");
        assert_eq!(queue.counts().await.unwrap().values().sum::<u64>(), 1);
        untagged.queue("{letters}").await.unwrap().add(vec![job()]).await.unwrap();
        assert_eq!(untagged.installation("a").await.unwrap(), "a");

        let tagged = store(options(&cluster, 1)).await;
        let flow = Flow::new("up", job()).with_child(Flow::new("down", job()));
        assert_eq!(tagged.add_flow(flow).await.unwrap().len(), 2);
        let database = format!("{}/3", cluster.nodes[0].url());
        let options = RedisOptions { patience: Duration::from_millis(500), ..options(&cluster, 0) };
        let other = RedisOptions { url: database, ..options };
        let refused = RedisStore::connect(other, Arc::new(SystemClock)).await.err().unwrap();
        assert!(refused.to_string().contains("no database 3"), "{refused}");
        Ok("keys in several slots: refused".to_owned())
    }]);
}

#[test]
fn a_parent_in_another_slot_that_a_stranger_names_does_not_stop_a_job() {
    play_in_turn([async {
        let cluster = RedisCluster::start().await;
        let owner = cluster.owner(SLOT).await;
        let queue = store(options(&cluster, 0)).await.queue("m").await.unwrap();
        // The slot of `{other}` belongs to another node.
        let parent = r#"{"id":"P","queueKey":"{other}:up","fpof":true}"#;
        for id in ["good", "bad"] {
            let job = NewJob::new("send", Payload::encode(&id).unwrap())
                .with_id(JobId::custom(id.to_owned()).unwrap());
            queue.add(vec![job]).await.unwrap();
            let stranger = format!("HSET {{bull}}:m:{id} parentKey {{other}}:up:P parent {parent}");
            assert_eq!(cluster.nodes[owner].ask(&stranger).await, "2");
        }
        let handlers = Handlers::new().with_fn("send", |text: String, _| async move {
            if text == "good" {
                Ok(())
            } else {
                Err(JobError::Unrecoverable(Failure::new("NO", "never")))
            }
        });
        let worker = Worker::new(Arc::clone(&queue), WorkerOptions::default()).unwrap();
        let worker = tokio::spawn(worker.run(handlers, std::future::pending()));
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let counts = queue.counts().await.unwrap();
            if counts["completed"] == 1 && counts["failed"] == 1 {
                break;
            }
            assert!(Instant::now() < deadline, "{counts:?}");
            sleep(Duration::from_millis(50)).await;
        }
        worker.abort();
        let bad = JobId::custom("bad".to_owned()).unwrap();
        queue.retry(&bad, true).await.unwrap();
        assert!(queue.remove(&bad).await.unwrap());
        Ok("a parent in another slot: let be".to_owned())
    }]);
}

#[test]
fn a_slot_moves_to_another_node_under_load_and_nothing_is_lost() {
    play_in_turn([Load::Parked, Load::Busy].map(|load| async move {
        let cluster = RedisCluster::start().await;
        let from = cluster.owner(SLOT).await;
        let name = format!("{load:?}, slot moved");
        let mut cell = Cell::start(name, load, &cluster.nodes[from], options(&cluster, from)).await;
        if load == Load::Busy {
            cell.backlog().await;
        }

        let to = (from + 1) % 3;
        cluster.move_slot(SLOT, from, to, Duration::from_millis(200)).await;
        let back = Instant::now();

        assert_eq!(cluster.owner(SLOT).await, to);
        cell.verdict(back, None).await
    }));
}

#[test]
fn an_owner_that_dies_is_waited_for_or_followed_by_its_replica() {
    let kinds = [
        (Load::Parked, End::Killed, true),
        (Load::Busy, End::Killed, true),
        (Load::Busy, End::Killed, false),
        (Load::Parked, End::Frozen, true),
        (Load::Busy, End::Frozen, true),
    ];
    play_in_turn(kinds.map(|(load, end, has_replica)| async move {
        let mut cluster = RedisCluster::start().await;
        let owner = cluster.owner(SLOT).await;
        let mut replica = None;
        if has_replica {
            let joined = cluster.join().await;
            cluster.follow(joined, owner).await;
            replica = Some(joined);
        }
        let name = format!("{load:?}, owner {end:?}, replica: {has_replica}");
        // The worker knows the dead node alone by its URL, and the others by what it has learnt.
        let mut cell =
            Cell::start(name, load, &cluster.nodes[owner], options(&cluster, owner)).await;

        if let Some(replica) = replica {
            if load == Load::Busy {
                cell.stop_producing().await;
                cell.backlog().await;
            }
            // What has reached the replica and is missing afterwards was lost by us.
            cluster.nodes[replica].catch_up_with(&cluster.nodes[owner]).await;
        }
        end.comes_to(&mut cluster.nodes[owner]);
        if replica.is_none() {
            sleep(Duration::from_secs(3)).await;
            cluster.nodes[owner].restart().await;
        }
        let next = cluster.serving(SLOT).await;
        let back = Instant::now();

        assert_eq!(next, replica.unwrap_or(owner));
        cell.verdict(back, None).await
    }));
}
