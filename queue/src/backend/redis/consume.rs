//! Taking jobs, and telling how they went.

use std::time::Duration;

use async_trait::async_trait;
use redis::{Cmd, Value};

use super::wire::{Fields, LastOptions, ReadJob};
use super::{RedisQueue, scripts, stream, unanswered, wire};
use crate::backend::{Claim, Claimed, Consume, Held, Inspect as _, Renewal, Turn, Waited};
use crate::error::{QueueError, Result};
use crate::event::Position;
use crate::job::{ClaimedJob, JobId, JobState, Payload};
use crate::options::Retention;
use crate::outcome::{Failure, Settled, Settlement, Verdict};

/// The most settlements, and the most claims, in one script call.
const TURN_MAX: usize = 100;
/// The most bytes of job data that one call claims: a job that reaches it is the last.
const CLAIM_BYTES: usize = 4 * 1024 * 1024;
/// The most locks renewed in one script call.
const RENEW_MAX: usize = 1000;
/// The longest that a rate limit is taken at its word.
const LIMIT_WAIT_MAX_MS: u64 = 30_000;

/// The fields that a claim reads of every job, in the order of the script.
const FIRST_FIELDS: [&str; 11] = [
    "name",
    "data",
    "opts",
    "timestamp",
    "delay",
    "priority",
    "ats",
    "defa",
    "progress",
    "parent",
    "stacktrace",
];
/// The fields that only a job that was started before can have.
const LATER_FIELDS: [&str; 4] = ["atm", "stc", "failedReason", "attemptsMade"];

#[async_trait]
impl Consume for RedisQueue {
    async fn claim(&self, request: &Claim) -> Result<Claimed> {
        let turn = self.turn("claim", &[], Some(request)).await?;
        self.claim_rest(request, turn.claimed).await
    }

    async fn settle(&self, settlements: Vec<Settlement>, next: Option<&Claim>) -> Result<Turn> {
        let since_ms = self.link.now_ms();
        let turn = match self.settle_in_chunks(&settlements, next).await {
            Ok(turn) => turn,
            Err(error) => {
                if matches!(error, QueueError::Unavailable { .. }) {
                    self.unanswered.note(&settlements, since_ms);
                }
                return Err(error);
            }
        };
        self.confirm(&settlements, turn).await
    }

    async fn renew(&self, held: &[Held], lock: Duration) -> Result<Renewal> {
        let mut renewal = Renewal::default();
        for chunk in held.chunks(RENEW_MAX) {
            let mut call = self.call_with_marks(&scripts::RENEW);
            call.arg(lock_ms(lock)).arg(chunk.len());
            for lock in chunk {
                call.arg(lock.id.as_str()).arg(lock.token.as_str());
            }
            let [lost, cancelled] = wire::tuple(self.link.script("renew", &call).await?)?;
            renewal.lost.extend(wire::ids(lost)?);
            renewal.cancelled.extend(wire::ids(cancelled)?);
        }
        Ok(renewal)
    }

    async fn progress(&self, id: &JobId, progress: Payload) -> Result<Position> {
        let mut call = self.call(&scripts::PROGRESS);
        call.arg(id.as_str()).arg(progress.as_str());
        match self.link.script("progress", &call).await? {
            Value::Nil => Err(QueueError::NoSuchJob(id.clone())),
            version => wire::position(version),
        }
    }

    async fn log(&self, id: &JobId, row: &str, keep: Option<u64>) -> Result<()> {
        let mut call = self.call(&scripts::LOG);
        call.arg(id.as_str()).arg(row).arg(optional(keep));
        match self.link.script("log", &call).await? {
            Value::Int(-1) => Err(QueueError::NoSuchJob(id.clone())),
            _ => Ok(()),
        }
    }

    async fn wait(&self, timeout: Duration) -> Result<Waited> {
        Ok(self.wake.wait(timeout).await)
    }
}

impl RedisQueue {
    /// Runs the script of a turn: at most [`TURN_MAX`] settlements, then a claim if asked.
    async fn turn(
        &self,
        operation: &'static str,
        settlements: &[Settlement],
        next: Option<&Claim>,
    ) -> Result<Turn> {
        let now_ms = self.link.now_ms();
        let mut call = self.call_with_marks(&scripts::TURN);
        call.arg(now_ms);
        match next {
            Some(claim) => {
                call.arg(claim.max.min(TURN_MAX)).arg(claim.token.as_str());
                call.arg(lock_ms(claim.lock)).arg(claim.worker.as_deref().unwrap_or(""));
            }
            None => {
                call.arg(0).arg("").arg(0).arg("");
            }
        }
        call.arg(CLAIM_BYTES).arg(Failure::cancelled().to_string()).arg(settlements.len());
        for settlement in settlements {
            write(&mut call, settlement);
        }
        let metrics = settlements.iter().filter_map(|settlement| settlement.metrics).max();
        match next.and_then(|claim| claim.rate) {
            Some(rate) => {
                call.arg(rate.max).arg(rate.duration_ms());
            }
            None if metrics.is_some() => {
                call.arg("").arg("");
            }
            None => {}
        }
        if let Some(minutes) = metrics {
            call.arg(minutes);
        }
        if next.is_some() {
            self.wake.claiming();
        }
        let reply = self.link.script(operation, &call).await?;
        let [settled, jobs, next_due, _promoted, limited] = wire::tuple(reply)?;
        let settled = read_settled(settled)?;
        let jobs = match next {
            Some(claim) => self.read_claimed(jobs, claim, now_ms).await?,
            None => Vec::new(),
        };
        let limited = wire::number(limited)?.filter(|wait| *wait > 0);
        let due_ms = wire::number(next_due)?;
        let again_ms = limited.map(|wait| now_ms + wait.min(LIMIT_WAIT_MAX_MS));
        let next_due_ms = due_ms.into_iter().chain(again_ms).min();
        if next.is_some() {
            self.wake.set_due(next_due_ms);
        }
        Ok(Turn { settled, claimed: Claimed { jobs, next_due_ms } })
    }

