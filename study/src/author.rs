//! The port to whoever writes a plan, the schema of the answers, and their validation.
//!
//! An answer is never trusted: the local author's passes the same checks as a language model's.

pub mod local;
#[cfg(test)]
pub(crate) mod testing;
pub mod validation;

use async_trait::async_trait;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::bundle::Bundle;
use crate::error::Result;
use crate::id::MaterialId;
use crate::language::Language;
use crate::outline::ChunkRange;
use crate::plan::Generator;

/// Everything that an author may know.
#[derive(Debug, Clone)]
pub struct Brief {
    /// What the learner wants.
    pub goal: String,
    /// The learner's wishes in their own words.
    pub special_requirements: Option<String>,
    /// The language of titles and objectives that belong to no single material.
    pub language: Language,
    /// Today in the plan's time zone.
    pub today: Date,
    /// The day by which everything should be done.
    pub target_due_date: Option<Date>,
    /// The materials, in the user's order.
    pub materials: Vec<BriefMaterial>,
}

/// A material as an author sees it.
#[derive(Debug, Clone)]
pub struct BriefMaterial {
    /// Its id.
    pub id: MaterialId,
    /// Its title.
    pub title: String,
    /// Its knowledge.
    pub bundle: std::sync::Arc<Bundle>,
}

/// The outline of a plan, as an author answers it; stored as the plan's blueprint.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StructureAnswer {
    /// 1 to 100 characters.
    pub title: String,
    /// 1 to 300 characters.
    pub summary: String,
    /// At least one; a material's modules follow its own order.
    pub modules: Vec<ModuleAnswer>,
    /// Parts that the requirements asked to leave out.
    #[serde(default)]
    pub omitted: Vec<Omission>,
    /// Wishes of the requirements that could not be followed, in the learner's words; wishes
    /// about days are not the author's.
    #[serde(default)]
    pub unmet: Vec<String>,
}

/// A module, as an author answers it; of one material only.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ModuleAnswer {
    /// 1 to 100 characters.
    pub title: String,
    /// At most 200 characters.
    pub description: String,
    /// The material, as an index into [`Brief::materials`].
    pub material_index: usize,
    /// Its chunks.
    pub chunk_range: ChunkRange,
    /// How many sessions it should have, at least 1.
    pub session_count: u32,
    /// Whether the goal can be reached without it.
    #[serde(default)]
    pub optional: bool,
    /// Whether the goal or the requirements ask for more time on it.
    #[serde(default)]
    pub stressed: bool,
}

/// A part of a material that is left out on purpose.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Omission {
    /// The material, as an index into [`Brief::materials`].
    pub material_index: usize,
    /// The chunks.
    pub chunk_range: ChunkRange,
    /// The words of the requirements that asked for it.
    pub reason: String,
}

/// A session, as an author answers it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionAnswer {
    /// 1 to 120 characters.
    pub title: String,
    /// 1 to 300 characters.
    pub objective: String,
    /// 25 to 50.
    pub estimated_minutes: u32,
    /// Its chunks, absolute in the material; the sessions of a module cover its range exactly
    /// once, in order. A chunk that is too long for one sitting cannot be split.
    pub chunk_range: ChunkRange,
    /// Whether the goal can be reached without it.
    #[serde(default)]
    pub optional: bool,
}

/// Writes plans.
#[async_trait]
pub trait Author: Send + Sync + 'static {
    /// Tells who writes.
    fn identity(&self) -> Generator;

    /// Decides the modules.
    ///
    /// # Errors
    /// When no answer can be had.
    async fn structure(&self, brief: &Brief) -> Result<StructureAnswer>;

    /// Writes the sessions of one module of a validated structure.
    ///
    /// # Errors
    /// When no answer can be had.
    async fn sessions(&self, brief: &Brief, module: &ModuleAnswer) -> Result<Vec<SessionAnswer>>;
}
