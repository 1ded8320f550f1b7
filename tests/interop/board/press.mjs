// Presses the buttons of bull-board's page in front of a service, and reads back through the service's
// own API what they did: press.mjs ADMIN MATERIAL, the id of a material that failed.
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

  await board.press("Resume");
  report.resumed = (await api("")).paused;
  report.again = (await job("broken", "failed")).attemptsMade;
  const typed = await job("typed", "failed");
  await job(material, "failed");

  await board.job(QUEUE, "typed");
  await until("the page of the job says why it failed", async () => (await board.see()).text.includes(typed.failure.message));
  report.seen.job = (await board.see()).text.includes("typed");
  for (const path of [`/queues/${QUEUE}/typed/logs`, `/queues/${QUEUE}/typed/flow`, "/job-schedulers", "/redis/stats", `/queues/${QUEUE}/workers`, `/queues/${QUEUE}/metrics`]) {
    const { status } = await board.get(path);
    if (status !== 200) throw new Error(`${path}: ${status}`);
  }

  await board.tab(QUEUE, "failed");
  await shows(board, "failed", 3);
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
