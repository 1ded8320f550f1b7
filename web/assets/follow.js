// Follows the jobs that the page shows on one stream, and comes back by itself.
const MOST = 20;
const FIRST_PAUSE = 500;
const LONGEST_PAUSE = 10_000;

export function follow({ jobs, changed, offline }) {
  let source = null;
  let followed = "";
  let pause = FIRST_PAUSE;
  let timer = 0;
  const seen = new Map();

  function listen() {
    const ids = jobs().map(row => row.dataset.job).slice(0, MOST);
    const wanted = ids.join(",");
    if (wanted === followed && source) return;
    source?.close();
    clearTimeout(timer);
    followed = wanted;
    source = null;
    if (!wanted) return;
    source = new EventSource(`/api/events?jobs=${ids.map(encodeURIComponent).join(",")}`);
    source.onopen = () => { pause = FIRST_PAUSE; offline(false); };
    source.onerror = lost;
    for (const name of ["snapshot", "status", "progress"]) source.addEventListener(name, event => show(JSON.parse(event.data)));
    for (const name of ["completed", "failed"]) source.addEventListener(name, event => end(JSON.parse(event.data)));
  }

  // The stream ended or broke: look again, later each time while nobody answers.
  function lost() {
    source?.close();
    source = null;
    followed = "";
    timer = setTimeout(async () => {
      const alive = await fetch("/livez").then(answer => answer.ok).catch(() => false);
      offline(!alive);
      pause = alive ? FIRST_PAUSE : Math.min(pause * 2, LONGEST_PAUSE);
      if (!alive) return lost();
      await changed("material");
      listen();
    }, pause);
  }

  function show(job) {
    const row = jobs().find(one => one.dataset.job === job.jobId);
    if (!row) return;
    const before = seen.get(job.jobId);
    seen.set(job.jobId, { step: job.step, at: before?.at ?? performance.now(), from: before?.from ?? job.progress });
    const ring = row.querySelector(".ring");
    ring.setAttribute("aria-valuenow", job.progress);
    ring.querySelector(".stroke").setAttribute("stroke-dasharray", `${job.progress} 100`);
    if (before && before.step !== job.step || job.status && job.status !== row.dataset.status) {
      const first = row.dataset.status === undefined;
      if (job.status) row.dataset.status = job.status;
      if (!first || before) changed(row.dataset.kind);
    }
    timeLeft(row, job);
  }

  function timeLeft(row, job) {
    const { at, from } = seen.get(job.jobId);
    const seconds = (performance.now() - at) / 1000;
    const made = job.progress - from;
    if (seconds < 2 || made < 5 || job.progress >= 100) return;
    const left = Math.ceil((100 - job.progress) * seconds / made);
    const says = row.querySelector(".says");
    says.textContent = `${says.textContent.split(" · ")[0]} · ${document.body.dataset.left.replace("{}", left)}`;
  }

  function end(job) {
    seen.delete(job.jobId);
    const row = jobs().find(one => one.dataset.job === job.jobId);
    changed(row?.dataset.kind ?? "material");
  }

  return listen;
}
