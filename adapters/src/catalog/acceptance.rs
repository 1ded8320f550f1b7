//! Carrying out what users ask for, many intents in one transaction.

use async_trait::async_trait;
use oxherd_study::Result;
use oxherd_study::accept::{Accepted, AcceptedWhat, Action, IdempotencyKey, Intent, Reservation};
use oxherd_study::ports::{Acceptance, OutboxPressure};

use super::database::{Connection, Failure, Outcome};
use super::writer::UNDO_WORK;
use super::{SqlCatalog, idempotency, outbox, requests, uploads};

/// What an intent came to: what it is about, and whether it was so before.
pub(super) struct Done {
    pub(super) what: AcceptedWhat,
    pub(super) existed: bool,
}

impl Done {
    pub(super) fn now(what: AcceptedWhat) -> Self {
        Self { what, existed: false }
    }

    pub(super) fn before(what: AcceptedWhat) -> Self {
        Self { what, existed: true }
    }
}

#[async_trait]
impl Acceptance for SqlCatalog {
    async fn commit(&self, intents: Vec<Intent>) -> Result<Vec<Result<Accepted>>> {
        self.write(move |tx| Box::pin(async move { all(tx, &intents).await })).await
    }

    async fn reserve(&self, key: &IdempotencyKey, now_ms: u64) -> Result<Reservation> {
        let key = key.clone();
        self.write(move |tx| Box::pin(async move { idempotency::reserve(tx, &key, now_ms).await }))
            .await
    }

    async fn release(&self, key: &IdempotencyKey) -> Result<()> {
        let key = key.clone();
        self.write(move |tx| Box::pin(async move { idempotency::release(tx, &key).await })).await
    }

    async fn outbox_pressure(&self, in_queue_max: u32) -> Result<OutboxPressure> {
        self.read(move |connection| Box::pin(outbox::pressure(connection, in_queue_max))).await
    }

    async fn installation(&self) -> Result<String> {
        Ok(self.installation.clone())
    }

    async fn ping(&self) -> Result<()> {
        self.write(|tx| {
            Box::pin(async move {
                sqlx::query("SELECT 1").execute(tx).await?;
                Ok(())
            })
        })
        .await
    }
}

/// Carries out intents one after the other. Each checks before it writes, so that a refusal needs
/// no undoing; should one fail half-way all the same, all are carried out again, each in a
/// savepoint of its own.
async fn all(tx: &mut Connection, intents: &[Intent]) -> Outcome<Vec<Result<Accepted>>> {
    let mut answers = Vec::with_capacity(intents.len());
    for intent in intents {
        match answer(&mut *tx, intent).await {
            Err(Failure::Botched(_)) => {
                sqlx::query(UNDO_WORK).execute(&mut *tx).await?;
                answers.clear();
                break;
            }
            answered => answers.push(answered?),
        }
    }
    if answers.len() < intents.len() {
        for intent in intents {
            answers.push(in_savepoint(&mut *tx, intent).await?);
        }
    }
    Ok(answers)
}

async fn in_savepoint(tx: &mut Connection, intent: &Intent) -> Outcome<Result<Accepted>> {
    sqlx::query("SAVEPOINT intent").execute(&mut *tx).await?;
    let answer = match answer(&mut *tx, intent).await {
        Err(Failure::Botched(error)) => {
            sqlx::query("ROLLBACK TO intent").execute(&mut *tx).await?;
            free(&mut *tx, intent).await?;
            Err(error)
        }
        answered => answered?,
    };
    sqlx::query("RELEASE intent").execute(tx).await?;
    Ok(answer)
}

/// Carries out one intent; a refusal frees its key.
async fn answer(tx: &mut Connection, intent: &Intent) -> Outcome<Result<Accepted>> {
    match carry_out(&mut *tx, intent).await {
        Ok(accepted) => Ok(Ok(accepted)),
        Err(Failure::Refused(error)) => {
            free(tx, intent).await?;
            Ok(Err(error))
        }
        Err(failure) => Err(failure),
    }
}

async fn free(tx: &mut Connection, intent: &Intent) -> Outcome<()> {
    match &intent.idempotency {
        Some(key) => idempotency::release(tx, key).await,
        None => Ok(()),
    }
}

async fn carry_out(tx: &mut Connection, intent: &Intent) -> Outcome<Accepted> {
    if let Some(key) = &intent.idempotency
        && let Some(reply) = idempotency::replay(&mut *tx, key, intent.now_ms).await?
    {
        return Ok(reply);
    }
    let done = act(&mut *tx, intent).await?;
    let accepted = Accepted {
        what: done.what,
        accepted_ms: intent.now_ms,
        replayed: false,
        existed: done.existed,
    };
    if let Some(key) = &intent.idempotency {
        idempotency::keep(tx, key, &accepted, intent.now_ms).await?;
    }
    Ok(accepted)
}

async fn act(tx: &mut Connection, intent: &Intent) -> Outcome<Done> {
    match &intent.action {
        Action::InitUpload(new) => uploads::init(tx, intent, new).await,
        Action::StoreUpload { upload, file } => uploads::store(tx, intent, upload, file).await,
        Action::CompleteUpload { upload, title } => {
            uploads::complete(tx, intent, upload, title.as_deref()).await
        }
        Action::CreateMaterial { upload, file, title } => {
            uploads::create(tx, intent, upload, file, title.as_deref()).await
        }
        Action::RetryMaterial(id) => requests::retry_material(tx, intent, id).await,
        Action::CreatePlan { id, request } => requests::create_plan(tx, intent, id, request).await,
        Action::RetryPlan { id, discard_progress } => {
            requests::retry_plan(tx, intent, id, *discard_progress).await
        }
    }
}
