//! A second process, a cut or changed file, and jobs that take their process down.

use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;

use crate::backend::{Backend, Consume as _, Produce as _, Store as _};
use crate::error::QueueError;
use crate::job::{JobId, JobState};
use crate::outcome::STALLED_REASON;

use super::super::checkpoint::Pace;
use super::super::{EmbeddedStore, FILE};
use super::{TestClock, World, claim, copy_of, id, job, locked};

#[tokio::test]
async fn a_second_opening_is_refused_and_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let first = EmbeddedStore::open(folder.path(), TestClock::new()).unwrap();

    let second = EmbeddedStore::open(folder.path(), TestClock::new());

    let Err(QueueError::Unusable { problem, fix }) = second.map(drop) else { panic!("opened") };
    assert!(problem.contains("another process") && fix.contains("stop it"), "{problem}; {fix}");
    first.close().await;
    EmbeddedStore::open(folder.path(), TestClock::new()).unwrap();
}

#[tokio::test]
async fn calls_after_closing_fail_and_say_so() {
    let folder = tempfile::tempdir().unwrap();
    let store = EmbeddedStore::open(folder.path(), TestClock::new()).unwrap();
    let queue = store.queue("q").await.unwrap();

    store.close().await;

    let error = queue.add(vec![job("a")]).await.unwrap_err();
    assert!(matches!(&error, QueueError::Unavailable { cause, .. } if cause.contains("closed")));
    assert!(store.ping().await.is_err());
}

#[tokio::test]
async fn a_file_that_is_no_store_is_named_in_the_error() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(FILE), "a diary, and a long one at that. ".repeat(200))
        .unwrap();

    let error = EmbeddedStore::open(folder.path(), TestClock::new()).map(drop).unwrap_err();

    assert!(matches!(error, QueueError::Unusable { .. }), "{error:?}");
    assert!(error.to_string().contains(FILE), "{error}");
}

#[tokio::test]
async fn a_lost_tail_is_seen_and_told() {
    let world = World::new(Pace::STEADY).await;
    for _ in 0..20 {
        world.queue.add(vec![job("a")]).await.unwrap();
    }
    let folder = copy_of(&world.folder);
    let log = std::fs::OpenOptions::new()
        .write(true)
        .open(folder.path().join("queue.sqlite-wal"))
        .unwrap();

    // One changed byte near the end of the write-ahead log, which SQLite takes for its end.
    let length = log.metadata().unwrap().len();
    log.write_all_at(&[0x5a], length - 3 * 4096).unwrap();

    let store = EmbeddedStore::open(folder.path(), TestClock::new()).unwrap();
    let queue = store.queue("q").await.unwrap();
    let waiting = queue.counts().await.unwrap()["waiting"];
    assert!(waiting < 20, "something was lost");
    assert_eq!(store.counters().lost_rows, 20 - waiting, "and it was told how much");
}

#[tokio::test]
async fn a_journal_with_a_hole_is_an_error_not_a_guess() {
    let world = World::new(Pace::STEADY).await;
    for _ in 0..5 {
        world.queue.add(vec![job("a")]).await.unwrap();
    }
    let delete = |connection: &rusqlite::Connection| {
        connection.execute("DELETE FROM journal WHERE number = 3", []).unwrap();
    };
    delete(locked(&world.connection).as_ref().unwrap());
    let folder = copy_of(&world.folder);

    let error = EmbeddedStore::open(folder.path(), TestClock::new()).map(drop).unwrap_err();

    assert!(matches!(error, QueueError::Corrupt(_)), "{error:?}");
}

#[tokio::test]
async fn a_job_that_takes_its_process_down_too_often_gets_a_deferred_failure() {
    let mut folder = tempfile::tempdir().unwrap();
    let poison = id("poison");
    for deaths in 0..4 {
        let store = EmbeddedStore::open(folder.path(), TestClock::new()).unwrap();
        let queue = store.queue("q").await.unwrap();
        if deaths == 0 {
            queue.add(vec![job("a").with_id(poison.clone())]).await.unwrap();
        }
        let found = queue.jobs(std::slice::from_ref(&poison)).await.unwrap().remove(0).unwrap();
        assert_eq!((found.state, found.job.stalled_count), (JobState::Waiting, deaths));
        let expected = (deaths > 2).then(|| STALLED_REASON.to_owned());
        assert_eq!(found.job.deferred_failure, expected);
        let claimed = queue.claim(&claim(1)).await.unwrap().jobs;
        assert_eq!(claimed[0].job.attempts_started, deaths + 1);
        folder = copy_of(&folder);
    }
}

