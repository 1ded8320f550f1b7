//! A catalog of plans in memory, and an outside world that nobody asks.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use oxherd_study::accept::jobs::{PLAN_JOB, PLAN_QUEUE};
use oxherd_study::accept::{Accepted, AcceptedWhat, Action, IdempotencyKey, Intent, Reservation};
use oxherd_study::author::StructureAnswer;
use oxherd_study::author::local::LocalAuthor;
use oxherd_study::chunk::Chunk;
use oxherd_study::document::{DocumentKind, ParsedDocument};
use oxherd_study::error::ErrorCode;
use oxherd_study::material::{EntityError, Material};
use oxherd_study::plan::{
    Completion, GenerationStatus, Plan, PlanRequest, PlanStatus, PlanStep, Session, SessionStatus,
};
use oxherd_study::ports::{
    Acceptance, Begun, ByteStream, Deleted, Effects, Embedder, Entity, Hit, Library,
    MaterialFilter, MaterialRuns, ObjectWriter, Objects, OpenBundle, Outbox, OutboxPressure,
    OutboxRow, Page, PageRequest, Parser, PlanChange, PlanFilter, PlanRuns, Ports, Published, Run,
    SavedPlan, Searchable, StoredObject, SystemCalendar, TextIndex, Unsettled, Upkeep,
};
use oxherd_study::upload::Upload;
use oxherd_study::{MaterialId, PlanId, Result, SessionId, StudyError, UploadId, UserId};

const NOT_ASKED: &str = "the tree does not ask for this";

/// Rows of plans and their outbox.
#[derive(Default)]
pub(super) struct FakeCatalog {
    rows: Mutex<BTreeMap<PlanId, Row>>,
    numbers: AtomicI64,
    /// Whether calls hang until their deadline.
    pub(super) is_silent: AtomicBool,
}

struct Row {
    plan: Plan,
    /// That of its run in the outbox: a later run has another.
    number: i64,
    is_relayed: bool,
}

impl FakeCatalog {
    fn rows(&self) -> MutexGuard<'_, BTreeMap<PlanId, Row>> {
        self.rows.lock().unwrap()
    }

    fn next_number(&self) -> i64 {
        self.numbers.fetch_add(1, Ordering::SeqCst)
    }

    async fn answer(&self) {
        if self.is_silent.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
    }

    /// Ends the making of a plan well, as a run does.
    pub(super) fn finish(&self, id: &PlanId) {
        self.rows().get_mut(id).unwrap().plan.generation_status = GenerationStatus::Ready;
    }

    pub(super) fn status(&self, id: &PlanId) -> (GenerationStatus, Option<String>) {
        let rows = self.rows();
        let plan = &rows[id].plan;
        (plan.generation_status, plan.error.as_ref().map(|error| error.code.clone()))
    }

    /// Makes a row look as if nothing had touched it for a while.
    pub(super) fn age(&self, id: &PlanId, ms: u64) {
        self.rows().get_mut(id).unwrap().plan.updated_ms -= ms;
    }

    /// Writes a row as an earlier process left it.
    pub(super) fn plant(
        &self,
        id: &PlanId,
        user: &str,
        order: &str,
        is_relayed: bool,
        now_ms: u64,
    ) {
        let plan = plan(id, &UserId::new(user), request(order), now_ms);
        self.rows().insert(id.clone(), Row { plan, number: self.next_number(), is_relayed });
    }

    fn carry_out(&self, intent: Intent) -> Result<Accepted> {
        let what = match intent.action {
            Action::CreatePlan { id, request } => {
                let plan = plan(&id, &intent.user, request, intent.now_ms);
                let row = Row { plan, number: self.next_number(), is_relayed: false };
                self.rows().insert(id.clone(), row);
                AcceptedWhat::Plan { id, generation: 1 }
            }
            Action::RetryPlan { id, .. } => {
                let mut rows = self.rows();
                let row = rows.get_mut(&id).unwrap();
                row.plan.generation += 1;
                row.plan.generation_status = GenerationStatus::Pending;
                row.plan.error = None;
                row.number = self.next_number();
                row.is_relayed = false;
                AcceptedWhat::Plan { id, generation: row.plan.generation }
            }
            other => panic!("{NOT_ASKED}: {other:?}"),
        };
        Ok(Accepted { what, accepted_ms: intent.now_ms, replayed: false, existed: false })
    }
}

