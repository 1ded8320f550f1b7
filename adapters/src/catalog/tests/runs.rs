//! Runs, their fences, and the plans that wait for materials.

use std::sync::Arc;

use futures::future::join_all;
use oxherd_study::accept::Action;
use oxherd_study::error::{ErrorClass, ErrorCode};
use oxherd_study::material::MaterialStatus;
use oxherd_study::plan::GenerationStatus;
use oxherd_study::ports::Begun;
use oxherd_study::{MaterialId, UserId};

use super::bench::{Bench, broken, published, saved};

#[tokio::test]
async fn a_run_makes_a_material_ready_and_frees_its_place_in_the_queue() {
    let bench = Bench::open().await;
    let id = bench.material("hello").await;

    let (material, run) = bench.own_material(&id).await;
    assert_eq!((material.status, run.epoch), (MaterialStatus::Processing, 1));
    assert!(bench.catalog.material_progress(&run, 40, bench.now()).await.unwrap());
    assert!(bench.catalog.material_progress(&run, 30, bench.now()).await.unwrap());
    assert_eq!(bench.see(&id).await.progress, 40);
    bench.catalog.publish_material(&run, published(&id), bench.now()).await.unwrap();

    let ready = bench.see(&id).await;
    assert_eq!((ready.status, ready.progress), (MaterialStatus::Ready, 100));
    assert_eq!(ready.title, "The document's own title");
    assert_eq!((ready.page_count, ready.chunk_count), (Some(3), Some(8)));
    assert!(ready.processed_ms.is_some());
    assert!(bench.waiting_jobs().await.is_empty());
}

#[tokio::test]
async fn a_newer_run_supersedes_every_write_of_an_older_one() {
    let bench = Bench::open().await;
    let id = bench.material("hello").await;
    let (_, old) = bench.own_material(&id).await;

    let (_, new) = bench.own_material(&id).await;

    assert!(!bench.catalog.material_progress(&old, 50, bench.now()).await.unwrap());
    let late = bench.catalog.publish_material(&old, published(&id), bench.now()).await;
    assert_eq!(late.unwrap_err().class, ErrorClass::Superseded);
    bench.catalog.publish_material(&new, published(&id), bench.now()).await.unwrap();
    assert_eq!(bench.see(&id).await.status, MaterialStatus::Ready);
}

#[tokio::test]
async fn fifty_racing_runs_make_a_material_ready_once() {
    let bench = Arc::new(Bench::open().await);
    let id = bench.material("hello").await;

    let runs = (0..50).map(|_| {
        let (bench, id) = (Arc::clone(&bench), id.clone());
        tokio::spawn(async move {
            let begun = bench.catalog.begin_material(&bench.user, &id, 1, bench.now()).await;
            let Begun::Own(_, run) = begun.unwrap() else { return false };
            bench.catalog.publish_material(&run, published(&id), bench.now()).await.is_ok()
        })
    });
    let won = join_all(runs).await.into_iter().filter(|won| *won.as_ref().unwrap()).count();

    assert_eq!(won, 1);
    assert_eq!(bench.ledger(id.as_str()).await, [(1, "READY".to_owned())]);
}

#[tokio::test]
async fn a_run_of_a_final_a_missing_or_an_outdated_entity_is_told_so() {
    let bench = Bench::open().await;
    let begin = async |id: &MaterialId, user: &str, generation| {
        let user = UserId::new(user);
        bench.catalog.begin_material(&user, id, generation, bench.now()).await.unwrap()
    };
    let id = bench.material("hello").await;
    bench.fail(&id).await;

    let ended = begin(&id, "ada", 1).await;
    assert!(matches!(ended, Begun::Final(found) if found.error == Some(broken())));
    assert!(matches!(begin(&id, "bob", 1).await, Begun::Missing));
    assert!(matches!(begin(&MaterialId::random(), "ada", 1).await, Begun::Missing));

    bench.act(Action::RetryMaterial(id.clone())).await.unwrap();
    assert!(matches!(begin(&id, "ada", 1).await, Begun::Outdated));
    assert!(matches!(begin(&id, "ada", 2).await, Begun::Own(..)));
}

#[tokio::test]
async fn a_failure_counts_for_its_own_generation_and_never_twice() {
    let bench = Bench::open().await;
    let id = bench.material("hello").await;
    bench.fail(&id).await;
    bench.fail(&id).await;
    assert_eq!(bench.ledger(id.as_str()).await, [(1, "FAILED".to_owned())]);
    bench.act(Action::RetryMaterial(id.clone())).await.unwrap();

    bench.catalog.fail_material(&bench.user, &id, 1, &broken(), bench.now()).await.unwrap();

    let material = bench.see(&id).await;
    assert_eq!((material.status, material.generation), (MaterialStatus::Pending, 2));
    assert_eq!((material.progress, material.error), (0, None));
}

#[tokio::test]
async fn only_a_failed_material_can_be_retried() {
    let bench = Bench::open().await;
    let id = bench.ready_material("hello").await;

    let refused = bench.act(Action::RetryMaterial(id)).await.unwrap_err();
    assert_eq!(refused.code, ErrorCode::MaterialNotFailed);
    let unknown = bench.act(Action::RetryMaterial(MaterialId::random())).await.unwrap_err();
    assert_eq!(unknown.code, ErrorCode::MaterialNotFound);
}

