//! What the folder of objects promises.

mod receive;

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use futures::TryStreamExt as _;
use futures::future::join_all;
use oxherd_study::error::ErrorCode;
use oxherd_study::ports::{ObjectWriter, Objects};

use super::{LocalObjects, PIECE};

struct Bench {
    objects: Arc<LocalObjects>,
    folder: tempfile::TempDir,
}

impl Bench {
    async fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let objects = LocalObjects::open(folder.path()).await.unwrap();
        Self { objects, folder }
    }

    async fn put(&self, key: &str, bytes: &'static [u8]) -> bool {
        self.objects.put_if_absent(key, Bytes::from_static(bytes)).await.unwrap()
    }

    async fn begun(&self, key: &str) -> Box<dyn ObjectWriter> {
        let mut writer = self.objects.writer(key).await.unwrap();
        writer.write(Bytes::from_static(b"part")).await.unwrap();
        writer
    }

    async fn keys(&self, prefix: &str, after: Option<&str>, limit: usize) -> Vec<String> {
        let listed = self.objects.list(prefix, after, limit).await.unwrap();
        listed.into_iter().map(|object| object.key).collect()
    }
}

/// Counts the files below a folder.
fn files_below(folder: &Path) -> usize {
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        count += if path.is_dir() { files_below(&path) } else { 1 };
    }
    count
}

#[tokio::test]
async fn an_object_is_read_back_whole_in_pieces_and_in_parts() {
    let bench = Bench::open().await;
    let content: Bytes = (0..PIECE * 2 + 7).map(|at| (at % 251) as u8).collect();
    let mut writer = bench.objects.writer("uploads/upl_1").await.unwrap();
    for piece in content.chunks(100_000) {
        writer.write(Bytes::copy_from_slice(piece)).await.unwrap();
    }
    assert!(writer.finish_if_absent().await.unwrap());

    let stream = bench.objects.read("uploads/upl_1").await.unwrap().unwrap();
    let pieces: Vec<Bytes> = stream.try_collect().await.unwrap();
    assert_eq!(pieces.iter().map(Bytes::len).collect::<Vec<_>>(), [PIECE, PIECE, 7]);
    assert_eq!(pieces.concat(), content);
    assert_eq!(bench.objects.get("uploads/upl_1").await.unwrap(), Some(content.clone()));
    assert_eq!(bench.objects.size("uploads/upl_1").await.unwrap(), Some(content.len() as u64));
    let part = async |range| bench.objects.read_range("uploads/upl_1", range).await.unwrap();
    assert_eq!(part(5..9).await, Some(content.slice(5..9)));
    let end = content.len() as u64;
    assert_eq!(part(end - 3..end + 10).await, Some(content.slice(content.len() - 3..)));
    assert_eq!(part(end + 5..end + 10).await, Some(Bytes::new()));
}

#[tokio::test]
async fn an_object_that_is_not_there_is_none() {
    let bench = Bench::open().await;
    bench.put("a/b", b"x").await;

    for key in ["none", "a", "a/b/c", "a/none"] {
        assert!(bench.objects.read(key).await.unwrap().is_none(), "{key}");
        assert_eq!(bench.objects.get(key).await.unwrap(), None, "{key}");
        assert_eq!(bench.objects.size(key).await.unwrap(), None, "{key}");
        assert_eq!(bench.objects.read_range(key, 0..1).await.unwrap(), None, "{key}");
    }
    bench.objects.delete("none").await.unwrap();
}

#[tokio::test]
async fn an_object_is_never_overwritten_whoever_races() {
    let bench = Bench::open().await;
    let calls = (0_u8..50).map(|number| {
        let objects = Arc::clone(&bench.objects);
        tokio::spawn(async move {
            let bytes = Bytes::from(vec![number; 1000]);
            objects.put_if_absent("bundles/mat_1/hash", bytes).await.unwrap().then_some(number)
        })
    });

    let won: Vec<u8> = join_all(calls).await.into_iter().filter_map(|call| call.unwrap()).collect();

    assert_eq!(won.len(), 1);
    let stored = bench.objects.get("bundles/mat_1/hash").await.unwrap().unwrap();
    assert_eq!(stored, vec![won[0]; 1000]);
    assert!(!bench.put("bundles/mat_1/hash", b"other").await);
    assert_eq!(bench.objects.get("bundles/mat_1/hash").await.unwrap().unwrap(), stored);
}

