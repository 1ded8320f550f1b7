// Fills the queues of a service with jobs of every kind and state, as Node programs leave them, and
// pauses them: fill.mjs PORT. Prints the ids by what they stand for.
import { FlowProducer, Queue, Worker } from "bullmq";

const connection = { host: "127.0.0.1", port: Number(process.argv[2]) };
const names = ["material-processing", "plan-generation"];
const [materials, plans] = names.map(name => new Queue(name, { connection }));
const flows = new FlowProducer({ connection });
const ids = {};
const HOUR = 3_600_000;

// Works until a queue has no more to do, then goes.
async function work(queue, steps, until) {
  const worker = new Worker(queue.name, steps, { connection, name: "ada", drainDelay: 1, metrics: { maxDataPoints: 100 } });
  worker.on("error", error => console.error(error.message));
  while (!await until()) await new Promise(resolve => setTimeout(resolve, 20));
  await worker.close();
}
const settled = async queue => (await queue.getJobCountByTypes("waiting", "prioritized", "active")) === 0;
const add = async (key, name, data, opts) => { ids[key] = (await materials.add(name, data, opts)).id; };

// Ended ones: with progress, rows of a log, a result; failed twice; failed for good at once.
for (const twin of ["a", "b"]) {
  await add(`completed-${twin}`, "mail", { to: "ada", list: [1, null, "ü"] }, { attempts: 2, backoff: 500 });
  await add(`failed-${twin}`, "fails", { to: "bob" }, { attempts: 2, backoff: { type: "fixed", delay: 1 }, keepLogs: 3, stackTraceLimit: 5 });
}
await materials.upsertJobScheduler("hourly", { every: HOUR, endDate: Date.now() + 1000 * HOUR, limit: 90 }, { name: "tick", data: { n: 1 }, opts: { attempts: 4, removeOnComplete: true, keepLogs: 2 } });
const flow = await flows.add({
  name: "parent", queueName: plans.name, data: { plan: 1 }, opts: { jobId: "parent" }, children: [
    { name: "mail", queueName: materials.name, data: { part: 1 }, opts: { jobId: "done" } },
    { name: "fails", queueName: materials.name, data: { part: 2 }, opts: { jobId: "ignored", ignoreDependencyOnFailure: true } },
  ],
});
await work(materials, async job => {
  if (job.name === "fails") { await job.updateProgress(40); await job.log("trying"); throw new Error(`no answer ${job.attemptsMade}`); }
  await job.updateProgress({ done: 3, of: 4 });
  await job.log("first"); await job.log("second");
  return { sent: job.data.to ?? null };
}, async () => await settled(materials) && await materials.getJobCountByTypes("delayed") === 1);
await materials.upsertJobScheduler("nightly", { pattern: "0 3 * * *", tz: "Europe/Berlin" }, { name: "clean up" });
await materials.upsertJobScheduler("bare", { pattern: "0 0 12 * * 1" });

// One that runs: its lock lasts longer than any test.
await add("active", "held", { x: 1 }, { attempts: 3 });
const holder = new Worker(materials.name, null, { connection, autorun: false, lockDuration: HOUR, name: "holder" });
const held = await holder.getNextJob("token");
if (held.id !== ids.active) throw new Error(`took ${held.id}`);
await held.updateProgress("half");
for (const queue of [materials, plans]) await queue.pause();

// Those that wait, in every way.
for (const twin of ["a", "b"]) {
  await add(`waiting-${twin}`, "mail", { to: twin }, {});
  await add(`delayed-${twin}`, "later", { at: 1 }, { delay: HOUR });
  await add(`prioritized-${twin}`, "ranked", {}, { priority: 7 });
  await add(`scheduled-${twin}`, "later", null, { delay: 2 * HOUR, removeOnFail: { age: 60, count: 3 }, removeOnComplete: { count: 9 } });
}
for (let n = 0; n < 12; n += 1) await materials.add("many", { n });
await materials.add("first", "text", { lifo: true });
await add("custom", "own id", [], { jobId: "own-id", sizeLimit: 900 });
await add("unique", "once", 7, { deduplication: { id: "same", ttl: HOUR, extend: true }, telemetry: { metadata: "00-abc", omitContext: true } });
await add("backoff", "jitter", true, { attempts: 5, backoff: { type: "exponential", delay: 100, jitter: 0.5 }, timestamp: 1_700_000_000_000 });
await materials.add("other priority", {}, { priority: 3 });
await flows.add({
  name: "tree", queueName: plans.name, opts: { jobId: "tree" }, children: [
    { name: "branch", queueName: plans.name, opts: { jobId: "branch" }, children: [{ name: "leaf", queueName: materials.name, data: {}, opts: { jobId: "leaf" } }] },
    { name: "twig", queueName: materials.name, opts: { jobId: "twig", failParentOnFailure: true } },
  ],
});
for (const twin of ["a", "b"]) {
  await flows.add({ name: "pruned", queueName: plans.name, opts: { jobId: `pruned-${twin}` }, children: [{ name: "cut", queueName: materials.name, opts: { jobId: `cut-${twin}` } }] });
}
await plans.setGlobalConcurrency(4);
await plans.setGlobalRateLimit(5, 60_000);
await plans.rateLimit(HOUR);
console.log(JSON.stringify(ids));
process.exit();
