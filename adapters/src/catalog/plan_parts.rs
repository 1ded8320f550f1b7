//! The modules and sessions of a plan: replaced as a whole, read as a whole.

use oxherd_study::plan::{Module, Session, SessionStatus};
use oxherd_study::{PlanId, SessionId};

use super::database::{Connection, Outcome, Row};
use super::rows::Columns;

/// Puts these modules in the place of those that the plan had.
pub(super) async fn replace(tx: &mut Connection, plan: &PlanId, modules: &[Module]) -> Outcome<()> {
    for delete in [
        "DELETE FROM plan_sessions WHERE plan_id = $1",
        "DELETE FROM plan_modules WHERE plan_id = $1",
    ] {
        sqlx::query(delete).bind(plan.as_str()).execute(&mut *tx).await?;
    }
    for module in modules {
        insert_module(&mut *tx, plan, module).await?;
        for session in &module.sessions {
            insert_session(&mut *tx, plan, module, session).await?;
        }
    }
    Ok(())
}

async fn insert_module(tx: &mut Connection, plan: &PlanId, module: &Module) -> Outcome<()> {
    let insert = "INSERT INTO plan_modules (plan_id, order_index, id, title, description)
                  VALUES ($1, $2, $3, $4, $5)";
    sqlx::query(insert)
        .bind(plan.as_str())
        .bind(i64::from(module.order_index))
        .bind(&module.id)
        .bind(&module.title)
        .bind(&module.description)
        .execute(tx)
        .await?;
    Ok(())
}

async fn insert_session(
    tx: &mut Connection,
    plan: &PlanId,
    module: &Module,
    session: &Session,
) -> Outcome<()> {
    let insert = "INSERT INTO plan_sessions
                      (plan_id, order_index, module_index, id, title, objective,
                       estimated_minutes, scheduled_for_date, optional, status, sources)
                  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
    sqlx::query(insert)
        .bind(plan.as_str())
        .bind(i64::from(session.order_index))
        .bind(i64::from(module.order_index))
        .bind(session.id.as_str())
        .bind(&session.title)
        .bind(&session.objective)
        .bind(i64::from(session.estimated_minutes))
        .bind(session.scheduled_for_date.to_string())
        .bind(session.optional)
        .bind(session.status.as_str())
        .bind(serde_json::to_string(&session.sources)?)
        .execute(tx)
        .await?;
    Ok(())
}

/// Returns the modules of a plan with their sessions, in order.
pub(super) async fn of_plan(connection: &mut Connection, plan: &PlanId) -> Outcome<Vec<Module>> {
    let modules = "SELECT * FROM plan_modules WHERE plan_id = $1 ORDER BY order_index";
    let modules = sqlx::query(modules).bind(plan.as_str()).fetch_all(&mut *connection).await?;
    let sessions = "SELECT * FROM plan_sessions WHERE plan_id = $1
                    ORDER BY module_index, order_index";
    let sessions = sqlx::query(sessions).bind(plan.as_str()).fetch_all(connection).await?;
    let mut sessions = sessions.iter().peekable();
    let mut read = Vec::with_capacity(modules.len());
    for row in &modules {
        let mut module = module(row)?;
        while let Some(row) = sessions.peek()
            && Columns(row).number::<u32>("module_index")? == module.order_index
        {
            module.sessions.push(session(row)?);
            sessions.next();
        }
        read.push(module);
    }
    Ok(read)
}

fn module(row: &Row) -> Outcome<Module> {
    let columns = Columns(row);
    Ok(Module {
        id: columns.text("id")?,
        title: columns.text("title")?,
        description: columns.text("description")?,
        order_index: columns.number("order_index")?,
        sessions: Vec::new(),
    })
}

pub(super) fn session(row: &Row) -> Outcome<Session> {
    let columns = Columns(row);
    Ok(Session {
        id: columns.parsed("id", |text| Some(SessionId::from_text(text)))?,
        title: columns.text("title")?,
        objective: columns.text("objective")?,
        order_index: columns.number("order_index")?,
        estimated_minutes: columns.number("estimated_minutes")?,
        scheduled_for_date: columns.parsed("scheduled_for_date", |text| text.parse().ok())?,
        optional: columns.flag("optional")?,
        status: columns.parsed("status", SessionStatus::from_text)?,
        sources: columns.json("sources")?,
    })
}
