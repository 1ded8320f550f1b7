//! Puts the adds of many callers into one script call.
//!
//! A task takes whatever is queued when it is free, up to a bound: under load batches form by
//! themselves, and a lone add waits for nobody. There is no timer. Two calls may be under way, so that
//! Redis works on one while the next is gathered.

use std::sync::Arc;

use futures::stream::{FuturesOrdered, FuturesUnordered};
use futures::{FutureExt as _, StreamExt as _};
use tokio::sync::{mpsc, oneshot};

use super::connection::Link;
use super::keys::QueueKeys;
use super::{fault, scripts, wire};
use crate::backend::Added;
use crate::error::{QueueError, Result};
use crate::job::JobId;
use crate::options::Deduplication;

/// The most jobs in one script call.
pub(super) const JOBS_MAX: usize = 500;
/// The most bytes of arguments in one script call; one job may have more.
pub(super) const BYTES_MAX: usize = 1024 * 1024;
/// The arguments of the add script for each job: of a call of plain jobs, and of any other.
const PLAIN_ARGUMENTS: usize = 4;
const ALL_ARGUMENTS: usize = 11;
/// The most script calls under way.
const CALLS_MAX: usize = 2;
/// The most callers that wait in line.
const LINE_MAX: usize = 4096;

/// A job as the script wants it.
pub(super) struct Entry {
    /// The id, if the producer chose it.
    pub(super) id: Option<JobId>,
    pub(super) name: String,
    pub(super) data: crate::job::Payload,
    /// The options as JSON.
    pub(super) options: String,
    pub(super) timestamp_ms: u64,
    pub(super) delay_ms: u64,
    pub(super) placing: Placing,
    pub(super) deduplication: Option<Deduplication>,
}

/// Where in the line a job comes to wait.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Placing {
    /// 0 is none.
    pub(super) priority: u32,
    /// In front of all others, for a job without a priority.
    pub(super) front: bool,
}

impl Entry {
    /// Returns about how many bytes it adds to a call.
    pub(super) fn size(&self) -> usize {
        self.name.len() + self.data.as_str().len() + self.options.len() + 64
    }

    /// Tells whether it needs none of the rare arguments.
    fn is_plain(&self) -> bool {
        self.id.is_none()
            && self.delay_ms == 0
            && self.placing == Placing::default()
            && self.deduplication.is_none()
    }
}

struct Request {
    entries: Vec<Entry>,
    reply: oneshot::Sender<Result<Vec<Added>>>,
}

/// The door to the task that adds.
pub(super) struct Adder {
    line: mpsc::Sender<Request>,
}

impl Adder {
    pub(super) fn start(keys: Arc<QueueKeys>, link: Arc<Link>) -> Self {
        let (line, requests) = mpsc::channel(LINE_MAX);
        tokio::spawn(serve(keys, link, requests));
        Self { line }
    }

    /// Adds jobs in order; the call is done when Redis has them.
    pub(super) async fn add(&self, entries: Vec<Entry>) -> Result<Vec<Added>> {
        let (reply, answer) = oneshot::channel();
        let request = Request { entries, reply };
        self.line.send(request).await.map_err(|_| fault::closed("add"))?;
        answer.await.map_err(|_| fault::closed("add"))?
    }
}

/// Serves the line until the queue is dropped.
async fn serve(keys: Arc<QueueKeys>, link: Arc<Link>, mut requests: mpsc::Receiver<Request>) {
    let mut calls = FuturesUnordered::new();
    loop {
        tokio::select! {
            biased;
            Some(()) = calls.next() => {}
            first = requests.recv(), if calls.len() < CALLS_MAX => {
                let Some(first) = first else { break };
                // Callers that are ready to ask get the chance to do it before the call is closed.
                tokio::task::yield_now().await;
                let batch = gather(first, &mut requests);
                let mut call = Box::pin(serve_batch(Arc::clone(&keys), Arc::clone(&link), batch));
                // It is sent at once: calls reach Redis in the order in which they were gathered.
                if (&mut call).now_or_never().is_none() {
                    calls.push(call);
                }
            }
        }
    }
    while calls.next().await.is_some() {}
}

/// Takes what else is queued, up to the bounds of one call.
fn gather(first: Request, requests: &mut mpsc::Receiver<Request>) -> Vec<Request> {
    let mut jobs = first.entries.len();
    let mut bytes: usize = first.entries.iter().map(Entry::size).sum();
    let mut batch = vec![first];
    while jobs < JOBS_MAX && bytes < BYTES_MAX {
        let Ok(next) = requests.try_recv() else { break };
        jobs += next.entries.len();
        bytes += next.entries.iter().map(Entry::size).sum::<usize>();
        batch.push(next);
    }
    batch
}

