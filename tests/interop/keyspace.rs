//! Everything that a row left in Redis: whether it is consistent, and its shape without the times,
//! ids and texts that no two runs share.
//!
//! Never writes.

use std::collections::{BTreeMap, BTreeSet};

use redis::aio::MultiplexedConnection;
use serde_json::Value;

/// The structures of which a job stands in exactly one.
const STATES: [&str; 8] = [
    "wait",
    "paused",
    "active",
    "delayed",
    "prioritized",
    "waiting-children",
    "completed",
    "failed",
];
/// Keys that differ from run to run, or that clients may leave or not.
const LEFT_OUT: [&str; 3] = ["marker", "stalled-check", "limiter"];
/// Half of the time within which a number is taken for one of the run.
const TODAY_MS: f64 = 86_400_000.0;

/// The content of one key, in an order of its own.
#[derive(Debug, Clone)]
struct Entry {
    kind: String,
    /// Members (with scores), fields with values, or events with fields; flat, as Redis tells them.
    rows: Vec<Vec<String>>,
}

/// Everything under a prefix, by the name of the queue and of the key.
#[derive(Debug, Clone)]
pub(crate) struct Keyspace {
    keys: BTreeMap<(String, String), Entry>,
    /// What stands for the prefix and for ids that a client drew by lot: the names of their jobs.
    labels: Vec<(String, String)>,
}

impl Keyspace {
    /// Reads everything under a prefix.
    pub(crate) async fn read(prefix: &str, redis: &mut MultiplexedConnection) -> Self {
        let names: Vec<String> =
            redis::cmd("KEYS").arg(format!("{prefix}:*")).query_async(redis).await.unwrap();
        if names.is_empty() {
            return Self { keys: BTreeMap::new(), labels: Vec::new() };
        }
        let mut pipe = redis::pipe();
        for name in &names {
            pipe.cmd("TYPE").arg(name);
        }
        let kinds: Vec<String> = pipe.query_async(redis).await.unwrap();
        let mut pipe = redis::pipe();
        for (name, kind) in names.iter().zip(&kinds) {
            ask(&mut pipe, name, kind);
        }
        let contents: Vec<redis::Value> = pipe.query_async(redis).await.unwrap();
        let mut keys: BTreeMap<(String, String), Entry> = BTreeMap::new();
        for ((name, kind), content) in names.iter().zip(kinds).zip(contents) {
            let Some((queue, key)) = name[prefix.len() + 1..].split_once(':') else { continue };
            let rows = rows(&kind, content);
            // A key may end between the two questions, as a lock does.
            if !rows.is_empty() {
                keys.insert((queue.to_owned(), key.to_owned()), Entry { kind, rows });
            }
        }
        let mut labels = vec![(prefix.to_owned(), "<prefix>".to_owned())];
        for ((_, id), entry) in keys.iter().filter(|((_, key), _)| is_uuid(key)) {
            let name = entry.rows.iter().find(|row| row[0] == "name");
            let name = name.map_or("?", |row| row[1].as_str());
            labels.push((id.clone(), format!("<id of {name}>")));
        }
        Self { keys, labels }
    }

    fn members(&self, queue: &str, key: &str) -> Vec<&str> {
        let entry = self.keys.get(&(queue.to_owned(), key.to_owned()));
        entry
            .map(|entry| entry.rows.iter().map(|row| row[0].as_str()).collect())
            .unwrap_or_default()
    }

    /// Tells what is wrong whatever was played: a job in two structures or in none, an id without
    /// a job, something left of a finished one.
    pub(crate) fn problems(&self) -> Vec<String> {
        let queues: BTreeSet<&String> = self.keys.keys().map(|(queue, _)| queue).collect();
        queues.into_iter().flat_map(|queue| self.problems_of(queue)).collect()
    }

