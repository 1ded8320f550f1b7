//! A catalog in a temporary folder, and the shortest way to say what a test needs.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use oxherd_study::accept::{Accepted, AcceptedWhat, Action, IdempotencyKey, Intent, NewUpload};
use oxherd_study::document::DocumentKind;
use oxherd_study::error::ErrorCode;
use oxherd_study::material::{EntityError, Material};
use oxherd_study::outline::ChunkRange;
use oxherd_study::plan::{Generator, Module, Plan, PlanRequest, Session, SessionStatus, Source};
use oxherd_study::ports::{Begun, Catalog, PageRequest, Published, Run, SavedPlan};
use oxherd_study::upload::StoredFile;
use oxherd_study::{MaterialId, PlanId, Result, SessionId, UploadId, UserId};

use crate::catalog::SqlCatalog;

/// A catalog, a user and a clock that each question moves on by a millisecond.
pub(super) struct Bench {
    pub(super) catalog: Arc<dyn Catalog>,
    pub(super) user: UserId,
    clock: AtomicU64,
    /// Absent when the test keeps the folder.
    folder: Option<Arc<tempfile::TempDir>>,
}

impl Bench {
    pub(super) async fn open() -> Self {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        let catalog = SqlCatalog::open(folder.path()).await.unwrap();
        Self { folder: Some(folder), ..Self::of(catalog) }
    }

    pub(super) fn of(catalog: Arc<dyn Catalog>) -> Self {
        let clock = AtomicU64::new(1_000_000);
        Self { catalog, user: UserId::new("ada"), clock, folder: None }
    }

    /// Opens the same folder again, as after the death of the process.
    pub(super) async fn reopen(self) -> Self {
        drop(self.catalog);
        let catalog = SqlCatalog::open(self.folder.as_ref().unwrap().path()).await.unwrap();
        Self { catalog, ..self }
    }

    pub(super) fn folder(&self) -> &Path {
        self.folder.as_ref().unwrap().path()
    }

    /// The same catalog as another user sees it.
    pub(super) fn as_user(&self, name: &str) -> Self {
        Self {
            catalog: Arc::clone(&self.catalog),
            user: UserId::new(name),
            clock: AtomicU64::new(self.clock.load(Ordering::Relaxed) + 1000),
            folder: self.folder.clone(),
        }
    }

    pub(super) fn now(&self) -> u64 {
        self.clock.fetch_add(1, Ordering::Relaxed)
    }

    pub(super) fn pass(&self, milliseconds: u64) {
        self.clock.fetch_add(milliseconds, Ordering::Relaxed);
    }

    pub(super) fn intent(&self, action: Action) -> Intent {
        Intent {
            user: self.user.clone(),
            request_id: "req-1".to_owned(),
            trace_parent: None,
            now_ms: self.now(),
            idempotency: None,
            action,
        }
    }

    pub(super) fn keyed(&self, key: &str, content: &str, action: Action) -> Intent {
        let idempotency = Some(self.key(key, content));
        Intent { idempotency, ..self.intent(action) }
    }

    pub(super) fn key(&self, key: &str, content: &str) -> IdempotencyKey {
        IdempotencyKey {
            user: self.user.clone(),
            route: "POST /api/things".to_owned(),
            key: key.to_owned(),
            fingerprint: content.to_owned(),
        }
    }

    pub(super) async fn commit(&self, intent: Intent) -> Result<Accepted> {
        self.catalog.commit(vec![intent]).await.unwrap().remove(0)
    }

    pub(super) async fn act(&self, action: Action) -> Result<Accepted> {
        self.commit(self.intent(action)).await
    }

    /// An upload whose file has arrived.
    pub(super) async fn stored_upload(&self, content: &str) -> UploadId {
        let new = new_upload();
        let upload = new.id.clone();
        self.act(Action::InitUpload(new)).await.unwrap();
        let file = file_of(content);
        self.act(Action::StoreUpload { upload: upload.clone(), file }).await.unwrap();
        upload
    }

    /// A material that waits to be processed.
    pub(super) async fn material(&self, content: &str) -> MaterialId {
        let action =
            Action::CreateMaterial { upload: new_upload(), file: file_of(content), title: None };
        material_of(self.act(action).await.unwrap())
    }

    pub(super) async fn titled(&self, title: &str) -> MaterialId {
        let title = Some(title.to_owned());
        let content = UploadId::random().to_string();
        let action =
            Action::CreateMaterial { upload: new_upload(), file: file_of(&content), title };
        material_of(self.act(action).await.unwrap())
    }

    pub(super) async fn ready_material(&self, content: &str) -> MaterialId {
        let id = self.material(content).await;
        self.make_ready(&id).await;
        id
    }

    pub(super) async fn make_ready(&self, id: &MaterialId) {
        let (_, run) = self.own_material(id).await;
        self.catalog.publish_material(&run, published(id), self.now()).await.unwrap();
    }

    pub(super) async fn own_material(&self, id: &MaterialId) -> (Material, Run<MaterialId>) {
        match self.catalog.begin_material(&self.user, id, 0, self.now()).await.unwrap() {
            Begun::Own(material, run) => (*material, run),
            other => panic!("expected to own {id}, found {other:?}"),
        }
    }

    pub(super) async fn fail(&self, id: &MaterialId) {
        let error = broken();
        self.catalog.fail_material(&self.user, id, 0, &error, self.now()).await.unwrap();
    }

    pub(super) async fn see(&self, id: &MaterialId) -> Material {
        self.catalog.material(&self.user, id, false).await.unwrap().unwrap()
    }

