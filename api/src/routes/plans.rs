//! Plans: asking for one, lists, single ones.

use axum::extract::{Path, State};
use jiff::civil::Date;
use oxherd_study::accept::Action;
use oxherd_study::plan::{GenerationStatus, PlanRequest, PlanStatus};
use oxherd_study::ports::PlanFilter;
use oxherd_study::{MaterialId, PlanId};
use serde_json::{Value, json};

use super::bodies::{PageMeta, plan_body};
use super::materials::page_request;
use crate::error::{ApiError, ApiResult};
use crate::extract::{Carried, JsonBody, QueryPairs};
use crate::fields::Fields;
use crate::identity::Caller;
use crate::reply;
use crate::settings::Api;

/// The most materials of a plan.
const MATERIALS_MAX: usize = 5;
/// The time zone of a plan that names none.
pub(super) const DEFAULT_ZONE: &str = "Asia/Seoul";

/// Asks for a plan.
#[utoipa::path(post, path = "/api/plans", tag = "Plans",
    request_body(content = serde_json::Value, example = json!({
        "goal": "pass the midterm", "materialIds": ["mat_…"], "targetDueDate": "2027-01-31",
        "specialRequirements": "no weekends", "sessionsPerWeek": 4, "waitForMaterials": true })),
    responses(
        (status = 202, description = "`{planId, jobId, status, links}`"),
        (status = 400, description = "PLAN_MATERIAL_LIMIT"),
        (status = 404, description = "MATERIAL_NOT_FOUND"),
        (status = 409, description = "PLAN_MATERIAL_NOT_READY with details.materials"),
        (status = 422, description = "VALIDATION_ERROR")))]
pub(crate) async fn create_plan(
    State(api): State<Api>,
    Caller(user): Caller,
    carried: Carried,
    body: JsonBody,
) -> ApiResult {
    let request = read_request(&api, &body.value)?;
    let action = Action::CreatePlan { id: PlanId::random(), request };
    let intent = carried.intent(&api, &user, &body.fingerprint, action);
    let accepted = api.parts.intake.accept(intent).await?;
    Ok(reply::accepted(&api, &user, &accepted))
}

/// Reads a plan request; everything that is wrong is told at once.
pub(super) fn read_request(api: &Api, body: &Value) -> ApiResult<PlanRequest> {
    let mut fields = Fields::of(body);
    let goal = fields.required_text("goal", 1..=500);
    let materials = read_materials(&mut fields);
    let timezone = fields.text("timezone", 1..=64).unwrap_or_else(|| DEFAULT_ZONE.to_owned());
    if jiff::tz::TimeZone::get(&timezone).is_err() {
        let message = "must be an IANA time zone such as Asia/Seoul".to_owned();
        fields.fail("timezone", "INVALID_VALUE", message);
    }
    let today = api.parts.ports.calendar.today(&timezone);
    let target_due_date = read_date(&mut fields, today);
    let special_requirements = fields.text("specialRequirements", 0..=2000);
    let sessions_per_week = fields.number("sessionsPerWeek", 1..=21);
    let title = fields.text("title", 1..=200);
    let icon = fields.text("icon", 1..=50);
    let color = fields.text("color", 1..=50);
    let wait_for_materials = fields.flag("waitForMaterials").unwrap_or(false);
    fields.finish()?;
    if materials.is_empty() || materials.len() > MATERIALS_MAX {
        let message = format!("a plan has 1 to {MATERIALS_MAX} materials");
        return Err(ApiError::new(400, "PLAN_MATERIAL_LIMIT", message));
    }
    let materials = materials
        .into_iter()
        .map(|id| {
            MaterialId::parse(id).map_err(|_| {
                let details = json!({ "materialIds": [id] });
                super::materials::not_found().with_details(details)
            })
        })
        .collect::<ApiResult<Vec<_>>>()?;
    Ok(PlanRequest {
        goal,
        materials,
        target_due_date,
        special_requirements: special_requirements.filter(|text| !text.is_empty()),
        sessions_per_week: sessions_per_week.and_then(|count| u8::try_from(count).ok()),
        timezone,
        title,
        icon,
        color,
        wait_for_materials,
    })
}

