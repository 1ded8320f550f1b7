//! Our engine as a peer: the same commands as `peer.mjs` understands, carried out by Oxherd.
//!
//! Never knows what a scenario is about.

pub(crate) mod families;
pub(crate) mod options;
mod processor;
pub(crate) mod queue_calls;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use oxherd_queue::backend::redis::{RedisOptions, RedisStore};
use oxherd_queue::clock::SystemClock;
use oxherd_queue::worker::{Handlers, Worker};
use oxherd_queue::{Backend, Store as _};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::task::JoinHandle;

use self::processor::Script;

/// Everything of one prefix.
struct Space {
    store: Arc<RedisStore>,
    workers: Mutex<HashMap<String, Arc<Work>>>,
}

struct Work {
    script: Arc<Script>,
    stop: Mutex<Option<oneshot::Sender<()>>>,
    run: Mutex<Option<JoinHandle<()>>>,
}

struct Peer {
    url: String,
    spaces: Mutex<HashMap<String, Arc<Space>>>,
}

/// Carries out commands until the input ends.
pub(crate) fn run(url: &str) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let peer = Arc::new(Peer { url: url.to_owned(), spaces: Mutex::default() });
        let (answers, mut answered) = mpsc::channel::<Value>(1000);
        tokio::spawn(async move {
            let mut output = tokio::io::stdout();
            while let Some(answer) = answered.recv().await {
                output.write_all(format!("{answer}\n").as_bytes()).await.unwrap();
                output.flush().await.unwrap();
            }
        });
        let mut lines = BufReader::new(tokio::io::stdin()).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            let (peer, answers) = (Arc::clone(&peer), answers.clone());
            tokio::spawn(async move {
                let command: Value = serde_json::from_str(&line).unwrap();
                let answer = match peer.carry_out(&command).await {
                    Ok(value) => json!({ "number": command["number"], "value": value }),
                    Err(error) => json!({ "number": command["number"], "error": error }),
                };
                let _ = answers.send(answer).await;
            });
        }
    });
    runtime.shutdown_timeout(Duration::from_millis(100));
}

impl Peer {
    async fn space(&self, prefix: &str) -> Result<Arc<Space>, String> {
        let mut spaces = self.spaces.lock().await;
        if let Some(space) = spaces.get(prefix) {
            return Ok(Arc::clone(space));
        }
        let options = RedisOptions { prefix: prefix.to_owned(), ..RedisOptions::new(&self.url) };
        let store = RedisStore::connect(options, Arc::new(SystemClock)).await;
        let store = store.map_err(|error| error.to_string())?;
        let space = Arc::new(Space { store, workers: Mutex::default() });
        spaces.insert(prefix.to_owned(), Arc::clone(&space));
        Ok(space)
    }

    async fn carry_out(&self, command: &Value) -> Result<Value, String> {
        let text = |member: &str| command[member].as_str().unwrap_or_default();
        let prefix = text("prefix");
        if text("command") == "finish" {
            return self.finish(prefix).await;
        }
        let space = self.space(prefix).await?;
        let queue = async || -> Result<Arc<dyn Backend>, String> {
            space.store.queue(text("queue")).await.map_err(|error| error.to_string())
        };
        match text("command") {
            "call" => queue_calls::queue(&*queue().await?, text("method"), &command["args"]).await,
            "job" => {
                let (id, method) = (text("id"), text("method"));
                queue_calls::job(&*queue().await?, id, method, &command["args"]).await
            }
            "flow" if text("method") == "add" => {
                families::add_flow(&*space.store, &command["args"][0]).await
            }
            "work" => space.work(queue().await?, command).await,
            "runs" => Ok(Value::Array(space.worker(text("worker")).await.script.runs())),
            "tally" => Ok(space.worker(text("worker")).await.script.tally()),
            "release" => {
                space.worker(text("worker")).await.script.release();
                Ok(Value::Null)
            }
            "close" => {
                space.worker(text("worker")).await.close().await;
                Ok(Value::Null)
            }
            other => Err(format!("Oxherd has no {other} here")),
        }
    }

    async fn finish(&self, prefix: &str) -> Result<Value, String> {
        let Some(space) = self.spaces.lock().await.remove(prefix) else { return Ok(json!([])) };
        for worker in space.workers.lock().await.values() {
            worker.script.release();
            worker.close().await;
        }
        space.store.close().await;
        Ok(json!([]))
    }
}

impl Space {
    async fn worker(&self, name: &str) -> Arc<Work> {
        Arc::clone(&self.workers.lock().await[name])
    }

    async fn work(&self, queue: Arc<dyn Backend>, command: &Value) -> Result<Value, String> {
        let worker = Worker::new(Arc::clone(&queue), options::worker(&command["options"]));
        let worker = worker.map_err(|error| error.to_string())?;
        let store = Arc::clone(&self.store) as Arc<dyn oxherd_queue::Store>;
        let script = Arc::new(Script::new(store, command));
        let handlers = Handlers::new().with_any(Arc::clone(&script) as Arc<_>);
        let (stop, stopped) = oneshot::channel::<()>();
        let run = tokio::spawn(async move {
            let ended = worker.run(handlers, async { drop(stopped.await) }).await;
            ended.unwrap();
        });
        let name = command["worker"].as_str().unwrap_or_default().to_owned();
        let work = Work { script, stop: Mutex::new(Some(stop)), run: Mutex::new(Some(run)) };
        self.workers.lock().await.insert(name, Arc::new(work));
        Ok(Value::Null)
    }
}

impl Work {
    async fn close(&self) {
        drop(self.stop.lock().await.take());
        if let Some(run) = self.run.lock().await.take() {
            run.await.unwrap();
        }
    }
}
