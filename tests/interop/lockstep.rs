//! Random sequences of operations, taken by the package and by our engine in lockstep: what they
//! leave is equal.
//!
//! The package works in one database, our Redis store in another, our embedded store beside them.
//! After every batch of steps the canonical dumps of both databases are compared, key by key, the
//! events with them; after some batches also whatever the getters of our two stores show. `SEED=n` plays one sequence
//! again, `STEPS=n` another length. A sequence that ends in a difference is cut down to the steps
//! that are needed for one. Never forgives what is not listed in `differences.rs`.

mod chooser;
mod clock;
mod differences;
mod dump;
mod engine;
mod observe;
mod package;
mod shrink;
mod step;

use std::sync::Arc;
use std::time::{Duration, Instant};

use oxherd_queue::Store;
use oxherd_queue::backend::embedded::EmbeddedStore;
use oxherd_queue::backend::redis::{RedisOptions, RedisStore};
use redis::aio::MultiplexedConnection;
use serde_json::Value;

use self::chooser::Chooser;
use self::clock::SetClock;
use self::dump::Reader;
use self::engine::Engine;
use self::observe::Observer;
use self::package::Package;
use self::step::{HOUR_MS, Operation, Step};

/// The queues of a sequence.
const QUEUES: [&str; 3] = ["left", "right", PLAIN];
/// The queue whose jobs have no priority: the package moves many at a time without heeding it.
const PLAIN: &str = "plain";
/// The length of the long sequence.
const STEPS: usize = 10_000;
/// From how many seeds one is drawn: all of them have been played, so that a run that is not about
/// this does not fail for a difference that was there before. `SEED=n` plays any other.
const SEEDS: usize = 10;
/// How many steps are taken between two comparisons.
const BATCH: usize = 100;
/// After how many batches the getters are asked: they take longer than the dumps.
const ASKED: usize = 8;
/// How long our engine stays connected: half of the time between two comparisons of clocks.
const CONNECTED_MAX: Duration = Duration::from_secs(30);
/// How long the package may take for a batch.
const DEADLINE: Duration = Duration::from_secs(60);

/// Plays a sequence, by the seed in `SEED` or one of the first drawn by lot; tells whether all was
/// equal.
pub(crate) async fn play(url: &str) -> bool {
    let seed = given("SEED").unwrap_or_else(|| rand::random_range(1..=SEEDS));
    let length = given("STEPS").unwrap_or(STEPS);
    println!("lockstep: {length} steps, SEED={seed}");
    let begun = Instant::now();
    let mut trio = Trio::start(url).await;
    let mut chooser = Chooser::new(seed as u64);
    let (mut taken, mut batches): (Vec<Step>, usize) = (Vec::new(), 0);
    while taken.len() < length {
        let batch = trio.batch(&mut chooser).await;
        let first = taken.len();
        taken.extend(batch.iter().map(|(step, _)| step.clone()));
        batches += 1;
        let asks = batches % ASKED == 0 || taken.len() >= length;
        if let Err(difference) = trio.compare(batch, asks).await {
            println!("lockstep: SEED={seed}: differs within steps {first} to {}", taken.len());
            println!("  {difference}");
            let (steps, difference) = shrink::shrink(url, taken, difference).await;
            for step in &steps {
                println!("  {}", serde_json::to_string(step).unwrap());
            }
            println!(
                "RED lockstep, SEED={seed}: after these {} steps\n  {difference}",
                steps.len()
            );
            return false;
        }
    }
    println!("lockstep: SEED={seed}: all equal, {:.1} s", begun.elapsed().as_secs_f64());
    true
}

fn given(variable: &str) -> Option<usize> {
    std::env::var_os(variable).map(|number| number.to_str().unwrap().parse().unwrap())
}

/// The package and our engine on both of its stores.
struct Trio {
    redis: Engine,
    embedded: Engine,
    package: Package,
    databases: [MultiplexedConnection; 2],
    readers: [Reader; 2],
    observers: [Observer; 2],
    url: String,
    /// Since when our engine is connected.
    connected: Instant,
}

