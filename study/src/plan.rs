//! A plan: modules of sessions with dates, made from materials for a goal.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::id::{MaterialId, PlanId, SessionId, UserId};
use crate::material::{EntityError, words};
use crate::outline::ChunkRange;

/// What a user asks for, checked at the edge.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlanRequest {
    /// What the learner wants, 1 to 500 characters.
    pub goal: String,
    /// The materials, 1 to 5, distinct, in the user's order.
    pub materials: Vec<MaterialId>,
    /// The day by which everything should be done.
    pub target_due_date: Option<Date>,
    /// Wishes in the user's own words: days off, parts to leave out or to stress.
    pub special_requirements: Option<String>,
    /// At most so many sessions in a week from Monday, 1 to 21.
    pub sessions_per_week: Option<u8>,
    /// The IANA time zone in which days are days.
    pub timezone: String,
    /// The user's title; else the author gives one.
    pub title: Option<String>,
    /// A word for the page.
    pub icon: Option<String>,
    /// A word for the page.
    pub color: Option<String>,
    /// Whether to wait for materials that are still being processed.
    pub wait_for_materials: bool,
}

/// A plan as the catalog holds it.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// Its id; also the id of its job.
    pub id: PlanId,
    /// Whose it is.
    pub user: UserId,
    /// What was asked for.
    pub request: PlanRequest,
    /// Its title.
    pub title: String,
    /// What it is about.
    pub summary: Option<String>,
    /// What the learner does with it.
    pub status: PlanStatus,
    /// Where its making stands.
    pub generation_status: GenerationStatus,
    /// 0 to 100; never falls within a generation.
    pub progress: u8,
    /// The step that it is in.
    pub step: PlanStep,
    /// Why its making FAILED.
    pub error: Option<EntityError>,
    /// Its materials with their titles, in the user's order.
    pub materials: Vec<PlanMaterial>,
    /// Its parts; empty until READY, and in lists.
    pub modules: Vec<Module>,
    /// Its sessions that count, and those that are completed.
    pub completion: Completion,
    /// What the learner should know about it.
    pub warnings: Vec<Warning>,
    /// Who wrote it.
    pub generator: Option<Generator>,
    /// The run that was asked for; a retry raises it.
    pub generation: u64,
    /// The run that owns it (the fence).
    pub run_epoch: u64,
    /// Milliseconds since the epoch.
    pub created_ms: u64,
    /// Milliseconds since the epoch.
    pub updated_ms: u64,
}

/// A material of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanMaterial {
    /// The material.
    pub id: MaterialId,
    /// Its title when the plan was made.
    pub title: String,
}

/// How much of a plan is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Completion {
    /// Sessions that are COMPLETED.
    pub completed: u32,
    /// Sessions that are not CANCELED.
    pub total: u32,
}

/// A part of a plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Module {
    /// Its id, `<first session's id>` with the prefix `mod_`.
    pub id: String,
    /// Its title, in the document's language.
    pub title: String,
    /// What it is about.
    pub description: String,
    /// Its place in the plan, 0-based.
    pub order_index: u32,
    /// Its sessions, in order.
    pub sessions: Vec<Session>,
}

/// One sitting.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Session {
    /// Its id.
    pub id: SessionId,
    /// Its title, in the document's language.
    pub title: String,
    /// What the learner can do after it.
    pub objective: String,
    /// Its place in the whole plan, 0-based.
    pub order_index: u32,
    /// 25 to 50.
    pub estimated_minutes: u32,
    /// The day it is meant for.
    pub scheduled_for_date: Date,
    /// Whether the goal can be reached without it.
    pub optional: bool,
    /// What the learner did with it.
    pub status: SessionStatus,
    /// The passages it covers; never empty.
    pub sources: Vec<Source>,
}

/// A passage of a material.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Source {
    /// The material.
    pub material_id: MaterialId,
    /// Its chunks.
    pub chunk_range: ChunkRange,
    /// The 1-based page on which the passage begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub page: Option<u32>,
}

/// Something that the learner should know about a plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Warning {
    /// An `UPPER_SNAKE` word, e.g. `TARGET_DATE_INFEASIBLE`.
    pub code: String,
    /// One sentence.
    pub message: String,
    /// Facts for programs, e.g. `feasibleDate`.
    #[serde(flatten)]
    pub facts: serde_json::Map<String, serde_json::Value>,
}

/// Who wrote a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Generator {
    /// `local`, `gemini` or `openai-compatible`.
    pub kind: String,
    /// The model's name; for `local` its version.
    pub model: String,
    /// The version of the prompts or rules.
    pub prompt_version: String,
    /// The tokens that were paid for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens: Option<u64>,
}

words! {
    /// What the learner does with a plan.
    PlanStatus {
        /// Laid aside; every new plan.
        Paused "PAUSED",
        /// Being followed; one per user.
        Active "ACTIVE",
        /// Done.
        Completed "COMPLETED",
        /// Put away.
        Archived "ARCHIVED",
    }
}

impl PlanStatus {
    /// Returns the states that may follow this one, apart from itself.
    #[must_use]
    pub fn allowed(self) -> &'static [Self] {
        match self {
            Self::Paused => &[Self::Active, Self::Completed, Self::Archived],
            Self::Active => &[Self::Paused, Self::Completed, Self::Archived],
            Self::Completed => &[Self::Archived],
            Self::Archived => &[Self::Paused],
        }
    }
}

words! {
    /// Where the making of a plan stands.
    GenerationStatus {
        /// Waits for its materials.
        Waiting "WAITING",
        /// Accepted; no run has started.
        Pending "PENDING",
        /// A run has started; also between attempts.
        Generating "GENERATING",
        /// Can be followed.
        Ready "READY",
        /// No attempt is left.
        Failed "FAILED",
    }
}

words! {
    /// The steps of making a plan, in order.
    PlanStep {
        /// The materials' bundles are read.
        Loading "LOADING",
        /// The parts are decided.
        Planning "PLANNING",
        /// The sessions are written, part by part.
        Writing "WRITING",
        /// Dates are given and everything is stored.
        Saving "SAVING",
        /// Done.
        Completed "COMPLETED",
    }
}

impl PlanStep {
    /// Returns the step that a progress number lies in: LOADING up to 19, PLANNING 20-29, WRITING
    /// 30-74, SAVING 75-99, COMPLETED 100.
    #[must_use]
    pub fn at(progress: u8) -> Self {
        match progress {
            0..20 => Self::Loading,
            20..30 => Self::Planning,
            30..75 => Self::Writing,
            75..100 => Self::Saving,
            _ => Self::Completed,
        }
    }
}

words! {
    /// What the learner did with a session.
    SessionStatus {
        /// Not begun.
        Scheduled "SCHEDULED",
        /// Begun.
        InProgress "IN_PROGRESS",
        /// Done.
        Completed "COMPLETED",
        /// Left out for now.
        Skipped "SKIPPED",
        /// Taken out of the plan.
        Canceled "CANCELED",
    }
}

#[cfg(test)]
mod tests {
    use super::PlanStatus;

    #[test]
    fn every_plan_can_be_archived_and_an_archived_one_comes_back_paused() {
        for &status in PlanStatus::ALL {
            if status != PlanStatus::Archived {
                assert!(status.allowed().contains(&PlanStatus::Archived));
            }
        }
        assert_eq!(PlanStatus::Archived.allowed(), [PlanStatus::Paused]);
    }
}