    /// Settles, at most [`TURN_MAX`] at a time, and claims with the last.
    async fn settle_in_chunks(
        &self,
        settlements: &[Settlement],
        next: Option<&Claim>,
    ) -> Result<Turn> {
        let mut settled = Vec::with_capacity(settlements.len());
        let mut chunks = settlements.chunks(TURN_MAX).peekable();
        let mut claimed = Claimed::default();
        while let Some(chunk) = chunks.next() {
            let last = chunks.peek().is_none();
            let turn = self.turn("settle", chunk, next.filter(|_| last)).await?;
            settled.extend(turn.settled);
            claimed = turn.claimed;
        }
        if let Some(request) = next {
            if settled.is_empty() {
                claimed = self.turn("claim", &[], next).await?.claimed;
            }
            claimed = self.claim_rest(request, claimed).await?;
        }
        Ok(Turn { settled, claimed })
    }

    /// Looks again at settlements that are refused now, but whose first try was never answered: that
    /// try may have counted.
    async fn confirm(&self, settlements: &[Settlement], mut turn: Turn) -> Result<Turn> {
        if self.unanswered.is_empty() {
            return Ok(turn);
        }
        let asked_before = self.unanswered.take(settlements);
        for ((settled, settlement), since_ms) in
            turn.settled.iter_mut().zip(settlements).zip(asked_before)
        {
            let Some(since_ms) = since_ms else { continue };
            if matches!(settled, Settled::Lost { .. })
                && let Some(told) = self.told_since(settlement, since_ms).await
            {
                *settled = told;
            }
        }
        Ok(turn)
    }

    /// Returns how the stream says that a job's attempt ended since a time, if it says so.
    ///
    /// Nothing is known when the stream cannot be read: then the refusal stands.
    async fn told_since(&self, settlement: &Settlement, since_ms: u64) -> Option<Settled> {
        let from = Position { ms: since_ms, seq: 0 };
        let page = stream::since(self, from).await.ok()?;
        let job = self.jobs(std::slice::from_ref(&settlement.id)).await.ok()?.pop().flatten();
        let made = job.map(|found| found.job.attempts_made);
        unanswered::end_of_attempt(&page, settlement, made)
    }

    /// Claims on while the queue gives full batches and more were asked for.
    async fn claim_rest(&self, request: &Claim, mut claimed: Claimed) -> Result<Claimed> {
        let mut got = claimed.jobs.len();
        while got == TURN_MAX && claimed.jobs.len() < request.max {
            let rest = Claim { max: request.max - claimed.jobs.len(), ..request.clone() };
            // The jobs in hand count more than an error on the way to further ones.
            let Ok(turn) = self.turn("claim", &[], Some(&rest)).await else { break };
            got = turn.claimed.jobs.len();
            claimed.next_due_ms = turn.claimed.next_due_ms;
            claimed.jobs.extend(turn.claimed.jobs);
        }
        Ok(claimed)
    }

    /// Makes jobs of what the script claimed; repairs what no client could decode.
    async fn read_claimed(
        &self,
        jobs: Value,
        claim: &Claim,
        now_ms: u64,
    ) -> Result<Vec<ClaimedJob>> {
        let mut items = wire::list(jobs)?.into_iter();
        let mut claimed = Vec::with_capacity(items.len() / 4);
        let mut last = LastOptions::default();
        while let (Some(id), Some(version), Some(row), Some(later)) =
            (items.next(), items.next(), items.next(), items.next())
        {
            let id = JobId::from_store(wire::text(id)?.unwrap_or_default());
            let version = wire::position(version)?;
            let fields = Fields::default().with(&FIRST_FIELDS, row)?.with(&LATER_FIELDS, later)?;
            let ReadJob { mut job, unreadable, repairs } = fields.into_job_like(id, &mut last);
            job.attempts_started = job.attempts_started.saturating_add(1);
            job.processed_on_ms = Some(now_ms);
            job.processed_by.clone_from(&claim.worker);
            if !repairs.is_empty() {
                self.repair(&job.id, &repairs).await;
            }
            claimed.push(ClaimedJob { job, token: claim.token.clone(), version, unreadable });
        }
        self.arm_following(&mut claimed, now_ms).await;
        Ok(claimed)
    }

