// Life for the study page: drop, send, follow, catch up. The server renders; this swaps fragments.
import { follow } from "./follow.js";
import { send } from "./send.js";
import { announce, carry, tell } from "./tell.js";

const $ = (selector, root = document) => root.querySelector(selector);
const all = (selector, root = document) => [...root.querySelectorAll(selector)];
const fragment = { headers: { "x-fragment": "1" } };
const words = document.body.dataset;
const MOST_OF_A_PLAN = 5;

// What the reader ticked stays; a new document is ticked while a plan has room for it.
function keepTicks(old, next) {
  const known = new Map(all('input[name="material"]', old).map(box => [box.value, box.checked]));
  const boxes = all('input[name="material"]', next);
  let room = MOST_OF_A_PLAN - boxes.filter(box => known.get(box.value)).length;
  for (const box of boxes) {
    box.checked = known.get(box.value) ?? (box.checked && room-- > 0);
  }
}

// The outline that was opened stays open, the question that was asked stays asked.
function keepOpen(old, next) {
  const parts = all(".modules details", old);
  const open = new Set(parts.filter(part => part.open).map(part => $("strong", part).textContent));
  if (parts.length) all(".modules details", next).forEach(part => { part.open = open.has($("strong", part).textContent); });
  for (const asked of all(".confirm[open]", old)) {
    const again = next.querySelector(`#${CSS.escape(asked.closest("[id]").id)} .confirm`);
    if (again) again.open = true;
  }
}

const named = element => element.getAttribute("aria-label") ?? element.textContent;

function keepFocus(old) {
  const focused = document.activeElement;
  if (!focused || !old.contains(focused)) return () => {};
  const name = named(focused);
  return next => all("button, summary, input, a", next).find(one => named(one) === name)?.focus({ preventScroll: true });
}

// Tells what has ended since the last look.
function announceEnds(old, next) {
  for (const row of all("[data-job]", old)) {
    const now = next.querySelector(`#${CSS.escape(row.id)}`);
    if (now && !now.dataset.job) announce(`${now.dataset.title}: ${$(".says", now).textContent}`);
  }
}

// Replaces a part of the page by what the server shows now; keeps what the reader did there.
async function refresh(id, { ticks = true } = {}) {
  const response = await fetch(`/study/${id}${location.search}`, fragment).catch(() => null);
  if (!response?.ok) return;
  const text = await response.text();
  const old = document.getElementById(id);
  const next = new DOMParser().parseFromString(text, "text/html").getElementById(id);
  if (!old || !next) return;
  if (ticks) keepTicks(old, next);
  keepOpen(old, next);
  announceEnds(old, next);
  const [backToProblem, backToFocus] = [carry(old), keepFocus(old)];
  const sending = all(".sending", old);
  old.replaceWith(next);
  sending.reverse().forEach(row => next.prepend(row));
  if (sending.length) $(".empty", next)?.remove();
  backToFocus(next);
  backToProblem();
  $(".plan-form .hint").hidden = !$("#documents [data-job], #documents .sending:not(.failed)");
  listen();
}

const listen = follow({
  jobs: () => [...document.querySelectorAll("[data-job]")],
  changed: kind => refresh(kind === "plan" ? "plans" : "documents").then(() => kind === "material" && refresh("plans")),
  offline: away => { $("#offline").hidden = !away; },
});

async function upload(files) {
  tell();
  await Promise.all([...files].map(file => send(file, {
    list: () => document.getElementById("documents"),
    words,
    done: () => refresh("documents"),
  })));
}

const drop = $("#drop");
const files = $("#files");
files.addEventListener("change", () => { upload(files.files); files.value = ""; });
for (const name of ["dragenter", "dragover"]) {
  document.addEventListener(name, event => { event.preventDefault(); drop.classList.add("over"); });
}
document.addEventListener("dragleave", event => { if (!event.relatedTarget) drop.classList.remove("over"); });
document.addEventListener("drop", event => {
  event.preventDefault();
  drop.classList.remove("over");
  if (event.dataTransfer?.files.length) upload(event.dataTransfer.files);
});

const planForm = $("#plan-form");
const date = planForm.elements.targetDueDate;
date.min = new Intl.DateTimeFormat("sv-SE").format(new Date());

async function reason(response) {
  return (await response.json().catch(() => null))?.error?.message ?? words.unreached;
}

// Every form of the page is posted without leaving it.
document.addEventListener("submit", async event => {
  const form = event.target;
  if (form.method !== "post" || form === drop) return;
  event.preventDefault();
  tell();
  const beside = form.closest("li[id], article[id], #plan-form");
  const isPlan = form === planForm;
  if (isPlan) form.elements.timezone.value = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const response = await fetch(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)), ...fragment }).catch(() => null);
  if (!response?.ok) return tell(response ? await reason(response) : words.unreached, beside);
  if (isPlan) {
    history.replaceState(null, "", "/");
    form.reset();
  }
  await refresh("documents", { ticks: !isPlan });
  await refresh("plans");
  if (isPlan) $("#plans .plan")?.scrollIntoView({ block: "nearest" });
});

const sheet = $("#sheet");
async function showPassage(link) {
  const response = await fetch(link.href, fragment).catch(() => null);
  if (!response?.ok) return tell(response ? await reason(response) : words.unreached, link.closest("article[id]"));
  const shown = new DOMParser().parseFromString(await response.text(), "text/html");
  $("#passage").replaceChildren(...shown.body.childNodes);
  sheet.showModal();
  sheet.scrollTop = 0;
  $("#passage").focus({ preventScroll: true });
}

async function showMore(link) {
  const query = new URLSearchParams(location.search);
  query.set(link.dataset.list, new URL(link.href).searchParams.get(link.dataset.list));
  history.replaceState(null, "", `?${query}`);
  await refresh(link.dataset.list);
}

document.addEventListener("click", event => {
  const link = event.target.closest?.("a.source, a.more");
  if (link && !event.metaKey && !event.ctrlKey) {
    event.preventDefault();
    if (link.matches(".more")) showMore(link);
    else showPassage(link);
  }
  if (event.target === sheet && event.clientX < sheet.getBoundingClientRect().left) sheet.close();
  for (const asked of all(".confirm[open]")) if (!asked.contains(event.target)) asked.open = false;
});
document.addEventListener("keydown", event => {
  const asked = event.key === "Escape" && $(".confirm[open]");
  if (!asked) return;
  asked.open = false;
  $("summary", asked).focus();
});

$("#theme").addEventListener("click", () => {
  const dark = getComputedStyle(document.documentElement).getPropertyValue("--paper").includes("18%");
  const theme = dark ? "light" : "dark";
  document.documentElement.dataset.theme = theme;
  try { localStorage.setItem("theme", theme); } catch { /* a private window keeps nothing */ }
});

document.addEventListener("visibilitychange", () => {
  if (!document.hidden) refresh("documents").then(() => refresh("plans"));
});
listen();
