//! Job schedulers: what is kept of them, and the next run of each that is claimed.

use async_trait::async_trait;
use redis::{Cmd, Value};

use super::{RedisQueue, scripts, wire};
use crate::error::{QueueError, Result};
use crate::job::{ClaimedJob, Payload};
use crate::options::JobOptions;
use crate::outcome::Failure;
use crate::scheduler::{
    Armed, EMPTY, NewScheduler, Plan, Rhythm, Schedule, Scheduler, first, following, scheduler_of,
};

/// The most schedulers in a page.
const PAGE_MAX: u64 = 1000;

#[async_trait]
impl Schedule for RedisQueue {
    async fn upsert_scheduler(&self, scheduler: NewScheduler) -> Result<Option<Armed>> {
        let now_ms = self.link.now_ms();
        let Some(plan) = first(&scheduler, now_ms)? else { return Ok(None) };
        let mut call = self.call(&scripts::SCHEDULE);
        call.arg(now_ms).arg(&scheduler.id);
        call.arg(scheduler.kept_data().map_or(EMPTY, Payload::as_str)).arg(scheduler.name());
        let offset_ms = scheduler.rhythm.interval().and_then(|(_, offset_ms)| offset_ms);
        call.arg(optional(offset_ms)).arg(optional(scheduler.start_ms));
        write(&mut call, &plan);
        for (field, content) in definition(&scheduler) {
            call.arg(field).arg(content);
        }
        let taken = |why| Err(QueueError::SlotTaken { scheduler: scheduler.id.clone(), why });
        match self.link.script("upsert scheduler", &call).await? {
            Value::Int(-10) => taken("a job stands in its next time slot"),
            Value::Int(-11) => taken("jobs stand in its next time slot and in those after it"),
            slot => {
                let slot_ms = wire::number(slot)?.unwrap_or(0);
                Ok(Some(Armed { id: plan.id_at(slot_ms), slot_ms }))
            }
        }
    }

    async fn scheduler(&self, id: &str) -> Result<Option<Scheduler>> {
        let mut pipeline = redis::pipe();
        pipeline.cmd("ZSCORE").arg(self.keys.schedulers()).arg(id);
        pipeline.cmd("HGETALL").arg(self.keys.scheduler(id));
        let [slot, fields] = wire::replies(self.link.pipeline("scheduler", &pipeline).await?)?;
        let Some(next_ms) = wire::number(slot)? else { return Ok(None) };
        read(id.to_owned(), next_ms, fields)
    }

    async fn schedulers(&self, skip: u64, limit: u64) -> Result<Vec<Scheduler>> {
        let limit = limit.min(PAGE_MAX);
        if limit == 0 {
            return Ok(Vec::new());
        }
        let mut command = redis::cmd("ZRANGE");
        command.arg(self.keys.schedulers()).arg(skip).arg(skip.saturating_add(limit - 1));
        command.arg("WITHSCORES");
        let mut page = wire::list(self.link.command("schedulers", &command).await?)?.into_iter();
        let (mut found, mut pipeline) = (Vec::new(), redis::pipe());
        while let (Some(id), Some(slot)) = (page.next(), page.next()) {
            let id = wire::text(id)?.unwrap_or_default();
            pipeline.cmd("HGETALL").arg(self.keys.scheduler(&id));
            found.push((id, wire::number(slot)?.unwrap_or(0)));
        }
        if found.is_empty() {
            return Ok(Vec::new());
        }
        let hashes = self.link.pipeline("schedulers", &pipeline).await?;
        let read = |((id, next_ms), fields)| read(id, next_ms, fields).transpose();
        found.into_iter().zip(hashes).filter_map(read).collect()
    }

    async fn remove_scheduler(&self, id: &str) -> Result<bool> {
        let mut call = self.call(&scripts::UNSCHEDULE);
        call.arg(id);
        Ok(self.link.script("remove scheduler", &call).await? == Value::Int(1))
    }
}

