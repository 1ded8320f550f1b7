//! Random sequences of operations, taken by the package and by our engine in lockstep: what they
//! leave is equal.
//!
//! The package works in one database, our Redis store in another, our embedded store beside them.
//! After every batch of steps the canonical dumps of both databases are compared, key by key, the
//! events with them; the embedded store has to show the same jobs as the Redis one. `SEED=n` plays
//! one sequence again. Never forgives what is not listed in `differences.rs`.

mod chooser;
mod clock;
mod differences;
mod dump;
mod engine;
mod step;

use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use oxherd_queue::Store;
use oxherd_queue::backend::redis::{RedisOptions, RedisStore};
use redis::aio::MultiplexedConnection;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use self::chooser::Chooser;
use self::clock::SetClock;
use self::dump::Reader;
use self::engine::Engine;
use self::step::{Operation, Step};

/// The queues of a sequence.
const QUEUES: [&str; 2] = ["left", "right"];
/// The length of the long sequence.
const STEPS: usize = 10_000;
/// How many steps are taken between two comparisons.
const BATCH: usize = 100;
/// How long the package may take for a batch.
const DEADLINE: Duration = Duration::from_secs(60);

/// Plays a sequence, by the seed in `SEED` or one drawn by lot; tells whether all was equal.
pub(crate) async fn play(url: &str) -> bool {
    let given = std::env::var_os("SEED").map(|seed| seed.to_str().unwrap().parse().unwrap());
    let seed = given.unwrap_or_else(rand::random::<u32>);
    println!("lockstep: {STEPS} steps, SEED={seed}");
    let begun = Instant::now();
    let mut pair = Pair::start(url).await;
    let mut chooser = Chooser::new(seed.into());
    let mut taken: Vec<Step> = Vec::new();
    while taken.len() < STEPS {
        let batch = pair.batch(&mut chooser).await;
        let first = taken.len();
        taken.extend(batch.iter().map(|(step, _)| step.clone()));
        if let Err(difference) = pair.compare(batch).await {
            println!("lockstep: SEED={seed}: differs within steps {first} to {}", taken.len());
            let mut again = Pair::start(url).await;
            let found = again.first_difference(&taken, first).await.unwrap_or(difference);
            println!("RED lockstep, SEED={seed}: {found}");
            return false;
        }
    }
    println!("lockstep: SEED={seed}: all equal, {:.1} s", begun.elapsed().as_secs_f64());
    true
}

/// The package and our engine, each with its database.
struct Pair {
    engine: Engine,
    package: Package,
    databases: [MultiplexedConnection; 2],
    readers: [Reader; 2],
}

impl Pair {
    async fn start(url: &str) -> Self {
        let mut databases = [connect(url, 1).await, connect(url, 2).await];
        for database in &mut databases {
            let () = redis::cmd("FLUSHDB").query_async(database).await.unwrap();
        }
        let clock = Arc::new(SetClock::default());
        let options = RedisOptions::new(format!("{url}/2"));
        let store: Arc<dyn Store> =
            RedisStore::connect(options, Arc::clone(&clock) as _).await.unwrap();
        for queue in QUEUES {
            store.queue(queue).await.unwrap();
        }
        Self {
            engine: Engine::new(store, clock),
            package: Package::start(url.rsplit(':').next().unwrap(), 1),
            readers: databases.clone().map(Reader::new),
            databases,
        }
    }

    /// Has our engine take the next steps, up to one that nobody but time takes.
    async fn batch(&mut self, chooser: &mut Chooser) -> Vec<(Step, Value)> {
        let mut batch = Vec::new();
        while batch.len() < BATCH {
            let step = chooser.next();
            let answer = self.engine.take(&step).await;
            chooser.learn(&step, &answer);
            let is_last = ends_batch(&step);
            if !answer.is_null() {
                batch.push((step, answer));
            }
            if is_last {
                break;
            }
        }
        batch
    }

    /// Has the package take the steps as well, and compares what both answered and left.
    async fn compare(&mut self, batch: Vec<(Step, Value)>) -> Result<(), String> {
        let steps: Vec<&Step> = batch.iter().map(|(step, _)| step).collect();
        let answers = self.package.take(&steps).await;
        let mut differing = Vec::new();
        for ((_, ours), package) in batch.iter().zip(&answers) {
            let both_failed = !package["error"].is_null() && !ours["error"].is_null();
            if !both_failed && ours != package {
                differing.push(format!("answers\n    package: {package}\n    ours:    {ours}"));
            }
        }
        let [package, ours] = &mut self.readers;
        let (mut package, mut ours) = (package.read().await, ours.read().await);
        differences::settle(&mut package, &mut ours);
        differing.extend(dump::difference(&package, &ours));
        if let Some((Step { operation: Operation::Hours { hours }, .. }, _)) = batch.last() {
            for database in &mut self.databases {
                clock::pass(*hours, database).await;
            }
        }
        if differing.is_empty() { Ok(()) } else { Err(differing.join("\n  ")) }
    }

    /// Takes the steps again, from some place on one at a time; tells the first that differs.
    async fn first_difference(&mut self, steps: &[Step], from: usize) -> Option<String> {
        let mut batch = Vec::new();
        for (number, step) in steps.iter().enumerate() {
            let answer = self.engine.take(step).await;
            batch.push((step.clone(), answer));
            if number < from && batch.len() < BATCH && !ends_batch(step) {
                continue;
            }
            if let Err(difference) = self.compare(std::mem::take(&mut batch)).await {
                return Some(format!("first at step {number}, {step:?}\n  {difference}"));
            }
        }
        None
    }
}

/// Tells whether the stores have to be compared before the next step.
fn ends_batch(step: &Step) -> bool {
    let Step { operation, .. } = step;
    matches!(operation, Operation::Hours { .. } | Operation::Call { method: "obliterate", .. })
}

async fn connect(url: &str, database: u8) -> MultiplexedConnection {
    let client = redis::Client::open(format!("{url}/{database}")).unwrap();
    let patience = redis::AsyncConnectionConfig::new()
        .set_connection_timeout(Some(DEADLINE))
        .set_response_timeout(Some(DEADLINE));
    client.get_multiplexed_async_connection_with_config(&patience).await.unwrap()
}

/// The package, in a process of Node.
struct Package {
    _child: Child,
    steps: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
}

impl Package {
    fn start(port: &str, database: u8) -> Self {
        let mut child = Command::new("node")
            .args(["lockstep.mjs", port, &database.to_string()])
            .args(QUEUES)
            .current_dir(crate::folder())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let steps = child.stdin.take().unwrap();
        let answers = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { _child: child, steps, answers }
    }

    async fn take(&mut self, steps: &[&Step]) -> Vec<Value> {
        let line = format!("{}\n", serde_json::to_string(steps).unwrap());
        self.steps.write_all(line.as_bytes()).await.unwrap();
        let answer = tokio::time::timeout(DEADLINE, self.answers.next_line()).await;
        let answer = answer.expect("the package answers in time").unwrap();
        serde_json::from_str(&answer.expect("the package's process lives")).unwrap()
    }
}
