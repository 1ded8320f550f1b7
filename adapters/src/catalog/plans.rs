//! Plans as users read, change and delete them.

use std::collections::HashMap;

use oxherd_study::error::ErrorCode;
use oxherd_study::plan::{
    GenerationStatus, Plan, PlanMaterial, PlanStatus, Session, SessionStatus,
};
use oxherd_study::ports::{Deleted, Page, PageRequest, PlanChange, PlanFilter};
use oxherd_study::{PlanId, SessionId, StudyError, UserId};
use serde_json::json;
use sqlx::QueryBuilder;

use super::database::{Connection, Database, Outcome, number};
use super::rows::{self, Columns, material_id};
use super::{cursor, materials, outbox, plan_parts};

/// Plans with the counts of their sessions.
macro_rules! select_plans {
    ($then:literal) => {
        concat!(
            "SELECT plans.*,
                    (SELECT COUNT(*) FROM plan_sessions s
                     WHERE s.plan_id = plans.id AND s.status <> 'CANCELED') AS total,
                    (SELECT COUNT(*) FROM plan_sessions s
                     WHERE s.plan_id = plans.id AND s.status = 'COMPLETED') AS completed
             FROM plans ",
            $then
        )
    };
}

/// Returns a plan with its materials and modules.
pub(super) async fn find(
    connection: &mut Connection,
    user: &UserId,
    id: &PlanId,
) -> Outcome<Option<Plan>> {
    let Some(mut plan) = of_any_user(&mut *connection, id).await? else { return Ok(None) };
    if plan.user != *user {
        return Ok(None);
    }
    plan.modules = plan_parts::of_plan(connection, id).await?;
    Ok(Some(plan))
}

/// Returns a plan without its modules; never shown without a check of its user.
pub(super) async fn of_any_user(connection: &mut Connection, id: &PlanId) -> Outcome<Option<Plan>> {
    let row = sqlx::query(select_plans!("WHERE id = $1"))
        .bind(id.as_str())
        .fetch_optional(&mut *connection)
        .await?;
    let Some(row) = row else { return Ok(None) };
    let mut plans = [rows::plan(&row)?];
    attach_materials(connection, &mut plans).await?;
    let [plan] = plans;
    Ok(Some(plan))
}

async fn attach_materials(connection: &mut Connection, plans: &mut [Plan]) -> Outcome<()> {
    if plans.is_empty() {
        return Ok(());
    }
    let mut select: QueryBuilder<Database> = QueryBuilder::new(
        "SELECT plan_id, material_id, title FROM plan_materials WHERE plan_id IN (",
    );
    let mut list = select.separated(", ");
    for plan in plans.iter() {
        list.push_bind(plan.id.as_str().to_owned());
    }
    list.push_unseparated(") ORDER BY plan_id, place");
    let mut of_plan: HashMap<String, Vec<PlanMaterial>> = HashMap::new();
    for row in &select.build().fetch_all(connection).await? {
        let columns = Columns(row);
        let material = PlanMaterial {
            id: columns.parsed("material_id", material_id)?,
            title: columns.text("title")?,
        };
        of_plan.entry(columns.text("plan_id")?).or_default().push(material);
    }
    for plan in plans {
        plan.materials = of_plan.remove(plan.id.as_str()).unwrap_or_default();
    }
    Ok(())
}

pub(super) async fn list(
    connection: &mut Connection,
    user: &UserId,
    filter: &PlanFilter,
    page: &PageRequest,
) -> Outcome<Page<Plan>> {
    const LIST: &str = "plans";
    let mut select: QueryBuilder<Database> = QueryBuilder::new(select_plans!("WHERE user_id = "));
    select.push_bind(user.as_str().to_owned());
    if let Some(status) = filter.status {
        select.push(" AND status = ").push_bind(status.as_str());
    }
    if let Some(status) = filter.generation_status {
        select.push(" AND generation_status = ").push_bind(status.as_str());
    }
    if let Some((created_ms, id)) = cursor::read::<i64>(LIST, page.cursor.as_deref())? {
        select.push(" AND (created_ms, id) < (").push_bind(created_ms);
        select.push(", ").push_bind(id).push(")");
    }
    select.push(" ORDER BY created_ms DESC, id DESC LIMIT ").push_bind(i64::from(page.limit) + 1);
    let found = select.build().fetch_all(&mut *connection).await?;
    let mut plans = found.iter().map(rows::plan).collect::<Outcome<Vec<_>>>()?;
    let next_cursor = cursor::cut(&mut plans, page.limit)
        .and_then(|last| cursor::write(LIST, number(last.created_ms), last.id.as_str()));
    attach_materials(connection, &mut plans).await?;
    Ok(Page { rows: plans, next_cursor })
}