/// A wish for a plan; its goal says what the fake handler does.
pub(super) fn request(order: &str) -> PlanRequest {
    PlanRequest {
        goal: order.to_owned(),
        materials: Vec::new(),
        target_due_date: None,
        special_requirements: None,
        sessions_per_week: None,
        timezone: "UTC".to_owned(),
        title: None,
        icon: None,
        color: None,
        wait_for_materials: false,
    }
}

fn plan(id: &PlanId, user: &UserId, request: PlanRequest, now_ms: u64) -> Plan {
    Plan {
        id: id.clone(),
        user: user.clone(),
        request,
        title: String::new(),
        summary: None,
        status: PlanStatus::Paused,
        generation_status: GenerationStatus::Pending,
        progress: 0,
        step: PlanStep::Loading,
        error: None,
        materials: Vec::new(),
        modules: Vec::new(),
        completion: Completion::default(),
        warnings: Vec::new(),
        generator: None,
        generation: 1,
        run_epoch: 0,
        created_ms: now_ms,
        updated_ms: now_ms,
    }
}

fn row_of(row: &Row) -> OutboxRow {
    let plan = &row.plan;
    let data = serde_json::json!({
        "userId": plan.user, "planId": plan.id, "goal": plan.request.goal,
        "generation": plan.generation,
    });
    OutboxRow {
        number: row.number,
        queue: PLAN_QUEUE.to_owned(),
        name: PLAN_JOB.to_owned(),
        job: plan.id.as_str().to_owned(),
        data: data.to_string(),
        user: plan.user.clone(),
        generation: plan.generation,
        created_ms: plan.created_ms,
    }
}

fn is_open(plan: &Plan) -> bool {
    matches!(plan.generation_status, GenerationStatus::Pending | GenerationStatus::Generating)
}

#[async_trait]
impl Acceptance for FakeCatalog {
    async fn commit(&self, intents: Vec<Intent>) -> Result<Vec<Result<Accepted>>> {
        self.answer().await;
        Ok(intents.into_iter().map(|intent| self.carry_out(intent)).collect())
    }

    async fn reserve(&self, _: &IdempotencyKey, _: u64) -> Result<Reservation> {
        panic!("{NOT_ASKED}")
    }

    async fn release(&self, _: &IdempotencyKey) -> Result<()> {
        panic!("{NOT_ASKED}")
    }

    async fn outbox_pressure(&self, _: u32) -> Result<OutboxPressure> {
        self.answer().await;
        let rows = self.rows();
        let waiting = || rows.values().filter(|row| !row.is_relayed && is_open(&row.plan));
        Ok(OutboxPressure {
            rows: waiting().count() as u64,
            oldest_ms: waiting().map(|row| row.plan.updated_ms).min(),
        })
    }

    async fn installation(&self) -> Result<String> {
        panic!("{NOT_ASKED}")
    }

    async fn ping(&self) -> Result<()> {
        self.answer().await;
        Ok(())
    }
}

#[async_trait]
impl Outbox for FakeCatalog {
    async fn next_rows(&self, limit: usize, in_queue_max: u32) -> Result<Vec<OutboxRow>> {
        self.answer().await;
        let rows = self.rows();
        let mut in_queue: BTreeMap<&UserId, u32> = BTreeMap::new();
        for row in rows.values().filter(|row| row.is_relayed && is_open(&row.plan)) {
            *in_queue.entry(&row.plan.user).or_default() += 1;
        }
        let mut next = Vec::new();
        for row in rows.values() {
            let used = in_queue.entry(&row.plan.user).or_default();
            if !row.is_relayed && is_open(&row.plan) && *used < in_queue_max {
                *used += 1;
                next.push(row_of(row));
            }
        }
        next.truncate(limit);
        Ok(next)
    }

    async fn relayed(&self, numbers: &[i64]) -> Result<()> {
        for row in self.rows().values_mut() {
            row.is_relayed |= numbers.contains(&row.number);
        }
        Ok(())
    }
}

