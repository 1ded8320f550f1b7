//! bull-board's contract on the operators' listener: beside bull-board's own server on one Redis, and
//! under bull-board's own page on the embedded store.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::support::{Client, Options, RedisServer, Service, skip};

const MATERIALS: &str = "/queues/material-processing";
const PLANS: &str = "/queues/plan-generation";
const TABS: [&str; 8] = [
    "latest",
    "active",
    "waiting",
    "waiting-children",
    "prioritized",
    "completed",
    "failed",
    "delayed",
];

/// Prepares a script of `tests/interop/board`; `None` where Node or its packages are not installed.
fn node(script: &str, arguments: &[&str]) -> Option<Command> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/interop");
    if !folder.join("node_modules/@bull-board/ui").exists() {
        skip("the packages of tests/interop are not installed; `cargo xtask test` does it");
        return None;
    }
    let mut command = Command::new("node");
    command.arg(folder.join("board").join(script)).args(arguments).current_dir(folder);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
    Some(command)
}

/// Runs a script to its end and reads what it printed.
async fn run(script: &str, arguments: &[&str]) -> Option<Value> {
    let run = node(script, arguments)?.stderr(Stdio::inherit()).output();
    let output = tokio::time::timeout(Duration::from_secs(180), run).await.expect("ends in time");
    let output = output.unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{script} failed: {text}");
    Some(serde_json::from_str(&text).unwrap_or_else(|_| panic!("{script} printed {text}")))
}

/// bull-board's own server and this service, on the same queues.
struct Pair {
    real: Client,
    ours: Client,
    /// The jobs by what they stand for.
    ids: Value,
    service: Service,
    _board: Child,
    _redis: RedisServer,
}

impl Pair {
    async fn start() -> Option<Self> {
        let Some(redis) = RedisServer::start().await else {
            skip("redis-server is not installed");
            return None;
        };
        let port = redis.url().rsplit_once(':').unwrap().1.trim_end_matches('/').to_owned();
        let ids = run("fill.mjs", &[&port]).await?;
        let options = Options { redis_url: Some(redis.url()), ..Options::default() };
        let service = Service::start(&options).await;
        let ours = Client::new(&format!("{}/bull-board/api", service.admin));
        let defaults = ours.get(&format!("{PLANS}/default-job-options")).await.1.to_string();
        let mut board = node("real.mjs", &[&port, &defaults])?.spawn().unwrap();
        let mut lines = BufReader::new(board.stdout.take().unwrap()).lines();
        let told = tokio::time::timeout(Duration::from_secs(30), lines.next_line()).await;
        let address = told.expect("starts in time").unwrap().expect("an address");
        let real = Client::new(&format!("{address}/bull-board/api"));
        Some(Self { real, ours, ids, service, _board: board, _redis: redis })
    }

    fn id(&self, key: &str) -> &str {
        self.ids[key].as_str().unwrap()
    }

    /// Asks both the same, and compares the answers.
    async fn same(&self, path: &str) {
        let (real, ours) = (self.real.get(path).await, self.ours.get(path).await);
        assert_same(path, real, ours);
    }

    /// Lets each act on its own twin, and compares the answers and what became of the twins.
    async fn act(&self, method: &Method, twin: &str, action: &str, body: &Value) {
        let path = |letter: &str| match self.ids.get(format!("{twin}-{letter}")) {
            Some(id) => format!("{MATERIALS}/{}", id.as_str().unwrap()),
            None => format!("{PLANS}/{twin}-{letter}"),
        };
        let (a, b) = (path("a"), path("b"));
        let real = self.real.send(method.clone(), &format!("{a}/{action}"), body).await;
        let ours = self.ours.send(method.clone(), &format!("{b}/{action}"), body).await;
        assert!(real.0 < 300, "{twin} {action}: {real:?}");
        assert_same(&format!("{twin} {action}"), real, ours);
        let (real, ours) = (self.real.get(&a).await, self.real.get(&b).await);
        // The two were asked to move to one time, one after the other.
        let delay = |answer: &(u16, Value)| answer.1["job"]["delay"].as_u64().unwrap_or(0);
        assert!(delay(&real).abs_diff(delay(&ours)) < 10_000, "{twin}: {real:?} and {ours:?}");
        assert_same(&format!("{twin} after {action}"), unnamed(real), unnamed(ours));
    }