    fn problems_of(&self, queue: &str) -> Vec<String> {
        let mut problems = Vec::new();
        let mut places: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for state in STATES {
            for id in self.members(queue, state) {
                places.entry(id).or_default().push(state);
            }
        }
        for (id, states) in &places {
            let hash = self.keys.get(&(queue.to_owned(), (*id).to_owned()));
            if hash.is_none_or(|hash| hash.kind != "hash") {
                problems.push(format!("{queue}: {id} in {states:?} has no hash"));
            }
            if states.len() > 1 {
                problems.push(format!("{queue}: {id} is in {states:?}"));
            }
        }
        for ((of, key), entry) in &self.keys {
            if of != queue {
                continue;
            }
            let is_job = entry.kind == "hash" && entry.rows.iter().any(|row| row[0] == "timestamp");
            if is_job && !places.contains_key(key.as_str()) {
                problems.push(format!("{queue}: {key} stands nowhere"));
            }
            let owner = key.strip_suffix(":lock");
            if let Some(id) = owner.filter(|id| places.get(id) != Some(&vec!["active"])) {
                problems.push(format!("{queue}: {id} is locked in {:?}", places.get(id)));
            }
            if key.starts_with("dn:") && self.members(queue, "active").is_empty() {
                problems.push(format!("{queue}: {key} is left"));
            }
        }
        for id in self.members(queue, "stalled") {
            if places.get(id) != Some(&vec!["active"]) {
                problems
                    .push(format!("{queue}: {id} is marked as stalled in {:?}", places.get(id)));
            }
        }
        problems
    }

    /// Tells the lines of the shape that only one of the two has; nothing when they are alike.
    pub(crate) fn difference(&self, other: &Self) -> Option<String> {
        let (ours, theirs) = (self.shape(), other.shape());
        let lines = |mark: &str, from: &BTreeMap<String, String>, to: &BTreeMap<String, String>| {
            let only = from.iter().filter(|(key, shape)| to.get(*key) != Some(*shape));
            only.map(|(key, shape)| format!("  {mark} {key}: {shape}")).collect::<Vec<_>>()
        };
        let mut all = lines("BullMQ:", &ours, &theirs);
        all.extend(lines("here:  ", &theirs, &ours));
        (!all.is_empty()).then(|| all.join("\n"))
    }

    /// Returns each key with its content, placeholders for what no two runs share.
    fn shape(&self) -> BTreeMap<String, String> {
        let mut shape = BTreeMap::new();
        for ((queue, key), entry) in &self.keys {
            if LEFT_OUT.contains(&key.as_str()) {
                continue;
            }
            let mut rows: Vec<String> = match (entry.kind.as_str(), key.as_str()) {
                ("stream", _) => self.events(&entry.rows),
                (_, "meta") => self.settings(&entry.rows),
                (_, "delayed") => {
                    entry.rows.iter().map(|row| format!("{}=<due>", self.plain(&row[0]))).collect()
                }
                _ => entry.rows.iter().map(|row| self.row(row)).collect(),
            };
            if entry.rows.iter().any(|row| row[0] == "rjk") {
                // 5.x notes the next run, which nobody reads.
                rows.retain(|row| !row.starts_with("nrjid="));
                rows.retain(|row| !row.starts_with("delay=") || row == "delay=0");
            }
            if entry.kind != "list" {
                rows.sort();
            }
            let name = self.plain(&format!("{queue}:{key}"));
            let content = format!("{} {}", entry.kind, rows.join(" "));
            // Keys whose names hold a time fall together: all of them count.
            shape
                .entry(name)
                .and_modify(|all: &mut String| *all = format!("{all} | {content}"))
                .or_insert(content);
        }
        shape
    }

    /// The events of each job in their order; those of different jobs may interleave.
    fn events(&self, rows: &[Vec<String>]) -> Vec<String> {
        let mut by_job: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for row in rows {
            let fields: BTreeMap<&str, &str> =
                row.chunks(2).map(|pair| (pair[0].as_str(), pair[1].as_str())).collect();
            // How often the queue ran empty depends on who was faster; 5.x tells a hit twice.
            if matches!(fields.get("event"), Some(&"drained" | &"debounced")) {
                continue;
            }
            let job = fields.get("jobId").map(|id| self.plain(id)).unwrap_or_default();
            let shown = fields.iter().filter(|(field, _)| **field != "jobId");
            let shown = shown.map(|(field, value)| match *field {
                "event" => (*value).to_owned(),
                _ => format!("{field}:{}", self.plain(value)),
            });
            by_job.entry(job).or_default().push(shown.collect::<Vec<_>>().join(","));
        }
        by_job.into_iter().map(|(job, events)| format!("[{job} {}]", events.join(" > "))).collect()
    }

    fn settings(&self, rows: &[Vec<String>]) -> Vec<String> {
        let said = rows.iter().filter(|row| row[0] != "version" && row[0] != "library");
        said.map(|row| self.row(row)).collect()
    }

    fn row(&self, row: &[String]) -> String {
        let mut cells: Vec<String> = row.iter().map(|cell| self.plain(cell)).collect();
        if row[0] == "offset" {
            cells[1] = "<offset>".to_owned();
        }
        if row[0] == "stacktrace" {
            let traces = serde_json::from_str::<Vec<String>>(&row[1]).map_or(0, |all| all.len());
            cells[1] = format!("<{traces} stacks>");
        }
        cells.join("=")
    }

