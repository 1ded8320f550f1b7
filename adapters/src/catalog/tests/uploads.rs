//! From an upload to a material.

use std::sync::Arc;

use futures::future::join_all;
use oxherd_study::accept::{AcceptedWhat, Action};
use oxherd_study::document::DocumentKind;
use oxherd_study::error::ErrorCode;
use oxherd_study::material::MaterialStatus;
use oxherd_study::upload::{StoredFile, VALID_MS};
use oxherd_study::{StudyError, UploadId};
use serde_json::{Value, json};

use super::bench::{Bench, file_of, material_of, new_upload};

fn complete(upload: &UploadId) -> Action {
    Action::CompleteUpload { upload: upload.clone(), title: None }
}

fn code<T: std::fmt::Debug>(refused: Result<T, StudyError>) -> ErrorCode {
    refused.unwrap_err().code
}

#[tokio::test]
async fn a_stored_upload_becomes_a_pending_material_with_an_outbox_row() {
    let bench = Bench::open().await;
    let upload = bench.stored_upload("hello").await;

    let id = material_of(bench.act(complete(&upload)).await.unwrap());

    let material = bench.see(&id).await;
    assert_eq!(material.status, MaterialStatus::Pending);
    assert_eq!((material.title.as_str(), material.generation), ("notes.txt", 1));
    assert_eq!(material.sha256, file_of("hello").sha256);
    let row = bench.catalog.next_rows(10, 16).await.unwrap().remove(0);
    assert_eq!(
        (row.queue.as_str(), row.name.as_str()),
        ("material-processing", "process-material")
    );
    assert_eq!((row.job.as_str(), row.generation), (id.as_str(), 1));
    let data: Value = serde_json::from_str(&row.data).unwrap();
    let expected = json!({
        "userId": "ada", "materialId": id, "uploadId": upload, "generation": 1,
        "requestId": "req-1",
    });
    assert_eq!(data, expected);
}

#[tokio::test]
async fn fifty_identical_completions_are_one_material_and_one_job() {
    let bench = Arc::new(Bench::open().await);
    let upload = bench.stored_upload("hello").await;

    let calls = (0..50).map(|_| {
        let (bench, upload) = (Arc::clone(&bench), upload.clone());
        tokio::spawn(async move { bench.act(complete(&upload)).await.unwrap() })
    });
    let answers: Vec<_> = join_all(calls).await.into_iter().map(Result::unwrap).collect();

    assert!(answers.iter().all(|answer| answer.what == answers[0].what));
    assert_eq!(answers.iter().filter(|answer| !answer.existed).count(), 1);
    assert_eq!(bench.waiting_jobs().await.len(), 1);
}

#[tokio::test]
async fn fifty_uploads_of_the_same_bytes_are_one_material_and_49_duplicates() {
    let bench = Arc::new(Bench::open().await);

    let calls = (0..50).map(|_| {
        let bench = Arc::clone(&bench);
        let action =
            Action::CreateMaterial { upload: new_upload(), file: file_of("same"), title: None };
        tokio::spawn(async move { bench.act(action).await })
    });
    let answers: Vec<_> = join_all(calls).await.into_iter().map(Result::unwrap).collect();

    let made: Vec<_> = answers.iter().filter_map(|answer| answer.as_ref().ok()).collect();
    assert_eq!(made.len(), 1);
    let id = material_of(made[0].clone());
    for refused in answers.iter().filter_map(|answer| answer.as_ref().err()) {
        assert_eq!(refused.code, ErrorCode::MaterialDuplicate);
        assert_eq!(refused.details, Some(json!({ "materialId": id })));
    }
    assert_eq!(bench.waiting_jobs().await, [id.as_str()]);
}

