// npm bullmq under a load of `cargo xtask bench peers`. Arguments: Redis port, queue, workload
// (`cycle`, `bulk`, `add`), concurrency, jobs. Says `READY`, waits for a line, works, and prints
// one line of JSON: {jobs, seconds, cpuSeconds, rssMib, distinct}.
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
let worker;

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

if (workload === 'cycle') {
  await bulk();
  worker = new Worker(name, async () => null, { connection, concurrency, autorun: false });
  await worker.waitUntilReady();
}
console.log('READY');
const lines = readline.createInterface({ input: process.stdin });
await new Promise((resolve) => lines.once('line', resolve));
lines.close();

const cpu = process.cpuUsage();
const start = process.hrtime.bigint();
await { cycle, bulk, add }[workload]();
const seconds = Number(process.hrtime.bigint() - start) / 1e9;
const used = process.cpuUsage(cpu);
const rssMib = process.resourceUsage().maxRSS / 1024;
await queue.close();
const cpuSeconds = (used.user + used.system) / 1e6;
console.log(JSON.stringify({ jobs, seconds, cpuSeconds, rssMib, distinct: ran.size }));
process.exit(0);
