// Presses the buttons of bull-board's page in front of a service, and reads back through the service's
// own API what they did: press.mjs ADMIN MATERIAL, the id of a material that failed.
import { responseSchemas } from "@bull-board/api/dist/schemas/responses.js";
import * as valibot from "valibot";
import { launch, BoardPage } from "./page.mjs";
import { serve } from "./serve.mjs";

const [admin, material] = process.argv.slice(2);
const QUEUE = "material-processing";
const PATIENCE = 30_000;
const report = { seen: {} };

async function api(path, method = "GET", body) {
  const answer = await fetch(`${admin}/api/queues/${QUEUE}${path}`, { method, headers: body ? { "content-type": "application/json" } : {}, body: body && JSON.stringify(body) });
  return (await answer.json()).data ?? null;
}
const until = async (what, ask) => {
  for (const end = Date.now() + PATIENCE; ;) {
    const answer = await ask();
    if (answer) return answer;
    if (Date.now() > end) throw new Error(`not within ${PATIENCE} ms: ${what}`);
    await new Promise(resolve => setTimeout(resolve, 100));
  }
};
const job = (id, state) => until(`${id} is ${state}`, async () => { const found = await api(`/jobs/${id}`); return found?.state === state && found; });
const gone = id => until(`${id} is gone`, async () => await api(`/jobs/${id}`) === null);
const shows = (board, state, count) => until(`the tab ${state} shows ${count}`, async () => (await board.see()).tabs[state] === count);

// Reads an address as the page does; the answer must be what bull-board's own schema says.
async function read(path, schema) {
  const { status, body } = await board.get(path);
  const found = valibot.safeParse(responseSchemas[schema], body);
  if (status !== 200 || !found.success) throw new Error(`${path}: ${status} ${JSON.stringify(found.issues ?? body)}`);
  return body;
}

const browser = await launch();
const board = await BoardPage.open(browser, await serve(admin));
try {
  await api("/jobs", "POST", { name: "process-material", data: { userId: "nobody", materialId: "mat_1" }, jobId: "broken", attempts: 1 });
  report.first = (await job("broken", "failed")).attemptsMade;

  await board.tab(QUEUE);
  await board.press("Pause");
  report.paused = (await api("")).paused;
  await until("the page says that the queue is paused", async () => (await board.see()).text.includes("[ Paused ]"));

  await board.tab(QUEUE, "failed");
  await shows(board, "failed", 2);
  report.seen.failed = (await board.see()).jobs.map(([name]) => name).sort();
  await board.pressOn("broken", "Retry");
  report.retried = (await job("broken", "waiting")).state;
  await shows(board, "failed", 1);
  await board.pressOn(material, "Retry");
  report.material = (await job(material, "waiting")).state;

  await board.tab(QUEUE, "waiting");
  await board.choose("Add job");
  await board.send("Add", { "job-name": "typed", "job-data": { to: "me" }, "job-options": { jobId: "typed", delay: 600_000, attempts: 2 } });
  const added = await job("typed", "delayed");
  report.added = { name: added.name, data: added.data, maxAttempts: added.maxAttempts };
  await board.tab(QUEUE, "delayed");
  await board.opener("typed", "Update Data");
  await board.send("Update", { "job-data": { to: "us" } });
  report.changed = (await api("/jobs/typed")).data;
  await board.pressOn("typed", "Promote");
  report.promoted = (await job("typed", "waiting")).state;
  await shows(board, "delayed", 0);

  await board.tab(QUEUE, "waiting");
  await shows(board, "waiting", 3);
  await board.choose("Add job");
  await board.send("Add", { "job-name": "unwanted", "job-data": {}, "job-options": { jobId: "unwanted" } });
  await shows(board, "waiting", 4);
  await board.pressOn("unwanted", "Clean");
  await gone("unwanted");
  report.removed = true;
  const child = await fetch(`${admin}/bull-board/api/queues/${QUEUE}/add`, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ name: "child", options: { jobId: "child", parent: { id: "typed", queue: `bull:${QUEUE}` } } }) });
  report.child = (await child.json()).status;

  await board.press("Resume");
  report.resumed = (await api("")).paused;
  report.again = (await job("broken", "failed")).attemptsMade;
  const typed = await job("typed", "failed");
  await job("child", "failed");
  await job(material, "failed");

  await board.job(QUEUE, "typed");
  await until("the page of the job says why it failed", async () => (await board.see()).text.includes(typed.failure.message));
  report.seen.job = (await board.see()).text.includes("typed");
  report.flow = (await read(`/queues/${QUEUE}/child/flow`, "GetJobFlowResponse")).flowRoot;
  for (const tab of ["latest", "active", "waiting", "waiting-children", "prioritized", "completed", "failed", "delayed", "paused"]) {
    await read(`/queues?activeQueue=${QUEUE}&status=${tab}`, "GetQueuesResponse");
  }
  await read(`/queues/${QUEUE}/typed`, "GetJobResponse");
  await read(`/queues/${QUEUE}/typed/logs`, "GetJobLogsResponse");
  await read("/job-schedulers", "GetJobSchedulersResponse");
  await read("/redis/stats", "GetRedisStatsResponse");
  await read(`/queues/${QUEUE}/metrics`, "GetQueueMetricsResponse");
  await read(`/queues/${QUEUE}/rate-limit`, "GetQueueRateLimitResponse");
  await read(`/queues/${QUEUE}/default-job-options`, "GetQueueDefaultJobOptionsResponse");
  report.workers = (await read(`/queues/${QUEUE}/workers`, "GetQueueWorkersResponse")).workers.length;

  await board.tab(QUEUE, "failed");
  await shows(board, "failed", 4);
  // bull-board leaves what ended within the last five seconds.
  await new Promise(resolve => setTimeout(resolve, 5_100));
  await board.press("Clean all");
  await shows(board, "failed", 0);
  report.cleaned = (await api("")).counts.failed;
} finally {
  Object.assign(report, { errors: board.errors, refusals: board.refusals });
  await browser.close();
}
console.log(JSON.stringify(report));
process.exit();