    pub(super) async fn create_plan(
        &self,
        materials: &[MaterialId],
        wait_for_materials: bool,
    ) -> Result<PlanId> {
        let request = PlanRequest { wait_for_materials, ..request(materials) };
        let id = PlanId::random();
        let accepted = self.act(Action::CreatePlan { id: id.clone(), request }).await?;
        assert_eq!(accepted.what, AcceptedWhat::Plan { id: id.clone(), generation: 1 });
        Ok(id)
    }

    pub(super) async fn plan(&self, materials: &[MaterialId]) -> PlanId {
        self.create_plan(materials, false).await.unwrap()
    }

    pub(super) async fn ready_plan(&self, materials: &[MaterialId]) -> PlanId {
        let id = self.plan(materials).await;
        self.make_plan(&id).await;
        id
    }

    pub(super) async fn make_plan(&self, id: &PlanId) {
        let (plan, run) = self.own_plan(id).await;
        self.catalog.save_plan(&run, saved(&plan, 4), self.now()).await.unwrap();
    }

    pub(super) async fn own_plan(&self, id: &PlanId) -> (Plan, Run<PlanId>) {
        match self.catalog.begin_plan(&self.user, id, 0, self.now()).await.unwrap() {
            Begun::Own(plan, run) => (*plan, run),
            other => panic!("expected to own {id}, found {other:?}"),
        }
    }

    pub(super) async fn see_plan(&self, id: &PlanId) -> Plan {
        self.catalog.plan(&self.user, id).await.unwrap().unwrap()
    }

    /// The jobs that would be relayed now, in order.
    pub(super) async fn waiting_jobs(&self) -> Vec<String> {
        let rows = self.catalog.next_rows(1000, 1000).await.unwrap();
        rows.into_iter().map(|row| row.job).collect()
    }

    /// How often runs of an entity ended, as (generation, status), from the audits' own table.
    pub(super) async fn ledger(&self, entity: &str) -> Vec<(i64, String)> {
        use sqlx::Connection as _;
        let options = crate::catalog::database::options(self.folder());
        let mut connection = sqlx::SqliteConnection::connect_with(&options).await.unwrap();
        sqlx::query_as("SELECT generation, status FROM ledger WHERE entity = $1 ORDER BY rowid")
            .bind(entity)
            .fetch_all(&mut connection)
            .await
            .unwrap()
    }
}

pub(super) fn new_upload() -> NewUpload {
    NewUpload {
        id: UploadId::random(),
        filename: "notes.txt".to_owned(),
        kind: DocumentKind::Text,
        size_bytes: 5,
        sha256: None,
    }
}

pub(super) fn file_of(content: &str) -> StoredFile {
    use sha2::{Digest as _, Sha256};
    let digest = Sha256::digest(content);
    let sha256 = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    StoredFile { size_bytes: 5, sha256, sniffed: Some(DocumentKind::Text) }
}

pub(super) fn material_of(accepted: Accepted) -> MaterialId {
    match accepted.what {
        AcceptedWhat::Material { id, .. } => id,
        other => panic!("expected a material, found {other:?}"),
    }
}

pub(super) fn published(id: &MaterialId) -> Published {
    Published {
        bundle_key: format!("bundles/{id}/1"),
        document_title: Some("The document's own title".to_owned()),
        summary: "About something.".to_owned(),
        page_count: Some(3),
        chunk_count: 8,
        language: "en".to_owned(),
    }
}

pub(super) fn broken() -> EntityError {
    EntityError::new(ErrorCode::MaterialParseFailed, "the file cannot be read")
}

pub(super) fn request(materials: &[MaterialId]) -> PlanRequest {
    PlanRequest {
        goal: "Understand it".to_owned(),
        materials: materials.to_vec(),
        target_due_date: None,
        special_requirements: None,
        sessions_per_week: Some(5),
        timezone: "Asia/Seoul".to_owned(),
        title: None,
        icon: None,
        color: None,
        wait_for_materials: false,
    }
}

/// A plan of two modules with so many sessions in all.
pub(super) fn saved(plan: &Plan, sessions: usize) -> SavedPlan {
    let material_id = plan.materials[0].id.clone();
    let session = |index: usize| Session {
        id: SessionId::derive(&plan.id, plan.generation, index),
        title: format!("Session {index}"),
        objective: "Say it in your own words".to_owned(),
        order_index: u32::try_from(index).unwrap(),
        estimated_minutes: 30,
        scheduled_for_date: "2026-03-02".parse().unwrap(),
        optional: index == 1,
        status: SessionStatus::Scheduled,
        sources: vec![Source {
            material_id: material_id.clone(),
            chunk_range: ChunkRange { start: 0, end: 1 },
            page: Some(1),
        }],
    };
    let module = |order_index: u32, from: usize, to: usize| Module {
        id: format!("mod_{order_index}"),
        title: format!("Module {order_index}"),
        description: "A part".to_owned(),
        order_index,
        sessions: (from..to).map(session).collect(),
    };
    SavedPlan {
        title: "The author's title".to_owned(),
        summary: "In short.".to_owned(),
        modules: vec![module(0, 0, sessions / 2), module(1, sessions / 2, sessions)],
        warnings: Vec::new(),
        generator: Generator {
            kind: "local".to_owned(),
            model: "1".to_owned(),
            prompt_version: "1".to_owned(),
            tokens: None,
        },
    }
}

pub(super) fn page(limit: u32, cursor: Option<String>) -> PageRequest {
    PageRequest { limit, cursor }
}