#[tokio::test]
async fn a_late_completion_answers_as_the_first_and_a_deleted_material_ends_that() {
    let bench = Bench::open().await;
    let upload = bench.stored_upload("hello").await;
    let first = bench.act(complete(&upload)).await.unwrap();
    bench.pass(VALID_MS * 2);

    let late = bench.act(complete(&upload)).await.unwrap();
    assert_eq!((late.what.clone(), late.existed), (first.what.clone(), true));

    let id = material_of(first);
    bench.catalog.delete_material(&bench.user, &id, bench.now()).await.unwrap();
    assert_eq!(code(bench.act(complete(&upload)).await), ErrorCode::UploadNotFound);
}

#[tokio::test]
async fn completion_is_refused_in_the_order_of_the_contract() {
    let bench = Bench::open().await;
    let unknown = UploadId::random();
    assert_eq!(code(bench.act(complete(&unknown)).await), ErrorCode::UploadNotFound);

    let foreign = bench.stored_upload("theirs").await;
    let other = bench.as_user("bob");
    assert_eq!(code(other.act(complete(&foreign)).await), ErrorCode::UploadNotFound);

    let empty = new_upload();
    let id = empty.id.clone();
    bench.act(Action::InitUpload(empty)).await.unwrap();
    assert_eq!(code(bench.act(complete(&id)).await), ErrorCode::UploadObjectNotFound);

    let disguised = StoredFile { sniffed: Some(DocumentKind::Pdf), ..file_of("pdf") };
    bench.act(Action::StoreUpload { upload: id.clone(), file: disguised }).await.unwrap();
    assert_eq!(code(bench.act(complete(&id)).await), ErrorCode::MaterialUnsupportedType);

    bench.pass(VALID_MS);
    assert_eq!(code(bench.act(complete(&id)).await), ErrorCode::UploadExpired);
}

#[tokio::test]
async fn the_same_bytes_may_be_stored_again_and_other_bytes_or_late_ones_may_not() {
    let bench = Bench::open().await;
    let upload = bench.stored_upload("hello").await;
    let store = |content| Action::StoreUpload { upload: upload.clone(), file: file_of(content) };

    let again = bench.act(store("hello")).await.unwrap();
    assert!(again.existed && matches!(again.what, AcceptedWhat::Stored { .. }));
    assert_eq!(code(bench.act(store("other")).await), ErrorCode::UploadAlreadyStored);

    bench.act(complete(&upload)).await.unwrap();
    assert_eq!(code(bench.act(store("hello")).await), ErrorCode::UploadAlreadyStored);

    let late = new_upload();
    let late_id = late.id.clone();
    bench.act(Action::InitUpload(late)).await.unwrap();
    bench.pass(VALID_MS);
    let store = Action::StoreUpload { upload: late_id, file: file_of("late") };
    assert_eq!(code(bench.act(store).await), ErrorCode::UploadExpired);
}

#[tokio::test]
async fn one_refused_intent_of_a_batch_does_not_touch_the_others() {
    let bench = Bench::open().await;
    let make = |content: &str| {
        let file = file_of(content);
        bench.intent(Action::CreateMaterial { upload: new_upload(), file, title: None })
    };
    let batch = vec![make("one"), make("one"), make("two")];

    let answers = bench.catalog.commit(batch).await.unwrap();

    assert!(answers[0].is_ok() && answers[2].is_ok());
    assert_eq!(code(answers[1].clone()), ErrorCode::MaterialDuplicate);
    assert_eq!(bench.waiting_jobs().await.len(), 2);
}

#[tokio::test]
async fn the_same_bytes_are_free_again_once_their_material_failed_or_was_deleted() {
    let bench = Bench::open().await;
    let failed = bench.material("hello").await;
    bench.fail(&failed).await;

    let second = bench.material("hello").await;
    assert_ne!(second, failed);
    let retry = bench.act(Action::RetryMaterial(failed.clone())).await.unwrap_err();
    assert_eq!(retry.code, ErrorCode::MaterialDuplicate);
    assert_eq!(retry.details, Some(json!({ "materialId": second })));

    bench.catalog.delete_material(&bench.user, &second, bench.now()).await.unwrap();
    bench.act(Action::RetryMaterial(failed.clone())).await.unwrap();
    assert_eq!(bench.see(&failed).await.status, MaterialStatus::Pending);
}