impl RedisQueue {
    /// Arms the runs that follow the claimed runs of schedulers, in one trip; other jobs cost nothing.
    ///
    /// A run whose successor could not be armed is not run now: its lock ends, and whoever takes it
    /// back arms the next.
    pub(super) async fn arm_following(&self, claimed: &mut Vec<ClaimedJob>, now_ms: u64) {
        if !claimed.iter().any(|job| scheduler_of(&job.job.id).is_some()) {
            return;
        }
        let mut call = self.call(&scripts::ARM);
        let mut plans = Vec::new();
        for job in claimed.iter_mut() {
            match following(&job.job, now_ms) {
                Ok(plan) => plans.extend(plan.map(|plan| (job.job.id.clone(), plan))),
                Err(why) => {
                    let failure = Failure::new(Failure::SCHEDULER_UNREADABLE, why);
                    job.unreadable.get_or_insert_with(|| failure.to_string());
                }
            }
        }
        if plans.is_empty() {
            return;
        }
        call.arg(now_ms).arg(plans.len());
        for (id, plan) in &plans {
            call.arg(id.as_str()).arg(&plan.scheduler);
            write(&mut call, plan);
        }
        if let Err(error) = self.link.script("arm", &call).await {
            tracing::warn!(
                "{} runs of schedulers are left until their locks end: {error}",
                plans.len()
            );
            claimed.retain(|job| !plans.iter().any(|(id, _)| *id == job.job.id));
        }
    }
}

/// Writes a plan as the seven arguments that `iteration.lua` reads.
fn write(call: &mut Cmd, plan: &Plan) {
    call.arg(plan.id_in_json()).arg(optional(plan.slot_ms)).arg(plan.options_head());
    call.arg(&plan.repeat).arg(plan.priority).arg(u8::from(plan.is_lifo));
    call.arg(optional(plan.every_ms));
}

/// Returns the fields of a scheduler's hash that its description decides.
fn definition(scheduler: &NewScheduler) -> Vec<(&'static str, String)> {
    let mut fields = vec![("name", scheduler.name().to_owned())];
    match &scheduler.rhythm {
        Rhythm::Every { every_ms, .. } => fields.push(("every", every_ms.to_string())),
        Rhythm::Cron { pattern, tz } => {
            fields.push(("pattern", pattern.clone()));
            fields.extend(tz.clone().map(|tz| ("tz", tz)));
        }
    }
    let numbers = [
        ("startDate", scheduler.start_ms),
        ("endDate", scheduler.end_ms),
        ("limit", scheduler.limit),
    ];
    fields.extend(numbers.into_iter().filter_map(|(name, value)| Some((name, value?.to_string()))));
    let options = scheduler.wire_options();
    if !options.is_empty() {
        fields.push(("opts", serde_json::Value::Object(options).to_string()));
    }
    fields.extend(scheduler.kept_data().map(|data| ("data", data.as_str().to_owned())));
    fields
}

/// Reads a scheduler; nothing when its hash is gone.
fn read(id: String, next_ms: u64, fields: Value) -> Result<Option<Scheduler>> {
    let mut fields = wire::text_pairs(fields)?;
    if fields.is_empty() {
        return Ok(None);
    }
    let number = |name: &str| fields.get(name).and_then(|text| wire::lenient_number(text));
    let (start_ms, end_ms, limit) = (number("startDate"), number("endDate"), number("limit"));
    let (iterations, offset_ms) = (number("ic").unwrap_or(0), number("offset"));
    let every_ms = number("every");
    let rhythm = Rhythm::of(every_ms, offset_ms, fields.remove("pattern"), fields.remove("tz"));
    let options = fields
        .remove("opts")
        .and_then(|text| serde_json::from_str(&text).ok())
        .and_then(|wire| JobOptions::from_wire(wire).ok())
        .unwrap_or_else(JobOptions::bare);
    let name = fields.remove("name").unwrap_or_else(|| id.clone());
    let data = Payload::from_store(fields.remove("data").unwrap_or_else(|| EMPTY.to_owned()));
    Ok(Some(Scheduler {
        id,
        name,
        rhythm,
        start_ms,
        end_ms,
        limit,
        data,
        options,
        iterations,
        next_ms,
    }))
}

fn optional(number: Option<u64>) -> String {
    number.map_or_else(String::new, |number| number.to_string())
}
