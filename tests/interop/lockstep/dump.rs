//! The canonical dump of a database: every key with its type, its time left in hours, and its
//! content; of a stream what was added since the last dump.
//!
//! Never changes anything, and forgives nothing: see `differences.rs`.

use std::collections::{BTreeMap, HashMap};

use redis::aio::MultiplexedConnection;
use serde_json::Value;

use super::step::HOUR_MS;

/// The content of a key.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Content {
    Text(String),
    List(Vec<String>),
    Set(Vec<String>),
    /// Members in their order, with scores.
    Ranked(Vec<(String, String)>),
    Hash(BTreeMap<String, String>),
    /// Events, each with its fields but not its id.
    Stream(Vec<Event>),
}

/// A key.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Entry {
    pub(super) content: Content,
    /// In how many hours it ends by itself.
    pub(super) hours_left: Option<u64>,
}

/// An event of a stream, without its id.
pub(super) type Event = BTreeMap<String, String>;

/// All keys by their names.
pub(super) type Dump = BTreeMap<String, Entry>;

/// Reads dumps of one database.
pub(super) struct Reader {
    redis: MultiplexedConnection,
    /// The newest event of each stream that was read.
    read_until: HashMap<String, String>,
}

impl Reader {
    pub(super) fn new(redis: MultiplexedConnection) -> Self {
        Self { redis, read_until: HashMap::new() }
    }

    /// Reads all keys of BullMQ's prefix.
    pub(super) async fn read(&mut self) -> Dump {
        let mut names: Vec<String> =
            redis::cmd("KEYS").arg("bull:*").query_async(&mut self.redis).await.unwrap();
        names.sort();
        // A stream that was removed begins anew.
        self.read_until.retain(|name, _| names.contains(name));
        if names.is_empty() {
            return Dump::new();
        }
        let mut pipe = redis::pipe();
        for name in &names {
            pipe.cmd("TYPE").arg(name).cmd("PTTL").arg(name);
        }
        let about: Vec<(String, i64)> = pairs(pipe.query_async(&mut self.redis).await.unwrap());
        let mut pipe = redis::pipe();
        for (name, (kind, _)) in names.iter().zip(&about) {
            let after = self.read_until.get(name).map_or("-".to_owned(), |id| format!("({id}"));
            let words: &[&str] = match kind.as_str() {
                "list" => &["LRANGE", "0", "-1"],
                "set" => &["SMEMBERS"],
                "zset" => &["ZRANGE", "0", "-1", "WITHSCORES"],
                "hash" => &["HGETALL"],
                "stream" => &["XRANGE", &after, "+"],
                _ => &["GET"],
            };
            pipe.cmd(words[0]).arg(name).arg(&words[1..]);
        }
        let contents: Vec<redis::Value> = pipe.query_async(&mut self.redis).await.unwrap();
        let mut dump = Dump::new();
        for ((name, (kind, left)), content) in names.into_iter().zip(about).zip(contents) {
            let hours_left = u64::try_from(left).ok().map(|ms| ms.div_ceil(HOUR_MS));
            let content = self.content(&name, &kind, content);
            dump.insert(name, Entry { content, hours_left });
        }
        dump
    }

    fn content(&mut self, name: &str, kind: &str, content: redis::Value) -> Content {
        let texts = |content| redis::from_redis_value::<Vec<String>>(content).unwrap();
        match kind {
            "list" => Content::List(texts(content)),
            "set" => {
                let mut members = texts(content);
                members.sort();
                Content::Set(members)
            }
            "zset" => Content::Ranked(pairs_of(texts(content)).collect()),
            "hash" => {
                let fields = pairs_of(texts(content));
                Content::Hash(fields.map(|(field, value)| (field, in_order(value))).collect())
            }
            "stream" => {
                let events: Vec<(String, Vec<String>)> = redis::from_redis_value(content).unwrap();
                if let Some((newest, _)) = events.last() {
                    self.read_until.insert(name.to_owned(), newest.clone());
                }
                let events = events.into_iter().map(|(_, fields)| pairs_of(fields).collect());
                Content::Stream(events.collect())
            }
            _ => Content::Text(redis::from_redis_value(content).unwrap()),
        }
    }
}

fn pairs_of(flat: Vec<String>) -> impl Iterator<Item = (String, String)> {
    let mut flat = flat.into_iter();
    std::iter::from_fn(move || Some((flat.next()?, flat.next()?)))
}

fn pairs(flat: Vec<redis::Value>) -> Vec<(String, i64)> {
    let mut flat = flat.into_iter();
    let mut next = move || Some((flat.next()?, flat.next()?));
    std::iter::from_fn(&mut next)
        .map(|(kind, left)| {
            (redis::from_redis_value(kind).unwrap(), redis::from_redis_value(left).unwrap())
        })
        .collect()
}

/// JSON with its members in order: no client gives them a meaning.
fn in_order(text: String) -> String {
    if text.starts_with('{')
        && let Ok(mut value) = serde_json::from_str::<Value>(&text)
    {
        value.sort_all_objects();
        return value.to_string();
    }
    text
}

/// Tells the keys that differ, with both contents.
pub(super) fn difference(package: &Dump, ours: &Dump) -> Option<String> {
    let names: std::collections::BTreeSet<&String> = package.keys().chain(ours.keys()).collect();
    let mut lines = Vec::new();
    for name in names {
        let (package, ours) = (package.get(name), ours.get(name));
        if package != ours {
            lines.push(format!(
                "{name}\n    package: {}\n    ours:    {}",
                show(package),
                show(ours)
            ));
        }
    }
    (!lines.is_empty()).then(|| lines.join("\n"))
}

fn show(entry: Option<&Entry>) -> String {
    match entry {
        None => "-".to_owned(),
        Some(Entry { content, hours_left: None }) => format!("{content:?}"),
        Some(Entry { content, hours_left: Some(hours) }) => format!("{content:?} for {hours} h"),
    }
}