impl Trio {
    async fn start(url: &str) -> Self {
        let mut databases = [connect(url, 1).await, connect(url, 2).await];
        for database in &mut databases {
            let () = redis::cmd("FLUSHDB").query_async(database).await.unwrap();
        }
        let clock = Arc::new(SetClock::default());
        let redis = Engine::open(redis_store(url, &clock).await, clock).await;
        let clock = Arc::new(SetClock::default());
        let store: Arc<dyn Store> = EmbeddedStore::in_memory(Arc::clone(&clock) as _).unwrap();
        let embedded = Engine::open(store, clock).await;
        Self {
            redis,
            embedded,
            package: Package::start(url.rsplit(':').next().unwrap(), 1),
            readers: databases.clone().map(Reader::new),
            databases,
            observers: Default::default(),
            url: url.to_owned(),
            connected: Instant::now(),
        }
    }

    /// Connects our engine anew before its store compares the clocks of which one stands still.
    async fn stay_connected(&mut self) {
        if self.connected.elapsed() < CONNECTED_MAX {
            return;
        }
        self.redis.clock.set(0);
        self.redis.store.close().await;
        self.redis.store = redis_store(&self.url, &self.redis.clock).await;
        self.connected = Instant::now();
    }

    /// Has our engine take the next steps, up to one that nobody but time takes.
    async fn batch(&mut self, chooser: &mut Chooser) -> Vec<(Step, Value)> {
        self.stay_connected().await;
        let mut batch = Vec::new();
        while batch.len() < BATCH {
            let step = chooser.next();
            let answer = self.redis.take(&step).await;
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

    /// Has the others take the steps as well, and compares what all answered and left; asks the
    /// getters of our two stores as well if that is wanted.
    async fn compare(&mut self, batch: Vec<(Step, Value)>, asks: bool) -> Result<(), String> {
        let steps: Vec<&Step> = batch.iter().map(|(step, _)| step).collect();
        let answers = self.package.take(&steps).await;
        let mut differing = Vec::new();
        for ((step, ours), package) in batch.iter().zip(&answers) {
            let embedded = self.embedded.take(step).await;
            for (other, answer) in [("package", package), ("embedded", &embedded)] {
                let both_failed = !answer["error"].is_null() && !ours["error"].is_null();
                if !both_failed && ours != answer {
                    let told = format!("{other}: {answer}\n    Redis:    {ours}");
                    differing.push(format!("answers to {step:?}\n    {told}"));
                }
            }
        }
        if let Some((Step { operation: Operation::Hours { hours }, .. }, _)) = batch.last() {
            for database in &mut self.databases {
                clock::pass(*hours, database).await;
            }
        }
        let [package, ours] = &mut self.readers;
        let (mut package, mut ours) = (package.read().await, ours.read().await);
        differences::settle(&mut package, &mut ours);
        differing.extend(dump::difference(&package, &ours));
        if asks {
            let [redis, embedded] = &mut self.observers;
            let redis = redis.look(&*self.redis.store).await;
            let embedded = embedded.look(&*self.embedded.store).await;
            differing.extend(observe::difference(&redis, &embedded));
        }
        if differing.is_empty() { Ok(()) } else { Err(differing.join("\n  ")) }
    }

    /// Takes steps that were chosen before, and tells what differs after the last.
    async fn replay(&mut self, steps: &[Step]) -> Result<(), String> {
        let mut batch = Vec::new();
        let (mut last, mut left_out) = (steps.first().map_or(0, |step| step.now), 0);
        for step in steps {
            let meant = match &step.operation {
                Operation::Hours { hours } => *hours,
                _ => 0,
            };
            // Hours that no step lets go by any more.
            left_out += ((step.now - last) / HOUR_MS - meant) * HOUR_MS;
            last = step.now;
            let step = &Step { now: step.now - left_out, ..step.clone() };
            let answer = self.redis.take(step).await;
            // Without some steps a sweep may take back many jobs, in the order of a set.
            if answer["recovered"].as_array().is_some_and(|recovered| recovered.len() > 1) {
                return Ok(());
            }
            if !answer.is_null() {
                batch.push((step.clone(), answer));
            }
            if ends_batch(step) {
                self.compare(std::mem::take(&mut batch), false).await?;
                self.stay_connected().await;
            }
        }
        self.compare(batch, true).await
    }
}

async fn redis_store(url: &str, clock: &Arc<SetClock>) -> Arc<dyn Store> {
    let options = RedisOptions::new(format!("{url}/2"));
    RedisStore::connect(options, Arc::clone(clock) as _).await.unwrap()
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
