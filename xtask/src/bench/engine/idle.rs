//! What an idle worker asks of Redis; the peers stand side by side in `cargo xtask bench peers`.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use oxherd_queue::Store as _;
use oxherd_queue::backend::redis::{RedisOptions, RedisStore};
use oxherd_queue::clock::SystemClock;
use oxherd_queue::worker::{Handlers, Worker, WorkerOptions};

use super::report::{Report, Row};
use super::{CONCURRENCY, Scale, folder, say};
use crate::bench::redis_server::Server;
use crate::run::is_installed;

/// Counts the commands of an idle worker, those in scripts among them.
#[expect(clippy::cast_precision_loss, reason = "counts of commands")]
pub(super) async fn commands(dir: &Path, scale: Scale, report: &mut Report) -> Result<()> {
    if !is_installed("redis-server") {
        eprintln!("skipped: an idle worker on Redis needs redis-server");
        return Ok(());
    }
    let folder = folder(dir)?;
    let server = Server::start(folder.path(), true).await?;
    say("an idle worker on Redis");
    let store = RedisStore::connect(RedisOptions::new(server.url()), Arc::new(SystemClock)).await?;
    let queue = store.queue(&format!("idle-{}", rand::random::<u32>())).await?;
    let worker = Worker::new(queue, WorkerOptions::default().with_concurrency(CONCURRENCY))?;
    let time = Duration::from_secs((scale.seconds * 12).max(30));
    let watched = async {
        // The first sweep and the first claims are those of the start.
        tokio::time::sleep(Duration::from_secs(2)).await;
        let before = server.work().await;
        tokio::time::sleep(time).await;
        Ok::<_, anyhow::Error>(server.work().await?.commands.saturating_sub(before?.commands))
    };
    let (counted, mut count) = tokio::sync::oneshot::channel();
    let stop = async {
        let _ = counted.send(watched.await);
    };
    worker.run(Handlers::new(), stop).await?;
    store.close().await;
    let commands = count.try_recv()?? as f64;
    let row = Row::new("idle worker on Redis", "commands/min");
    report.push(row.beside("30", "", "").measured(commands * 60.0 / time.as_secs_f64()));
    Ok(())
}
