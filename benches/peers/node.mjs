// npm bullmq under a load of `cargo xtask bench peers`. Arguments: Redis port, queue, workload
// (`cycle`, `bulk`, `add`, `wake`, `late`), concurrency, jobs. Says `READY`, waits for a line, works,
// and prints one line of JSON: {jobs, seconds, cpuSeconds, rssMib, distinct, waitedMicros}.
import readline from 'node:readline';
import { Queue, Worker } from 'bullmq';

const [port, name, workload, concurrency, jobs] = process.argv
  .slice(2)
  .map((word) => (/^\d+$/.test(word) ? Number(word) : word));
const connection = { host: '127.0.0.1', port, maxRetriesPerRequest: null };
const data = { text: 'x'.repeat(200) };
const opts = {
  attempts: 3,
  backoff: { type: 'exponential', delay: 1000 },
  removeOnComplete: { age: 3600, count: 100 },
  removeOnFail: { age: 86400 },
};

const queue = new Queue(name, { connection });
await queue.waitUntilReady();

async function bulk() {
  for (let added = 0; added < jobs; added += 1000) {
    const length = Math.min(1000, jobs - added);
    await queue.addBulk(Array.from({ length }, () => ({ name: 'noop', data, opts })));
  }
}

async function add() {
  let left = jobs;
  const caller = async () => {
    while (left-- > 0) await queue.add('noop', data, opts);
  };
  await Promise.all(Array.from({ length: concurrency }, caller));
}

const ran = new Set();
const waitedMicros = [];
let worker;
let started = () => {};

// One job at a time, each for an idle worker: from the call to the start.
async function wake() {
  const running = worker.run();
  for (let job = 0; job < jobs; job++) {
    await new Promise((resolve) => setTimeout(resolve, 3));
    const begun = process.hrtime.bigint();
    const start = new Promise((resolve) => (started = resolve));
    const ended = new Promise((resolve) => worker.once('completed', resolve));
    await queue.add('noop', data, opts);
    await start;
    waitedMicros.push(Number((process.hrtime.bigint() - begun) / 1000n));
    ran.add((await ended).id);
  }
  await worker.close();
  await running;
}

// Jobs with a delay of up to two seconds: from the time they are due to the start.
async function late() {
  started = (job) => waitedMicros.push(Math.max(0, Date.now() - job.timestamp - (job.opts.delay ?? 0)) * 1000);
  const running = cycle();
  const delay = (job) => 200 + Math.floor((1800 * job) / jobs);
  await queue.addBulk(
    Array.from({ length: jobs }, (_, job) => ({ name: 'noop', data, opts: { ...opts, delay: delay(job) } })),
  );
  await running;
}

async function cycle() {
  const done = new Promise((resolve) => {
    worker.on('completed', (job) => {
      ran.add(job.id);
      if (ran.size === jobs) resolve();
    });
  });
  const running = worker.run();
  await done;
  await worker.close();
  await running;
}

if (['cycle', 'wake', 'late'].includes(workload)) {
  if (workload === 'cycle') await bulk();
  const processor = async (job) => {
    started(job);
    return null;
  };
  worker = new Worker(name, processor, { connection, concurrency, autorun: false });
  await worker.waitUntilReady();
}
console.log('READY');
const lines = readline.createInterface({ input: process.stdin });
await new Promise((resolve) => lines.once('line', resolve));
lines.close();

const cpu = process.cpuUsage();
const start = process.hrtime.bigint();
await { cycle, bulk, add, wake, late }[workload]();
const seconds = Number(process.hrtime.bigint() - start) / 1e9;
const used = process.cpuUsage(cpu);
const rssMib = process.resourceUsage().maxRSS / 1024;
await queue.close();
const cpuSeconds = (used.user + used.system) / 1e6;
const distinct = ran.size;
console.log(JSON.stringify({ jobs, seconds, cpuSeconds, rssMib, distinct, waitedMicros }));
process.exit(0);
