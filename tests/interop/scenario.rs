//! A scenario, and the playing of all of them.
//!
//! Never knows what a scenario is about.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::FutureExt as _;
use futures::future::LocalBoxFuture;
use tokio::sync::Semaphore;

use crate::catalog::{CATALOG, Entry};
use crate::keyspace::Keyspace;
use crate::report::{self, Outcome, Results};
use crate::row::{Left, Roles, Row, World};

/// How many scenarios are played at a time: each waits most of its time.
const AT_A_TIME: usize = 6;
/// The longest a row may take.
const ROW_MAX: Duration = Duration::from_secs(60);

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
    let at_a_time = Arc::new(Semaphore::new(AT_A_TIME));
    let begun = Instant::now();
    let mut tasks = Vec::new();
    for scenario in crate::scenarios::all() {
        if filter.is_some_and(|filter| !scenario.name.contains(filter)) {
            continue;
        }
        let id = scenario.id();
        let entry = CATALOG.iter().find(|entry| entry.id == id);
        let entry = entry.unwrap_or_else(|| panic!("{} is not in the catalog", scenario.name));
        let (world, at_a_time) = (Arc::clone(&world), Arc::clone(&at_a_time));
        tasks.push(tokio::task::spawn_local(async move {
            let _permit = at_a_time.acquire().await;
            play(&world, &scenario, entry).await
        }));
    }
    let mut results = Results::new();
    let mut all_held = !tasks.is_empty();
    for task in tasks {
        for (name, key, outcome) in task.await.unwrap() {
            let (roles, major) = (key.1, key.2);
            if let Outcome::Red(why) = &outcome {
                all_held = false;
                println!("RED {name} {roles:?} {major}: {why}\n");
            }
            results.insert(key, outcome);
        }
    }
    report::summary(&results, begun.elapsed());
    if filter.is_none() {
        report::write(&results, &crate::folder().join("RESULTS.md"));
    }
    all_held
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
                    Ok(model) => compare(&model.keyspace, &left.keyspace),
                },
            };
            played.push((scenario.name, (entry.id, roles, major), outcome));
        }
    }
    played
}

fn compare(model: &Keyspace, left: &Keyspace) -> Outcome {
    match model.difference(left) {
        None => Outcome::Green,
        Some(difference) => Outcome::Red(format!("the keyspace differs\n{difference}")),
    }
}

async fn play_row(
    world: &Arc<World>,
    scenario: &Scenario,
    roles: Roles,
    major: u8,
) -> Result<Left, String> {
    let row = Row::new(world, &scenario.name[..5], roles, major).await;
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
