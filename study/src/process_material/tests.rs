//! What a run of processing does to the catalog, the objects and the observer, however it ends.

use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use super::*;
use crate::document::{Block, BlockKind};
use crate::error::ErrorClass;
use crate::material::EntityError;
use crate::testing::{FakeObserver, FakeParser, World, pending_material};

const SOURCE: &[u8] = b"the file as it was uploaded";

fn paragraph(text: &str) -> Block {
    Block {
        kind: BlockKind::Paragraph,
        text: text.to_owned(),
        page: Some(1),
        page_turns: Vec::new(),
    }
}

fn document() -> ParsedDocument {
    let heading = Block { kind: BlockKind::Heading { level: 1 }, ..paragraph("Disks") };
    ParsedDocument {
        title: Some("The manual".to_owned()),
        page_count: Some(1),
        blocks: vec![heading, paragraph("The installer divides the disk into partitions.")],
    }
}

/// A world with one accepted material and its file.
fn world(document: ParsedDocument) -> (World, Material) {
    let world = World::with_document(document);
    let material = Material {
        size_bytes: SOURCE.len() as u64,
        sha256: Sha256::digest(SOURCE).iter().map(|byte| format!("{byte:02x}")).collect(),
        ..pending_material("manual")
    };
    world.objects.put(&material.source_key, SOURCE);
    world.catalog.rows(|rows| rows.materials.push(material.clone()));
    (world, material)
}

async fn run(world: &World, material: &Material, observer: &FakeObserver) -> Result<Effects> {
    let (user, id) = (&material.user, &material.id);
    process_material(&world.ports(), user, id, material.generation, observer).await
}

fn status(world: &World) -> MaterialStatus {
    world.catalog.rows(|rows| rows.materials[0].status)
}

fn key(material: &Material) -> String {
    bundle_key(&material.id, &material.sha256, "fake")
}

#[tokio::test]
async fn an_upload_becomes_a_bundle_and_a_ready_row() {
    let (world, material) = world(document());
    let observer = FakeObserver::default();

    run(&world, &material, &observer).await.unwrap();

    let published = world.catalog.rows(|rows| rows.published.clone());
    assert_eq!(
        published,
        [Published {
            bundle_key: key(&material),
            document_title: Some("The manual".to_owned()),
            summary: "The installer divides the disk into partitions.".to_owned(),
            page_count: Some(1),
            chunk_count: 1,
            language: "en".to_owned(),
        }]
    );
    let ports = world.ports();
    let bundle = ports.bundles.open(ports.objects.as_ref(), &key(&material)).await.unwrap();
    assert_eq!(bundle.chunks[0].heading_path, ["Disks"]);
    assert_eq!(bundle.vectors.len(), 1);
}

#[tokio::test]
async fn progress_names_every_step_and_never_falls() {
    let (world, material) = world(document());
    let observer = FakeObserver::default();

    run(&world, &material, &observer).await.unwrap();

    let heard = observer.heard();
    assert!(heard.is_sorted(), "{heard:?}");
    for step in [5, 10, 50, 55, 85, 95, 100] {
        assert!(heard.contains(&step), "{step} is missing in {heard:?}");
    }
}

#[tokio::test]
async fn within_a_step_progress_is_written_at_most_every_quarter_of_a_second() {
    let (world, material) = world(ParsedDocument {
        blocks: (0..400).map(|_| paragraph(&"word ".repeat(300))).collect(),
        ..document()
    });
    let observer = FakeObserver::default();

    // The clock stands: nothing but the beginnings of steps is due.
    run(&world, &material, &observer).await.unwrap();

    assert_eq!(observer.heard(), [5, 10, 50, 55, 85, 95, 100]);
}

#[tokio::test]
async fn a_second_run_after_ready_is_a_success_without_effects() {
    let (world, material) = world(document());
    run(&world, &material, &FakeObserver::default()).await.unwrap();

    let again = run(&world, &material, &FakeObserver::default()).await;

    assert_eq!(again, Ok(Effects::default()));
    assert_eq!(world.catalog.rows(|rows| rows.published.len()), 1);
}

#[tokio::test]
async fn a_run_after_a_crash_before_publishing_uses_the_stored_bundle() {
    let (mut world, material) = world(document());
    run(&world, &material, &FakeObserver::default()).await.unwrap();
    world.catalog.rows(|rows| rows.materials[0].status = MaterialStatus::Processing);
    world.parser = Arc::new(FakeParser::failing(StudyError::storage("not to be asked again")));

    run(&world, &material, &FakeObserver::default()).await.unwrap();

    let published = world.catalog.rows(|rows| rows.published.clone());
    assert_eq!(published[0], published[1]);
}

#[tokio::test]
async fn a_damaged_bundle_of_an_earlier_attempt_is_made_again() {
    let (world, material) = world(document());
    world.objects.put(&key(&material), &b"OXHERDKB but cut off"[..]);

    run(&world, &material, &FakeObserver::default()).await.unwrap();

    let ports = world.ports();
    ports.bundles.open(ports.objects.as_ref(), &key(&material)).await.unwrap();
}

