//! What survives the death of the process, and what a failed transaction leaves.

use std::process::{Command, Stdio};
use std::sync::Arc;

use futures::future::join_all;
use oxherd_study::accept::Action;
use oxherd_study::error::ErrorCode;

use super::bench::{Bench, file_of, material_of, new_upload};
use crate::catalog::SqlCatalog;

#[tokio::test]
async fn what_was_accepted_is_there_after_the_catalog_was_opened_again() {
    let bench = Bench::open().await;
    let source = bench.ready_material("source").await;
    let plan = bench.ready_plan(std::slice::from_ref(&source)).await;
    let material = bench.material("hello").await;
    let before = (bench.see(&material).await, bench.see_plan(&plan).await);
    let installation = bench.catalog.installation().await.unwrap();

    let bench = bench.reopen().await;

    assert_eq!((bench.see(&material).await, bench.see_plan(&plan).await), before);
    assert_eq!(bench.waiting_jobs().await, [material.as_str()]);
    assert_eq!(bench.catalog.installation().await.unwrap(), installation);
}

/// The folder in which the child process of the next test writes.
const FOLDER: &str = "OXHERD_TEST_CATALOG_FOLDER";

#[test]
#[expect(clippy::disallowed_methods, reason = "how a test tells its child process what to do")]
fn materials_are_written_until_the_process_is_killed() {
    let Ok(folder) = std::env::var(FOLDER) else { return };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let catalog = SqlCatalog::open(folder.as_ref()).await.unwrap();
        let bench = Bench::of(catalog);
        loop {
            let made = bench.material(&new_upload().id.to_string()).await;
            println!("accepted {made}");
        }
    });
}

#[tokio::test]
async fn every_material_that_was_acknowledged_survives_kill_9() {
    use std::io::BufRead as _;
    let folder = tempfile::tempdir().unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--nocapture", "--test-threads=1"])
        .arg("catalog::tests::durability::materials_are_written_until_the_process_is_killed")
        .env(FOLDER, folder.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();

    let lines = std::io::BufReader::new(child.stdout.take().unwrap()).lines();
    let said = lines
        .map_while(Result::ok)
        .filter_map(|line| line.split_once("accepted ").map(|(_, id)| id.trim().to_owned()));
    let acknowledged: Vec<String> = said.take(100).collect();
    child.kill().unwrap();
    child.wait().unwrap();

    assert_eq!(acknowledged.len(), 100);
    let bench = Bench::of(SqlCatalog::open(folder.path()).await.unwrap());
    let waiting = bench.waiting_jobs().await;
    for id in acknowledged {
        assert!(waiting.contains(&id), "{id} was acknowledged and is lost");
    }
}

#[tokio::test]
async fn works_that_arrive_together_are_all_answered_as_they_ended() {
    let bench = Arc::new(Bench::open().await);

    let calls = (0..200).map(|number| {
        let bench = Arc::clone(&bench);
        // Each content comes twice.
        let file = file_of(&format!("content {}", number / 2));
        let action = Action::CreateMaterial { upload: new_upload(), file, title: None };
        tokio::spawn(async move { bench.act(action).await })
    });
    let answers: Vec<_> = join_all(calls).await.into_iter().map(Result::unwrap).collect();

    let made: Vec<_> = answers.iter().filter_map(|answer| answer.as_ref().ok().cloned()).collect();
    assert_eq!(made.len(), 100);
    let duplicates = answers.iter().filter_map(|answer| answer.as_ref().err());
    assert!(duplicates.clone().all(|error| error.code == ErrorCode::MaterialDuplicate));
    let mut ids: Vec<String> = made.into_iter().map(|it| material_of(it).to_string()).collect();
    let mut waiting = bench.waiting_jobs().await;
    ids.sort_unstable();
    waiting.sort_unstable();
    assert_eq!(ids, waiting);
}

#[tokio::test]
async fn a_catalog_that_another_process_holds_is_an_error_within_three_seconds() {
    use sqlx::Connection as _;
    let bench = Bench::open().await;
    let options = crate::catalog::database::options(bench.folder());
    let mut other = sqlx::SqliteConnection::connect_with(&options).await.unwrap();
    sqlx::query("BEGIN IMMEDIATE").execute(&mut other).await.unwrap();

    let began = std::time::Instant::now();
    let id = bench.intent(Action::InitUpload(new_upload()));
    let refused = bench.catalog.commit(vec![id]).await.unwrap_err();

    assert_eq!(refused.code, ErrorCode::StorageUnavailable);
    assert!(began.elapsed() < std::time::Duration::from_secs(3), "{:?}", began.elapsed());
    sqlx::query("ROLLBACK").execute(&mut other).await.unwrap();
    bench.material("after it is back").await;
    assert_eq!(bench.waiting_jobs().await.len(), 1);
}

#[tokio::test]
async fn a_catalog_of_a_newer_program_is_refused() {
    use sqlx::Connection as _;
    let bench = Bench::open().await;
    let options = crate::catalog::database::options(bench.folder());
    let mut connection = sqlx::SqliteConnection::connect_with(&options).await.unwrap();
    let newer = "INSERT INTO schema_version (version) VALUES (1000)";
    sqlx::query(newer).execute(&mut connection).await.unwrap();

    let refused = SqlCatalog::open(bench.folder()).await.err().unwrap();

    assert!(refused.message.contains("newer version"), "{refused}");
}

#[tokio::test]
async fn a_full_disk_refuses_new_work_keeps_the_old_and_goes_on_when_there_is_room_again() {
    let Some(disk) = crate::small_disk::SmallDisk::mount(4096) else { return };
    let bench = Arc::new(Bench::of(SqlCatalog::open(disk.path()).await.unwrap()));
    let before = bench.material("before").await;
    let ballast = disk.fill();

    let mut acknowledged = vec![before.to_string()];
    let mut refused = 0;
    for number in 0..50 {
        let file = file_of(&format!("{number}"));
        let action = Action::CreateMaterial { upload: new_upload(), file, title: None };
        match bench.catalog.commit(vec![bench.intent(action)]).await {
            Ok(mut answers) => {
                acknowledged.push(material_of(answers.remove(0).unwrap()).to_string());
            }
            Err(error) => {
                assert_eq!(error.code, ErrorCode::StorageUnavailable);
                refused += 1;
            }
        }
    }

    assert!(refused > 0, "the disk was never full");
    std::fs::remove_file(ballast).unwrap();
    acknowledged.push(bench.material("after").await.to_string());
    assert_eq!(bench.waiting_jobs().await, acknowledged);
}
