//! A scenario, and the playing of all of them.
//!
//! Never knows what a scenario is about.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures::FutureExt as _;
use futures::future::LocalBoxFuture;
use tokio::sync::Semaphore;

use crate::catalog::{CATALOG, Entry};
use crate::report::{self, Outcome, Results};
use crate::row::{Left, Roles, Row, World};

/// How many scenarios are played at a time: each waits most of its time.
const AT_A_TIME: usize = 6;
/// The same for those that need the machine.
const HEAVY_AT_A_TIME: usize = 2;
/// The longest a row may take.
const ROW_MAX: Duration = Duration::from_secs(180);

/// A scenario as it is written.
pub(crate) struct Scenario {
    /// `s_001_a_sentence`.
    pub(crate) name: &'static str,
    pub(crate) play: fn(Row) -> LocalBoxFuture<'static, ()>,
}

impl Scenario {
    /// `S-001`.
    pub(crate) fn id(&self) -> String {
        format!("{}-{}", self.name[..1].to_uppercase(), &self.name[2..5])
    }
}

/// Lists the scenarios of a module.
macro_rules! scenarios {
    ($($name:ident),+ $(,)?) => {
        pub(crate) fn all() -> Vec<crate::scenario::Scenario> {
            vec![$(crate::scenario::Scenario {
                name: stringify!($name),
                play: |row| Box::pin($name(row)),
            }),+]
        }
    };
}
pub(crate) use scenarios;

thread_local! {
    /// What the last panic said, and where; all scenarios are played on one thread.
    static LAST_PANIC: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Plays the scenarios whose name contains the filter; tells whether all held.
pub(crate) async fn play_all(url: &str, filter: Option<&str>) -> bool {
    std::panic::set_hook(Box::new(|panic| {
        LAST_PANIC.set(panic.to_string().chars().take(1500).collect())
    }));
    let world = Arc::new(World::new(url));
    let begun = Instant::now();
    let mut results = Results::new();
    // The heavy ones would take the time that the others measure.
    for (scenarios, at_a_time) in
        [(crate::scenarios::all(), AT_A_TIME), (crate::scenarios::heavy(), HEAVY_AT_A_TIME)]
    {
        let chosen = |scenario: &Scenario| filter.is_none_or(|part| scenario.name.contains(part));
        let scenarios = scenarios.into_iter().filter(chosen).collect();
        play_some(&world, scenarios, at_a_time, &mut results).await;
    }
    let missed = results.iter().filter(|(_, outcome)| matches!(outcome, Outcome::Red(_)));
    let missed: Vec<_> = missed.map(|((id, ..), _)| (*id).to_owned()).collect();
    if !missed.is_empty() {
        // A machine under load misses deadlines; what is wrong is wrong on an idle one too.
        println!("interop: once more, one at a time: {missed:?}");
        let again = crate::scenarios::all().into_iter().chain(crate::scenarios::heavy());
        let again = again.filter(|scenario| missed.contains(&scenario.id())).collect();
        play_some(&world, again, 1, &mut results).await;
    }
    report::summary(&results, begun.elapsed());
    if filter.is_none() {
        report::write(&results, &crate::folder().join("RESULTS.md"));
    }
    let is_red = |outcome: &Outcome| matches!(outcome, Outcome::Red(_));
    !results.is_empty() && !results.values().any(is_red)
}

async fn play_some(
    world: &Arc<World>,
    scenarios: Vec<Scenario>,
    at_a_time: usize,
    results: &mut Results,
) {
    let at_a_time = Arc::new(Semaphore::new(at_a_time));
    let mut tasks = Vec::new();
    for scenario in scenarios {
        let id = scenario.id();
        let entry = CATALOG.iter().find(|entry| entry.id == id);
        let entry = entry.unwrap_or_else(|| panic!("{} is not in the catalog", scenario.name));
        let (world, at_a_time) = (Arc::clone(world), Arc::clone(&at_a_time));
        tasks.push(tokio::task::spawn_local(async move {
            let _permit = at_a_time.acquire().await;
            play(&world, &scenario, entry).await
        }));
    }
    for task in tasks {
        for (name, key, outcome) in task.await.unwrap() {
            if let Outcome::Red(why) = &outcome {
                println!("RED {name} {:?} {}: {why}\n", key.1, key.2);
            }
            results.insert(key, outcome);
        }
    }
}

type Played = Vec<(&'static str, (&'static str, Roles, u8), Outcome)>;

async fn play(world: &Arc<World>, scenario: &Scenario, entry: &'static Entry) -> Played {
    let mut played = Vec::new();
    for &major in entry.majors {
        let model = if entry.roles.iter().any(|roles| *roles != Roles::Mixed) {
            play_row(world, scenario, Roles::Model, major).await
        } else {
            Err("no model".to_owned())
        };
        for &roles in entry.roles {
            let outcome = match play_row(world, scenario, roles, major).await {
                Err(why) => Outcome::Red(why),
                Ok(Left { no_model: Some(why), .. }) => Outcome::Differs(why),
                Ok(_) if roles == Roles::Mixed => Outcome::Green,
                Ok(left) => match &model {
                    Err(why) => Outcome::Red(format!("BullMQ alone: {why}")),
                    Ok(model) => compare(model, &left),
                },
            };
            played.push((scenario.name, (entry.id, roles, major), outcome));
        }
    }
    played
}

fn compare(model: &Left, left: &Left) -> Outcome {
    for (model, seen) in model.observed.iter().zip(&left.observed) {
        if model != seen {
            return Outcome::Red(format!("Node sees\n  BullMQ: {model}\n  here:   {seen}"));
        }
    }
    match model.keyspace.difference(&left.keyspace) {
        None => left.remark.map_or(Outcome::Green, Outcome::Differs),
        Some(difference) => Outcome::Red(format!("the keyspace differs\n{difference}")),
    }
}

/// Rows so far: each has a prefix of its own, also when it is played again.
static ROWS: AtomicUsize = AtomicUsize::new(0);

async fn play_row(
    world: &Arc<World>,
    scenario: &Scenario,
    roles: Roles,
    major: u8,
) -> Result<Left, String> {
    let number = ROWS.fetch_add(1, Ordering::Relaxed);
    let row = Row::new(world, &format!("row{number}"), roles, major).await;
    let begun = Instant::now();
    let run = AssertUnwindSafe((scenario.play)(row.clone())).catch_unwind();
    let ended = match tokio::time::timeout(ROW_MAX, run).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) => Err(LAST_PANIC.take()),
        Err(_) => Err(format!("took more than {} s", ROW_MAX.as_secs())),
    };
    let finished = AssertUnwindSafe(row.finish()).catch_unwind().await;
    let finished = finished.unwrap_or_else(|_| Err(LAST_PANIC.take()));
    if std::env::args().any(|argument| argument == "--times") {
        println!("{:>6} ms {} {roles:?} {major}", begun.elapsed().as_millis(), scenario.name);
    }
    ended.and(finished)
}

/// The numbers of a run, by outcome.
pub(crate) fn numbers(results: &Results) -> BTreeMap<&'static str, usize> {
    let mut numbers = BTreeMap::new();
    for outcome in results.values() {
        *numbers.entry(outcome.word()).or_default() += 1;
    }
    numbers
}
