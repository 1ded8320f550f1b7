//! The local author: extractive, deterministic, needs no key.
//!
//! Modules follow the document's own headings, sessions its sub-headings; titles and objectives
//! are made of its own words. It invents nothing and leaves out nothing that was not asked for.

mod boilerplate;
mod cut;
mod effort;
mod heading;
mod interest;
mod named_part;
mod overview;
mod part;
mod session;
mod structure;
mod wording;

use async_trait::async_trait;

use super::{Author, Brief, ModuleAnswer, SessionAnswer, StructureAnswer};
use crate::error::{ErrorCode, Result, StudyError};
use crate::plan::Generator;

/// The version of the rules; part of what a kept blueprint is found by.
const RULES: &str = "1";

/// Writes plans from the documents' own structure and words.
#[derive(Debug, Clone, Copy, Default)]
pub struct LocalAuthor;

#[async_trait]
impl Author for LocalAuthor {
    fn identity(&self) -> Generator {
        Generator {
            kind: "local".to_owned(),
            model: "extractive".to_owned(),
            prompt_version: RULES.to_owned(),
            tokens: None,
        }
    }

    async fn structure(&self, brief: &Brief) -> Result<StructureAnswer> {
        let brief = brief.clone();
        aside(move || structure::structure(&brief)).await
    }

    async fn sessions(&self, brief: &Brief, module: &ModuleAnswer) -> Result<Vec<SessionAnswer>> {
        let (brief, module) = (brief.clone(), module.clone());
        aside(move || session::sessions(&brief, &module)).await
    }
}

/// Runs work that keeps a processor busy for a while where it holds up nobody.
async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(|error| {
        let message = format!("the plan could not be written: {error}");
        StudyError::transient(ErrorCode::PlanGenerationFailed, message)
    })
}