    /// Lets both refuse the same.
    async fn refuse(&self, method: &Method, path: &str, body: &Value) {
        let real = self.real.send(method.clone(), path, body).await;
        let ours = self.ours.send(method.clone(), path, body).await;
        assert!(real.0 >= 400, "{method} {path} {body}: {real:?}");
        assert_same(&format!("{method} {path} {body}"), real, ours);
    }

    /// Lets ours act on a queue as a whole; returns the answer.
    async fn command(&self, method: &Method, path: &str, body: &Value) -> Value {
        let (status, answer) = self.ours.send(method.clone(), path, body).await;
        assert!(status < 300, "{path}: {status} {answer}");
        answer
    }

    /// What bull-board's server says of a queue.
    async fn queue(&self, path: &str) -> Value {
        let queues = self.real.get("/queues").await.1["queues"].take();
        let is_meant = |queue: &&Value| path.ends_with(queue["name"].as_str().unwrap());
        queues.as_array().unwrap().iter().find(is_meant).unwrap().clone()
    }

    async fn counts(&self, path: &str) -> Value {
        self.queue(path).await["counts"].clone()
    }
}

/// Compares two answers but for the differences that are listed here.
fn assert_same(what: &str, real: (u16, Value), ours: (u16, Value)) {
    let (mut real, mut ours) = (real, ours);
    assert_eq!(real.0, ours.0, "{what}: {} and {}", real.1, ours.1);
    for answer in [&mut real.1, &mut ours.1] {
        forgive(answer);
    }
    let mut differences = Vec::new();
    compare("", &real.1, &ours.1, &mut differences);
    assert!(differences.is_empty(), "{what}: {differences:#?}");
}

/// Takes out of an answer what may differ, each with its reason.
fn forgive(answer: &mut Value) {
    match answer {
        Value::Array(items) => items.iter_mut().for_each(forgive),
        Value::Object(members) => {
            members.values_mut().for_each(forgive);
            if let Some(Value::Object(options)) = members.get_mut("opts") {
                // The id stands beside the options; a copy among them would make "add again" a
                // duplicate.
                options.remove("jobId");
                // One number is said in its short form, which BullMQ reads as the same.
                for keep in ["removeOnComplete", "removeOnFail"] {
                    let count = options.get(keep).and_then(|keep| keep.get("count")).cloned();
                    let is_alone = options.get(keep).and_then(Value::as_object);
                    if let (Some(count), Some(1)) = (count, is_alone.map(serde_json::Map::len)) {
                        options.insert(keep.to_owned(), count);
                    }
                }
            }
            // It runs down while the two are asked.
            if let Some(left) = members.get_mut("activeRateLimitTtl") {
                *left = json!(left.as_u64().unwrap() > 0);
            }
            if let Some(age) = members.get_mut("age") {
                *age = json!(age.is_u64());
            }
            // The order of children is that of a hash in BullMQ, that of their names here.
            if let Some(Value::Array(children)) = members.get_mut("children") {
                children.sort_by_key(|child| child["id"].to_string());
            }
            // The keys carry BullMQ's prefix where ours name the queue; the page shows the values.
            if let Some(Value::Object(reasons)) = members.get_mut("ignoredChildFailureReasons") {
                let short =
                    |(key, why): (String, Value)| (key.trim_start_matches("bull:").to_owned(), why);
                *reasons = std::mem::take(reasons).into_iter().map(short).collect();
            }
        }
        _ => {}
    }
}