pub(super) async fn change(
    tx: &mut Connection,
    (user, id): (&UserId, &PlanId),
    change: &PlanChange,
    now_ms: u64,
) -> Outcome<Option<Plan>> {
    let Some(plan) = find(&mut *tx, user, id).await? else { return Ok(None) };
    match change {
        PlanChange::Looks { title, icon, color } => {
            let looks = "UPDATE plans
                         SET title = COALESCE($2, title), icon = COALESCE($3, icon),
                             color = COALESCE($4, color), updated_ms = $5,
                             title_given = title_given OR $2 IS NOT NULL
                         WHERE id = $1";
            sqlx::query(looks)
                .bind(id.as_str())
                .bind(title.as_deref())
                .bind(icon.as_deref())
                .bind(color.as_deref())
                .bind(number(now_ms))
                .execute(&mut *tx)
                .await?;
        }
        PlanChange::Status(status) if *status == plan.status => return Ok(Some(plan)),
        PlanChange::Status(status) => set_status(&mut *tx, &plan, *status, now_ms).await?,
    }
    find(tx, user, id).await
}

async fn set_status(
    tx: &mut Connection,
    plan: &Plan,
    status: PlanStatus,
    now_ms: u64,
) -> Outcome<()> {
    let allowed = plan.status.allowed();
    if !allowed.contains(&status) {
        let message =
            format!("a plan that is {} cannot become {}", plan.status.as_str(), status.as_str());
        return Err(StudyError::permanent(ErrorCode::InvalidStatusTransition, message)
            .with_details(json!({ "allowed": allowed }))
            .into());
    }
    if status == PlanStatus::Active {
        if plan.generation_status != GenerationStatus::Ready {
            let message = "the plan is not READY: it can be activated once it is made";
            return Err(StudyError::permanent(ErrorCode::PlanNotReady, message).into());
        }
        let pause = "UPDATE plans SET status = 'PAUSED', updated_ms = $2
                     WHERE user_id = $1 AND status = 'ACTIVE'";
        sqlx::query(pause).bind(plan.user.as_str()).bind(number(now_ms)).execute(&mut *tx).await?;
    }
    sqlx::query("UPDATE plans SET status = $2, updated_ms = $3 WHERE id = $1")
        .bind(plan.id.as_str())
        .bind(status.as_str())
        .bind(number(now_ms))
        .execute(tx)
        .await?;
    Ok(())
}

/// Sets a session's status, unless a run is about to replace the sessions.
pub(super) async fn set_session(
    tx: &mut Connection,
    (user, plan, session): (&UserId, &PlanId, &SessionId),
    status: SessionStatus,
    now_ms: u64,
) -> Outcome<Option<Session>> {
    let found = "SELECT p.generation_status FROM plan_sessions s JOIN plans p ON p.id = s.plan_id
                 WHERE s.id = $1 AND p.id = $2 AND p.user_id = $3";
    let found = sqlx::query(found)
        .bind(session.as_str())
        .bind(plan.as_str())
        .bind(user.as_str())
        .fetch_optional(&mut *tx)
        .await?;
    let Some(row) = found else { return Ok(None) };
    let making = Columns(&row).parsed("generation_status", GenerationStatus::from_text)?;
    if !matches!(making, GenerationStatus::Ready | GenerationStatus::Failed) {
        let message = "the plan is being made again: wait until it is READY";
        return Err(StudyError::permanent(ErrorCode::PlanNotReady, message).into());
    }
    let update = "UPDATE plan_sessions SET status = $2 WHERE id = $1 RETURNING *";
    let row = sqlx::query(update)
        .bind(session.as_str())
        .bind(status.as_str())
        .fetch_one(&mut *tx)
        .await?;
    sqlx::query("UPDATE plans SET updated_ms = $2 WHERE id = $1")
        .bind(plan.as_str())
        .bind(number(now_ms))
        .execute(tx)
        .await?;
    Ok(Some(plan_parts::session(&row)?))
}

pub(super) async fn delete(
    tx: &mut Connection,
    user: &UserId,
    id: &PlanId,
    now_ms: u64,
) -> Outcome<Option<Deleted>> {
    let Some(plan) = find(&mut *tx, user, id).await? else { return Ok(None) };
    let sources = materials::of_plan(&mut *tx, id).await?;
    outbox::settle(&mut *tx, id.as_str(), now_ms).await?;
    sqlx::query("DELETE FROM plans WHERE id = $1").bind(id.as_str()).execute(&mut *tx).await?;
    let mut objects = Vec::new();
    for material in sources.iter().filter(|material| material.deleted_ms.is_some()) {
        if !materials::has_plans(&mut *tx, &material.id).await? {
            objects.extend(materials::erase(&mut *tx, material).await?);
        }
    }
    let ended =
        matches!(plan.generation_status, GenerationStatus::Ready | GenerationStatus::Failed);
    Ok(Some(Deleted { objects, unsettled: !ended, ..Deleted::default() }))
}
