//! Receiving uploads into the folder.

use bytes::Bytes;
use futures::StreamExt as _;
use oxherd_study::UploadId;
use oxherd_study::accept::NewUpload;
use oxherd_study::document::DocumentKind;
use oxherd_study::error::{ErrorCode, Result, StudyError};
use oxherd_study::ports::{ByteStream, Objects as _};
use oxherd_study::upload::{StoredFile, Upload, receive};
use sha2::{Digest as _, Sha256};

use super::{Bench, files_below};

fn upload(size_bytes: u64) -> NewUpload {
    NewUpload {
        id: UploadId::random(),
        filename: "notes.txt".to_owned(),
        kind: DocumentKind::Text,
        size_bytes,
        sha256: None,
    }
}

fn stream(pieces: Vec<Result<Bytes>>) -> ByteStream {
    futures::stream::iter(pieces).boxed()
}

fn whole(bytes: &[u8]) -> ByteStream {
    stream(bytes.chunks(7).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect())
}

fn hash(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

async fn refused(bench: &Bench, upload: &NewUpload, bytes: ByteStream) -> StudyError {
    let before = files_below(bench.folder.path());
    let refused = receive(&*bench.objects, upload, bytes).await.unwrap_err();
    assert_eq!(files_below(bench.folder.path()), before, "something was left behind");
    refused
}

#[tokio::test]
async fn bytes_are_hashed_counted_and_told_while_they_are_stored() {
    let bench = Bench::open().await;
    let content = b"# Notes\n\nThe quick brown fox jumps over the lazy dog.\n".repeat(4000);
    let upload = NewUpload { sha256: Some(hash(&content)), ..upload(content.len() as u64) };

    let stored = receive(&*bench.objects, &upload, whole(&content)).await.unwrap();

    let size_bytes = content.len() as u64;
    let expected =
        StoredFile { size_bytes, sha256: hash(&content), sniffed: Some(DocumentKind::Text) };
    assert_eq!(stored, expected);
    let key = Upload::object_key(&upload.id);
    assert_eq!(bench.objects.get(&key).await.unwrap().unwrap(), content);
}

#[tokio::test]
async fn a_word_document_is_told_from_its_end() {
    let bench = Bench::open().await;
    let mut content = b"PK\x03\x04".to_vec();
    content.extend([0; 22]);
    content.extend(9_u16.to_le_bytes());
    content.extend([0; 2]);
    content.extend(b"image.png");
    content.extend([7; 300_000]);
    content.extend(b"PK\x01\x02");
    content.extend([0; 24]);
    content.extend(17_u16.to_le_bytes());
    content.extend([0; 16]);
    content.extend(b"word/document.xml");

    let upload = upload(content.len() as u64);
    let stored = receive(&*bench.objects, &upload, whole(&content)).await.unwrap();

    assert_eq!(stored.sniffed, Some(DocumentKind::Docx));
}

#[tokio::test]
async fn the_same_bytes_again_are_fine_and_other_bytes_are_not() {
    let bench = Bench::open().await;
    let upload = upload(5);
    let first = receive(&*bench.objects, &upload, whole(b"hello")).await.unwrap();

    let again = receive(&*bench.objects, &upload, whole(b"hello")).await.unwrap();
    assert_eq!(again, first);

    let other = refused(&bench, &upload, whole(b"world")).await;
    assert_eq!(other.code, ErrorCode::UploadAlreadyStored);
    let key = Upload::object_key(&upload.id);
    assert_eq!(bench.objects.get(&key).await.unwrap().unwrap(), &b"hello"[..]);
}

#[tokio::test]
async fn what_is_longer_shorter_empty_or_of_another_hash_leaves_nothing_behind() {
    let bench = Bench::open().await;
    let check = async |upload: NewUpload, bytes: ByteStream, expected| {
        assert_eq!(refused(&bench, &upload, bytes).await.code, expected);
    };
    check(upload(4), whole(b"hello"), ErrorCode::MaterialFileTooLarge).await;
    check(upload(6), whole(b"hello"), ErrorCode::UploadContentMismatch).await;
    check(upload(0), whole(b""), ErrorCode::UploadContentMismatch).await;
    let hashed = NewUpload { sha256: Some(hash(b"other")), ..upload(5) };
    check(hashed, whole(b"hello"), ErrorCode::UploadContentMismatch).await;
    let broken = StudyError::storage("the transfer broke off");
    let pieces = vec![Ok(Bytes::from_static(b"he")), Err(broken)];
    check(upload(5), stream(pieces), ErrorCode::StorageUnavailable).await;
}

#[tokio::test]
async fn an_undeclared_size_is_bounded_by_the_largest_file() {
    let bench = Bench::open().await;
    let stored = receive(&*bench.objects, &upload(0), whole(b"hello")).await.unwrap();
    assert_eq!(stored.size_bytes, 5);

    let mib = Bytes::from(vec![b'a'; 1024 * 1024]);
    let endless = futures::stream::repeat_with(move || Ok(mib.clone())).boxed();
    let refused = refused(&bench, &upload(0), endless).await;
    assert_eq!(refused.code, ErrorCode::MaterialFileTooLarge);
}

#[tokio::test]
async fn a_full_disk_is_told_and_nothing_is_left_of_the_upload() {
    let Some(disk) = crate::small_disk::SmallDisk::mount(1024) else { return };
    let objects = crate::objects::LocalObjects::open(disk.path()).await.unwrap();
    let before = files_below(disk.path());
    let content = vec![b'a'; 2 * 1024 * 1024];

    let upload = upload(content.len() as u64);
    let pieces = content.chunks(65_536).map(|piece| Ok(Bytes::copy_from_slice(piece)));
    let refused = receive(&*objects, &upload, stream(pieces.collect())).await.unwrap_err();

    assert_eq!(refused.code, ErrorCode::StorageUnavailable);
    assert!(refused.message.contains("full"), "{refused}");
    assert_eq!(files_below(disk.path()), before);
    let small = NewUpload { id: UploadId::random(), size_bytes: 5, ..upload };
    receive(&*objects, &small, whole(b"hello")).await.unwrap();
}