    /// Replaces undecodable fields; the job fails for them anyway, so an error only leaves them.
    async fn repair(&self, id: &JobId, repairs: &[(&'static str, String)]) {
        let mut call = scripts::call(&scripts::REPAIR, &[self.keys.job(id)]);
        for (field, content) in repairs {
            call.arg(*field).arg(content);
        }
        if let Err(error) = self.link.script("repair", &call).await {
            tracing::warn!(%error, job.id = %id, "the unreadable job {id} could not be repaired");
        }
    }
}

/// Writes a settlement as the nine arguments of the script.
fn write(call: &mut Cmd, settlement: &Settlement) {
    let Settlement { id, token, verdict, keep, attempts_max, .. } = settlement;
    let word = match verdict {
        Verdict::Complete { .. } => "complete",
        Verdict::Fail { .. } => "fail",
        Verdict::Retry { .. } => "retry",
        Verdict::Delay { .. } => "delay",
        Verdict::HandBack => "handback",
        Verdict::RateLimited => "limited",
        Verdict::WaitForChildren => "children",
    };
    call.arg(word).arg(id.as_str()).arg(token.as_str()).arg(*attempts_max);
    call.arg(optional(keep.and_then(|keep| keep.count)));
    call.arg(keep.map_or_else(String::new, kept_age));
    match verdict {
        Verdict::Complete { result } => call.arg(result.as_str()).arg("").arg(""),
        Verdict::Fail { reason, stack_trace } => {
            call.arg(reason).arg(stack_text(stack_trace)).arg("")
        }
        Verdict::Retry { reason, stack_trace, pause } => {
            let pause_ms = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
            call.arg(reason).arg(stack_text(stack_trace)).arg(pause_ms)
        }
        Verdict::Delay { until_ms, reason } => {
            call.arg(reason.as_deref().unwrap_or("")).arg("").arg(*until_ms)
        }
        Verdict::HandBack | Verdict::RateLimited | Verdict::WaitForChildren => {
            call.arg("").arg("").arg("")
        }
    };
}

/// Writes the age that is kept, with the most jobs that go for it if that is said.
fn kept_age(keep: Retention) -> String {
    match (keep.age_seconds, keep.limit) {
        (Some(age), Some(most)) => format!("{age} {most}"),
        (age, _) => optional(age),
    }
}

/// Reads the four values that the script answers for each settlement.
fn read_settled(reply: Value) -> Result<Vec<Settled>> {
    let mut items = wire::list(reply)?.into_iter();
    let mut settled = Vec::with_capacity(items.len() / 4);
    while let (Some(state), Some(version), Some(made), Some(cancelled)) =
        (items.next(), items.next(), items.next(), items.next())
    {
        let word = wire::text(state)?.unwrap_or_default();
        settled.push(match word.parse::<JobState>() {
            Ok(state) => Settled::Done {
                state,
                version: wire::position(version)?,
                attempts_made: wire::number(made)?
                    .map_or(0, |made| u32::try_from(made).unwrap_or(u32::MAX)),
                cancelled: wire::number(cancelled)? == Some(1),
            },
            Err(_) => Settled::Lost { found: finding(&word) },
        });
    }
    Ok(settled)
}

/// Returns the script's word for what it found instead of a held job.
fn finding(word: &str) -> &'static str {
    const FINDINGS: [&str; 5] =
        ["no such job", "no lock", "the lock of another worker", "settled before", "not active"];
    FINDINGS.into_iter().find(|known| *known == word).unwrap_or("another state")
}

fn stack_text(stack_trace: &[String]) -> String {
    serde_json::to_string(stack_trace).unwrap_or_else(|_| "[]".to_owned())
}

fn optional(number: Option<u64>) -> String {
    number.map_or_else(String::new, |number| number.to_string())
}

/// Returns a lock's duration in milliseconds, at least one: a lock must end.
fn lock_ms(lock: Duration) -> u64 {
    u64::try_from(lock.as_millis()).unwrap_or(u64::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_script_finds_instead_of_a_job_is_told() {
        let bulk = |text: &str| Value::BulkString(text.as_bytes().to_vec());
        let reply = Value::Array(vec![
            bulk("completed"),
            bulk("5-1"),
            Value::Int(2),
            Value::Int(0),
            bulk("no lock"),
            bulk(""),
            Value::Int(0),
            Value::Int(0),
        ]);
        let settled = read_settled(reply).unwrap();
        let version = Position { ms: 5, seq: 1 };
        let done = Settled::Done {
            state: JobState::Completed,
            version,
            attempts_made: 2,
            cancelled: false,
        };
        assert_eq!(settled, [done, Settled::Lost { found: "no lock" }]);
    }
}
