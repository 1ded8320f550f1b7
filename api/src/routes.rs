//! All routes of the two listeners, one file per resource.

mod admin;
mod board;
mod bodies;
mod events;
mod health;
mod jobs;
mod materials;
mod pages;
mod passages;
mod plan_changes;
mod plans;
mod search;
mod testing;
mod uploads;

pub(crate) use bodies::{job_body, step_of};

use axum::Router;
use axum::middleware;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::envelope;
use crate::openapi;
use crate::settings::Api;

/// The routes of the public listener: the product's API, its document, and the study page.
pub fn public_router(api: &Api) -> Router {
    let (router, _) = public_routes().split_for_parts();
    let router = router.merge(pages::study_pages()).merge(openapi::routes());
    wrap(router.merge(health::public_routes()), api)
}

/// The routes of the admin listener: health, metrics, queues, and the console.
pub fn admin_router(api: &Api) -> Router {
    let (router, _) = admin_routes().split_for_parts();
    let router = router.merge(pages::console_pages()).merge(health::admin_routes());
    wrap(router.merge(board::routes()).merge(testing::routes(api)), api)
}

/// The product's API, with its description.
pub(crate) fn public_routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(uploads::init_upload))
        .routes(routes!(uploads::put_upload))
        .routes(routes!(uploads::complete_upload))
        .routes(routes!(materials::list_materials, uploads::create_material))
        .routes(routes!(materials::list_types))
        .routes(routes!(
            materials::get_material,
            materials::rename_material,
            materials::delete_material
        ))
        .routes(routes!(materials::retry_material))
        .routes(routes!(passages::get_outline))
        .routes(routes!(passages::get_chunks))
        .routes(routes!(search::search))
        .routes(routes!(plans::list_plans, plans::create_plan))
        .routes(routes!(plans::get_plan, plan_changes::change_plan, plan_changes::delete_plan))
        .routes(routes!(plan_changes::set_status))
        .routes(routes!(plan_changes::activate))
        .routes(routes!(plan_changes::set_session))
        .routes(routes!(plan_changes::retry_plan))
        .routes(routes!(jobs::get_job))
        .routes(routes!(jobs::cancel_job))
        .routes(routes!(events::job_events))
        .routes(routes!(events::many_events))
}

/// The operators' API, with its description.
pub(crate) fn admin_routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(admin::list_queues))
        .routes(routes!(admin::get_queue))
        .routes(routes!(admin::act_on_queue))
        .routes(routes!(admin::list_jobs, admin::add_job))
        .routes(routes!(admin::get_job, admin::remove_job))
        .routes(routes!(admin::act_on_job))
}

fn wrap(router: Router<Api>, api: &Api) -> Router {
    let routes = router
        .layer(middleware::from_fn(envelope::note_route))
        .fallback(pages::missing)
        .with_state(api.clone());
    // Around the router as a whole: only there is `Allow` known, which it adds itself.
    Router::new()
        .fallback_service(routes)
        .layer(middleware::from_fn_with_state(api.clone(), envelope::envelope))
}
