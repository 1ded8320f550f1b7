//! What a run of plan generation does, however it ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use jiff::civil::date;

use super::generate_plan;
use crate::author::local::LocalAuthor;
use crate::author::testing::{bundle, chunk, node};
use crate::author::{Author, Brief, ModuleAnswer, SessionAnswer, StructureAnswer};
use crate::chunk::Chunk;
use crate::error::{ErrorClass, ErrorCode, Result, StudyError};
use crate::id::{PlanId, UserId};
use crate::material::{EntityError, Material, MaterialStatus};
use crate::plan::{
    Completion, GenerationStatus, Generator, Plan, PlanMaterial, PlanRequest, PlanStatus, PlanStep,
};
use crate::ports::SavedPlan;
use crate::testing::{FakeObserver, World, pending_material};

/// A READY material of two chapters, six chunks of ten minutes each, and its bundle.
fn ready_material(world: &World, title: &str) -> Material {
    let text = "All about disks and files. ".repeat(222);
    let chunks = (0..12).map(|index| Chunk { page: Some(index + 1), ..chunk(index, &text) });
    let outline = vec![node("Disks", 1, 0, 5, vec![]), node("Files", 1, 6, 11, vec![])];
    let key = format!("bundles/{title}");
    world.objects.put(&key, bundle(chunks.collect(), outline).encode().unwrap());
    Material { status: MaterialStatus::Ready, bundle_key: Some(key), ..pending_material(title) }
}

fn plan_of(materials: &[Material]) -> Plan {
    let request = PlanRequest {
        goal: "Understand files".to_owned(),
        materials: materials.iter().map(|material| material.id.clone()).collect(),
        target_due_date: None,
        special_requirements: None,
        sessions_per_week: None,
        timezone: "Asia/Seoul".to_owned(),
        title: None,
        icon: None,
        color: None,
        wait_for_materials: false,
    };
    let known = |material: &Material| PlanMaterial {
        id: material.id.clone(),
        title: material.title.clone(),
    };
    Plan {
        id: PlanId::random(),
        user: UserId::local(),
        request,
        title: "A plan".to_owned(),
        summary: None,
        status: PlanStatus::Paused,
        generation_status: GenerationStatus::Pending,
        progress: 0,
        step: PlanStep::Loading,
        error: None,
        materials: materials.iter().map(known).collect(),
        modules: Vec::new(),
        completion: Completion::default(),
        warnings: Vec::new(),
        generator: None,
        generation: 1,
        run_epoch: 0,
        created_ms: 0,
        updated_ms: 0,
    }
}

/// A world with one READY material and a plan of it.
fn world_with(change: impl FnOnce(&mut Material, &mut Plan)) -> (World, PlanId) {
    let world = World::default();
    let mut material = ready_material(&world, "Book");
    let mut plan = plan_of(std::slice::from_ref(&material));
    change(&mut material, &mut plan);
    let id = plan.id.clone();
    world.catalog.rows(|rows| {
        rows.materials.push(material);
        rows.plans.push(plan);
    });
    (world, id)
}

async fn run(world: &World, id: &PlanId) -> Result<()> {
    let observer = FakeObserver::default();
    generate_plan(&world.ports(), &UserId::local(), id, 1, &observer).await
}

fn saved(world: &World) -> Vec<SavedPlan> {
    world.catalog.rows(|rows| rows.saved.clone())
}

#[tokio::test]
async fn a_plan_covers_every_chunk_once_with_dates_and_pages() {
    let (world, id) = world_with(|_, _| ());
    let observer = FakeObserver::default();

    generate_plan(&world.ports(), &UserId::local(), &id, 1, &observer).await.unwrap();

    let plan = saved(&world).remove(0);
    let titles: Vec<&str> = plan.modules.iter().map(|module| module.title.as_str()).collect();
    assert_eq!(titles, ["Disks", "Files"]);
    let sessions: Vec<_> = plan.modules.iter().flat_map(|module| &module.sessions).collect();
    let mut next = 0;
    for (place, session) in sessions.iter().enumerate() {
        let source = &session.sources[0];
        assert_eq!(source.chunk_range.start, next);
        assert_eq!(source.page, Some(next + 1));
        assert_eq!(session.order_index as usize, place);
        assert!(session.scheduled_for_date >= date(2026, 3, 2));
        next = source.chunk_range.end + 1;
    }
    assert_eq!(next, 12);
    assert_eq!(plan.modules[0].id[4..], sessions[0].id.as_str()[4..]);
    assert_eq!(plan.generator.kind, "local");
    let heard = observer.heard();
    assert!(heard.windows(2).all(|pair| pair[0] <= pair[1]), "{heard:?}");
    assert_eq!((heard[0], heard[1], heard[heard.len() - 1]), (10, 20, 100));
    assert!(heard.iter().any(|progress| (31..=70).contains(progress)));
}

