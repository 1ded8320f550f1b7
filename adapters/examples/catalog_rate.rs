//! Measures the catalog on this disk: accepted uploads a second, and the relay's question among
//! many waiting rows. `cargo run --release -p oxherd-adapters --example catalog_rate [FOLDER]`

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::try_join_all;
use oxherd_adapters::catalog::SqlCatalog;
use oxherd_study::accept::{Action, Intent, NewUpload};
use oxherd_study::document::DocumentKind;
use oxherd_study::ports::{Acceptance as _, Outbox as _};
use oxherd_study::upload::StoredFile;
use oxherd_study::{StudyError, UploadId, UserId};

const USERS: usize = 3;
const SECONDS: u64 = 3;
const WAITING: usize = 100_000;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = match std::env::args().nth(1) {
        Some(folder) => tempfile::tempdir_in(folder)?,
        None => tempfile::tempdir()?,
    };
    let catalog = SqlCatalog::open(folder.path()).await?;
    for clients in [1, 16, 256] {
        let (accepted, slowest) = accept(&catalog, clients).await?;
        let rate = accepted as u64 / SECONDS;
        println!("{clients:>4} clients, one commit each: {rate:>7} uploads/s, slowest {slowest:?}");
    }
    let began = Instant::now();
    for batch in 0..WAITING / 256 {
        let intents = (0..256).map(|number| intent(batch * 256 + number)).collect();
        catalog.commit(intents).await?;
    }
    let rate = WAITING as f64 / began.elapsed().as_secs_f64();
    println!("batches of 256 intents:     {rate:>7.0} uploads/s");
    let began = Instant::now();
    for _ in 0..100 {
        catalog.next_rows(256, 16).await?;
    }
    println!("next rows among {WAITING}:     {:?}", began.elapsed() / 100);
    let began = Instant::now();
    for _ in 0..100 {
        catalog.outbox_pressure(16).await?;
    }
    println!("pressure among {WAITING}:      {:?}", began.elapsed() / 100);
    Ok(())
}

/// Lets so many clients accept one upload after the other; returns how many, and the longest wait.
async fn accept(
    catalog: &Arc<SqlCatalog>,
    clients: usize,
) -> Result<(usize, Duration), StudyError> {
    let end = Instant::now() + Duration::from_secs(SECONDS);
    let client = |number: usize| async move {
        let (mut accepted, mut slowest) = (0, Duration::ZERO);
        while Instant::now() < end {
            let began = Instant::now();
            for answer in catalog.commit(vec![intent(number)]).await? {
                answer?;
            }
            slowest = slowest.max(began.elapsed());
            accepted += 1;
        }
        Ok::<_, StudyError>((accepted, slowest))
    };
    let all = try_join_all((0..clients).map(client)).await?;
    let slowest = all.iter().map(|(_, slowest)| *slowest).max().unwrap_or_default();
    Ok((all.iter().map(|(accepted, _)| accepted).sum(), slowest))
}

fn intent(number: usize) -> Intent {
    let upload = NewUpload {
        id: UploadId::random(),
        filename: "notes.txt".to_owned(),
        kind: DocumentKind::Text,
        size_bytes: 1,
        sha256: None,
    };
    let sha256 = upload.id.to_string();
    let file = StoredFile { size_bytes: 1, sha256, sniffed: Some(DocumentKind::Text) };
    Intent {
        user: UserId::new(&format!("user {}", number % USERS)),
        request_id: "measured".to_owned(),
        trace_parent: None,
        now_ms: 1_000_000,
        idempotency: None,
        action: Action::CreateMaterial { upload, file, title: None },
    }
}
