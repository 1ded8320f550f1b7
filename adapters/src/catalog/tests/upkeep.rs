//! Sweeps over what is unfinished, expired or unreferenced.

use oxherd_study::accept::Action;
use oxherd_study::ports::Entity;
use oxherd_study::upload::{Upload, VALID_MS};

use super::bench::{Bench, new_upload};

#[tokio::test]
async fn unsettled_rows_are_found_in_pages_with_the_row_to_relay() {
    let bench = Bench::open().await;
    let source = bench.ready_material("source").await;
    let failed = bench.material("failed").await;
    bench.fail(&failed).await;
    let relayed = bench.material("relayed").await;
    let row = bench.catalog.next_rows(1, 16).await.unwrap().remove(0);
    bench.catalog.relayed(&[row.number]).await.unwrap();
    let waiting = bench.material("waiting").await;
    let plan = bench.plan(std::slice::from_ref(&source)).await;
    bench.create_plan(std::slice::from_ref(&waiting), true).await.unwrap();

    let mut found = Vec::new();
    let before_ms = bench.now() + 1;
    loop {
        let after = found.last().map(|it: &oxherd_study::ports::Unsettled| it.row.job.clone());
        let read = bench.catalog.unsettled(before_ms, after.as_deref(), 2).await.unwrap();
        if read.is_empty() {
            break;
        }
        found.extend(read);
    }

    let seen: Vec<_> = found.iter().map(|it| (it.row.job.as_str(), it.in_outbox)).collect();
    let expected = [(relayed.as_str(), false), (waiting.as_str(), true), (plan.as_str(), true)];
    assert_eq!(seen, expected);
    assert_eq!(found[0].row, row);
    assert_eq!(
        (found[2].queue.as_str(), found[2].row.name.as_str()),
        ("plan-generation", "generate-plan")
    );
    assert!(found[2].row.data.contains(plan.as_str()));
}

#[tokio::test]
async fn a_row_that_a_run_just_touched_is_not_unsettled_yet() {
    let bench = Bench::open().await;
    let id = bench.material("hello").await;
    bench.pass(60_000);
    let before_ms = bench.now();
    let (_, run) = bench.own_material(&id).await;

    assert!(bench.catalog.unsettled(before_ms, None, 10).await.unwrap().is_empty());

    bench.catalog.material_progress(&run, 20, bench.now()).await.unwrap();
    let later = bench.now() + 1;
    assert_eq!(bench.catalog.unsettled(later, None, 10).await.unwrap().len(), 1);
}

#[tokio::test]
async fn expired_uploads_are_forgotten_and_completed_ones_are_not() {
    let bench = Bench::open().await;
    let completed = bench.stored_upload("kept").await;
    let complete = Action::CompleteUpload { upload: completed.clone(), title: None };
    bench.act(complete).await.unwrap();
    let stored = bench.stored_upload("stored").await;
    let never = new_upload();
    let never_id = never.id.clone();
    bench.act(Action::InitUpload(never)).await.unwrap();
    bench.pass(VALID_MS + 10);
    let fresh = bench.stored_upload("fresh").await;

    let mut keys = bench.catalog.expire_uploads(bench.now(), 10).await.unwrap();

    keys.sort_unstable();
    let mut expected = [Upload::object_key(&stored), Upload::object_key(&never_id)];
    expected.sort_unstable();
    assert_eq!(keys, expected);
    for kept in [completed, fresh] {
        assert!(bench.catalog.upload(&bench.user, &kept).await.unwrap().is_some());
    }
    assert_eq!(bench.catalog.upload(&bench.user, &stored).await.unwrap(), None);
}

#[tokio::test]
async fn objects_that_no_row_refers_to_are_told() {
    let bench = Bench::open().await;
    let id = bench.ready_material("hello").await;
    let material = bench.see(&id).await;
    let open = bench.stored_upload("open").await;
    let lost = [
        Upload::object_key(&new_upload().id),
        format!("bundles/{id}/old"),
        "uploads/nonsense".to_owned(),
    ];
    let mut keys = lost.to_vec();
    keys.push(material.source_key);
    keys.extend(material.bundle_key);
    keys.push(Upload::object_key(&open));

    assert_eq!(bench.catalog.unreferenced(&keys).await.unwrap(), lost);
    assert!(bench.catalog.unreferenced(&[]).await.unwrap().is_empty());
}

#[tokio::test]
async fn the_entity_of_a_job_is_found_whosever_it_is() {
    let bench = Bench::open().await;
    let material = bench.ready_material("hello").await;
    let plan = bench.ready_plan(std::slice::from_ref(&material)).await;
    bench.catalog.delete_material(&bench.user, &material, bench.now()).await.unwrap();

    let found = bench.catalog.entity_of(material.as_str()).await.unwrap();
    assert!(matches!(found, Some(Entity::Material(found)) if found.deleted_ms.is_some()));
    let Some(Entity::Plan(found)) = bench.catalog.entity_of(plan.as_str()).await.unwrap() else {
        panic!("the plan was not found");
    };
    assert_eq!((&found.user, found.materials.len()), (&bench.user, 1));
    assert!(found.modules.is_empty());
    for unknown in ["", "42", new_upload().id.as_str(), &plan.as_str().replace("pln_", "mat_")] {
        assert_eq!(bench.catalog.entity_of(unknown).await.unwrap(), None, "{unknown}");
    }
}