#[tokio::test]
async fn running_again_after_the_end_changes_nothing() {
    let (world, id) = world_with(|_, _| ());
    run(&world, &id).await.unwrap();
    run(&world, &id).await.unwrap();
    assert_eq!(saved(&world).len(), 1);
}

#[tokio::test]
async fn a_failed_plan_says_again_why() {
    let (world, id) = world_with(|_, plan| {
        plan.generation_status = GenerationStatus::Failed;
        plan.error = Some(EntityError::new(ErrorCode::Cancelled, "the job was cancelled"));
    });
    let error = run(&world, &id).await.unwrap_err();
    assert_eq!((error.code, error.class), (ErrorCode::Cancelled, ErrorClass::Permanent));
}

#[tokio::test]
async fn a_plan_of_another_user_does_not_exist() {
    let (world, id) = world_with(|_, _| ());
    let observer = FakeObserver::default();
    let other = UserId::new("somebody else");
    let result = generate_plan(&world.ports(), &other, &id, 1, &observer).await;
    let error = result.unwrap_err();
    assert_eq!((error.code, error.class), (ErrorCode::EntityNotFound, ErrorClass::Permanent));
}

#[tokio::test]
async fn an_outdated_run_stops_quietly() {
    let (world, id) = world_with(|_, plan| plan.generation = 2);
    let error = run(&world, &id).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::Superseded);
    assert_eq!(saved(&world).len(), 0);
}

#[tokio::test]
async fn materials_decide_whether_the_plan_waits_or_fails() {
    let not_ready = |material: &mut Material| material.status = MaterialStatus::Processing;
    let (world, id) = world_with(|material, _| not_ready(material));
    let error = run(&world, &id).await.unwrap_err();
    assert!(matches!(error.class, ErrorClass::NotReady { .. }), "{error:?}");

    for change in [
        |material: &mut Material| material.status = MaterialStatus::Failed,
        |material: &mut Material| {
            (material.status, material.deleted_ms) = (MaterialStatus::Pending, Some(1));
        },
        |material: &mut Material| material.id = crate::MaterialId::random(),
    ] {
        let (world, id) = world_with(|material, _| change(material));
        let error = run(&world, &id).await.unwrap_err();
        assert_eq!(
            (error.code, error.class),
            (ErrorCode::PlanMaterialFailed, ErrorClass::Permanent)
        );
    }
}

#[tokio::test]
async fn a_material_that_was_deleted_since_is_still_good() {
    let (world, id) = world_with(|material, _| material.deleted_ms = Some(1));
    run(&world, &id).await.unwrap();
    assert_eq!(saved(&world).len(), 1);
}

#[tokio::test]
async fn a_run_stops_between_modules_when_it_is_asked_to() {
    let (world, id) = world_with(|_, _| ());
    let observer = FakeObserver::stopping_at(50);
    let result = generate_plan(&world.ports(), &UserId::local(), &id, 1, &observer).await;
    assert_eq!(result.unwrap_err().class, ErrorClass::Cancelled);
    assert!(observer.heard().last().is_some_and(|last| *last < 75));
    assert_eq!(saved(&world).len(), 0);
}

#[tokio::test]
async fn dates_and_warnings_follow_the_request() {
    let (world, id) = world_with(|_, plan| {
        plan.request.sessions_per_week = Some(1);
        plan.request.target_due_date = Some(date(2026, 3, 3));
        plan.request.special_requirements = Some("no Mondays. Explain it nicely".to_owned());
    });
    run(&world, &id).await.unwrap();
    let plan = saved(&world).remove(0);
    let dates: Vec<_> = plan
        .modules
        .iter()
        .flat_map(|module| &module.sessions)
        .map(|session| session.scheduled_for_date)
        .collect();
    assert_eq!(dates[..2], [date(2026, 3, 3), date(2026, 3, 10)]);
    let codes: Vec<&str> = plan.warnings.iter().map(|warning| warning.code.as_str()).collect();
    assert_eq!(codes, ["TARGET_DATE_INFEASIBLE", "REQUIREMENT_NOT_FOLLOWED"]);
    let last = dates[dates.len() - 1].to_string();
    assert_eq!(plan.warnings[0].facts["feasibleDate"], last.as_str());
    assert_eq!(plan.warnings[1].facts["requirement"], "Explain it nicely");
}

