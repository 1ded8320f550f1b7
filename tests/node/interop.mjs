// BullMQ's own client beside the service, on one Redis: interop.mjs PUBLIC REDIS
import { Queue, QueueEvents } from "bullmq";
const [publicUrl, redisUrl] = process.argv.slice(2);
const { hostname: host, port } = new URL(redisUrl);
const connection = { host, port: Number(port) };
const materials = new Queue("material-processing", { connection });
const plans = new Queue("plan-generation", { connection });
const events = new QueueEvents("material-processing", { connection });
const planEvents = new QueueEvents("plan-generation", { connection });
await Promise.all([events.waitUntilReady(), planEvents.waitUntilReady()]);

const seen = [];
const ends = new Map();
const ended = id => new Promise((resolve, reject) => {
  ends.set(id, resolve);
  setTimeout(() => reject(new Error(`no end of ${id}`)), 30_000).unref();
});
for (const name of ["waiting", "active", "progress"]) events.on(name, ({ jobId }) => seen.push([name, jobId]));
for (const source of [events, planEvents]) {
  for (const name of ["completed", "failed"]) source.on(name, ({ jobId, failedReason }) => { seen.push([name, jobId]); ends.get(jobId)?.({ name, failedReason }); });
}
async function upload(name, text) {
  const form = new FormData();
  form.append("file", new Blob([text]), name);
  const answer = await fetch(`${publicUrl}/api/materials`, { method: "POST", body: form });
  const body = await answer.json();
  if (answer.status !== 202) throw new Error(JSON.stringify(body));
  return body.data.materialId;
}
const until = async (what, ask) => {
  for (let tries = 0; tries < 600; tries++) { const answer = await ask(); if (answer) return answer; await new Promise(r => setTimeout(r, 50)); }
  throw new Error(`never: ${what}`);
};
const finished = (queue, id) => until(`${id} ended`, async () => { const job = await queue.getJob(id); return job && await job.isCompleted() || job && await job.isFailed() ? job : null; });

const id = await upload("one.md", "# One\n\nA text about queues and workers, long enough to keep.\n");
const job = await finished(materials, id);
const material = { id, state: await job.getState(), returnvalue: job.returnvalue, progress: (await materials.getJob(id)).progress, counts: await materials.getJobCounts() };
await until("the completed event", async () => seen.some(([name, jobId]) => name === "completed" && jobId === id));

const broken = await upload("broken.pdf", "%PDF-1.4\nnothing\n%%EOF");
const lost = await finished(materials, broken);
await until("the failed event", async () => seen.some(([name, jobId]) => name === "failed" && jobId === broken));
const failed = { event: true, state: await lost.getState(), reason: lost.failedReason };

const planned = await fetch(`${publicUrl}/api/plans`, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ goal: "learn queues", materialIds: [id] }) });
const plan = (await planned.json()).data.planId;
await finished(plans, plan);

await (await materials.getJob(id)).remove();
let end = ended(id);
await materials.add("process-material", { userId: "local", materialId: id }, { jobId: id });
await end;
const producer = { material: (await materials.getJob(id)).returnvalue };
await (await plans.getJob(plan)).remove();
end = ended(plan);
await plans.add("generate-plan", { userId: "local", planId: plan }, { jobId: plan });
await end;
producer.plan = (await plans.getJob(plan)).returnvalue;
const nobody = id.replace(/.$/, last => last === "0" ? "1" : "0");
end = ended(nobody);
await materials.add("process-material", { userId: "local", materialId: nobody }, { jobId: nobody });
producer.missing = (await end).failedReason;

console.log(JSON.stringify({ material, failed, plan, producer, events: [...new Set(seen.filter(([, jobId]) => jobId === id).map(([name]) => name))] }));
await Promise.all([materials.close(), plans.close(), events.close(), planEvents.close()]);
