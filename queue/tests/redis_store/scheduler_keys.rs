//! What job schedulers leave in Redis, as BullMQ 6.7 leaves it.
//!
//! The expected states were observed with BullMQ itself.

use std::collections::BTreeMap;
use std::time::Duration;

use oxherd_queue::scheduler::NewScheduler;
use oxherd_queue::{JobOptions, JobState};
use redis::aio::MultiplexedConnection;

use crate::keyspace::dump;
use crate::server::{ask, claim_one, completed, job, run, settle};

/// A start date in the future of every run of this test: March 2030.
const START: u64 = 1_900_000_000_000;
const MINUTE: Duration = Duration::from_secs(60);

/// Returns the keyspace but for `meta`, with the times of a run as words.
async fn keys(connection: &mut MultiplexedConnection, run: &str) -> BTreeMap<String, String> {
    let mut found = dump(connection).await;
    found.remove("meta");
    let time = |field: &str| format!("HGET bull:m:{run} {field}");
    let created: String = ask(connection, &time("timestamp")).await;
    let delay: String = ask(connection, &time("delay")).await;
    for content in found.values_mut() {
        *content = content
            .replace(&format!("\"timestamp\":{created}"), "\"timestamp\":CREATED")
            .replace(&format!("\"delay\":{delay}"), "\"delay\":DELAY")
            .replace(&format!(" delay={delay} name"), " delay=DELAY name");
    }
    found
}

fn expected(entries: &[(&str, &str)]) -> BTreeMap<String, String> {
    entries.iter().map(|(key, content)| ((*key).to_owned(), (*content).to_owned())).collect()
}

#[test]
fn a_new_scheduler_leaves_its_definition_and_an_armed_run() {
    run(|server| async move {
        let mut stranger = server.connect().await;
        let queue = server.queue().await;
        let options = JobOptions { attempts: 2, ..JobOptions::bare() };
        let template = job(r#"{"k":1}"#).with_options(options);

        let scheduler = NewScheduler::every("s", MINUTE, template).starting_at(START).with_limit(9);
        queue.upsert_scheduler(scheduler).await.unwrap();

        let run = format!("repeat:s:{START}");
        let hash = format!(
            r#"hash data={{"k":1}} delay=DELAY name=send opts={{"attempts":2,"jobId":"{run}","delay":DELAY,"timestamp":CREATED,"repeatJobKey":"s","repeat":{{"every":60000,"limit":9,"startDate":{START},"count":1}}}} priority=0 rjk=s timestamp=now"#
        );
        let events = format!(
            "stream event=added jobId={run} name=send\nevent=delayed jobId={run} delay={START}"
        );
        let definition = format!(
            r#"hash data={{"k":1}} every=60000 ic=1 limit=9 name=send offset=40000 opts={{"attempts":2}} startDate={START}"#
        );
        let (delayed, marker) = (format!("zset {run}={}", START * 4096), format!("zset 1={START}"));
        let armed = format!("zset s={START}");
        let wanted = expected(&[
            ("repeat", &armed),
            ("repeat:s", &definition),
            (&run, &hash),
            ("delayed", &delayed),
            ("marker", &marker),
            ("id", "string 1"),
            ("events", &events),
        ]);
        assert_eq!(keys(&mut stranger, &run).await, wanted);
    });
}

#[test]
fn the_start_of_a_run_leaves_the_next_one_delayed() {
    run(|server| async move {
        let mut stranger = server.connect().await;
        let queue = server.queue().await;
        let scheduler = NewScheduler::every("s", MINUTE, job("{}"));
        let first = queue.upsert_scheduler(scheduler).await.unwrap().unwrap();

        let claimed = claim_one(&queue).await;

        let next = first.slot_ms + 60_000;
        let run = format!("repeat:s:{next}");
        let found = keys(&mut stranger, &run).await;
        assert_eq!(
            found[&run],
            format!(
                r#"hash data={{}} delay=DELAY name=send opts={{"attempts":0,"jobId":"{run}","delay":DELAY,"timestamp":CREATED,"repeatJobKey":"s","repeat":{{"every":60000,"count":2}}}} priority=0 rjk=s timestamp=now"#
            )
        );
        let offset = first.slot_ms % 60_000;
        assert_eq!(found["repeat:s"], format!("hash every=60000 ic=2 name=send offset={offset}"));
        assert_eq!(found["delayed"], format!("zset {run}={}", next * 4096));
        assert_eq!(found["id"], "string 2");
        let events: Vec<&str> = found["events"].lines().collect();
        let id = &first.id;
        assert_eq!(events[2], format!("event=active jobId={id} prev=waiting"));
        assert_eq!(events[3], format!("event=added jobId={run} name=send"));
        assert_eq!(events[4], format!("event=delayed jobId={run} delay=now"));
        settle(&queue, &claimed, completed("1")).await;
        assert_eq!(queue.counts().await.unwrap()[JobState::Delayed.as_str()], 1);
    });
}

#[test]
fn a_removed_scheduler_leaves_its_events_alone() {
    run(|server| async move {
        let mut stranger = server.connect().await;
        let queue = server.queue().await;
        let scheduler = NewScheduler::every("s", MINUTE, job("{}")).starting_at(START);
        queue.upsert_scheduler(scheduler).await.unwrap();

        assert!(queue.remove_scheduler("s").await.unwrap());

        let found = dump(&mut stranger).await;
        let left: Vec<&str> = found.keys().map(String::as_str).collect();
        assert_eq!(left, ["events", "id", "marker", "meta"]);
        let last = found["events"].lines().last().unwrap();
        assert_eq!(last, format!("event=removed jobId=repeat:s:{START} prev=delayed"));
    });
}

#[test]
fn a_pattern_leaves_its_zone_and_the_slot_in_the_run() {
    run(|server| async move {
        let mut stranger = server.connect().await;
        let queue = server.queue().await;
        let scheduler = NewScheduler::cron("s", "0 0 3 * * *", Some("UTC"), job("{}"));

        let armed = queue.upsert_scheduler(scheduler.starting_at(START)).await.unwrap().unwrap();

        let (run, slot) = (format!("repeat:s:{}", armed.slot_ms), armed.slot_ms);
        let found = keys(&mut stranger, &run).await;
        assert_eq!(
            found["repeat:s"],
            format!("hash ic=1 name=send offset=0 pattern=0 0 3 * * * startDate={START} tz=UTC")
        );
        assert_eq!(
            found[&run],
            format!(
                r#"hash data={{}} delay=DELAY name=send opts={{"jobId":"{run}","delay":DELAY,"timestamp":CREATED,"repeatJobKey":"s","prevMillis":{slot},"repeat":{{"pattern":"0 0 3 * * *","tz":"UTC","startDate":{START},"count":1}}}} priority=0 rjk=s timestamp=now"#
            )
        );
    });
}