#[tokio::test]
async fn jobs_that_were_active_come_back_first_and_in_their_order() {
    let world = World::new(Pace::STEADY).await;
    let jobs = ["a", "b", "c", "d"].map(|name| job("x").with_id(id(name))).to_vec();
    world.queue.add(jobs).await.unwrap();
    world.queue.claim(&claim(2)).await.unwrap();

    let folder = copy_of(&world.folder);
    let store = EmbeddedStore::open(folder.path(), TestClock::new()).unwrap();
    let queue = store.queue("q").await.unwrap();

    let claimed = queue.claim(&claim(4)).await.unwrap().jobs;
    let order: Vec<JobId> = claimed.into_iter().map(|job| job.job.id).collect();
    assert_eq!(order, ["a", "b", "c", "d"].map(id));
}

#[tokio::test]
async fn positions_rise_over_openings_although_the_clock_went_back() {
    let folder = tempfile::tempdir().unwrap();
    let clock = TestClock::new();
    clock.pass(60_000);
    let store = EmbeddedStore::open(folder.path(), clock).unwrap();
    let queue = store.queue("q").await.unwrap();
    queue.add(vec![job("a")]).await.unwrap();
    let before = queue.last_position().await.unwrap();
    store.close().await;

    let store = EmbeddedStore::open(folder.path(), TestClock::new()).unwrap();
    let queue = store.queue("q").await.unwrap();
    queue.add(vec![job("a")]).await.unwrap();

    assert!(queue.last_position().await.unwrap() > before);
}

#[tokio::test]
async fn a_store_in_memory_needs_no_thread() {
    let store = EmbeddedStore::in_memory(TestClock::new()).unwrap();
    let queue = store.queue("q").await.unwrap();
    queue.add(vec![job("a")]).await.unwrap();
    let status: Arc<dyn crate::status::StatusStore> = store.status();

    assert_eq!(queue.claim(&claim(1)).await.unwrap().jobs.len(), 1);
    assert_eq!(status.get(&[id("a")]).await.unwrap(), [None]);
}

/// A small disk; `None` where this process may not make one.
fn small_disk() -> Option<SmallDisk> {
    let folder = tempfile::tempdir().unwrap();
    let mount = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=24m", "tmpfs"])
        .arg(folder.path())
        .stderr(Stdio::null())
        .status();
    if !mount.is_ok_and(|status| status.success()) {
        println!("SKIPPED: only root can make a small disk");
        return None;
    }
    Some(SmallDisk(folder))
}

/// A small disk on which another file takes most of the room: the disk, the folder for a store, and
/// that file.
fn crowded_disk() -> Option<(SmallDisk, PathBuf, PathBuf)> {
    let disk = small_disk()?;
    let (folder, other) = (disk.0.path().join("data"), disk.0.path().join("other"));
    std::fs::write(&other, vec![1; 14 * 1024 * 1024]).unwrap();
    Some((disk, folder, other))
}

struct SmallDisk(tempfile::TempDir);

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0.path()).status();
    }
}

/// Adds jobs until the disk is full; returns how many.
async fn fill(queue: &dyn Backend) -> u64 {
    let mut added = 0;
    loop {
        match queue.add(vec![job(&"x".repeat(2000)); 50]).await {
            Ok(_) => added += 50,
            Err(QueueError::Refused { .. }) => return added,
            Err(other) => panic!("{other}"),
        }
    }
}

#[tokio::test]
async fn a_store_on_a_full_disk_goes_on_when_there_is_room() {
    let Some((_disk, folder, other)) = crowded_disk() else { return };
    let store = EmbeddedStore::open(&folder, TestClock::new()).unwrap();
    let queue = store.queue("q").await.unwrap();

    let added = fill(&*queue).await;

    assert_eq!(queue.counts().await.unwrap()["waiting"], added, "what is refused is not there");
    std::fs::remove_file(&other).unwrap();
    queue.add(vec![job("a")]).await.unwrap();
    store.close().await;
    let store = EmbeddedStore::open(&folder, TestClock::new()).unwrap();
    let queue = store.queue("q").await.unwrap();
    assert_eq!(queue.counts().await.unwrap()["waiting"], added + 1);
}

#[tokio::test]
async fn a_store_can_be_opened_on_a_full_disk() {
    let Some((_disk, folder, _)) = crowded_disk() else { return };
    let store = EmbeddedStore::open(&folder, TestClock::new()).unwrap();
    let queue = store.queue("q").await.unwrap();
    let added = fill(&*queue).await;
    drop((queue, store));

    let store = EmbeddedStore::open(&folder, TestClock::new()).unwrap();

    let queue = store.queue("q").await.unwrap();
    assert_eq!(queue.counts().await.unwrap()["waiting"], added);
}