fn read_materials<'a>(fields: &mut Fields<'a>) -> Vec<&'a str> {
    let Some(value) = fields.get("materialIds") else {
        fields.fail("materialIds", "REQUIRED", "is missing".to_owned());
        return Vec::new();
    };
    let Some(ids) = value.as_array() else {
        fields.fail("materialIds", "INVALID_TYPE", "must be a list of ids".to_owned());
        return Vec::new();
    };
    let mut materials: Vec<&str> = Vec::new();
    for (at, id) in ids.iter().enumerate() {
        let field = format!("materialIds[{at}]");
        match id.as_str() {
            None => fields.fail(&field, "INVALID_TYPE", "must be a text".to_owned()),
            Some(id) if materials.contains(&id) => {
                fields.fail(&field, "DUPLICATE", "stands twice in the list".to_owned());
            }
            Some(id) => materials.push(id),
        }
    }
    materials
}

fn read_date(fields: &mut Fields<'_>, today: Date) -> Option<Date> {
    let value = fields.get("targetDueDate")?;
    let date = value.as_str().filter(|text| text.len() == 10).and_then(|text| text.parse().ok());
    match date {
        None => {
            let message = "must be a date, YYYY-MM-DD".to_owned();
            fields.fail("targetDueDate", "INVALID_VALUE", message);
            None
        }
        Some(date) if date < today => {
            fields.fail("targetDueDate", "OUT_OF_RANGE", format!("must be {today} or later"));
            None
        }
        date => date,
    }
}

/// Lists the caller's plans, without their modules.
#[utoipa::path(get, path = "/api/plans", tag = "Plans",
    params(("status" = Option<String>, Query), ("generationStatus" = Option<String>, Query),
        ("limit" = Option<u32>, Query), ("cursor" = Option<String>, Query)),
    responses((status = 200, description = "`{data: [plan], meta: {nextCursor, limit}}`"),
        (status = 400, description = "INVALID_CURSOR")))]
pub(crate) async fn list_plans(
    State(api): State<Api>,
    Caller(user): Caller,
    query: QueryPairs,
) -> ApiResult {
    let words = "PAUSED, ACTIVE, COMPLETED, ARCHIVED";
    let status = query.word("status", PlanStatus::from_text, words)?;
    let words = "WAITING, PENDING, GENERATING, READY, FAILED";
    let generation_status = query.word("generationStatus", GenerationStatus::from_text, words)?;
    let filter = PlanFilter { status, generation_status };
    let page = page_request(&query)?;
    let found = api.parts.ports.catalog.plans(&user, &filter, &page).await?;
    let rows: Vec<_> = found.rows.iter().map(|plan| plan_body(plan, false)).collect();
    Ok(reply::list(&rows, &PageMeta { next_cursor: found.next_cursor, limit: page.limit }))
}

/// Shows a plan with its modules and sessions.
#[utoipa::path(get, path = "/api/plans/{id}", tag = "Plans", params(("id" = String, Path)),
    responses((status = 200, description = "`{data: plan}`"),
        (status = 404, description = "PLAN_NOT_FOUND")))]
pub(crate) async fn get_plan(
    State(api): State<Api>,
    Caller(user): Caller,
    Path(id): Path<String>,
) -> ApiResult {
    let found = api.parts.ports.catalog.plan(&user, &plan_id(&id)?).await?;
    Ok(reply::data(&plan_body(&found.ok_or_else(not_found)?, true)))
}

pub(super) fn plan_id(text: &str) -> ApiResult<PlanId> {
    PlanId::parse(text).map_err(|_| not_found())
}

pub(super) fn not_found() -> ApiError {
    ApiError::new(404, "PLAN_NOT_FOUND", "there is no such plan")
}