    /// Text without prefix and times; JSON with its members in order.
    fn plain(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (what, label) in &self.labels {
            if text.contains(what) {
                text = text.replace(what, label);
            }
        }
        if text.starts_with(['{', '['])
            && let Ok(mut value) = serde_json::from_str::<Value>(&text)
        {
            value.sort_all_objects();
            // The time until a run of a scheduler depends on when it was armed.
            if value.get("repeatJobKey").is_some() && value["delay"] != 0 {
                value["delay"] = "<delay>".into();
            }
            text = value.to_string();
        }
        hide_times(&hide_uuids(&text))
    }
}

/// Writes a value without what no two runs share: the prefix, ids drawn by lot, times and stacks.
pub(crate) fn without_chance(prefix: &str, value: &Value) -> String {
    let mut value = value.clone();
    hide_stacks(&mut value);
    value.sort_all_objects();
    hide_times(&hide_uuids(&value.to_string().replace(prefix, "<prefix>")))
}

fn hide_stacks(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(hide_stacks),
        Value::Object(members) => {
            for (name, member) in members {
                match member {
                    Value::Array(stacks) if name == "stacktrace" => *member = stacks.len().into(),
                    _ => hide_stacks(member),
                }
            }
        }
        _ => {}
    }
}

fn is_uuid(key: &str) -> bool {
    let is_right = |(at, byte): (usize, u8)| match at {
        8 | 13 | 18 | 23 => byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    };
    key.len() == 36 && key.bytes().enumerate().all(is_right)
}

/// Replaces ids that a client drew by lot and whose jobs are gone.
fn hide_uuids(text: &str) -> String {
    let mut hidden = text.to_owned();
    let mut from = 0;
    while let Some(dash) = hidden[from..].find('-').map(|at| from + at) {
        from = dash + 1;
        let begin = dash.wrapping_sub(8);
        let is_id = hidden.get(begin..begin.wrapping_add(36)).is_some_and(is_uuid);
        if is_id {
            hidden.replace_range(begin..begin + 36, "<uuid>");
            from = begin + 6;
        }
    }
    hidden
}

/// Replaces numbers that are times of today.
fn hide_times(text: &str) -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let mut hidden = String::new();
    let mut rest = text;
    while let Some(begin) = rest.find(|c: char| c.is_ascii_digit()) {
        hidden.push_str(&rest[..begin]);
        let number = &rest[begin..];
        let end = number.find(|c: char| !c.is_ascii_digit()).unwrap_or(number.len());
        let (digits, after) = number.split_at(end);
        let value: f64 = digits.parse().unwrap_or(0.0);
        let is_today = (value - now.as_secs_f64() * 1000.0).abs() < TODAY_MS;
        hidden.push_str(if is_today { "<time>" } else { digits });
        rest = after;
    }
    hidden.push_str(rest);
    hidden
}

/// Adds the question for the content of a key.
fn ask(pipe: &mut redis::Pipeline, key: &str, kind: &str) {
    let words: &[&str] = match kind {
        "list" => &["LRANGE", "0", "-1"],
        "set" => &["SMEMBERS"],
        "zset" => &["ZRANGE", "0", "-1", "WITHSCORES"],
        "hash" => &["HGETALL"],
        "stream" => &["XRANGE", "-", "+"],
        _ => &["GET"],
    };
    pipe.cmd(words[0]).arg(key).arg(&words[1..]);
}

/// Reads the content of a key; none when the key is gone.
fn rows(kind: &str, content: redis::Value) -> Vec<Vec<String>> {
    if kind == "stream" {
        let found: Vec<(String, Vec<Vec<u8>>)> = redis::from_redis_value(content).unwrap();
        return found.iter().map(|(_, fields)| texts(fields)).collect();
    }
    if kind == "string" || kind == "none" {
        let found: Option<Vec<u8>> = redis::from_redis_value(content).unwrap();
        return found.iter().map(|text| texts(std::slice::from_ref(text))).collect();
    }
    let flat: Vec<Vec<u8>> = redis::from_redis_value(content).unwrap();
    let width = if matches!(kind, "zset" | "hash") { 2 } else { 1 };
    flat.chunks(width).map(texts).collect()
}

/// Foreign producers may write anything.
fn texts(cells: &[Vec<u8>]) -> Vec<String> {
    cells.iter().map(|cell| String::from_utf8_lossy(cell).into_owned()).collect()
}
