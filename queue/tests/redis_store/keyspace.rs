//! Every key, field, score and event that each step leaves behind, as BullMQ 6.7 leaves them.
//!
//! The expected states were observed with BullMQ itself.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use oxherd_queue::backend::Claim;
use oxherd_queue::job::Token;
use oxherd_queue::outcome::Verdict;
use oxherd_queue::{
    Backend, Backoff, Deduplication, JobId, JobOptions, NewJob, Payload, RateLimit, Retention,
};
use redis::aio::MultiplexedConnection;

use crate::server::{Server, add, ask, claim_one, completed, job, run, settle};

/// A creation time that producers give.
const T: u64 = 1_795_500_000_000;

/// Times of the test's own run, which no test can know, are written as this word.
const NOW: &str = "now";

/// Writes everything under `bull:m:` down: key to type and content.
pub(crate) async fn dump(connection: &mut MultiplexedConnection) -> BTreeMap<String, String> {
    let keys: Vec<String> = ask(connection, "KEYS *").await;
    let mut all = BTreeMap::new();
    for key in keys {
        let kind: String = ask(connection, &format!("TYPE {key}")).await;
        let content = match kind.as_str() {
            "string" => ask::<String>(connection, &format!("GET {key}")).await,
            "list" => ask::<Vec<String>>(connection, &format!("LRANGE {key} 0 -1")).await.join(" "),
            "set" => ask::<Vec<String>>(connection, &format!("SMEMBERS {key}")).await.join(" "),
            "zset" => {
                let command = format!("ZRANGE {key} 0 -1 WITHSCORES");
                pairs(ask(connection, &command).await).join(" ")
            }
            "hash" => {
                let fields: Vec<String> = ask(connection, &format!("HGETALL {key}")).await;
                let mut fields = pairs(fields);
                fields.sort();
                fields.join(" ")
            }
            _ => {
                let entries: Vec<(String, Vec<String>)> =
                    ask(connection, &format!("XRANGE {key} - +")).await;
                let entries = entries.into_iter().map(|(_, fields)| pairs(fields).join(" "));
                entries.collect::<Vec<_>>().join("\n")
            }
        };
        let name = key.strip_prefix("bull:m:").unwrap_or(&key).to_owned();
        all.insert(name, format!("{kind} {content}"));
    }
    all
}

fn pairs(flat: Vec<String>) -> Vec<String> {
    flat.chunks(2).map(|pair| format!("{}={}", pair[0], recent(&pair[1]))).collect()
}

fn recent(text: &str) -> &str {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let now = u64::try_from(now.as_millis()).unwrap();
    match text.parse::<u64>() {
        Ok(number) if number.abs_diff(now) < 90_000 && number.abs_diff(T) > 120_000 => NOW,
        _ => text,
    }
}

/// Checks the whole keyspace but the queue's own description.
async fn expect(connection: &mut MultiplexedConnection, expected: &[(&str, &str)]) {
    let mut found = dump(connection).await;
    let meta = found.remove("meta").unwrap();
    assert!(meta.contains("opts.maxLenEvents=10000"), "{meta}");
    assert!(meta.contains("version=bullmq:"), "{meta}");
    assert!(meta.contains("library=oxherd:"), "{meta}");
    let expected: BTreeMap<String, String> =
        expected.iter().map(|(key, content)| ((*key).to_owned(), (*content).to_owned())).collect();
    assert_eq!(found, expected);
}

fn at_t(options: JobOptions) -> JobOptions {
    JobOptions { timestamp_ms: Some(T), ..options }
}

