//! Plans: what can be asked for, and what a learner does with them.

use std::sync::Arc;

use futures::future::join_all;
use oxherd_study::accept::Action;
use oxherd_study::author::StructureAnswer;
use oxherd_study::error::{ErrorClass, ErrorCode};
use oxherd_study::plan::{GenerationStatus, PlanRequest, PlanStatus, SessionStatus};
use oxherd_study::ports::{Begun, PlanChange, PlanFilter};
use oxherd_study::{MaterialId, PlanId, SessionId};
use serde_json::{Value, json};

use super::bench::{Bench, broken, page, request};

async fn set_status(bench: &Bench, plan: &PlanId, status: PlanStatus) -> oxherd_study::Result<()> {
    let change = PlanChange::Status(status);
    bench.catalog.change_plan(&bench.user, plan, &change, bench.now()).await.map(|_| ())
}

async fn set_session(bench: &Bench, plan: &PlanId, index: usize, status: SessionStatus) {
    let session = SessionId::derive(plan, 1, index);
    let now_ms = bench.now();
    let set = bench.catalog.set_session(&bench.user, plan, &session, status, now_ms).await;
    assert_eq!(set.unwrap().unwrap().status, status);
}

#[tokio::test]
async fn a_plan_of_ready_materials_waits_in_the_outbox_with_its_job() {
    let bench = Bench::open().await;
    let materials = [bench.ready_material("1").await, bench.ready_material("2").await];

    let id = bench.plan(&materials).await;

    let plan = bench.see_plan(&id).await;
    assert_eq!(plan.status, PlanStatus::Paused);
    assert_eq!(plan.generation_status, GenerationStatus::Pending);
    assert_eq!(plan.request, request(&materials));
    let listed: Vec<MaterialId> = plan.materials.into_iter().map(|it| it.id).collect();
    assert_eq!(listed, materials);
    let row = bench.catalog.next_rows(10, 16).await.unwrap().remove(0);
    assert_eq!((row.queue.as_str(), row.name.as_str()), ("plan-generation", "generate-plan"));
    let data: Value = serde_json::from_str(&row.data).unwrap();
    let expected = json!({
        "userId": "ada", "planId": id, "materialIds": materials, "goal": "Understand it",
        "generation": 1, "requestId": "req-1",
    });
    assert_eq!(data, expected);
}

#[tokio::test]
async fn a_plan_of_unknown_foreign_or_unready_materials_is_refused() {
    let bench = Bench::open().await;
    let ready = bench.ready_material("ready").await;
    let pending = bench.material("pending").await;
    let failed = bench.material("failed").await;
    bench.fail(&failed).await;
    let foreign = bench.as_user("bob").ready_material("theirs").await;

    for unknown in [foreign, MaterialId::random()] {
        let refused = bench.create_plan(&[ready.clone(), unknown.clone()], true).await;
        let refused = refused.unwrap_err();
        assert_eq!(refused.code, ErrorCode::MaterialNotFound);
        assert_eq!(refused.details, Some(json!({ "materialId": unknown })));
    }
    let refused = bench.create_plan(&[ready.clone(), pending.clone()], false).await.unwrap_err();
    assert_eq!(refused.code, ErrorCode::PlanMaterialNotReady);
    let late = json!([{ "id": pending, "status": "PENDING" }]);
    assert_eq!(refused.details, Some(json!({ "materials": late })));
    let refused = bench.create_plan(&[pending, failed], true).await.unwrap_err();
    assert_eq!(refused.code, ErrorCode::PlanMaterialNotReady);
}

#[tokio::test]
async fn a_plan_moves_between_its_states_as_the_contract_allows() {
    let bench = Bench::open().await;
    let material = bench.ready_material("1").await;

    for &from in PlanStatus::ALL {
        for &to in PlanStatus::ALL {
            let id = bench.ready_plan(std::slice::from_ref(&material)).await;
            set_status(&bench, &id, from).await.unwrap();

            let moved = set_status(&bench, &id, to).await;

            if from == to || from.allowed().contains(&to) {
                moved.unwrap();
                assert_eq!(bench.see_plan(&id).await.status, to, "{from:?} to {to:?}");
            } else {
                let refused = moved.unwrap_err();
                assert_eq!(refused.code, ErrorCode::InvalidStatusTransition);
                assert_eq!(refused.details, Some(json!({ "allowed": from.allowed() })));
                assert_eq!(bench.see_plan(&id).await.status, from);
            }
        }
    }
}

#[tokio::test]
async fn a_plan_that_is_not_ready_cannot_be_active() {
    let bench = Bench::open().await;
    let material = bench.ready_material("1").await;
    let id = bench.plan(&[material]).await;

    let refused = set_status(&bench, &id, PlanStatus::Active).await.unwrap_err();
    assert_eq!(refused.code, ErrorCode::PlanNotReady);
}