#[tokio::test]
async fn a_file_that_is_not_the_uploaded_one_is_refused_for_good() {
    for (stored, code) in [
        (Some(&b"the file as it was  changed"[..]), ErrorCode::UploadContentMismatch),
        (Some(&b"short"[..]), ErrorCode::UploadContentMismatch),
        (None, ErrorCode::UploadObjectNotFound),
    ] {
        let (world, material) = world(document());
        match stored {
            Some(bytes) => world.objects.put(&material.source_key, bytes),
            None => world.ports().objects.delete(&material.source_key).await.unwrap(),
        }

        let error = run(&world, &material, &FakeObserver::default()).await.unwrap_err();

        assert_eq!((error.code, error.class), (code, ErrorClass::Permanent));
        assert_eq!(status(&world), MaterialStatus::Processing, "FAILED is the queue's word");
    }
}

#[tokio::test]
async fn a_wrong_file_explains_what_the_parser_says_about_it() {
    let (mut world, material) = world(document());
    world.objects.put(&material.source_key, &b"the file as it was  changed"[..]);
    let unreadable = StudyError::permanent(ErrorCode::MaterialParseFailed, "unreadable");
    world.parser = Arc::new(FakeParser::failing(unreadable));

    let error = run(&world, &material, &FakeObserver::default()).await.unwrap_err();

    assert_eq!(error.code, ErrorCode::UploadContentMismatch);
}

#[tokio::test]
async fn documents_without_text_or_with_too_many_pages_are_refused_for_good() {
    let blank = ParsedDocument { blocks: vec![paragraph(" \n ")], ..document() };
    let long = ParsedDocument { page_count: Some(PAGES_MAX + 1), ..document() };
    for (document, code) in [
        (ParsedDocument::default(), ErrorCode::MaterialNoText),
        (blank, ErrorCode::MaterialNoText),
        (long, ErrorCode::MaterialPageLimit),
    ] {
        let (world, material) = world(document);
        let error = run(&world, &material, &FakeObserver::default()).await.unwrap_err();
        assert_eq!((error.code, error.class), (code, ErrorClass::Permanent));
    }
}

#[tokio::test]
async fn a_run_that_is_asked_to_stop_ends_before_its_next_step() {
    for stop_at in [5, 10, 50, 55, 85] {
        let (world, material) = world(document());
        let observer = FakeObserver::stopping_at(stop_at);

        let error = run(&world, &material, &observer).await.unwrap_err();

        assert_eq!(error.class, ErrorClass::Cancelled);
        assert_eq!(observer.heard().last(), Some(&stop_at));
        assert_eq!(world.objects.keys().as_slice(), std::slice::from_ref(&material.source_key));
    }
}

#[tokio::test]
async fn a_run_without_its_entity_or_its_turn_says_so() {
    let (world, material) = world(document());
    let stranger = Material { user: UserId::new("someone else"), ..material.clone() };
    let error = run(&world, &stranger, &FakeObserver::default()).await.unwrap_err();
    assert_eq!((error.code, error.class), (ErrorCode::EntityNotFound, ErrorClass::Permanent));

    world.catalog.rows(|rows| rows.materials[0].generation = 2);
    let error = run(&world, &material, &FakeObserver::default()).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::Superseded);
}

#[tokio::test]
async fn a_material_that_failed_for_good_fails_the_same_way_again() {
    let (world, material) = world(document());
    world.catalog.rows(|rows| {
        rows.materials[0].status = MaterialStatus::Failed;
        rows.materials[0].error = Some(EntityError::new(ErrorCode::MaterialEncrypted, "locked"));
    });

    let error = run(&world, &material, &FakeObserver::default()).await.unwrap_err();

    assert_eq!((error.code, error.class), (ErrorCode::MaterialEncrypted, ErrorClass::Permanent));
}

/// An observer that starts a newer run of the same material in the middle of the first.
struct Rival<'a> {
    world: &'a World,
    material: &'a Material,
}

#[async_trait::async_trait]
impl RunObserver for Rival<'_> {
    async fn progressed(&self, progress: u8, _note: Option<String>) {
        if progress == 50 {
            run(self.world, self.material, &FakeObserver::default()).await.unwrap();
        }
    }

    fn is_stopped(&self) -> bool {
        false
    }
}

#[tokio::test]
async fn of_two_runs_side_by_side_one_publishes_and_the_other_stops_quietly() {
    let (world, material) = world(document());
    let rival = Rival { world: &world, material: &material };
    let (user, id) = (&material.user, &material.id);

    let error = process_material(&world.ports(), user, id, 1, &rival).await.unwrap_err();

    assert_eq!(error.class, ErrorClass::Superseded);
    assert_eq!(world.catalog.rows(|rows| rows.published.len()), 1);
    assert_eq!(status(&world), MaterialStatus::Ready);
}