#[tokio::test]
async fn a_title_that_the_user_gave_meanwhile_is_kept() {
    let bench = Bench::open().await;
    let id = bench.material("hello").await;
    let (_, run) = bench.own_material(&id).await;

    bench.catalog.rename_material(&bench.user, &id, "Mine", bench.now()).await.unwrap();
    bench.catalog.publish_material(&run, published(&id), bench.now()).await.unwrap();

    assert_eq!(bench.see(&id).await.title, "Mine");
}

#[tokio::test]
async fn the_last_material_that_becomes_ready_wakes_the_plans_that_wait() {
    let bench = Bench::open().await;
    let (first, last) = (bench.material("1").await, bench.material("2").await);
    let plan = bench.create_plan(&[first.clone(), last.clone()], true).await.unwrap();
    assert_eq!(bench.see_plan(&plan).await.generation_status, GenerationStatus::Waiting);
    assert!(!bench.waiting_jobs().await.contains(&plan.to_string()));

    bench.make_ready(&first).await;
    assert_eq!(bench.see_plan(&plan).await.generation_status, GenerationStatus::Waiting);
    let (_, run) = bench.own_material(&last).await;
    let effects =
        bench.catalog.publish_material(&run, published(&last), bench.now()).await.unwrap();

    assert_eq!(effects.woken, std::slice::from_ref(&plan));
    assert_eq!(bench.see_plan(&plan).await.generation_status, GenerationStatus::Pending);
    assert_eq!(bench.waiting_jobs().await, [plan.as_str()]);
    bench.make_plan(&plan).await;
    for material in bench.see_plan(&plan).await.materials {
        assert_eq!(material.title, "The document's own title");
    }
}

#[tokio::test]
async fn materials_that_become_ready_together_wake_their_plan_once() {
    let bench = Arc::new(Bench::open().await);
    let mut materials = Vec::new();
    for content in ["1", "2", "3", "4", "5"] {
        materials.push(bench.material(content).await);
    }
    let plan = bench.create_plan(&materials, true).await.unwrap();

    let runs = materials.iter().map(|id| {
        let (bench, id) = (Arc::clone(&bench), id.clone());
        tokio::spawn(async move {
            let (_, run) = bench.own_material(&id).await;
            let made = bench.catalog.publish_material(&run, published(&id), bench.now()).await;
            made.unwrap().woken.len()
        })
    });
    let woken: usize = join_all(runs).await.into_iter().map(Result::unwrap).sum();

    assert_eq!(woken, 1);
    assert_eq!(bench.waiting_jobs().await, [plan.as_str()]);
}

#[tokio::test]
async fn a_material_that_fails_or_is_deleted_fails_the_plans_that_wait() {
    let bench = Bench::open().await;
    let material = bench.material("hello").await;
    let doomed = bench.create_plan(std::slice::from_ref(&material), true).await.unwrap();
    let effects = bench
        .catalog
        .fail_material(&bench.user, &material, 1, &broken(), bench.now())
        .await
        .unwrap();
    assert_eq!(effects.failed, std::slice::from_ref(&doomed));
    let plan = bench.see_plan(&doomed).await;
    assert_eq!(plan.generation_status, GenerationStatus::Failed);
    assert_eq!(plan.error.unwrap().code, "PLAN_MATERIAL_FAILED");

    let other = bench.material("other").await;
    let doomed = bench.create_plan(std::slice::from_ref(&other), true).await.unwrap();
    let deleted =
        bench.catalog.delete_material(&bench.user, &other, bench.now()).await.unwrap().unwrap();
    assert!(deleted.soft && deleted.unsettled);
    assert_eq!(deleted.effects.failed, [doomed]);
}

#[tokio::test]
async fn a_plan_is_saved_once_with_all_its_parts() {
    let bench = Bench::open().await;
    let material = bench.ready_material("hello").await;
    let id = bench.plan(std::slice::from_ref(&material)).await;
    let (plan, zombie) = bench.own_plan(&id).await;
    let (_, run) = bench.own_plan(&id).await;

    bench.catalog.save_plan(&run, saved(&plan, 4), bench.now()).await.unwrap();

    let late = bench.catalog.save_plan(&zombie, saved(&plan, 2), bench.now()).await;
    assert_eq!(late.unwrap_err().class, ErrorClass::Superseded);
    let made = bench.see_plan(&id).await;
    assert_eq!(made.modules, saved(&plan, 4).modules);
    assert_eq!((made.completion.total, made.completion.completed), (4, 0));
    assert_eq!(made.title, "The author's title");
    assert_eq!(bench.ledger(id.as_str()).await, [(1, "READY".to_owned())]);
}

#[tokio::test]
async fn a_run_whose_entity_was_deleted_is_superseded() {
    let bench = Bench::open().await;
    let source = bench.ready_material("source").await;
    let material = bench.material("hello").await;
    let plan = bench.plan(std::slice::from_ref(&source)).await;
    let (_, material_run) = bench.own_material(&material).await;
    let (begun, plan_run) = bench.own_plan(&plan).await;

    bench.catalog.delete_material(&bench.user, &material, bench.now()).await.unwrap();
    bench.catalog.delete_plan(&bench.user, &plan, bench.now()).await.unwrap();

    let published = published(&material);
    let made = bench.catalog.publish_material(&material_run, published, bench.now()).await;
    assert_eq!(made.unwrap_err().class, ErrorClass::Superseded);
    assert!(!bench.catalog.plan_progress(&plan_run, 20, bench.now()).await.unwrap());
    let made = bench.catalog.save_plan(&plan_run, saved(&begun, 4), bench.now()).await;
    assert_eq!(made.unwrap_err().class, ErrorClass::Superseded);
}