#[async_trait]
impl PlanRuns for FakeCatalog {
    async fn begin_plan(
        &self,
        _: &UserId,
        _: &PlanId,
        _: u64,
        _: u64,
    ) -> Result<Begun<Plan, PlanId>> {
        panic!("{NOT_ASKED}")
    }

    async fn plan_materials(&self, _: &Run<PlanId>) -> Result<Vec<Material>> {
        panic!("{NOT_ASKED}")
    }

    async fn plan_progress(&self, _: &Run<PlanId>, _: u8, _: u64) -> Result<bool> {
        panic!("{NOT_ASKED}")
    }

    async fn save_blueprint(&self, _: &Run<PlanId>, _: &str, _: &StructureAnswer) -> Result<()> {
        panic!("{NOT_ASKED}")
    }

    async fn blueprint(&self, _: &PlanId, _: &str) -> Result<Option<StructureAnswer>> {
        panic!("{NOT_ASKED}")
    }

    async fn save_plan(&self, _: &Run<PlanId>, _: SavedPlan, _: u64) -> Result<()> {
        panic!("{NOT_ASKED}")
    }

    async fn fail_plan(
        &self,
        _: &UserId,
        id: &PlanId,
        generation: u64,
        error: &EntityError,
        _: u64,
    ) -> Result<()> {
        let mut rows = self.rows();
        let plan = &mut rows.get_mut(id).unwrap().plan;
        if is_open(plan) && plan.generation == generation {
            plan.generation_status = GenerationStatus::Failed;
            plan.error = Some(error.clone());
        }
        Ok(())
    }
}

#[async_trait]
impl Upkeep for FakeCatalog {
    async fn unsettled(
        &self,
        before_ms: u64,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Unsettled>> {
        let rows = self.rows();
        let wanted = rows.values().filter(|row| {
            let is_later = after.is_none_or(|after| row.plan.id.as_str() > after);
            is_later && is_open(&row.plan) && row.plan.updated_ms < before_ms
        });
        let unsettled = wanted.map(|row| Unsettled {
            queue: PLAN_QUEUE.to_owned(),
            row: row_of(row),
            in_outbox: !row.is_relayed,
        });
        Ok(unsettled.take(limit).collect())
    }

    async fn expire_uploads(&self, _: u64, _: usize) -> Result<Vec<String>> {
        Ok(Vec::new())
    }

    async fn purge_idempotency(&self, _: u64) -> Result<u64> {
        Ok(0)
    }

    async fn unreferenced(&self, _: &[String]) -> Result<Vec<String>> {
        Ok(Vec::new())
    }

    async fn entity_of(&self, job: &str) -> Result<Option<Entity>> {
        let Ok(id) = PlanId::parse(job) else { return Ok(None) };
        Ok(self.rows().get(&id).map(|row| Entity::Plan(Box::new(row.plan.clone()))))
    }
}

#[async_trait]
impl Library for FakeCatalog {
    async fn upload(&self, _: &UserId, _: &UploadId) -> Result<Option<Upload>> {
        panic!("{NOT_ASKED}")
    }

    async fn material(&self, _: &UserId, _: &MaterialId, _: bool) -> Result<Option<Material>> {
        Ok(None)
    }

    async fn materials(
        &self,
        _: &UserId,
        _: &MaterialFilter,
        _: &PageRequest,
    ) -> Result<Page<Material>> {
        panic!("{NOT_ASKED}")
    }

    async fn rename_material(
        &self,
        _: &UserId,
        _: &MaterialId,
        _: &str,
        _: u64,
    ) -> Result<Option<Material>> {
        panic!("{NOT_ASKED}")
    }

    async fn delete_material(&self, _: &UserId, _: &MaterialId, _: u64) -> Result<Option<Deleted>> {
        panic!("{NOT_ASKED}")
    }

    async fn searchable(
        &self,
        _: &UserId,
        _: &[MaterialId],
        _: usize,
    ) -> Result<Option<(Vec<Searchable>, u64)>> {
        panic!("{NOT_ASKED}")
    }

    async fn plan(&self, user: &UserId, id: &PlanId) -> Result<Option<Plan>> {
        let rows = self.rows();
        Ok(rows.get(id).filter(|row| row.plan.user == *user).map(|row| row.plan.clone()))
    }