#[tokio::test]
async fn a_goal_that_says_in_two_weeks_is_reached_by_then_and_the_plan_says_so() {
    let (world, id) =
        world_with(|_, plan| plan.request.goal = "Understand files in two weeks".to_owned());
    run(&world, &id).await.unwrap();
    let plan = saved(&world).remove(0);
    let last = plan.modules.iter().flat_map(|module| &module.sessions).next_back().unwrap();
    assert!(last.scheduled_for_date <= date(2026, 3, 16), "{last:?}");
    assert!(last.scheduled_for_date > date(2026, 3, 9), "spread over both weeks: {last:?}");
    let warning = &plan.warnings[0];
    assert_eq!(warning.code, "TARGET_DATE_FROM_GOAL");
    assert_eq!(warning.facts["targetDueDate"], "2026-03-16");
}

#[tokio::test]
async fn a_date_or_a_pace_in_the_request_wins_over_the_words_of_the_goal() {
    for (target, pace) in [(Some(date(2026, 12, 1)), None), (None, Some(1))] {
        let (world, id) = world_with(|_, plan| {
            plan.request.goal = "Understand files in two days".to_owned();
            plan.request.target_due_date = target;
            plan.request.sessions_per_week = pace;
        });
        run(&world, &id).await.unwrap();
        let plan = saved(&world).remove(0);
        let last = plan.modules.iter().flat_map(|module| &module.sessions).next_back().unwrap();
        assert!(last.scheduled_for_date > date(2026, 3, 9), "{last:?}");
        assert_eq!(plan.warnings, []);
    }
}

/// An author that counts, and gives answers of the local one with a fault if asked to.
struct CountingAuthor {
    structures: AtomicUsize,
    kind: &'static str,
    session_faults: AtomicUsize,
}

#[async_trait]
impl Author for CountingAuthor {
    fn identity(&self) -> Generator {
        Generator { kind: self.kind.to_owned(), ..LocalAuthor.identity() }
    }

    async fn structure(&self, brief: &Brief) -> Result<StructureAnswer> {
        self.structures.fetch_add(1, Ordering::SeqCst);
        LocalAuthor.structure(brief).await
    }

    async fn sessions(&self, brief: &Brief, module: &ModuleAnswer) -> Result<Vec<SessionAnswer>> {
        let mut sessions = LocalAuthor.sessions(brief, module).await?;
        let left = |count: usize| count.checked_sub(1);
        if self.session_faults.fetch_update(Ordering::SeqCst, Ordering::SeqCst, left).is_ok() {
            sessions[0].estimated_minutes = 500;
        }
        Ok(sessions)
    }
}

fn counting(world: &mut World, kind: &'static str, session_faults: usize) -> Arc<CountingAuthor> {
    let author = Arc::new(CountingAuthor {
        structures: AtomicUsize::new(0),
        kind,
        session_faults: AtomicUsize::new(session_faults),
    });
    world.author = Arc::clone(&author) as _;
    author
}

fn class_of(result: Result<()>) -> Option<(ErrorCode, ErrorClass)> {
    result.err().map(|StudyError { code, class, .. }| (code, class))
}

#[tokio::test]
async fn a_repeated_attempt_uses_the_kept_answer() {
    let (mut world, id) = world_with(|_, _| ());
    let author = counting(&mut world, "remote", 1);

    let first = run(&world, &id).await;
    let second = run(&world, &id).await;

    assert_eq!(
        class_of(first),
        Some((ErrorCode::PlanGenerationFailed, ErrorClass::Transient)),
        "another answer of a remote author may be better"
    );
    assert_eq!(class_of(second), None);
    assert_eq!(author.structures.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_bad_answer_of_the_local_author_is_final() {
    let (mut world, id) = world_with(|_, _| ());
    counting(&mut world, "local", 1);
    let result = run(&world, &id).await;
    assert_eq!(class_of(result), Some((ErrorCode::PlanGenerationFailed, ErrorClass::Permanent)));
}

#[tokio::test]
async fn a_newer_run_takes_the_plan_over() {
    let (world, id) = world_with(|_, _| ());
    let observer = TakenOver { world: &world };
    let result = generate_plan(&world.ports(), &UserId::local(), &id, 1, &observer).await;
    assert_eq!(result.unwrap_err().class, ErrorClass::Superseded);
    assert_eq!(saved(&world).len(), 0);
}

/// Lets another run begin as soon as this one is under way.
struct TakenOver<'a> {
    world: &'a World,
}

#[async_trait]
impl crate::ports::RunObserver for TakenOver<'_> {
    async fn progressed(&self, progress: u8, _note: Option<String>) {
        if progress == 20 {
            self.world.catalog.rows(|rows| rows.plans[0].run_epoch += 1);
        }
    }

    fn is_stopped(&self) -> bool {
        false
    }
}
