//! Deletions of materials and plans, and what they leave to others.

use oxherd_study::accept::Action;
use oxherd_study::error::ErrorCode;
use oxherd_study::material::MaterialStatus;
use oxherd_study::ports::{MaterialFilter, PlanFilter};
use oxherd_study::upload::Upload;

use super::bench::{Bench, page};

#[tokio::test]
async fn a_material_that_no_plan_refers_to_goes_with_its_objects() {
    let bench = Bench::open().await;
    let id = bench.ready_material("hello").await;
    let material = bench.see(&id).await;

    let deleted = bench.catalog.delete_material(&bench.user, &id, bench.now()).await;

    let deleted = deleted.unwrap().unwrap();
    assert!(!deleted.soft && !deleted.unsettled);
    let bundle = material.bundle_key.unwrap();
    assert_eq!(deleted.objects, [Upload::object_key(&material.upload), bundle]);
    assert_eq!(bench.catalog.material(&bench.user, &id, true).await.unwrap(), None);
    assert_eq!(bench.catalog.upload(&bench.user, &material.upload).await.unwrap(), None);
    let again = bench.catalog.delete_material(&bench.user, &id, bench.now()).await;
    assert_eq!(again.unwrap(), None);
}

#[tokio::test]
async fn a_material_of_a_plan_is_hidden_until_its_last_plan_goes() {
    let bench = Bench::open().await;
    let id = bench.ready_material("hello").await;
    let kept = bench.ready_material("kept").await;
    let first = bench.ready_plan(&[id.clone(), kept.clone()]).await;
    let last = bench.ready_plan(std::slice::from_ref(&id)).await;

    let deleted =
        bench.catalog.delete_material(&bench.user, &id, bench.now()).await.unwrap().unwrap();

    assert!(deleted.soft && deleted.objects.is_empty());
    assert_eq!(bench.catalog.material(&bench.user, &id, false).await.unwrap(), None);
    let hidden = bench.catalog.material(&bench.user, &id, true).await.unwrap().unwrap();
    assert_eq!(hidden.status, MaterialStatus::Ready);
    let filter = MaterialFilter::default();
    let listed = bench.catalog.materials(&bench.user, &filter, &page(20, None)).await.unwrap();
    assert_eq!(listed.rows.iter().map(|row| &row.id).collect::<Vec<_>>(), [&kept]);
    let (searchable, ready) =
        bench.catalog.searchable(&bench.user, &[], 50).await.unwrap().unwrap();
    assert_eq!((searchable.len(), ready), (1, 1));
    let refused = bench.create_plan(std::slice::from_ref(&id), false).await.unwrap_err();
    assert_eq!(refused.code, ErrorCode::MaterialNotFound);

    let gone = bench.catalog.delete_plan(&bench.user, &first, bench.now()).await.unwrap().unwrap();
    assert!(gone.objects.is_empty() && !gone.unsettled);
    let gone = bench.catalog.delete_plan(&bench.user, &last, bench.now()).await.unwrap().unwrap();
    assert_eq!(gone.objects, [hidden.source_key, hidden.bundle_key.unwrap()]);
    assert_eq!(bench.catalog.material(&bench.user, &id, true).await.unwrap(), None);
    assert_eq!(bench.see(&kept).await.status, MaterialStatus::Ready);
}

#[tokio::test]
async fn a_plan_that_is_retried_still_has_a_material_that_was_deleted() {
    let bench = Bench::open().await;
    let id = bench.ready_material("hello").await;
    let plan = bench.ready_plan(std::slice::from_ref(&id)).await;
    bench.catalog.delete_material(&bench.user, &id, bench.now()).await.unwrap();

    let retry = Action::RetryPlan { id: plan.clone(), discard_progress: false };
    bench.act(retry).await.unwrap();

    let (_, run) = bench.own_plan(&plan).await;
    let materials = bench.catalog.plan_materials(&run).await.unwrap();
    assert_eq!(materials.len(), 1);
    assert!(materials[0].bundle_key.is_some() && materials[0].deleted_ms.is_some());
}

#[tokio::test]
async fn what_is_deleted_before_it_was_relayed_never_reaches_the_queue() {
    let bench = Bench::open().await;
    let source = bench.ready_material("source").await;
    let material = bench.material("hello").await;
    let plan = bench.plan(std::slice::from_ref(&source)).await;

    let first = bench.catalog.delete_material(&bench.user, &material, bench.now()).await;
    let second = bench.catalog.delete_plan(&bench.user, &plan, bench.now()).await;

    assert!(first.unwrap().unwrap().unsettled && second.unwrap().unwrap().unsettled);
    assert!(bench.waiting_jobs().await.is_empty());
}

#[tokio::test]
async fn another_user_deletes_nothing() {
    let bench = Bench::open().await;
    let material = bench.ready_material("hello").await;
    let plan = bench.ready_plan(std::slice::from_ref(&material)).await;
    let other = bench.as_user("bob");

    let first = other.catalog.delete_material(&other.user, &material, other.now()).await;
    let second = other.catalog.delete_plan(&other.user, &plan, other.now()).await;

    assert_eq!((first.unwrap(), second.unwrap()), (None, None));
    let filter = PlanFilter::default();
    let listed = bench.catalog.plans(&bench.user, &filter, &page(20, None)).await.unwrap();
    assert_eq!(listed.rows.len(), 1);
}
