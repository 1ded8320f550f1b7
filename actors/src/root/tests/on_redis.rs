//! The tree on a Redis of its own; nothing happens where there is no `redis-server`.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use oxherd_queue::backend::redis::{RedisOptions, RedisStore};

use super::*;

/// A server on a socket in a folder of its own; ends with its owner.
struct Server {
    folder: tempfile::TempDir,
    process: Option<Child>,
}

impl Server {
    fn start() -> Option<Self> {
        if Command::new("redis-server").arg("--version").output().is_err() {
            println!("SKIPPED: this test needs the program redis-server, not installed here");
            return None;
        }
        let mut server = Self { folder: tempfile::tempdir().unwrap(), process: None };
        server.run();
        Some(server)
    }

    fn run(&mut self) {
        let server = Command::new("redis-server")
            .args(["--port", "0", "--save", "", "--appendonly", "yes"])
            .arg("--unixsocket")
            .arg(self.socket())
            .arg("--dir")
            .arg(self.folder.path())
            .stdout(Stdio::null())
            .spawn();
        self.process = Some(server.unwrap());
    }

    fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("redis.sock")
    }

    async fn tree(&self, slots: usize) -> Bed {
        let url = format!("redis+unix://{}", self.socket().display());
        let store = RedisStore::connect(RedisOptions::new(url), Arc::new(SystemClock)).await;
        Setup { slots, store: store.unwrap(), ..Setup::default() }.start().await
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_run_and_are_cancelled_through_redis_as_in_one_process() {
    let Some(server) = Server::start() else { return };
    let bed = server.tree(2).await;
    for _ in 0..50 {
        let (id, job) = bed.plan("steps").await;
        bed.record(&job).await;
        let done = bed.reaches(&job, JobState::Completed).await;
        assert_eq!(done.result, Some(json!({ "planId": id })));
    }
    let (_, again) = bed.plan("fail once").await;
    assert_eq!(bed.reaches(&again, JobState::Completed).await.attempts_made, 2);

    let (_, job) = bed.plan("block").await;
    bed.reaches(&job, JobState::Active).await;
    let began = std::time::Instant::now();
    bed.handles.cancel.cancel(&UserId::local(), &job).await.unwrap();
    let ended = bed.reaches(&job, JobState::Failed).await;
    assert!(began.elapsed() < Duration::from_secs(1));
    assert_eq!(ended.error.as_ref().unwrap().code, "CANCELLED");

    bed.handles.drain.begin();
    assert_eq!(timeout(PATIENCE, bed.ended).await.unwrap().unwrap(), Exit::Drained);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_was_away_is_noticed_and_everything_accepted_is_done_when_it_is_back() {
    let Some(mut server) = Server::start() else { return };
    let bed = server.tree(1).await;
    let is_ready = || bed.handles.tree.readiness().iter().all(|check| check.ok);
    bed.until("it is ready", is_ready).await;
    let (_, runs) = bed.plan("block").await;
    bed.reaches(&runs, JobState::Active).await;
    let mut accepted = Vec::new();
    for _ in 0..5 {
        accepted.push(bed.plan("ok").await.1);
    }

    server.kill();
    let away = std::time::Instant::now();
    while away.elapsed() < Duration::from_secs(12) {
        let id = PlanId::random();
        let action = Action::CreatePlan { id: id.clone(), request: request("ok") };
        let asked = std::time::Instant::now();
        match bed.accept(action).await {
            Ok(_) => accepted.push(JobId::from_store(id.as_str())),
            Err(error) => assert_eq!(error.code, ErrorCode::QueueUnavailable),
        }
        assert!(asked.elapsed() < Duration::from_secs(3), "{:?}", asked.elapsed());
        for job in &accepted {
            bed.record(job).await;
        }
        sleep(Duration::from_millis(200)).await;
    }
    assert!(!is_ready(), "{:?}", bed.handles.tree.readiness());
    assert!(accepted.len() < 20, "it refuses in time");

    server.run();
    bed.until("it is ready again", is_ready).await;
    bed.handles.cancel.cancel(&UserId::local(), &runs).await.unwrap();
    bed.reaches(&runs, JobState::Failed).await;
    for job in &accepted {
        bed.reaches(job, JobState::Completed).await;
    }
    let (_, next) = bed.plan_when_taken("ok").await;
    bed.reaches(&next, JobState::Completed).await;
}