fn compare(path: &str, real: &Value, ours: &Value, differences: &mut Vec<String>) {
    match (real, ours) {
        (Value::Object(a), Value::Object(b)) => {
            let mut names: Vec<_> = a.keys().chain(b.keys()).collect();
            names.sort_unstable();
            names.dedup();
            for name in names {
                let at = format!("{path}/{name}");
                match (a.get(name), b.get(name)) {
                    (Some(a), Some(b)) => compare(&at, a, b, differences),
                    (a, b) => differences.push(format!("{at}: {a:?} and {b:?}")),
                }
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (place, (a, b)) in a.iter().zip(b).enumerate() {
                compare(&format!("{path}/{place}"), a, b, differences);
            }
        }
        (Value::Array(a), Value::Array(b)) => {
            let ids = |items: &[Value]| items.iter().map(|item| item["id"].to_string()).collect();
            let (a, b): (Vec<_>, Vec<_>) = (ids(a), ids(b));
            differences.push(format!("{path}: {a:?} and {b:?}"));
        }
        (a, b) if a == b || a.as_f64().is_some_and(|a| Some(a) == b.as_f64()) => {}
        (a, b) => differences.push(format!("{path}: {a} and {b}")),
    }
}

/// A job without what tells it from its twin.
fn unnamed((status, mut body): (u16, Value)) -> (u16, Value) {
    for part in ["job", "flowRoot"] {
        if let Some(Value::Object(job)) = body.get_mut(part) {
            for member in ["id", "timestamp", "processedOn", "finishedOn", "delay"] {
                job.remove(member);
            }
        }
    }
    // Who is `a` and who is `b` stands in the data of some.
    if body["job"]["data"]["to"].is_string() {
        body["job"]["data"] = Value::Null;
    }
    (status, body)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_answers_are_those_of_bull_boards_own_server() {
    let Some(pair) = Pair::start().await else { return };
    lists_and_jobs_are_the_same(&pair).await;
    refusals_are_the_same(&pair).await;
    buttons_of_a_job_do_the_same(&pair).await;
    buttons_of_a_queue_do_what_they_say(&pair).await;
}

async fn lists_and_jobs_are_the_same(pair: &Pair) {
    let mut ids = Vec::new();
    for queue in ["material-processing", "plan-generation"] {
        for tab in TABS {
            for page in 1..=3 {
                let path =
                    format!("/queues?activeQueue={queue}&status={tab}&page={page}&jobsPerPage=6");
                pair.same(&path).await;
            }
            let path = format!("/queues?activeQueue={queue}&status={tab}&page=&jobsPerPage=300");
            let (_, body) = pair.ours.get(&path).await;
            for shown in body["queues"].as_array().unwrap() {
                for job in shown["jobs"].as_array().unwrap() {
                    let id = job["id"].as_str().unwrap().replace(':', "%3A");
                    ids.push(format!("/queues/{queue}/{id}"));
                }
            }
        }
    }
    ids.sort_unstable();
    ids.dedup();
    assert!(ids.len() > 35, "{ids:?}");
    for job in &ids {
        for part in ["", "/logs", "/flow", "/flow?root=node&depth=2", "/flow?maxChildren=1"] {
            // Which child is the first is not the same in both.
            if part.contains("maxChildren") && !job.contains("cut") {
                continue;
            }
            pair.same(&format!("{job}{part}")).await;
        }
    }
    for path in ["/queues", "/job-schedulers", "/job-schedulers?queueName=plan-generation"] {
        pair.same(path).await;
    }
    for part in ["metrics", "default-job-options", "workers", "rate-limit", "job-data-schema"] {
        pair.same(&format!("{MATERIALS}/{part}")).await;
        pair.same(&format!("{PLANS}/{part}")).await;
    }
    let metrics = pair.ours.get(&format!("{MATERIALS}/metrics")).await.1;
    assert_eq!(metrics["failed"]["meta"]["count"], 3, "{metrics}");
    let workers = pair.ours.get(&format!("{MATERIALS}/workers")).await.1;
    assert_eq!(workers["workers"].as_array().map(Vec::len), Some(1), "{workers}");
    server_is_told_alike(pair).await;
}

async fn server_is_told_alike(pair: &Pair) {
    let (real, ours) = (pair.real.get("/redis/stats").await, pair.ours.get("/redis/stats").await);
    assert_eq!((real.0, ours.0), (200, 200));
    // Memory, clients and the time run on between the two.
    for fixed in ["/backend", "/version", "/mode", "/port", "/os", "/memory/total"] {
        assert_eq!(real.1.pointer(fixed), ours.1.pointer(fixed), "{fixed}");
    }
    for counted in ["/uptime", "/memory/used", "/memory/peak", "/clients/connected"] {
        assert!(ours.1.pointer(counted).is_some_and(Value::is_u64), "{counted}: {}", ours.1);
    }
    assert!(ours.1["memory"]["fragmentationRatio"].as_f64().unwrap() > 0.0, "{}", ours.1);
}

async fn refusals_are_the_same(pair: &Pair) {
    let (get, put, patch) = (Method::GET, Method::PUT, Method::PATCH);
    let none = json!({});
    for path in ["/queues/nope/1", "/queues/nope/metrics", "/queues/nope/1/logs"] {
        pair.refuse(&get, path, &none).await;
    }
    for query in ["page=0", "page=x", "jobsPerPage=301", "status=nope"] {
        pair.refuse(&get, &format!("/queues?{query}"), &none).await;
    }
    for part in ["", "/flow"] {
        pair.refuse(&get, &format!("{MATERIALS}/nobody{part}"), &none).await;
    }
    for action in ["retry", "clean", "promote", "remove-unprocessed-children"] {
        pair.refuse(&put, &format!("{MATERIALS}/nobody/{action}"), &none).await;
    }
    let of = |key: &str, action: &str| format!("{MATERIALS}/{}/{action}", pair.id(key));
    let waiting = |action: &str| of("waiting-a", action);
    pair.refuse(&put, &waiting("retry"), &none).await;
    pair.refuse(&put, &waiting("remove-unprocessed-children"), &none).await;
    pair.refuse(&put, &of("active", "clean"), &none).await;
    for body in [json!({ "runAt": 5 }), json!({ "runAt": "soon" }), json!({})] {
        pair.refuse(&patch, &waiting("delay"), &body).await;
    }
    for body in [json!({ "priority": -1 }), json!({ "priority": 2_097_152 }), json!({})] {
        pair.refuse(&patch, &waiting("priority"), &body).await;
    }
    for state in ["waiting", "nope"] {
        pair.refuse(&put, &format!("{MATERIALS}/retry/{state}"), &none).await;
    }
    pair.refuse(&put, &format!("{MATERIALS}/obliterate"), &none).await;
    for body in [json!({ "concurrency": -1 }), json!({ "concurrency": "x" }), json!({})] {
        pair.refuse(&put, &format!("{MATERIALS}/concurrency"), &body).await;
    }
    for body in [json!({ "max": 0, "duration": 1 }), json!({ "max": 5 })] {
        pair.refuse(&put, &format!("{MATERIALS}/rate-limit"), &body).await;
    }
    pair.refuse(&Method::POST, &format!("{MATERIALS}/add"), &json!({ "name": 7 })).await;
    schedulers_are_refused_alike(pair).await;
}

async fn schedulers_are_refused_alike(pair: &Pair) {
    let (put, patch, none) = (Method::PUT, Method::PATCH, json!({}));
    let hourly = format!("{MATERIALS}/job-schedulers/hourly");
    for body in [
        json!({}),
        json!({ "every": 0 }),
        json!({ "every": 5, "pattern": "* * * * *" }),
        json!({ "every": 5, "limit": 0 }),
        json!({ "every": 5, "endDate": 1000 }),
        json!({ "pattern": "every monday" }),
    ] {
        pair.refuse(&patch, &hourly, &body).await;
    }
    for part in ["remove", "run"] {
        pair.refuse(&put, &format!("{MATERIALS}/job-schedulers/nobody/{part}"), &none).await;
    }
    let schedulers = pair.ours.get("/job-schedulers").await.1;
    let hourly = schedulers["schedulers"].as_array().unwrap().iter().find(|s| s["id"] == "hourly");
    let armed = hourly.unwrap()["nextRunJobId"].as_str().unwrap().replace(':', "%3A");
    pair.refuse(&put, &format!("{MATERIALS}/{armed}/clean"), &none).await;
}

async fn buttons_of_a_job_do_the_same(pair: &Pair) {
    let (put, patch, none) = (Method::PUT, Method::PATCH, json!({}));
    let run_at = json!({ "runAt": 2_000_000_000_000_u64 });
    pair.act(&patch, "waiting", "update-data", &json!({ "jobData": { "to": ["new", 1] } })).await;
    pair.act(&patch, "waiting", "priority", &json!({ "priority": 9 })).await;
    pair.act(&patch, "prioritized", "priority", &json!({ "priority": 2 })).await;
    pair.act(&patch, "scheduled", "delay", &run_at).await;
    pair.act(&put, "delayed", "promote", &none).await;
    pair.act(&put, "failed", "retry", &none).await;
    pair.act(&put, "completed", "retry", &none).await;
    pair.act(&put, "pruned", "remove-unprocessed-children", &none).await;

    let added = json!({ "name": "typed", "data": { "n": [1] }, "options": {
        "delay": 60_000, "attempts": 9, "keepLogs": 4, "lifo": true,
        "deduplication": { "id": "typed" }, "telemetry": { "metadata": "00-x" } } });
    let (real, mut second) = (pair.real.post(&format!("{PLANS}/add"), &added).await, added.clone());
    second["options"]["deduplication"]["id"] = json!("other");
    let (status, mut ours) = pair.ours.post(&format!("{PLANS}/add"), &second).await;
    ours["job"]["deduplicationId"] = json!("typed");
    ours["job"]["opts"]["deduplication"]["id"] = json!("typed");
    assert_same("add", unnamed(real), unnamed((status, ours)));

    // bull-board passes the text of BullMQ's error on with a 500; here it is the page's fault.
    let waiting = format!("{MATERIALS}/{}/promote", pair.id("waiting-b"));
    let (status, body) = pair.ours.send(put, &waiting, &none).await;
    assert_eq!((status, &body["error"]["key"]), (400, &json!("ERRORS.JOB_NOT_DELAYED")));
    let numbered = json!({ "name": "x", "options": { "jobId": "17" } });
    let (status, body) = pair.ours.post(&format!("{PLANS}/add"), &numbered).await;
    assert_eq!((status, &body["error"]["key"]), (400, &json!("ERRORS.INVALID_REQUEST_BODY")));
}

async fn buttons_of_a_queue_do_what_they_say(pair: &Pair) {
    let (put, patch, none) = (Method::PUT, Method::PATCH, json!({}));
    let failed = pair.counts(MATERIALS).await["failed"].as_u64().unwrap();
    let retried = pair.command(&put, &format!("{MATERIALS}/retry/failed"), &none).await;
    assert_eq!(retried, json!({ "retried": failed, "skipped": 0 }));
    assert_eq!(pair.counts(MATERIALS).await["failed"], 0);

    pair.command(&put, &format!("{MATERIALS}/empty"), &none).await;
    let counts = pair.counts(MATERIALS).await;
    assert_eq!((&counts["waiting"], &counts["prioritized"]), (&json!(0), &json!(0)));
    pair.command(&put, &format!("{MATERIALS}/promote"), &none).await;
    assert_eq!(pair.counts(MATERIALS).await["delayed"], 0);
    tokio::time::sleep(Duration::from_millis(5_100)).await;
    pair.command(&put, &format!("{MATERIALS}/clean/completed"), &none).await;
    let counts = pair.counts(MATERIALS).await;
    assert_eq!((&counts["completed"], &counts["active"]), (&json!(0), &json!(1)));

    let limit = json!({ "max": 3, "duration": 1000 });
    pair.command(&put, &format!("{MATERIALS}/concurrency"), &json!({ "concurrency": 2 })).await;
    pair.command(&put, &format!("{MATERIALS}/rate-limit"), &limit).await;
    pair.command(&put, &format!("{PLANS}/rate-limit/release"), &none).await;
    pair.command(&put, &format!("{PLANS}/rate-limit"), &none).await;
    pair.command(&put, &format!("{PLANS}/concurrency"), &json!({ "concurrency": 0 })).await;
    assert_eq!(pair.queue(MATERIALS).await["globalConcurrency"], 2);
    let (_, rate) = pair.real.get(&format!("{MATERIALS}/rate-limit")).await;
    assert_eq!(rate["rateLimit"], limit);
    let plans = pair.queue(PLANS).await;
    assert_eq!(
        (&plans["globalConcurrency"], &plans["activeRateLimitTtl"]),
        (&Value::Null, &json!(0))
    );
    assert_eq!(pair.real.get(&format!("{PLANS}/rate-limit")).await.1["rateLimit"], Value::Null);

    let nightly = format!("{MATERIALS}/job-schedulers/nightly");
    let rhythm = json!({ "pattern": "30 4 * * *", "tz": "Asia/Seoul", "limit": 7 });
    pair.command(&patch, &nightly, &rhythm).await;
    let run = pair.command(&put, &format!("{nightly}/run"), &none).await;
    assert_eq!(run["job"]["name"], "clean up", "{run}");
    pair.command(&put, &format!("{MATERIALS}/job-schedulers/bare/remove"), &none).await;
    pair.same("/job-schedulers").await;
    let schedulers = pair.real.get("/job-schedulers").await.1;
    let ids: Vec<_> =
        schedulers["schedulers"].as_array().unwrap().iter().map(|s| s["id"].clone()).collect();
    assert!(!ids.contains(&json!("bare")) && ids.contains(&json!("nightly")), "{ids:?}");

    pair.command(&put, "/queues/resume", &none).await;
    assert_eq!(
        (&pair.queue(MATERIALS).await["isPaused"], &pair.queue(PLANS).await["isPaused"]),
        (&json!(false), &json!(false))
    );
    pair.refuse(&put, &format!("{PLANS}/obliterate"), &none).await;
    pair.command(&put, "/queues/pause", &none).await;
    assert_eq!(pair.queue(PLANS).await["isPaused"], true);
    pair.command(&put, &format!("{MATERIALS}/obliterate"), &json!({ "force": true })).await;
    let counts = pair.counts(MATERIALS).await;
    assert!(counts.as_object().unwrap().values().all(|count| *count == 0), "{counts}");
    pair.service.operator().get("/readyz").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bull_boards_page_shows_the_embedded_store_and_its_buttons_work() {
    let browser =
        std::env::var_os("CHROMIUM").map_or_else(|| "/usr/bin/chromium".into(), PathBuf::from);
    let driver =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/node/node_modules/playwright-core");
    if !browser.exists() || !driver.exists() {
        return skip(
            "chromium or the packages of tests/node are not installed; no button was pressed",
        );
    }
    let service = Service::start(&Options::default()).await;
    let client = service.client();
    let material = client.upload("broken.pdf", b"%PDF-1.4 and nothing else".to_vec()).await;
    let failed = client.ended(&material, Duration::from_secs(30)).await;
    assert_eq!(failed["status"], "failed", "{failed}");

    let Some(report) = run("press.mjs", &[&service.admin, &material]).await else { return };

    assert_eq!(report["errors"], json!([]), "{report}");
    assert_eq!(report["refusals"], json!([]), "{report}");
    assert_eq!((&report["paused"], &report["resumed"]), (&json!(true), &json!(false)), "{report}");
    assert_eq!((&report["retried"], &report["first"]), (&json!("waiting"), &json!(1)), "{report}");
    assert_eq!(report["again"], 2, "its attempts were counted on: {report}");
    let added = json!({ "name": "typed", "data": { "to": "me" }, "maxAttempts": 2 });
    assert_eq!((&report["added"], &report["changed"]), (&added, &json!({ "to": "us" })));
    assert_eq!((&report["promoted"], &report["removed"]), (&json!("waiting"), &json!(true)));
    let flow = &report["flow"];
    assert_eq!((&report["child"], &flow["id"]), (&json!("waiting"), &json!("typed")), "{report}");
    assert_eq!((&flow["children"][0]["id"], &report["workers"]), (&json!("child"), &json!(1)));
    assert_eq!(report["cleaned"], 0, "{report}");
    assert_eq!(report["seen"]["job"], true, "{report}");
    let (_, again) = client.get(&format!("/api/jobs/{material}")).await;
    assert_eq!(again["data"]["generation"], 2, "the material itself was processed again: {again}");
    assert_eq!(again["data"]["status"], "failed", "{again}");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_pages_of_this_machine_may_use_the_contract() {
    let service = Service::start(&Options::default()).await;
    let operator = service.operator();
    let path = "/bull-board/api/queues/material-processing/pause";
    let ask = async |header: &str, value: &str| {
        let sent = operator.request(Method::PUT, path).header(header, value).send().await.unwrap();
        let (status, body) = (sent.status().as_u16(), sent.bytes().await.unwrap());
        let body = serde_json::from_slice::<Value>(&body).unwrap();
        (status, body.pointer("/error/key").cloned().unwrap_or_default())
    };

    for (header, value) in [
        ("host", "evil.example"),
        ("origin", "http://evil.example"),
        ("sec-fetch-site", "cross-site"),
    ] {
        assert_eq!(ask(header, value).await, (403, json!("ERRORS.FORBIDDEN")), "{header}");
    }
    let (_, queue) = operator.get("/api/queues/material-processing").await;
    assert_eq!(queue["data"]["paused"], false, "{queue}");
    assert_eq!(ask("origin", "http://localhost:3000").await.0, 200);
    let (status, _) = service.client().get("/bull-board/api/queues").await;
    assert_eq!(status, 404, "it is not on the public listener");
}
