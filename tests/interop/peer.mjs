// BullMQ as a peer of the suite: peer.mjs MAJOR PORT [cluster]. Commands are JSON lines on stdin, answers JSON
// lines on stdout; what they do is in `side.rs`. Ends with its stdin.
import { createInterface } from "node:readline";
import { Cluster } from "ioredis";

const [major, port, kind] = process.argv.slice(2);
const bull = await import(major === "5" ? "bullmq5" : "bullmq");
const { Queue, Worker, QueueEvents, FlowProducer, Job } = bull;
const server = { host: "127.0.0.1", port: Number(port) };
const connection = kind === "cluster" ? new Cluster([server], { redisOptions: { maxRetriesPerRequest: null } }) : server;
const EVENTS = ["added", "waiting", "active", "progress", "completed", "failed", "delayed", "stalled", "removed", "drained",
  "paused", "resumed", "duplicated", "deduplicated", "retries-exhausted", "waiting-children", "cleaned"];

// Everything of one prefix, which is one row.
const rows = new Map();
function row(prefix) {
  if (!rows.has(prefix)) rows.set(prefix, { queues: new Map(), workers: new Map(), events: new Map(), flows: null, errors: [] });
  return rows.get(prefix);
}
function listen(prefix, what, object) {
  object.on("error", error => row(prefix).errors.push(`${what}: ${error.message}`));
  return object;
}
function once(map, key, make) {
  if (!map.has(key)) map.set(key, make());
  return map.get(key);
}
const queueOf = ({ prefix, queue }) => once(row(prefix).queues, queue, () => listen(prefix, `queue ${queue}`, new Queue(queue, { prefix, connection })));
function eventsOf({ prefix, queue }) {
  return once(row(prefix).events, queue, () => {
    const source = listen(prefix, `events of ${queue}`, new QueueEvents(queue, { prefix, connection, lastEventId: "0" }));
    const seen = [];
    for (const name of EVENTS) source.on(name, args => seen.push([name, args ?? {}]));
    return { source, seen };
  });
}
const flowsOf = prefix => row(prefix).flows ??= listen(prefix, "flows", new FlowProducer({ prefix, connection }));

// What a test may compare: plain JSON of whatever a call returned.
function plain(value) {
  if (value instanceof Job) {
    const { id, name, data, opts, progress, returnvalue, failedReason, stacktrace, attemptsMade, attemptsStarted, stalledCounter,
      delay, priority, timestamp, processedOn, finishedOn, processedBy, deduplicationId, repeatJobKey, parentKey, deferredFailure } = value;
    return { id, name, data, opts, progress, returnvalue, failedReason, stacktrace, attemptsMade, attemptsStarted, stalledCounter,
      delay, priority, timestamp, processedOn, finishedOn, processedBy, deduplicationId, repeatJobKey, parentKey, deferredFailure };
  }
  if (value?.job instanceof Job) return { job: plain(value.job), children: (value.children ?? []).map(plain) };
  if (Array.isArray(value)) return value.map(plain);
  return value ?? null;
}

const sleep = ms => new Promise(resolve => setTimeout(resolve, ms));
// Runs the steps of a script; the same words as in `oxherd/processor.rs`.
async function run(worker, steps, job, token) {
  const entry = { id: job.id, name: job.name, data: job.data, telemetry: job.opts.telemetry?.metadata ?? null, attemptsMade: job.attemptsMade, attemptsStarted: job.attemptsStarted, at: Date.now(), ended: null };
  worker.runs.push(entry);
  try {
    for (const [step, value] of steps) {
      switch (step) {
        case "sleep": await sleep(value); break;
        case "hold": await worker.released; break;
        case "progress": await job.updateProgress(value); break;
        case "log": await job.log(value); break;
        case "fail": if (job.attemptsMade < value.times) throw new Error(value.message); break;
        case "fail_named": if (job.name === value.name) throw new Error(value.message); break;
        case "unrecoverable": throw new bull.UnrecoverableError(value);
        case "delay_once": if (job.attemptsStarted === 1) { await job.moveToDelayed(Date.now() + value, token); throw new bull.DelayedError(); } break;
        case "limit_once": if (job.attemptsStarted === 1) { await worker.queue.rateLimit(value); throw Worker.RateLimitError(); } break;
        case "child_once":
          if (job.attemptsStarted === 1) {
            await worker.other(value).add("child", null, { jobId: "C", parent: { id: job.id, queue: job.queueQualifiedName } });
            if (await job.moveToWaitingChildren(token)) throw new bull.WaitingChildrenError();
          }
          break;
        case "children_values": return await job.getChildrenValues();
        case "return": return value;
        case "echo": return job.data;
        default: throw new Error(`no step ${step}`);
      }
    }
  } finally {
    entry.ended = Date.now();
  }
}

const commands = {
  async call(c) { return plain(await queueOf(c)[c.method](...c.args)); },
  async job(c) {
    // The state first: what it says of the job is then in the job.
    const state = c.method ? null : await queueOf(c).getJobState(c.id);
    const job = await queueOf(c).getJob(c.id);
    if (!c.method) return job ? { ...plain(job), state } : null;
    if (!job) throw new Error(`no job ${c.id}`);
    return plain(await job[c.method](...c.args));
  },
  async finished(c) {
    const job = await Job.fromId(queueOf(c), c.id);
    const { source } = eventsOf(c);
    await source.waitUntilReady();
    return plain(await (job ?? new Job(queueOf(c), "gone", {}, {}, c.id)).waitUntilFinished(source, c.ttl));
  },
  async events(c) { return eventsOf(c).seen; },
  async flow(c) { return plain(await flowsOf(c.prefix)[c.method](...c.args)); },
  async work(c) {
    const worker = { runs: [], local: [], queue: queueOf(c), other: queue => queueOf({ ...c, queue }) };
    worker.released = new Promise(resolve => worker.release = resolve);
    worker.object = listen(c.prefix, `worker of ${c.queue}`, new Worker(c.queue, (job, token) => run(worker, c.steps, job, token), { prefix: c.prefix, connection, ...c.options }));
    row(c.prefix).workers.set(c.worker, worker);
    await worker.object.waitUntilReady();
    return null;
  },
  async tally(c) {
    const { runs } = row(c.prefix).workers.get(c.worker);
    return { begun: runs.length, ended: runs.filter(run => run.ended !== null).length };
  },
  async runs(c) { return row(c.prefix).workers.get(c.worker).runs; },
  async release(c) { row(c.prefix).workers.get(c.worker).release(); return null; },
  async close(c) { await row(c.prefix).workers.get(c.worker).object.close(c.force ?? false); return null; },
  // Closes what is left of a row and tells the errors that its objects emitted.
  async finish(c) {
    const all = row(c.prefix);
    for (const worker of all.workers.values()) { worker.release(); await worker.object.close(true); }
    for (const { source } of all.events.values()) await source.close();
    for (const queue of all.queues.values()) await queue.close();
    await all.flows?.close();
    rows.delete(c.prefix);
    return all.errors;
  },
};

const answer = message => process.stdout.write(`${JSON.stringify(message)}\n`);
process.on("unhandledRejection", error => process.stderr.write(`unhandled in the Node peer: ${error?.stack ?? error}\n`));
createInterface({ input: process.stdin }).on("line", async line => {
  const command = JSON.parse(line);
  try {
    answer({ number: command.number, value: await commands[command.command](command) });
  } catch (error) {
    answer({ number: command.number, error: error.message });
  }
}).on("close", () => process.exit());
