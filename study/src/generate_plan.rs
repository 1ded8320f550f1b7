//! The use case that turns materials into a plan.
//!
//! It reads `load -> structure -> modules -> schedule -> save`. Every write carries the run's
//! epoch; what an author answered is checked before it is kept, and kept before it is used, so
//! that a repeated run never asks for it again.

mod assembly;
mod input;

use futures::stream::{StreamExt as _, TryStreamExt as _};

use crate::author::validation::{Violation, validate_sessions, validate_structure};
use crate::author::{Brief, ModuleAnswer, SessionAnswer, StructureAnswer};
use crate::error::{ErrorCode, Result, StudyError};
use crate::id::{PlanId, UserId};
use crate::plan::{GenerationStatus, Plan};
use crate::ports::{Begun, Ports, Run, RunObserver};

/// So many modules are written at a time.
const MODULES_AT_ONCE: usize = 3;

/// Makes a plan: retrieve, structure, modules, validate, schedule, save.
///
/// Safe to run any number of times, also side by side: one run wins by the fence. A plan that is
/// READY already is a success without effects.
///
/// # Errors
/// `ENTITY_NOT_FOUND` when the user has no such plan; `PLAN_MATERIAL_FAILED`; transient ones.
pub async fn generate_plan(
    ports: &Ports,
    user: &UserId,
    id: &PlanId,
    generation: u64,
    observer: &dyn RunObserver,
) -> Result<()> {
    let now_ms = ports.calendar.now_ms();
    let (plan, run) = match ports.catalog.begin_plan(user, id, generation, now_ms).await? {
        Begun::Own(plan, run) => (plan, run),
        Begun::Final(plan) => return last_word(&plan),
        Begun::Missing => {
            let message = format!("there is no plan {id} of this user");
            return Err(StudyError::permanent(ErrorCode::EntityNotFound, message));
        }
        Begun::Outdated => return Err(StudyError::superseded()),
    };
    PlanRun { ports, run, observer, reached: plan.progress }.make(&plan).await
}

/// Says again how a finished plan ended.
fn last_word(plan: &Plan) -> Result<()> {
    match (plan.generation_status, &plan.error) {
        (GenerationStatus::Failed, Some(error)) => {
            let code = ErrorCode::from_text(&error.code).unwrap_or(ErrorCode::JobFailed);
            Err(StudyError::permanent(code, error.message.clone()))
        }
        (GenerationStatus::Failed, None) => {
            Err(StudyError::permanent(ErrorCode::JobFailed, "the plan failed before"))
        }
        _ => Ok(()),
    }
}

/// A run that owns its plan.
struct PlanRun<'a> {
    ports: &'a Ports,
    run: Run<PlanId>,
    observer: &'a dyn RunObserver,
    /// How far an earlier attempt of this generation came; clients never see it fall.
    reached: u8,
}

impl PlanRun<'_> {
    async fn make(&self, plan: &Plan) -> Result<()> {
        self.progress(10, None).await?;
        let materials = input::ready_materials(self.ports, &self.run, plan).await?;
        let brief = input::brief(self.ports, plan, &materials).await?;
        self.progress(20, Some(format!("read {} materials", brief.materials.len()))).await?;
        let hash = input::hash(&self.ports.author.identity(), plan, &materials);
        let structure = self.structure(&brief, &hash).await?;
        let modules = self.modules(&brief, &structure).await?;
        self.progress(75, None).await?;
        let generator = self.ports.author.identity();
        let saved = assembly::assemble(plan, &brief, &structure, modules, generator);
        self.progress(90, None).await?;
        let now_ms = self.ports.calendar.now_ms();
        self.ports.catalog.save_plan(&self.run, saved, now_ms).await?;
        self.observer.progressed(100, None).await;
        Ok(())
    }

    /// Tells the row and the observer how far the run is, and stops it when it should be.
    async fn progress(&self, progress: u8, note: Option<String>) -> Result<()> {
        self.stop_if_asked()?;
        let progress = progress.max(self.reached);
        let now_ms = self.ports.calendar.now_ms();
        if !self.ports.catalog.plan_progress(&self.run, progress, now_ms).await? {
            return Err(StudyError::superseded());
        }
        self.observer.progressed(progress, note).await;
        Ok(())
    }

    fn stop_if_asked(&self) -> Result<()> {
        if self.observer.is_stopped() { Err(StudyError::cancelled()) } else { Ok(()) }
    }

    /// Returns the modules: those that an earlier attempt was given, else the author's.
    async fn structure(&self, brief: &Brief, hash: &str) -> Result<StructureAnswer> {
        if let Some(kept) = self.ports.catalog.blueprint(&self.run.id, hash).await? {
            // A blueprint of older rules may not fit any more: then it is asked for again.
            if validate_structure(brief, &kept).is_empty() {
                return Ok(kept);
            }
        }
        let answer = self.ports.author.structure(brief).await?;
        self.accept("the outline of the plan", &validate_structure(brief, &answer))?;
        self.ports.catalog.save_blueprint(&self.run, hash, &answer).await?;
        Ok(answer)
    }

    /// Writes the sessions of all modules, a few modules at a time, in the plan's order.
    async fn modules(
        &self,
        brief: &Brief,
        structure: &StructureAnswer,
    ) -> Result<Vec<Vec<SessionAnswer>>> {
        let count = structure.modules.len();
        self.progress(30, Some(format!("{count} modules"))).await?;
        // Made before the stream: futures that a closure borrows for are not Send for any lifetime.
        let writing: Vec<_> =
            structure.modules.iter().map(|module| self.sessions(brief, module)).collect();
        let mut written = futures::stream::iter(writing).buffered(MODULES_AT_ONCE);
        let mut modules = Vec::with_capacity(count);
        while let Some(sessions) = written.try_next().await? {
            modules.push(sessions);
            let done = 30 + 40 * modules.len() / count;
            let note = format!("module {} of {count}", modules.len());
            self.progress(u8::try_from(done).unwrap_or(70), Some(note)).await?;
        }
        Ok(modules)
    }

    async fn sessions(&self, brief: &Brief, module: &ModuleAnswer) -> Result<Vec<SessionAnswer>> {
        self.stop_if_asked()?;
        let sessions = self.ports.author.sessions(brief, module).await?;
        self.accept("the sessions of a module", &validate_sessions(brief, module, &sessions))?;
        Ok(sessions)
    }

    /// Refuses an answer with violations. The local author gives the same answer again; another
    /// may do better the next time.
    fn accept(&self, what: &str, violations: &[Violation]) -> Result<()> {
        let Some(first) = violations.first() else { return Ok(()) };
        let kind = self.ports.author.identity().kind;
        let count = violations.len();
        tracing::warn!(plan = %self.run.id, author = kind, count, "refused an answer: {first}");
        let message = format!("{what} could not be used: {first}");
        Err(match kind.as_str() {
            "local" => StudyError::permanent(ErrorCode::PlanGenerationFailed, message),
            _ => StudyError::transient(ErrorCode::PlanGenerationFailed, message),
        })
    }
}

#[cfg(test)]
mod tests;
