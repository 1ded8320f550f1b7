//! What a plan is made from: its materials' bundles and the brief for the author.

use futures::future::try_join_all;
use jiff::civil::Date;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::author::{Brief, BriefMaterial};
use crate::error::{ErrorClass, ErrorCode, Result, StudyError};
use crate::id::PlanId;
use crate::language::Language;
use crate::material::{Material, MaterialStatus};
use crate::plan::{Generator, Plan, PlanRequest};
use crate::ports::{Ports, Run};
use crate::requirements::Deadline;

/// How soon to look again whether the materials are READY.
const RETRY_AFTER_MS: u64 = 5_000;

/// A material that can be planned with.
pub(super) struct ReadyMaterial {
    material: Material,
    bundle_key: String,
}

/// Returns the materials of a plan in its order, all of them READY; one that was deleted since is
/// still good, its knowledge is kept for the plan.
///
/// # Errors
/// `PLAN_MATERIAL_FAILED` when one will never be READY; `PLAN_MATERIAL_NOT_READY` of the class
/// `NotReady` when one is still being processed.
pub(super) async fn ready_materials(
    ports: &Ports,
    run: &Run<PlanId>,
    plan: &Plan,
) -> Result<Vec<ReadyMaterial>> {
    let materials = ports.catalog.plan_materials(run).await?;
    if let Some(gone) =
        plan.materials.iter().find(|known| materials.iter().all(|found| found.id != known.id))
    {
        return Err(failed(format!("the material “{}” no longer exists", gone.title)));
    }
    materials.into_iter().map(ready).collect()
}

fn failed(message: String) -> StudyError {
    StudyError::permanent(ErrorCode::PlanMaterialFailed, message)
}

fn ready(material: Material) -> Result<ReadyMaterial> {
    let title = &material.title;
    match material.status {
        MaterialStatus::Ready => {}
        MaterialStatus::Failed => {
            return Err(failed(format!("the material “{title}” could not be processed")));
        }
        _ if material.deleted_ms.is_some() => {
            return Err(failed(format!("the material “{title}” was deleted")));
        }
        MaterialStatus::Pending | MaterialStatus::Processing => {
            return Err(StudyError {
                code: ErrorCode::PlanMaterialNotReady,
                message: format!("the material “{title}” is still being processed"),
                class: ErrorClass::NotReady { retry_after_ms: RETRY_AFTER_MS },
                details: None,
            });
        }
    }
    match material.bundle_key.clone() {
        Some(bundle_key) => Ok(ReadyMaterial { material, bundle_key }),
        None => Err(failed(format!("the material “{title}” has no text to plan with"))),
    }
}

/// Opens the bundles and writes down everything that an author may know.
///
/// # Errors
/// When a bundle cannot be read.
pub(super) async fn brief(
    ports: &Ports,
    plan: &Plan,
    materials: &[ReadyMaterial],
) -> Result<Brief> {
    let open = |ready: &ReadyMaterial| {
        let (id, title, key) =
            (ready.material.id.clone(), title_of(plan, &ready.material), ready.bundle_key.clone());
        async move {
            let bundle = ports.bundles.open(ports.objects.as_ref(), &key).await?;
            Ok::<_, StudyError>(BriefMaterial { id, title, bundle })
        }
    };
    let today = ports.calendar.today(&plan.request.timezone);
    Ok(Brief {
        goal: plan.request.goal.clone(),
        special_requirements: plan.request.special_requirements.clone(),
        language: Language::of(&plan.request.goal),
        today,
        target_due_date: target_date(&plan.request, today),
        materials: try_join_all(materials.iter().map(open)).await?,
    })
}

/// The date that was asked for; without one and without a pace, the one that the goal names.
fn target_date(request: &PlanRequest, today: Date) -> Option<Date> {
    let from_goal = || Deadline::read(&request.goal)?.from(today);
    let is_free = request.sessions_per_week.is_none();
    request.target_due_date.or_else(|| from_goal().filter(|_| is_free))
}

/// The title that a material had when the plan was asked for, unless it had none of its own then.
fn title_of(plan: &Plan, material: &Material) -> String {
    let known = plan.materials.iter().find(|known| known.id == material.id);
    match known {
        Some(known) if known.title != material.original_filename => known.title.clone(),
        _ => material.title.clone(),
    }
}

/// Names everything that the outline of a plan depends on, so that a kept answer is found again by
/// a repeated attempt and by nothing else. Another generation asks anew; another day does not.
pub(super) fn hash(author: &Generator, plan: &Plan, materials: &[ReadyMaterial]) -> String {
    let materials: Vec<_> =
        materials.iter().map(|ready| json!([ready.material.id, ready.bundle_key])).collect();
    let input = json!({
        "stage": "structure",
        "author": [author.kind, author.model, author.prompt_version],
        "generation": plan.generation,
        "goal": plan.request.goal,
        "requirements": plan.request.special_requirements,
        "targetDueDate": plan.request.target_due_date,
        "materials": materials,
    });
    let digest = Sha256::digest(input.to_string());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