fn send(options: JobOptions) -> NewJob {
    job(r#"{"to":"x"}"#).with_options(at_t(options))
}

#[test]
fn a_plain_add_leaves_what_bullmq_leaves() {
    run(|server| async move {
        let mut stranger = server.connect().await;
        let queue = server.queue().await;

        add(&queue, send(JobOptions::bare())).await;

        let hash = format!(
            r#"hash data={{"to":"x"}} delay=0 name=send opts={{"attempts":0,"timestamp":{T}}} priority=0 timestamp={T}"#
        );
        let expected = [
            ("1", hash.as_str()),
            ("wait", "list 1"),
            ("marker", "zset 0=0"),
            ("id", "string 1"),
            ("events", "stream event=added jobId=1 name=send\nevent=waiting jobId=1"),
        ];
        expect(&mut stranger, &expected).await;
    });
}

#[test]
fn delayed_jobs_of_one_millisecond_keep_their_order_in_their_scores() {
    run(|server| async move {
        let mut stranger = server.connect().await;
        let queue = server.queue().await;
        let delayed = || send(JobOptions::bare().delayed(Duration::from_secs(60)));

        queue.add(vec![delayed()]).await.unwrap();
        queue.add(vec![delayed()]).await.unwrap();

        let hash = format!(
            r#"hash data={{"to":"x"}} delay=60000 name=send opts={{"attempts":0,"delay":60000,"timestamp":{T}}} priority=0 timestamp={T}"#
        );
        let expected = [
            ("1", hash.as_str()),
            ("2", hash.as_str()),
            ("delayed", "zset 1=7354368245760000 2=7354368245760001"),
            ("marker", "zset 1=1795500060000"),
            ("id", "string 2"),
            (
                "events",
                "stream event=added jobId=1 name=send\n\
                 event=delayed jobId=1 delay=1795500060000\n\
                 event=added jobId=2 name=send\n\
                 event=delayed jobId=2 delay=1795500060000",
            ),
        ];
        expect(&mut stranger, &expected).await;
    });
}

#[test]
fn prioritized_jobs_have_their_turn_in_their_scores() {
    run(|server| async move {
        let mut stranger = server.connect().await;
        let queue = server.queue().await;
        let ranked = |priority| send(JobOptions::bare().with_priority(priority));

        queue.add(vec![ranked(3), ranked(2_097_151), ranked(3)]).await.unwrap();

        let hash = |priority: u32| {
            format!(
                r#"hash data={{"to":"x"}} delay=0 name=send opts={{"attempts":0,"priority":{priority},"timestamp":{T}}} priority={priority} timestamp={T}"#
            )
        };
        let (three, lowest) = (hash(3), hash(2_097_151));
        let expected = [
            ("1", three.as_str()),
            ("2", lowest.as_str()),
            ("3", three.as_str()),
            ("prioritized", "zset 1=12884901889 3=12884901891 2=9007194959773698"),
            ("pc", "string 3"),
            ("marker", "zset 0=0"),
            ("id", "string 3"),
            (
                "events",
                "stream event=added jobId=1 name=send\nevent=waiting jobId=1\n\
                 event=added jobId=2 name=send\nevent=waiting jobId=2\n\
                 event=added jobId=3 name=send\nevent=waiting jobId=3",
            ),
        ];
        expect(&mut stranger, &expected).await;
        let claimed = queue.claim(&Claim { max: 4, ..claim() }).await.unwrap().jobs;
        let ids: Vec<&str> = claimed.iter().map(|job| job.job.id.as_str()).collect();
        assert_eq!(ids, ["1", "3", "2"]);
        assert!(!dump(&mut stranger).await.contains_key("pc"), "the turns begin anew");
    });
}

#[test]
fn a_job_added_in_front_stands_at_the_end_of_the_list() {
    run(|server| async move {
        let mut stranger = server.connect().await;
        let queue = server.queue().await;
        let front = || send(JobOptions { lifo: true, ..JobOptions::bare() });

        queue.add(vec![send(JobOptions::bare()), front(), front()]).await.unwrap();

        let found = dump(&mut stranger).await;
        assert_eq!(found["wait"], "list 1 2 3");
        let opts = format!(r#"opts={{"attempts":0,"lifo":true,"timestamp":{T}}}"#);
        assert!(found["2"].contains(&opts), "{}", found["2"]);
        assert_eq!(claim_one(&queue).await.job.id, JobId::from_store("3"));
    });
}

#[test]
fn changes_of_a_job_leave_what_bullmq_leaves() {
    run(|server| async move {
        let mut stranger = server.connect().await;
        let queue = server.queue().await;
        queue.add(vec![send(JobOptions::bare().with_priority(3)); 2]).await.unwrap();
        let (first, second) = (JobId::from_store("1"), JobId::from_store("2"));

        queue.change_priority(&first, 3, false).await.unwrap();
        queue.change_priority(&second, 5, true).await.unwrap();
        queue.change_data(&second, Payload::parse("[1]").unwrap()).await.unwrap();

        let found = dump(&mut stranger).await;
        assert_eq!(found["prioritized"], "zset 1=12884901891 2=21474836480");
        assert_eq!(found["pc"], "string 3");
        let hash = format!(
            r#"hash data=[1] delay=0 name=send opts={{"attempts":0,"priority":3,"timestamp":{T}}} priority=5 timestamp={T}"#
        );
        assert_eq!(found["2"], hash);
        assert_eq!(found["events"].lines().count(), 4, "no event tells it");
    });
}

#[test]
fn a_changed_delay_counts_from_now() {
    run(|server| async move {
        let mut stranger = server.connect().await;
        let queue = server.queue().await;
        let id = add(&queue, send(JobOptions::bare().delayed(Duration::from_secs(60)))).await;

        queue.change_delay(&id, Duration::from_secs(5)).await.unwrap();

        let found = dump(&mut stranger).await;
        assert!(found["1"].contains("delay=5000"), "{}", found["1"]);
        let score: f64 = ask(&mut stranger, "ZSCORE bull:m:delayed 1").await;
        let marker: f64 = ask(&mut stranger, "ZSCORE bull:m:marker 1").await;
        assert!((score / 4096.0 - marker).abs() < 1.0, "{score} {marker}");
        let last = found["events"].lines().last().unwrap();
        assert_eq!(last, "event=delayed jobId=1 delay=now");
    });
}

#[test]
fn a_deduplicated_job_has_its_key_with_its_time() {
    run(|server| async move {
        let mut stranger = server.connect().await;
        let queue = server.queue().await;
        let rule = Deduplication::throttle("x", Duration::from_secs(60));
        let once = || send(JobOptions::bare().deduplicated(rule.clone()));

        queue.add(vec![once(), once()]).await.unwrap();

        let hash = format!(
            r#"hash data={{"to":"x"}} deid=x delay=0 name=send opts={{"attempts":0,"de":{{"id":"x","ttl":60000}},"timestamp":{T}}} priority=0 timestamp={T}"#
        );
        let expected = [
            ("1", hash.as_str()),
            ("wait", "list 1"),
            ("marker", "zset 0=0"),
            ("id", "string 2"),
            ("de:x", "string 1"),
            (
                "events",
                "stream event=added jobId=1 name=send\nevent=waiting jobId=1\n\
                 event=deduplicated jobId=1 deduplicationId=x deduplicatedJobId=2",
            ),
        ];
        expect(&mut stranger, &expected).await;
        let left: i64 = ask(&mut stranger, "PTTL bull:m:de:x").await;
        assert!((50_000..=60_000).contains(&left), "{left}");
        let job = claim_one(&queue).await;
        settle(&queue, &job, completed("1")).await;
        assert!(dump(&mut stranger).await.contains_key("de:x"), "the time outlives the job");
    });
}

#[test]
fn an_add_kept_for_later_stands_beside_the_id() {
    run(|server| async move {
        let mut stranger = server.connect().await;
        let queue = server.queue().await;
        let last = || send(JobOptions::bare().deduplicated(Deduplication::keep_last("x")));
        queue.add(vec![last()]).await.unwrap();
        let job = claim_one(&queue).await;

        queue.add(vec![last()]).await.unwrap();

        let opts = format!(
            r#"{{"attempts":0,"de":{{"id":"x","keepLastIfActive":true}},"timestamp":{T}}}"#
        );
        let found = dump(&mut stranger).await;
        assert_eq!(found["dn:x"], format!(r#"hash data={{"to":"x"}} jid=2 name=send opts={opts}"#));
        assert!(!found.contains_key("2"));
        settle(&queue, &job, completed("1")).await;
        let found = dump(&mut stranger).await;
        let hash = format!(
            r#"hash data={{"to":"x"}} deid=x delay=0 name=send opts={opts} priority=0 timestamp=now"#
        );
        assert_eq!((found["2"].as_str(), found["de:x"].as_str()), (hash.as_str(), "string 2"));
        assert!(!found.contains_key("dn:x"));
        assert_eq!(found["id"], "string 3");
    });
}

#[test]
fn an_owner_whose_hash_is_gone_holds_no_id() {
    run(|server| async move {
        let mut stranger = server.connect().await;
        let queue = server.queue().await;
        let once = || send(JobOptions::bare().deduplicated(Deduplication::simple("x")));
        queue.add(vec![once()]).await.unwrap();
        let _: i64 = ask(&mut stranger, "DEL bull:m:1").await;
        let _: i64 = ask(&mut stranger, "HSET bull:m:dn:x jid 9").await;

        queue.add(vec![once()]).await.unwrap();

        let found = dump(&mut stranger).await;
        assert_eq!(found["de:x"], "string 2");
        assert!(found.contains_key("2") && !found.contains_key("dn:x"), "{found:?}");
    });
}

#[test]
fn limits_stand_in_the_description_and_starts_in_a_counter() {
    run(|server| async move {
        let mut stranger = server.connect().await;
        let queue = server.queue().await;
        queue.add(vec![send(JobOptions::bare()); 5]).await.unwrap();

        queue.set_rate(Some(RateLimit::new(3, Duration::from_secs(60)))).await.unwrap();
        queue.set_concurrency(Some(7)).await.unwrap();
        let jobs = queue.claim(&Claim { max: 9, ..claim() }).await.unwrap().jobs;

        assert_eq!(jobs.len(), 3);
        let found = dump(&mut stranger).await;
        for field in ["max=3", "duration=60000", "concurrency=7"] {
            assert!(found["meta"].contains(field), "{}", found["meta"]);
        }
        assert_eq!(found["limiter"], "string 3");
        let left: i64 = ask(&mut stranger, "PTTL bull:m:limiter").await;
        assert!((50_000..=60_000).contains(&left), "{left}");
        queue.rate_limit(Duration::from_secs(5)).await.unwrap();
        queue.set_rate(None).await.unwrap();
        queue.set_concurrency(None).await.unwrap();
        let found = dump(&mut stranger).await;
        assert_eq!(found["limiter"], "string 9007199254740991");
        let left: i64 = ask(&mut stranger, "PTTL bull:m:limiter").await;
        assert!((1..=5_000).contains(&left), "{left}");
        for field in ["max", "duration", "concurrency"] {
            assert!(!found["meta"].contains(&format!("{field}=")), "{}", found["meta"]);
        }
    });
}

#[test]
fn a_number_without_a_window_or_no_number_limits_nothing() {
    run(|server| async move {
        let mut stranger = server.connect().await;
        let queue = server.queue().await;
        queue.add(vec![send(JobOptions::bare()); 5]).await.unwrap();
        for wrong in ["max 1", "max none duration 1000", "max 1 duration soon"] {
            let _: i64 = ask(&mut stranger, "HDEL bull:m:meta max duration").await;
            let _: i64 = ask(&mut stranger, &format!("HSET bull:m:meta {wrong}")).await;

            let taken = queue.claim(&Claim { max: 1, ..claim() }).await.unwrap().jobs.len();

            assert_eq!(taken, 1, "{wrong}");
            assert_eq!(queue.limits().await.unwrap().rate, None, "{wrong}");
        }
        assert!(!dump(&mut stranger).await.contains_key("limiter"));
    });
}

#[test]
fn a_queue_that_was_taken_down_leaves_nothing() {
    run(|server| async move {
        let mut stranger = server.connect().await;
        let queue = server.queue().await;
        let once = JobOptions::bare().deduplicated(Deduplication::simple("x"));
        let later = JobOptions::bare().delayed(Duration::from_secs(60));
        let ranked = JobOptions::bare().with_priority(3);
        queue.add(vec![send(once), send(later), send(ranked)]).await.unwrap();
        queue.add(vec![send(JobOptions::bare()); 2500]).await.unwrap();
        let job = claim_one(&queue).await;
        queue.log(&job.job.id, "row", None).await.unwrap();

        queue.obliterate(true).await.unwrap();

        let left: Vec<String> = ask(&mut stranger, "KEYS *").await;
        assert!(left.is_empty(), "{left:?}");
    });
}

#[test]
fn a_drained_line_leaves_no_id_and_no_hash_but_the_armed_run() {
    run(|server| async move {
        let mut stranger = server.connect().await;
        let queue = server.queue().await;
        queue.add(vec![send(JobOptions::bare()); 2]).await.unwrap();
        // The armed run of a scheduler of another client, in front of an ordinary job.
        let run = "repeat:s:1795500000000";
        let _: i64 = ask(&mut stranger, "ZADD bull:m:repeat 1795500000000 s").await;
        let _: i64 = ask(&mut stranger, &format!("HSET bull:m:{run} name s rjk s data {{}}")).await;
        let _: i64 = ask(&mut stranger, &format!("RPUSH bull:m:wait {run}")).await;

        assert_eq!(queue.drain(true).await.unwrap(), 2);

        let found = dump(&mut stranger).await;
        assert_eq!(found["wait"], format!("list {run}"));
        assert!(found.contains_key(run) && !found.contains_key("1"), "{found:?}");
    });
}

fn claim() -> Claim {
    Claim {
        max: 1,
        token: Token::from_store("tok:0"),
        lock: Duration::from_secs(30),
        worker: Some("w1".to_owned()),
        rate: None,
    }
}

/// Adds a job with attempts and backoff and claims it as the worker `w1`.
async fn active(server: &Server) -> (Arc<dyn Backend>, oxherd_queue::job::ClaimedJob) {
    let queue = server.queue().await;
    let options = JobOptions {
        attempts: 3,
        backoff: Some(Backoff::exponential(Duration::from_secs(1))),
        ..JobOptions::bare()
    };
    add(&queue, send(options)).await;
    let job = queue.claim(&claim()).await.unwrap().jobs.swap_remove(0);
    (queue, job)
}

const ACTIVE_OPTIONS: &str = r#"opts={"attempts":3,"backoff":{"type":"exponential","delay":1000},"timestamp":1795500000000}"#;

#[test]
fn a_claimed_job_is_active_with_its_lock() {
    run(|server| async move {
        let mut stranger = server.connect().await;

        active(&server).await;

        let hash = format!(
            r#"hash ats=1 data={{"to":"x"}} delay=0 name=send {ACTIVE_OPTIONS} pb=w1 priority=0 processedOn=now timestamp={T}"#
        );
        let mut expected = vec![
            ("1", hash.as_str()),
            ("1:lock", "string tok:0"),
            ("active", "list 1"),
            ("id", "string 1"),
            (
                "events",
                "stream event=added jobId=1 name=send\nevent=waiting jobId=1\n\
                 event=active jobId=1 prev=waiting",
            ),
        ];
        // The producer's marker is still there: nobody had waited for it.
        expected.push(("marker", "zset 0=0"));
        expect(&mut stranger, &expected).await;
        let left: i64 = ask(&mut stranger, "PTTL bull:m:1:lock").await;
        assert!((25_000..=30_000).contains(&left), "{left}");
    });
}

#[test]
fn a_completed_job_is_kept_with_all_that_was_told() {
    run(|server| async move {
        let mut stranger = server.connect().await;
        let (queue, job) = active(&server).await;

        queue.progress(&job.job.id, Payload::parse(r#"{"pct":50}"#).unwrap()).await.unwrap();
        queue.log(&job.job.id, "row 1", None).await.unwrap();
        settle(&queue, &job, completed(r#"{"ok":true}"#)).await;

        let hash = format!(
            r#"hash atm=1 ats=1 data={{"to":"x"}} delay=0 finishedOn=now name=send {ACTIVE_OPTIONS} pb=w1 priority=0 processedOn=now progress={{"pct":50}} returnvalue={{"ok":true}} timestamp={T}"#
        );
        let expected = [
            ("1", hash.as_str()),
            ("1:logs", "list row 1"),
            ("completed", "zset 1=now"),
            ("id", "string 1"),
            ("marker", "zset 0=0"),
            (
                "events",
                "stream event=added jobId=1 name=send\nevent=waiting jobId=1\n\
                 event=active jobId=1 prev=waiting\n\
                 event=progress jobId=1 data={\"pct\":50}\n\
                 event=completed jobId=1 returnvalue={\"ok\":true} prev=active\n\
                 event=drained",
            ),
        ];
        expect(&mut stranger, &expected).await;
    });
}

#[test]
fn a_failed_job_is_kept_with_its_stack() {
    run(|server| async move {
        let mut stranger = server.connect().await;
        let queue = server.queue().await;
        add(&queue, send(JobOptions::bare())).await;
        let job = claim_one(&queue).await;

        let stack = "TypeError: smtp down\n    at send (mail.js:3:9)".to_owned();
        let verdict = Verdict::Fail { reason: "smtp down".to_owned(), stack_trace: vec![stack] };
        settle(&queue, &job, verdict).await;

        let hash = format!(
            r#"hash atm=1 ats=1 data={{"to":"x"}} delay=0 failedReason=smtp down finishedOn=now name=send opts={{"attempts":0,"timestamp":{T}}} priority=0 processedOn=now stacktrace=["TypeError: smtp down\n    at send (mail.js:3:9)"] timestamp={T}"#
        );
        let expected = [
            ("1", hash.as_str()),
            ("failed", "zset 1=now"),
            ("id", "string 1"),
            ("marker", "zset 0=0"),
            (
                "events",
                "stream event=added jobId=1 name=send\nevent=waiting jobId=1\n\
                 event=active jobId=1 prev=waiting\n\
                 event=failed jobId=1 failedReason=smtp down prev=active\n\
                 event=retries-exhausted jobId=1 attemptsMade=1\n\
                 event=drained",
            ),
        ];
        expect(&mut stranger, &expected).await;
    });
}

#[test]
fn a_retry_with_a_pause_is_delayed_with_the_pause_in_its_hash() {
    run(|server| async move {
        let mut stranger = server.connect().await;
        let (queue, job) = active(&server).await;

        let verdict = Verdict::Retry {
            reason: "BROKEN: no".to_owned(),
            stack_trace: vec!["BROKEN: no".to_owned()],
            pause: Duration::from_secs(1),
        };
        settle(&queue, &job, verdict).await;

        let found = dump(&mut stranger).await;
        let hash = &found["1"];
        for part in ["atm=1", "ats=1", "delay=1000", "failedReason=BROKEN: no"] {
            assert!(hash.contains(part), "{part} in {hash}");
        }
        assert!(!found.contains_key("1:lock") && !found.contains_key("active"), "{found:?}");
        let score: f64 = ask(&mut stranger, "ZSCORE bull:m:delayed 1").await;
        let marker: f64 = ask(&mut stranger, "ZSCORE bull:m:marker 1").await;
        assert!((score / 4096.0 - marker).abs() < 1.0, "{score} {marker}");
        assert!(found["events"].lines().last().unwrap().starts_with("event=delayed jobId=1"));
    });
}

#[test]
fn a_job_that_keeps_nothing_leaves_nothing_but_its_events() {
    run(|server| async move {
        let mut stranger = server.connect().await;
        let queue = server.queue().await;
        let options =
            JobOptions { remove_on_complete: Some(Retention::NONE), ..JobOptions::bare() };
        let id = add(&queue, send(options)).await;
        let job = claim_one(&queue).await;
        queue.log(&id, "row", None).await.unwrap();

        settle(&queue, &job, completed("1")).await;

        let found = dump(&mut stranger).await;
        let keys: Vec<&str> = found.keys().map(String::as_str).collect();
        assert_eq!(keys, ["events", "id", "marker", "meta"]);
        assert!(found["events"].contains("event=completed jobId=1 returnvalue=1 prev=active"));
    });
}

#[test]
fn a_mark_to_stop_stands_outside_of_bullmqs_keys_and_goes_with_the_run() {
    run(|server| async move {
        let mut stranger = server.connect().await;
        let (queue, job) = active(&server).await;

        queue.cancel(&JobId::from_store("1")).await.unwrap();

        let left: i64 = ask(&mut stranger, "PTTL bull.oxherd:m:cancel").await;
        assert!(left > 24 * 60 * 60 * 1000, "{left}");
        settle(&queue, &job, completed("1")).await;
        let marks: i64 = ask(&mut stranger, "EXISTS bull.oxherd:m:cancel").await;
        assert_eq!(marks, 0);
    });
}