#[tokio::test]
async fn fifty_racing_activations_leave_one_active_plan() {
    let bench = Arc::new(Bench::open().await);
    let material = bench.ready_material("1").await;
    let mut plans = Vec::new();
    for _ in 0..5 {
        plans.push(bench.ready_plan(std::slice::from_ref(&material)).await);
    }
    let other = bench.as_user("bob");
    let theirs = other.ready_material("theirs").await;
    let theirs = other.ready_plan(&[theirs]).await;
    set_status(&other, &theirs, PlanStatus::Active).await.unwrap();

    let calls = (0..50).map(|number| {
        let (bench, id) = (Arc::clone(&bench), plans[number % 5].clone());
        tokio::spawn(async move { set_status(&bench, &id, PlanStatus::Active).await.unwrap() })
    });
    join_all(calls).await.into_iter().for_each(Result::unwrap);

    let active = PlanFilter { status: Some(PlanStatus::Active), ..PlanFilter::default() };
    let found = bench.catalog.plans(&bench.user, &active, &page(9, None)).await.unwrap();
    assert_eq!(found.rows.len(), 1);
    assert_eq!(other.see_plan(&theirs).await.status, PlanStatus::Active);
}

#[tokio::test]
async fn completion_counts_completed_sessions_of_all_that_are_not_canceled() {
    let bench = Bench::open().await;
    let material = bench.ready_material("1").await;
    let id = bench.ready_plan(&[material]).await;

    set_session(&bench, &id, 0, SessionStatus::Completed).await;
    set_session(&bench, &id, 1, SessionStatus::Canceled).await;
    set_session(&bench, &id, 2, SessionStatus::Skipped).await;

    let plan = bench.see_plan(&id).await;
    assert_eq!((plan.completion.completed, plan.completion.total), (1, 3));
    assert_eq!(plan.modules[0].sessions[1].status, SessionStatus::Canceled);
}

#[tokio::test]
async fn a_session_of_another_plan_or_user_is_not_found() {
    let bench = Bench::open().await;
    let material = bench.ready_material("1").await;
    let mine = bench.ready_plan(std::slice::from_ref(&material)).await;
    let second = bench.ready_plan(&[material]).await;
    let session = SessionId::derive(&mine, 1, 0);
    let other = bench.as_user("bob");

    for (user, plan) in [(&bench.user, &second), (&other.user, &mine)] {
        let done = SessionStatus::Completed;
        let found = bench.catalog.set_session(user, plan, &session, done, bench.now()).await;
        assert_eq!(found.unwrap(), None);
    }
}

#[tokio::test]
async fn the_looks_that_are_not_given_stay_and_a_given_title_outlives_the_author() {
    let bench = Bench::open().await;
    let material = bench.ready_material("1").await;
    let id = bench.plan(&[material]).await;
    let looks = |title: Option<&str>, icon: Option<&str>| PlanChange::Looks {
        title: title.map(str::to_owned),
        icon: icon.map(str::to_owned),
        color: None,
    };

    let user = &bench.user;
    bench.catalog.change_plan(user, &id, &looks(None, Some("ox")), bench.now()).await.unwrap();
    bench.catalog.change_plan(user, &id, &looks(Some("Mine"), None), bench.now()).await.unwrap();
    bench.make_plan(&id).await;

    let plan = bench.see_plan(&id).await;
    assert_eq!((plan.title.as_str(), plan.request.icon.as_deref()), ("Mine", Some("ox")));
}

#[tokio::test]
async fn a_plan_can_be_retried_when_it_ended_and_nothing_was_begun() {
    let bench = Bench::open().await;
    let material = bench.ready_material("1").await;
    let id = bench.plan(&[material]).await;
    let retry = async |discard_progress| {
        bench.act(Action::RetryPlan { id: id.clone(), discard_progress }).await
    };
    assert_eq!(retry(true).await.unwrap_err().code, ErrorCode::PlanNotFinished);
    bench.make_plan(&id).await;
    set_session(&bench, &id, 0, SessionStatus::InProgress).await;

    assert_eq!(retry(false).await.unwrap_err().code, ErrorCode::PlanHasProgress);
    retry(true).await.unwrap();

    let plan = bench.see_plan(&id).await;
    assert_eq!((plan.generation, plan.generation_status), (2, GenerationStatus::Pending));
    assert_eq!(bench.waiting_jobs().await, [id.as_str()]);
    let unknown = Action::RetryPlan { id: PlanId::random(), discard_progress: false };
    assert_eq!(bench.act(unknown).await.unwrap_err().code, ErrorCode::PlanNotFound);
}

