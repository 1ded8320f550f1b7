// The package in lockstep with our engine: lockstep.mjs PORT DATABASE QUEUE... Each line on stdin is a batch
// of steps (`lockstep/step.rs`), each line on stdout their answers. Time stands still between steps.
import { createInterface } from "node:readline";

let now = 0;
const RealDate = Date;
globalThis.Date = class extends RealDate {
  constructor(...args) { if (args.length) super(...args); else super(now); }
  static now() { return now; }
};
// The stack of an error is its message: where in the package it was made is not compared.
Error.prepareStackTrace = error => error.message;

const bull = await import("bullmq");
const { Queue, Worker, FlowProducer, DelayedError, WaitingError, WaitingChildrenError, UnrecoverableError } = bull;
const [port, db] = process.argv.slice(2, 4).map(Number);
const connection = { host: "127.0.0.1", port, db };
const prefix = "bull";

function once(map, key, make) {
  if (!map.has(key)) map.set(key, make());
  return map.get(key);
}
const quiet = object => object.on("error", () => {});
const queues = new Map(), workers = new Map(), held = new Map();
const queueOf = name => once(queues, name, () => quiet(new Queue(name, { prefix, connection })));
const workerOf = name => once(workers, name, () => quiet(new Worker(name, null, {
  prefix, connection, name: "w", autorun: false, skipLockRenewal: true, stalledInterval: 3_600_000,
})));
function workerWith(queue, options) {
  const worker = workerOf(queue);
  for (const [option, value] of Object.entries(options)) worker.opts[option] = value ?? undefined;
  worker.limitUntil = 0;
  return worker;
}
const flows = quiet(new FlowProducer({ prefix, connection }));

function hold(queue, token, job) {
  if (job) held.set(`${queue} ${job.id} ${token}`, job);
  return { claimed: job?.id ?? null };
}

// What a processor does that ends its run like this.
const verdicts = {
  complete: ({ value }) => value,
  fail({ message }) { throw new Error(message); },
  failForGood({ message }) { throw new UnrecoverableError(message); },
  async delay({ ms }, job, token) { await job.moveToDelayed(now + ms, token); throw new DelayedError(); },
  async wait(_, job, token) { await job.moveToWait(token); throw new WaitingError(); },
  async limit({ ms }, job) { await queueOf(job.queueName).rateLimit(ms); throw Worker.RateLimitError(); },
  async children(_, job, token) { if (await job.moveToWaitingChildren(token)) throw new WaitingChildrenError(); return null; },
};

const operations = {
  async call({ queue, method, args }) {
    const answer = await queueOf(queue)[method](...args);
    if (method === "add") return { ids: [answer.id] };
    if (method === "addBulk") return { ids: answer.map(job => job.id) };
    if (method === "clean") return { cleaned: answer };
    if (method === "upsertJobScheduler") return { armed: answer?.id ?? null };
    return {};
  },
  async job({ queue, id, method, args }) {
    if (method === "remove") {
      if (!await queueOf(queue).remove(id, ...args)) throw new Error(`job ${id} is locked`);
      return {};
    }
    const job = await queueOf(queue).getJob(id);
    if (!job) throw new Error(`no job ${id}`);
    // Ours finds out itself how the job ended.
    if (method === "retry") args[0] = await job.getState() === "completed" ? "completed" : "failed";
    await job[method](...args);
    return {};
  },
  async flow({ flow }) {
    const all = [];
    const walk = node => { all.push(node.job.id); (node.children ?? []).forEach(walk); };
    walk(await flows.add(flow));
    return { ids: all.sort() };
  },
  async claim({ queue, token, worker: options }) {
    const worker = workerWith(queue, options);
    return hold(queue, token, await worker.getNextJob(token, { block: false }));
  },
  async settle({ queue, id, token, verdict, fetch, worker: options }) {
    const worker = workerWith(queue, options);
    const job = held.get(`${queue} ${id} ${token}`);
    held.delete(`${queue} ${id} ${token}`);
    worker.processFn = job => verdicts[verdict.kind](verdict, job, token);
    return hold(queue, token, await worker.processJob(job, token, () => fetch));
  },
  async settleLost({ queue, id, token }) {
    const job = held.get(`${queue} ${id} ${token}`);
    held.delete(`${queue} ${id} ${token}`);
    await job.moveToFailed(new UnrecoverableError("BROKEN: too late"), token, false);
    return {};
  },
  async renew({ queue, id, token, lock }) {
    if (!await held.get(`${queue} ${id} ${token}`).extendLock(token, lock)) throw new Error("lost");
    return {};
  },
  async hours() { return {}; },
  async sweep({ queue, most }) {
    const worker = workerOf(queue);
    worker.opts.maxStalledCount = most;
    const recovered = [], hear = id => recovered.push(id);
    worker.on("stalled", hear);
    await worker.moveStalledJobsToWait();
    worker.off("stalled", hear);
    return { recovered: recovered.sort() };
  },
};

for (const name of process.argv.slice(4)) await queueOf(name).isPaused();
process.on("unhandledRejection", error => process.stderr.write(`unhandled in the Node peer: ${error?.stack ?? error}\n`));
createInterface({ input: process.stdin }).on("line", async line => {
  const answers = [];
  for (const step of JSON.parse(line)) {
    now = step.now;
    try {
      answers.push(await operations[step.operation](step));
    } catch (error) {
      answers.push({ error: error.message });
    }
  }
  process.stdout.write(`${JSON.stringify(answers)}\n`);
}).on("close", () => process.exit());
