//! The one writer of the catalog: works that arrive together share one transaction and one sync.
//!
//! ```text
//! write(work) ─> channel ─> BEGIN, per work: SAVEPOINT, work, RELEASE or ROLLBACK TO, COMMIT ─> answers
//! ```
//! An answer is given after the commit alone. A work that was not begun in time is never begun, so
//! that its caller may say that nothing was written.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use oxherd_study::{Result, StudyError};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::database::{Connection, Failure, Outcome};

/// The longest wait for a work to begin: the contract promises an answer within 3 s.
const BEGIN_MAX: Duration = Duration::from_millis(2500);
/// The longest wait for a work that has begun.
const COMMIT_MAX: Duration = Duration::from_secs(10);
/// The most works in one transaction.
const BATCH_MAX: usize = 256;
/// Works that may wait.
const WAITING_MAX: usize = 1024;

/// Undoes what a work wrote so far, for a work that goes another way.
pub(super) const UNDO_WORK: &str = "ROLLBACK TO work";

/// A cloneable door to the writer's task; the task ends when the last one is dropped.
#[derive(Clone)]
pub(super) struct Writer {
    works: mpsc::Sender<Box<dyn Work>>,
}

impl Writer {
    /// Starts the task on an open connection.
    pub(super) fn start(connection: Connection, options: SqliteConnectOptions) -> Self {
        let (works, waiting) = mpsc::channel(WAITING_MAX);
        tokio::spawn(run(waiting, connection, options));
        Self { works }
    }

    /// Does a work in a transaction and answers when it is on disk.
    pub(super) async fn write<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut Connection) -> BoxFuture<'c, Outcome<T>> + Send + 'static,
    {
        let stage = Arc::new(Stage::default());
        let (reply, mut answer) = oneshot::channel();
        let entry = Entry { work: Some(work), done: None, reply, stage: Arc::clone(&stage) };
        let begun = timeout(BEGIN_MAX, async {
            self.works.send(Box::new(entry)).await.map_err(|_| away())?;
            (&mut answer).await.map_err(|_| away())?
        });
        match begun.await {
            Ok(answer) => answer,
            Err(_) if stage.step(Stage::ABANDONED) => Err(away()),
            Err(_) => match timeout(COMMIT_MAX, answer).await {
                Ok(Ok(answer)) => answer,
                Ok(Err(_)) | Err(_) => Err(away()),
            },
        }
    }
}

fn away() -> StudyError {
    StudyError::storage("the catalog does not answer: try again in a moment")
}

/// Whether a work waits, was begun by the writer or was abandoned by its caller: one of the two.
#[derive(Default)]
struct Stage(AtomicU8);

impl Stage {
    const WAITING: u8 = 0;
    const BEGUN: u8 = 1;
    const ABANDONED: u8 = 2;

    fn step(&self, to: u8) -> bool {
        let order = Ordering::SeqCst;
        self.0.compare_exchange(Self::WAITING, to, order, order).is_ok()
    }
}

/// What a transaction does about a work.
enum Verdict {
    Keep,
    Undo,
    /// Nothing of the transaction can be kept.
    Abort(StudyError),
}

trait Work: Send {
    /// Returns whether the caller still wants it.
    fn begin(&self) -> bool;
    fn perform<'c>(&'c mut self, tx: &'c mut Connection) -> BoxFuture<'c, Verdict>;
    fn answer(self: Box<Self>, committed: &Result<()>);
}

struct Entry<F, T> {
    work: Option<F>,
    done: Option<Result<T>>,
    reply: oneshot::Sender<Result<T>>,
    stage: Arc<Stage>,
}

impl<F, T> Work for Entry<F, T>
where
    T: Send + 'static,
    F: for<'c> FnOnce(&'c mut Connection) -> BoxFuture<'c, Outcome<T>> + Send + 'static,
{
    fn begin(&self) -> bool {
        self.stage.step(Stage::BEGUN)
    }

    fn perform<'c>(&'c mut self, tx: &'c mut Connection) -> BoxFuture<'c, Verdict> {
        let Some(work) = self.work.take() else { return async { Verdict::Undo }.boxed() };
        async move {
            match work(tx).await {
                Ok(done) => {
                    self.done = Some(Ok(done));
                    Verdict::Keep
                }
                Err(Failure::Refused(error) | Failure::Botched(error)) => {
                    self.done = Some(Err(error));
                    Verdict::Undo
                }
                Err(Failure::Broken(error)) => Verdict::Abort(error),
            }
        }
        .boxed()
    }

    fn answer(self: Box<Self>, committed: &Result<()>) {
        let answer = match committed {
            Ok(()) => self.done.unwrap_or_else(|| Err(away())),
            Err(error) => Err(error.clone()),
        };
        // The caller may have gone: what was committed stands, as after any lost reply.
        let _ = self.reply.send(answer);
    }
}

async fn run(
    mut waiting: mpsc::Receiver<Box<dyn Work>>,
    connection: Connection,
    options: SqliteConnectOptions,
) {
    let mut open = Some(connection);
    while let Some(first) = waiting.recv().await {
        let mut batch = vec![first];
        while batch.len() < BATCH_MAX
            && let Ok(next) = waiting.try_recv()
        {
            batch.push(next);
        }
        batch.retain(|work| work.begin());
        let committed = transact(&mut open, &options, &mut batch).await;
        for work in batch {
            work.answer(&committed);
        }
    }
    if let Some(connection) = open {
        let _ = connection.close().await;
    }
}

/// Does a batch in one transaction; after a failure the next batch gets a fresh connection.
async fn transact(
    open: &mut Option<Connection>,
    options: &SqliteConnectOptions,
    batch: &mut [Box<dyn Work>],
) -> Result<()> {
    let mut connection = match open.take() {
        Some(connection) => connection,
        None => options.connect().await.map_err(Failure::from)?,
    };
    let performed = AssertUnwindSafe(perform(&mut connection, batch)).catch_unwind().await;
    match performed {
        Ok(Ok(())) => {
            *open = Some(connection);
            Ok(())
        }
        Ok(Err(failure)) => {
            let _ = timeout(COMMIT_MAX, connection.close()).await;
            Err(failure.into())
        }
        Err(_) => {
            tracing::error!("a work of the catalog's writer panicked");
            let _ = timeout(COMMIT_MAX, connection.close()).await;
            Err(away())
        }
    }
}

async fn perform(tx: &mut Connection, batch: &mut [Box<dyn Work>]) -> Outcome<()> {
    sqlx::query("BEGIN IMMEDIATE").execute(&mut *tx).await?;
    for work in batch {
        sqlx::query("SAVEPOINT work").execute(&mut *tx).await?;
        match work.perform(&mut *tx).await {
            Verdict::Keep => {}
            Verdict::Undo => {
                sqlx::query(UNDO_WORK).execute(&mut *tx).await?;
            }
            Verdict::Abort(error) => return Err(Failure::Broken(error)),
        }
        sqlx::query("RELEASE work").execute(&mut *tx).await?;
    }
    sqlx::query("COMMIT").execute(&mut *tx).await?;
    Ok(())
}
