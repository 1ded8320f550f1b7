//! Puts checked answers and dates together into what is stored of a plan.
//!
//! Pure: it reads no clock and asks nobody.

use serde_json::{Map, Value, json};

use crate::author::{Brief, BriefMaterial, ModuleAnswer, SessionAnswer, StructureAnswer};
use crate::id::SessionId;
use crate::plan::{Generator, Module, Plan, Session, SessionStatus, Source, Warning};
use crate::ports::SavedPlan;
use crate::requirements::{Deadline, Wishes};
use crate::schedule::{Rules, Schedule, schedule};

/// Gives every session its id, its day and its source.
pub(super) fn assemble(
    plan: &Plan,
    brief: &Brief,
    structure: &StructureAnswer,
    sessions: Vec<Vec<SessionAnswer>>,
    generator: Generator,
) -> SavedPlan {
    let count = sessions.iter().map(Vec::len).sum();
    let wishes = plan.request.special_requirements.as_deref().map(Wishes::read).unwrap_or_default();
    let schedule = schedule(
        count,
        &Rules {
            today: brief.today,
            target: brief.target_due_date,
            week_max: plan.request.sessions_per_week.map(u32::from),
            days: wishes.days,
        },
    );
    let mut warnings = Vec::new();
    warnings.extend(target_from_goal(plan, brief));
    warnings.extend(infeasible(brief, &schedule));
    warnings.extend(structure.unmet.iter().map(|wish| unmet(wish)));
    let mut index = 0;
    let modules =
        structure.modules.iter().zip(sessions).enumerate().map(|(place, (answer, own))| {
            let first = index;
            index += own.len();
            let material = &brief.materials[answer.material_index];
            let sessions: Vec<Session> = (first..)
                .zip(own)
                .map(|(index, session)| {
                    let date = schedule.dates.get(index).copied().unwrap_or(brief.today);
                    let id = SessionId::derive(&plan.id, plan.generation, index);
                    stored(id, index, session, material, date)
                })
                .collect();
            module(place, answer, sessions)
        });
    SavedPlan {
        title: structure.title.clone(),
        summary: structure.summary.clone(),
        modules: modules.collect(),
        warnings,
        generator,
    }
}

fn module(place: usize, answer: &ModuleAnswer, sessions: Vec<Session>) -> Module {
    let first = sessions.first().map_or("", |session| session.id.as_str());
    Module {
        id: format!("mod_{}", first.strip_prefix("ses_").unwrap_or(first)),
        title: answer.title.clone(),
        description: answer.description.clone(),
        order_index: to_index(place),
        sessions,
    }
}

fn stored(
    id: SessionId,
    index: usize,
    answer: SessionAnswer,
    material: &BriefMaterial,
    date: jiff::civil::Date,
) -> Session {
    let first = material.bundle.chunks.get(answer.chunk_range.start as usize);
    Session {
        id,
        title: answer.title,
        objective: answer.objective,
        order_index: to_index(index),
        estimated_minutes: answer.estimated_minutes,
        scheduled_for_date: date,
        optional: answer.optional,
        status: SessionStatus::Scheduled,
        sources: vec![Source {
            material_id: material.id.clone(),
            chunk_range: answer.chunk_range,
            page: first.and_then(|chunk| chunk.page),
        }],
    }
}

fn to_index(place: usize) -> u32 {
    u32::try_from(place).unwrap_or(u32::MAX)
}

/// Says which date was read from the goal, so that nobody wonders where it comes from.
fn target_from_goal(plan: &Plan, brief: &Brief) -> Option<Warning> {
    let target = brief.target_due_date.filter(|_| plan.request.target_due_date.is_none())?;
    let words = Deadline::read(&brief.goal)?.words;
    let message = format!(
        "the goal says “{words}”, so the plan is made to end by {target}; a target date or a number of sessions per week in the request wins over it"
    );
    Some(warning("TARGET_DATE_FROM_GOAL", message, "targetDueDate", json!(target)))
}

fn infeasible(brief: &Brief, schedule: &Schedule) -> Option<Warning> {
    let (target, feasible) = (brief.target_due_date?, schedule.feasible_date?);
    let message = format!(
        "the sessions do not fit before {target}; the nearest day on which they can end is {feasible}"
    );
    Some(warning("TARGET_DATE_INFEASIBLE", message, "feasibleDate", json!(feasible)))
}

fn unmet(wish: &str) -> Warning {
    let message = format!(
        "nothing in the materials or the rules answers to this wish, it was not followed: {wish}"
    );
    warning("REQUIREMENT_NOT_FOLLOWED", message, "requirement", json!(wish))
}

fn warning(code: &str, message: String, fact: &str, value: Value) -> Warning {
    let facts = Map::from_iter([(fact.to_owned(), value)]);
    Warning { code: code.to_owned(), message, facts }
}
