//! Keys that make a repeated request harmless.

use std::sync::Arc;

use futures::future::join_all;
use oxherd_study::accept::{Action, Reservation};
use oxherd_study::error::ErrorCode;

use super::bench::{Bench, file_of, new_upload};

fn create(content: &str) -> Action {
    Action::CreateMaterial { upload: new_upload(), file: file_of(content), title: None }
}

const DAY_MS: u64 = 24 * 60 * 60 * 1000;

#[tokio::test]
async fn the_same_key_and_content_give_the_stored_answer_for_a_day() {
    let bench = Bench::open().await;
    let first = bench.commit(bench.keyed("k", "c", create("one"))).await.unwrap();

    let second = bench.commit(bench.keyed("k", "c", create("two"))).await.unwrap();

    assert!(second.replayed && !first.replayed);
    assert_eq!((&second.what, second.accepted_ms), (&first.what, first.accepted_ms));
    assert_eq!(bench.waiting_jobs().await.len(), 1);
    bench.pass(DAY_MS);
    let fresh = bench.commit(bench.keyed("k", "c", create("two"))).await.unwrap();
    assert!(!fresh.replayed && fresh.what != first.what);
}

#[tokio::test]
async fn another_content_under_the_same_key_is_refused_and_the_stored_answer_stays() {
    let bench = Bench::open().await;
    bench.commit(bench.keyed("k", "c", create("one"))).await.unwrap();

    let reused = bench.commit(bench.keyed("k", "other", create("two"))).await.unwrap_err();

    assert_eq!(reused.code, ErrorCode::IdempotencyKeyReused);
    assert!(bench.commit(bench.keyed("k", "c", create("one"))).await.unwrap().replayed);
}

#[tokio::test]
async fn keys_of_other_users_and_routes_are_other_keys() {
    let bench = Bench::open().await;
    bench.commit(bench.keyed("k", "c", create("one"))).await.unwrap();

    let other = bench.as_user("bob");
    assert!(!other.commit(other.keyed("k", "c", create("one"))).await.unwrap().replayed);
    let mut intent = bench.keyed("k", "c", create("two"));
    if let Some(key) = &mut intent.idempotency {
        key.route = "POST /api/others".to_owned();
    }
    assert!(!bench.commit(intent).await.unwrap().replayed);
}

#[tokio::test]
async fn an_error_frees_the_key() {
    let bench = Bench::open().await;
    bench.material("one").await;
    let key = bench.key("k", "c");
    assert_eq!(bench.catalog.reserve(&key, bench.now()).await.unwrap(), Reservation::Fresh);

    let refused = bench.commit(bench.keyed("k", "c", create("one"))).await.unwrap_err();

    assert_eq!(refused.code, ErrorCode::MaterialDuplicate);
    assert_eq!(bench.catalog.reserve(&key, bench.now()).await.unwrap(), Reservation::Fresh);
}

#[tokio::test]
async fn another_content_does_not_free_a_key_that_is_in_flight() {
    let bench = Bench::open().await;
    let key = bench.key("k", "c");
    bench.catalog.reserve(&key, bench.now()).await.unwrap();

    let refused = bench.commit(bench.keyed("k", "other", create("one"))).await.unwrap_err();

    assert_eq!(refused.code, ErrorCode::IdempotencyKeyReused);
    assert_eq!(bench.catalog.reserve(&key, bench.now()).await.unwrap(), Reservation::InFlight);
}

#[tokio::test]
async fn a_reserved_key_is_in_flight_for_a_minute_until_it_is_released_or_accepted() {
    let bench = Bench::open().await;
    let key = bench.key("k", "c");
    let reserve = async || bench.catalog.reserve(&key, bench.now()).await.unwrap();

    assert_eq!(reserve().await, Reservation::Fresh);
    assert_eq!(reserve().await, Reservation::InFlight);
    let other = bench.key("k", "other");
    let reused = bench.catalog.reserve(&other, bench.now()).await.unwrap();
    assert_eq!(reused, Reservation::Reused);
    bench.catalog.release(&key).await.unwrap();
    assert_eq!(reserve().await, Reservation::Fresh);
    bench.pass(60_000);
    assert_eq!(reserve().await, Reservation::Fresh);

    let accepted = bench.commit(bench.keyed("k", "c", create("one"))).await.unwrap();
    assert!(!accepted.replayed);
    bench.catalog.release(&key).await.unwrap();
    let Reservation::Replay(replay) = reserve().await else { panic!("expected a replay") };
    assert!(replay.replayed && replay.what == accepted.what);
}

#[tokio::test]
async fn fifty_racing_requests_with_one_key_are_carried_out_once() {
    let bench = Arc::new(Bench::open().await);

    let calls = (0..50).map(|number| {
        let bench = Arc::clone(&bench);
        tokio::spawn(async move {
            let action = create(&format!("content {number}"));
            bench.commit(bench.keyed("k", "c", action)).await.unwrap()
        })
    });
    let answers: Vec<_> = join_all(calls).await.into_iter().map(Result::unwrap).collect();

    assert_eq!(answers.iter().filter(|answer| !answer.replayed).count(), 1);
    assert!(answers.iter().all(|answer| answer.what == answers[0].what));
    assert_eq!(bench.waiting_jobs().await.len(), 1);
}

#[tokio::test]
async fn old_keys_are_forgotten_by_the_sweep() {
    let bench = Bench::open().await;
    bench.commit(bench.keyed("old", "c", create("one"))).await.unwrap();
    bench.pass(DAY_MS);
    bench.commit(bench.keyed("new", "c", create("two"))).await.unwrap();

    assert_eq!(bench.catalog.purge_idempotency(bench.now()).await.unwrap(), 1);
    assert!(bench.commit(bench.keyed("new", "c", create("two"))).await.unwrap().replayed);
}
