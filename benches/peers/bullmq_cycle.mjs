// Runs preloaded no-op jobs through BullMQ, prints one line of JSON:
// {"jobs", "seconds", "cpuMicrosPerJob"}; arguments: port, jobs, concurrency, bytes of data.
import { Queue, Worker } from 'bullmq';

const [port, jobs, concurrency, bytes] = process.argv.slice(2).map(Number);
const connection = { host: '127.0.0.1', port, maxRetriesPerRequest: null };
const name = `peer-${process.pid}`;
const data = { text: 'x'.repeat(bytes) };

const queue = new Queue(name, { connection });
for (let added = 0; added < jobs; added += 1000) {
  const batch = Math.min(1000, jobs - added);
  await queue.addBulk(
    Array.from({ length: batch }, () => ({
      name: 'noop',
      data,
      opts: { removeOnComplete: { count: 100 }, removeOnFail: true },
    })),
  );
}

const worker = new Worker(name, async () => null, { connection, concurrency, autorun: false });
await worker.waitUntilReady();
let completed = 0;
const cpu = process.cpuUsage();
const start = process.hrtime.bigint();
const done = new Promise((resolve) => {
  worker.on('completed', () => {
    completed += 1;
    if (completed === jobs) resolve();
  });
});
const running = worker.run();
await done;
const seconds = Number(process.hrtime.bigint() - start) / 1e9;
const used = process.cpuUsage(cpu);
await worker.close();
await running;
await queue.close();
console.log(
  JSON.stringify({ jobs, seconds, cpuMicrosPerJob: (used.user + used.system) / jobs }),
);