/// Adds a batch and gives every caller its part of the results: a failure reaches those whose jobs it
/// left out.
async fn serve_batch(keys: Arc<QueueKeys>, link: Arc<Link>, mut batch: Vec<Request>) {
    let sizes: Vec<usize> = batch.iter().map(|request| request.entries.len()).collect();
    let entries: Vec<Entry> =
        batch.iter_mut().flat_map(|request| std::mem::take(&mut request.entries)).collect();
    let (added, error) = add_in_chunks(&keys, &link, &entries).await;
    let mut added = added.into_iter();
    for (request, size) in batch.into_iter().zip(sizes) {
        let part: Vec<Added> = added.by_ref().take(size).collect();
        let result = match &error {
            Some(error) if part.len() < size => Err(error.clone()),
            _ => Ok(part),
        };
        // A caller that no longer waits has its jobs all the same.
        let _ = request.reply.send(result);
    }
}

/// Runs the script calls, two at a time; stops at the first that fails.
async fn add_in_chunks(
    keys: &QueueKeys,
    link: &Link,
    entries: &[Entry],
) -> (Vec<Added>, Option<QueueError>) {
    let mut added = Vec::with_capacity(entries.len());
    let mut chunks = chunks(entries).into_iter();
    let mut calls = FuturesOrdered::new();
    loop {
        while calls.len() < CALLS_MAX
            && let Some(chunk) = chunks.next()
        {
            calls.push_back(add_chunk(keys, link, chunk));
        }
        match calls.next().await {
            Some(Ok(results)) => added.extend(results),
            Some(Err(error)) => return (added, Some(error)),
            None => return (added, None),
        }
    }
}

/// Cuts a list into calls of bounded jobs and bytes.
pub(super) fn chunks(entries: &[Entry]) -> Vec<&[Entry]> {
    let mut chunks = Vec::new();
    let mut start = 0;
    let mut bytes = 0;
    for (place, entry) in entries.iter().enumerate() {
        let full = place - start == JOBS_MAX || bytes + entry.size() > BYTES_MAX;
        if full && place > start {
            chunks.push(&entries[start..place]);
            start = place;
            bytes = 0;
        }
        bytes += entry.size();
    }
    if start < entries.len() {
        chunks.push(&entries[start..]);
    }
    chunks
}

async fn add_chunk(keys: &QueueKeys, link: &Link, entries: &[Entry]) -> Result<Vec<Added>> {
    let mut call = scripts::call(&scripts::ADD, &keys.declared);
    // What is rare has arguments of its own only if some job of the call needs them.
    let plain = entries.iter().all(Entry::is_plain);
    call.arg(&keys.base).arg(link.now_ms()).arg(entries.len());
    call.arg(if plain { PLAIN_ARGUMENTS } else { ALL_ARGUMENTS });
    for entry in entries {
        if !plain {
            call.arg(entry.id.as_ref().map_or("", JobId::as_str));
        }
        call.arg(&entry.name).arg(entry.data.as_str()).arg(&entry.options).arg(entry.timestamp_ms);
        if !plain {
            call.arg(entry.delay_ms).arg(entry.placing.priority).arg(u8::from(entry.placing.front));
            write_deduplication(&mut call, entry.deduplication.as_ref());
        }
    }
    let mut reply = wire::list(link.script("add", &call).await?)?.into_iter();
    let mut added = Vec::with_capacity(entries.len());
    while let (Some(id), Some(version)) = (reply.next(), reply.next()) {
        let id = JobId::from_store(wire::text(id)?.unwrap_or_default());
        added.push(match version {
            redis::Value::Nil => Added::Duplicate { id },
            redis::Value::Int(_) => Added::Deduplicated { id },
            version => Added::Created { id, version: wire::position(version)? },
        });
    }
    if added.len() == entries.len() {
        return Ok(added);
    }
    Err(QueueError::Corrupt(format!("{} answers to {} adds", added.len(), entries.len())))
}

/// Writes the three arguments of a rule; each of its ways has a letter.
fn write_deduplication(call: &mut redis::Cmd, rule: Option<&Deduplication>) {
    let Some(rule) = rule else {
        call.arg("").arg(0).arg("");
        return;
    };
    let ways = [
        (rule.extend, 'e'),
        (rule.replace, 'r'),
        (rule.keep_last_if_active, 'k'),
        (rule.reschedule, 's'),
    ];
    let ways: String = ways.into_iter().filter_map(|(set, way)| set.then_some(way)).collect();
    call.arg(&rule.id).arg(rule.ttl_ms).arg(ways);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::Payload;

    fn entry(bytes: usize) -> Entry {
        Entry {
            id: None,
            name: String::new(),
            data: Payload::from_store("x".repeat(bytes)),
            options: String::new(),
            timestamp_ms: 0,
            delay_ms: 0,
            placing: Placing::default(),
            deduplication: None,
        }
    }

    fn sizes(entries: &[Entry]) -> Vec<usize> {
        chunks(entries).iter().map(|chunk| chunk.len()).collect()
    }

    #[test]
    fn a_long_list_is_cut_by_number() {
        let entries: Vec<_> = (0..1201).map(|_| entry(1)).collect();
        assert_eq!(sizes(&entries), [500, 500, 201]);
    }

    #[test]
    fn large_jobs_are_cut_by_bytes_and_one_always_fits() {
        let entries: Vec<_> = [400_000, 400_000, 400_000, 2_000_000, 1].map(entry).into();
        assert_eq!(sizes(&entries), [2, 1, 1, 1]);
        assert!(sizes(&[]).is_empty());
    }
}
