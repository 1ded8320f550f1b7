//! `oxherd demo`: runs the service on a fresh folder and walks the way from two documents to a
//! plan, in sight.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use clap::Args;
use futures::StreamExt as _;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use oxherd_queue::status::StatusRecord;
use oxherd_queue::{JobId, JobState};
use oxherd_study::accept::{Accepted, AcceptedWhat, Action, Intent, NewUpload};
use oxherd_study::plan::{Plan, PlanRequest};
use oxherd_study::upload::{declared_kind, receive};
use oxherd_study::{MaterialId, PlanId, UploadId, UserId};

use super::{block_on, serve};
use crate::app::{App, samples};
use crate::config::Config;
use crate::telemetry;

/// How the demonstration goes.
#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// What the learner wants.
    #[arg(long, default_value = "understand background jobs in two weeks")]
    goal: String,
    /// Ends after the plan instead of serving on.
    #[arg(long)]
    once: bool,
}

/// Runs the command.
pub(crate) fn run(demo: &Demo, mut config: Config) -> anyhow::Result<ExitCode> {
    config.data_dir = std::env::temp_dir().join(format!("oxherd-demo-{}", std::process::id()));
    config.log.level = "warn".to_owned();
    if !serve::tell_problems(&config) {
        return Ok(ExitCode::from(2));
    }
    telemetry::start_log(&config.log)?;
    let metrics = telemetry::start_metrics()?;
    let folder = config.data_dir.clone();
    let exit = block_on(async {
        let app = App::start(&config, metrics).await?;
        serve::drain_on_signal(app.drain.clone())?;
        let plan = walk(&app, demo).await?;
        show(&plan);
        if demo.once {
            app.drain.begin();
        } else {
            serve::tell(&app, &config);
        }
        Ok(ExitCode::from(app.run().await.code()))
    });
    let _ = std::fs::remove_dir_all(folder);
    exit
}

async fn walk(app: &App, demo: &Demo) -> anyhow::Result<Plan> {
    let bars = MultiProgress::new();
    let mut materials = Vec::new();
    let mut followed = Vec::new();
    for (name, bytes) in samples::ALL {
        let id = add(app, name, bytes).await.with_context(|| name.to_owned())?;
        followed.push(follow(app, JobId::from_store(id.as_str()), bar(&bars, name)));
        materials.push(id);
    }
    let id = PlanId::random();
    let request = PlanRequest {
        goal: demo.goal.clone(),
        materials,
        target_due_date: None,
        special_requirements: None,
        sessions_per_week: None,
        timezone: "Asia/Seoul".to_owned(),
        title: None,
        icon: None,
        color: None,
        wait_for_materials: true,
    };
    accept(app, Action::CreatePlan { id: id.clone(), request }).await?;
    followed.push(follow(app, JobId::from_store(id.as_str()), bar(&bars, "the plan")));
    futures::future::try_join_all(followed).await?;
    let plan = app.ports.catalog.plan(&UserId::local(), &id).await?;
    plan.context("the plan is gone")
}

async fn add(app: &App, name: &str, bytes: &'static [u8]) -> anyhow::Result<MaterialId> {
    let upload = NewUpload {
        id: UploadId::random(),
        filename: name.to_owned(),
        kind: declared_kind(name, None)?,
        size_bytes: bytes.len() as u64,
        sha256: None,
    };
    let stream = futures::stream::iter([Ok(bytes.into())]).boxed();
    let file = receive(app.ports.objects.as_ref(), &upload, stream).await?;
    let accepted = accept(app, Action::CreateMaterial { upload, file, title: None }).await?;
    match accepted.what {
        AcceptedWhat::Material { id, .. } => Ok(id),
        _ => bail!("the service accepted something else"),
    }
}

async fn accept(app: &App, action: Action) -> anyhow::Result<Accepted> {
    let intent = Intent {
        user: UserId::local(),
        request_id: "demo".to_owned(),
        trace_parent: None,
        now_ms: app.ports.calendar.now_ms(),
        idempotency: None,
        action,
    };
    Ok(app.handles().intake.accept(intent).await?)
}

async fn follow(app: &App, job: JobId, bar: ProgressBar) -> anyhow::Result<()> {
    let mut watch = app.handles().status.watch(&job);
    loop {
        let record: Option<Arc<StatusRecord>> = watch.borrow_and_update().clone();
        if let Some(record) = record {
            bar.set_position(record.progress.into());
            bar.set_message(record.state.to_string());
            match (record.state, &record.error) {
                (JobState::Completed, _) => break bar.finish(),
                (JobState::Failed, Some(error)) => bail!("{}: {}", error.code, error.message),
                _ => {}
            }
        }
        watch.changed().await?;
    }
    Ok(())
}

fn bar(bars: &MultiProgress, name: &str) -> ProgressBar {
    let bar = bars.add(ProgressBar::new(100));
    let style = ProgressStyle::with_template("  {prefix:<20} [{bar:30}] {pos:>3} %  {msg}");
    if let Ok(style) = style {
        bar.set_style(style.progress_chars("=> "));
    }
    bar.set_prefix(name.to_owned());
    bar
}

fn show(plan: &Plan) {
    println!("\n{}\n", plan.title);
    if let Some(summary) = &plan.summary {
        println!("{summary}\n");
    }
    for module in &plan.modules {
        println!("{}. {}", module.order_index + 1, module.title);
        for session in &module.sessions {
            println!(
                "   {}  {} min  {}\n               {}",
                session.scheduled_for_date,
                session.estimated_minutes,
                session.title,
                session.objective
            );
        }
    }
}