#[tokio::test]
async fn what_a_learner_did_is_not_lost_to_a_run_that_was_asked_for_before() {
    let bench = Bench::open().await;
    let material = bench.ready_material("1").await;
    let id = bench.ready_plan(&[material]).await;
    bench.act(Action::RetryPlan { id: id.clone(), discard_progress: false }).await.unwrap();

    let session = SessionId::derive(&id, 1, 0);
    let done = SessionStatus::Completed;
    let set = bench.catalog.set_session(&bench.user, &id, &session, done, bench.now()).await;
    assert_eq!(set.unwrap_err().code, ErrorCode::PlanNotReady);

    let error = broken();
    bench.catalog.fail_plan(&bench.user, &id, 2, &error, bench.now()).await.unwrap();
    let plan = bench.see_plan(&id).await;
    assert_eq!((plan.generation_status, plan.error), (GenerationStatus::Failed, Some(error)));
    assert_eq!(plan.completion.total, 4);
    set_session(&bench, &id, 0, SessionStatus::Completed).await;
}

#[tokio::test]
async fn a_plan_that_waits_can_be_failed_and_its_run_cannot_begin() {
    let bench = Bench::open().await;
    let material = bench.material("1").await;
    let id = bench.create_plan(std::slice::from_ref(&material), true).await.unwrap();
    let begun = bench.catalog.begin_plan(&bench.user, &id, 1, bench.now()).await;
    assert!(matches!(begun.unwrap_err().class, ErrorClass::NotReady { .. }));

    bench.catalog.fail_plan(&bench.user, &id, 1, &broken(), bench.now()).await.unwrap();
    bench.make_ready(&material).await;

    assert_eq!(bench.see_plan(&id).await.generation_status, GenerationStatus::Failed);
    let begun = bench.catalog.begin_plan(&bench.user, &id, 1, bench.now()).await.unwrap();
    assert!(matches!(begun, Begun::Final(_)));
}

#[tokio::test]
async fn a_validated_answer_is_kept_for_its_input_by_the_run_that_owns_the_plan() {
    let bench = Bench::open().await;
    let material = bench.ready_material("1").await;
    let id = bench.plan(&[material]).await;
    let (_, old) = bench.own_plan(&id).await;
    let (_, run) = bench.own_plan(&id).await;
    let answer = StructureAnswer {
        title: "T".to_owned(),
        summary: "S".to_owned(),
        modules: Vec::new(),
        omitted: Vec::new(),
        unmet: Vec::new(),
    };

    bench.catalog.save_blueprint(&run, "hash", &answer).await.unwrap();

    let late = bench.catalog.save_blueprint(&old, "hash", &answer).await.unwrap_err();
    assert_eq!(late.class, ErrorClass::Superseded);
    assert_eq!(bench.catalog.blueprint(&id, "hash").await.unwrap(), Some(answer));
    assert_eq!(bench.catalog.blueprint(&id, "other").await.unwrap(), None);
}

#[tokio::test]
async fn an_intent_that_breaks_a_constraint_fails_alone_and_leaves_nothing() {
    let bench = Bench::open().await;
    let material = bench.ready_material("1").await;
    let plan = |materials: &[MaterialId]| {
        let id = PlanId::random();
        let create = Action::CreatePlan { id: id.clone(), request: request(materials) };
        (id, bench.intent(create))
    };
    let (first, good) = plan(std::slice::from_ref(&material));
    // The edge lets no list pass that names a material twice.
    let (twice, broken) = plan(&[material.clone(), material.clone()]);
    let (last, also_good) = plan(std::slice::from_ref(&material));

    let answers = bench.catalog.commit(vec![good, broken, also_good]).await.unwrap();

    assert_eq!(answers[1].clone().unwrap_err().code, ErrorCode::InternalError);
    assert!(answers[0].is_ok() && answers[2].is_ok());
    assert_eq!(bench.catalog.plan(&bench.user, &twice).await.unwrap(), None);
    assert_eq!(bench.waiting_jobs().await, [first.as_str(), last.as_str()]);
}

#[tokio::test]
async fn the_request_of_a_plan_is_kept_whole() {
    let bench = Bench::open().await;
    let material = bench.ready_material("1").await;
    let request = PlanRequest {
        target_due_date: Some("2026-05-01".parse().unwrap()),
        special_requirements: Some("no weekends; 주말 제외".to_owned()),
        title: Some("Mine".to_owned()),
        icon: Some("ox".to_owned()),
        color: Some("blue".to_owned()),
        ..request(&[material])
    };
    let id = PlanId::random();

    let action = Action::CreatePlan { id: id.clone(), request: request.clone() };
    bench.act(action).await.unwrap();

    let plan = bench.see_plan(&id).await;
    assert_eq!((plan.request, plan.title.as_str()), (request, "Mine"));
}
