//! Adds three jobs and runs them: in a folder, or on the Redis server given as the argument.

use std::sync::Arc;
use std::time::Duration;

use oxherd_queue::backend::embedded::EmbeddedStore;
use oxherd_queue::backend::redis::{RedisOptions, RedisStore};
use oxherd_queue::clock::SystemClock;
use oxherd_queue::worker::{Handlers, Worker, WorkerOptions};
use oxherd_queue::{Queue, QueueError, Store};

#[tokio::main]
async fn main() -> Result<(), QueueError> {
    let store: Arc<dyn Store> = match std::env::args().nth(1) {
        Some(url) => RedisStore::connect(RedisOptions::new(url), Arc::new(SystemClock)).await?,
        None => EmbeddedStore::open("target/hello".as_ref(), Arc::new(SystemClock))?,
    };
    let backend = store.queue("hello").await?;
    let queue: Queue<String> = Queue::new(Arc::clone(&backend));
    let jobs = queue.add_all("greet", &["Ada", "Grace", "Barbara"].map(String::from)).await?;

    let greet = |name: String, _| async move { Ok(format!("hello, {name}")) };
    let handlers = Handlers::new().with_fn("greet", greet);
    let worker = Worker::new(backend, WorkerOptions::default().with_concurrency(2))?;
    let all_printed = async {
        for job in &jobs {
            let end = queue.finished(job.id(), Duration::from_secs(10)).await;
            println!("job {}: {end:?}", job.id());
        }
    };
    worker.run(handlers, all_printed).await?;
    store.close().await;
    Ok(())
}