#[tokio::test]
async fn a_writer_that_is_dropped_leaves_nothing_and_shows_nothing_before_its_end() {
    let bench = Bench::open().await;
    let before = files_below(bench.folder.path());
    let writer = bench.begun("uploads/upl_1").await;
    assert_eq!(files_below(bench.folder.path()), before + 1);
    assert_eq!(bench.objects.get("uploads/upl_1").await.unwrap(), None);

    drop(writer);

    assert_eq!(files_below(bench.folder.path()), before);
    assert!(bench.keys("", None, 10).await.is_empty());
}

#[tokio::test]
async fn what_a_dead_process_had_begun_is_removed_and_what_a_living_one_has_is_not() {
    let bench = Bench::open().await;
    let living = bench.begun("uploads/upl_1").await;
    let dead = bench.folder.path().join("incoming/dead");
    std::fs::create_dir(&dead).unwrap();
    std::fs::write(dead.join("half"), b"half").unwrap();
    std::fs::write(bench.folder.path().join("incoming/dead.lock"), b"").unwrap();

    let other = LocalObjects::open(bench.folder.path()).await.unwrap();

    assert!(!dead.exists() && !bench.folder.path().join("incoming/dead.lock").exists());
    assert!(living.finish_if_absent().await.unwrap());
    assert_eq!(other.get("uploads/upl_1").await.unwrap().unwrap(), &b"part"[..]);
}

#[tokio::test]
async fn keys_that_could_leave_the_folder_are_refused() {
    let bench = Bench::open().await;
    let long = "a".repeat(600);
    for key in ["", "/etc/passwd", "../x", "a/../b", "a//b", "a/", ".", "A", "a b", "a\0b", &long] {
        let refused = bench.objects.put_if_absent(key, Bytes::new()).await.unwrap_err();
        assert_eq!(refused.code, ErrorCode::InternalError, "{key:?}");
    }
    assert!(bench.keys("", None, 10).await.is_empty());
}

#[tokio::test]
async fn objects_are_listed_in_the_order_of_keys_page_by_page() {
    let bench = Bench::open().await;
    let sorted = ["a-b", "a.b", "a/b", "a/c/d", "a0", "b/1", "b/2", "c"];
    for key in ["c", "b/2", "a0", "a/c/d", "a.b", "a/b", "b/1", "a-b"] {
        bench.put(key, b"x").await;
    }

    assert_eq!(bench.keys("", None, 100).await, sorted);
    assert_eq!(bench.keys("a/", None, 100).await, ["a/b", "a/c/d"]);
    assert_eq!(bench.keys("b", Some("b/1"), 100).await, ["b/2"]);
    let mut paged: Vec<String> = Vec::new();
    loop {
        let page = bench.keys("", paged.last().map(String::as_str), 3).await;
        if page.is_empty() {
            break;
        }
        paged.extend(page);
    }
    assert_eq!(paged, sorted);
    let listed = bench.objects.list("c", None, 1).await.unwrap();
    assert!(listed[0].stored_ms > 1_700_000_000_000);
}

#[tokio::test]
async fn deletion_removes_the_folders_that_become_empty_and_racing_writers_do_not_mind() {
    let bench = Bench::open().await;
    let calls = (0..100).map(|number| {
        let objects = Arc::clone(&bench.objects);
        tokio::spawn(async move {
            let key = format!("bundles/mat_{}/{number}", number % 3);
            assert!(objects.put_if_absent(&key, Bytes::from_static(b"x")).await.unwrap());
            objects.delete(&key).await.unwrap();
        })
    });
    join_all(calls).await.into_iter().for_each(Result::unwrap);

    assert!(bench.keys("", None, 100).await.is_empty());
    assert_eq!(std::fs::read_dir(bench.folder.path().join("objects")).unwrap().count(), 0);
}