    async fn plans(&self, _: &UserId, _: &PlanFilter, _: &PageRequest) -> Result<Page<Plan>> {
        panic!("{NOT_ASKED}")
    }

    async fn change_plan(
        &self,
        _: &UserId,
        _: &PlanId,
        _: &PlanChange,
        _: u64,
    ) -> Result<Option<Plan>> {
        panic!("{NOT_ASKED}")
    }

    async fn set_session(
        &self,
        _: &UserId,
        _: &PlanId,
        _: &SessionId,
        _: SessionStatus,
        _: u64,
    ) -> Result<Option<Session>> {
        panic!("{NOT_ASKED}")
    }

    async fn delete_plan(&self, _: &UserId, id: &PlanId, _: u64) -> Result<Option<Deleted>> {
        self.rows().remove(id);
        Ok(Some(Deleted::default()))
    }
}

#[async_trait]
impl MaterialRuns for FakeCatalog {
    async fn begin_material(
        &self,
        _: &UserId,
        _: &MaterialId,
        _: u64,
        _: u64,
    ) -> Result<Begun<Material, MaterialId>> {
        panic!("{NOT_ASKED}")
    }

    async fn material_progress(&self, _: &Run<MaterialId>, _: u8, _: u64) -> Result<bool> {
        panic!("{NOT_ASKED}")
    }

    async fn publish_material(&self, _: &Run<MaterialId>, _: Published, _: u64) -> Result<Effects> {
        panic!("{NOT_ASKED}")
    }

    async fn fail_material(
        &self,
        _: &UserId,
        _: &MaterialId,
        _: u64,
        _: &EntityError,
        _: u64,
    ) -> Result<Effects> {
        panic!("{NOT_ASKED}")
    }
}

/// The rest of the world, which holds nothing.
struct Nothing;

fn nothing<T>() -> Result<T> {
    Err(StudyError::permanent(ErrorCode::InternalError, NOT_ASKED))
}

#[async_trait]
impl Objects for Nothing {
    async fn writer(&self, _: &str) -> Result<Box<dyn ObjectWriter>> {
        nothing()
    }

    async fn put_if_absent(&self, _: &str, _: bytes::Bytes) -> Result<bool> {
        nothing()
    }

    async fn read(&self, _: &str) -> Result<Option<ByteStream>> {
        Ok(None)
    }

    async fn read_range(&self, _: &str, _: std::ops::Range<u64>) -> Result<Option<bytes::Bytes>> {
        Ok(None)
    }

    async fn get(&self, _: &str) -> Result<Option<bytes::Bytes>> {
        Ok(None)
    }

    async fn size(&self, _: &str) -> Result<Option<u64>> {
        Ok(None)
    }

    async fn delete(&self, _: &str) -> Result<()> {
        Ok(())
    }

    async fn list(&self, _: &str, _: Option<&str>, _: usize) -> Result<Vec<StoredObject>> {
        Ok(Vec::new())
    }
}

#[async_trait]
impl Parser for Nothing {
    async fn parse(
        &self,
        _: DocumentKind,
        _: ByteStream,
        _: &(dyn Fn(u32, Option<u32>) + Send + Sync),
    ) -> Result<ParsedDocument> {
        nothing()
    }
}

#[async_trait]
impl Embedder for Nothing {
    fn model(&self) -> &str {
        "none"
    }

    fn is_semantic(&self) -> bool {
        false
    }

    async fn embed(&self, _: &[String]) -> Result<Vec<Vec<f32>>> {
        nothing()
    }
}

#[async_trait]
impl TextIndex for Nothing {
    async fn build(&self, _: &[Chunk]) -> Result<bytes::Bytes> {
        nothing()
    }

    async fn search(&self, _: &[OpenBundle], _: &str, _: usize) -> Result<Vec<Hit>> {
        nothing()
    }
}

/// Everything that a tree asks of the outside.
pub(super) fn ports(catalog: &Arc<FakeCatalog>) -> Ports {
    Ports {
        catalog: Arc::clone(catalog) as _,
        objects: Arc::new(Nothing),
        parser: Arc::new(Nothing),
        embedder: Arc::new(Nothing),
        index: Arc::new(Nothing),
        author: Arc::new(LocalAuthor),
        calendar: Arc::new(SystemCalendar),
        bundles: Arc::default(),
    }
}
