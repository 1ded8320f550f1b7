// Life for the study page: drop, send, follow, catch up. The server renders; this swaps fragments.
import { follow } from "./follow.js";
import { send } from "./send.js";

const $ = (selector, root = document) => root.querySelector(selector);
const problem = $("#problem");
const fragment = { headers: { "x-fragment": "1" } };

function tell(message) {
  problem.textContent = message ?? "";
  problem.hidden = !message;
}

// Replaces a part of the page by what the server shows now; keeps what the reader opened.
async function refresh(id) {
  const open = new URLSearchParams(location.search).get("plan");
  const query = id === "plans" && open ? `?plan=${encodeURIComponent(open)}` : "";
  const response = await fetch(`/study/${id}${query}`, fragment).catch(() => null);
  if (!response?.ok) return;
  const old = document.getElementById(id);
  const next = new DOMParser().parseFromString(await response.text(), "text/html").getElementById(id);
  if (!old || !next) return;
  const unchecked = new Set([...old.querySelectorAll('input[name="material"]:not(:checked)')].map(box => box.value));
  const expanded = new Set([...old.querySelectorAll("details[open] summary strong")].map(title => title.textContent));
  const known = old.querySelector("details") !== null;
  next.querySelectorAll('input[name="material"]').forEach(box => { box.checked = !unchecked.has(box.value); });
  if (known) next.querySelectorAll("details").forEach(part => { part.open = expanded.has($("summary strong", part).textContent); });
  const focused = document.activeElement?.getAttribute?.("aria-label");
  const sending = id === "documents" ? [...old.querySelectorAll(".sending")] : [];
  old.replaceWith(next);
  sending.reverse().forEach(row => next.prepend(row));
  if (sending.length) $(".empty", next)?.remove();
  if (focused) [...next.querySelectorAll("[aria-label]")].find(one => one.getAttribute("aria-label") === focused)?.focus();
  const busy = document.querySelector('#documents [data-job], #documents .sending');
  $(".plan-form .hint").hidden = !busy;
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
    list: document.getElementById("documents"),
    words: document.body.dataset,
    done: () => refresh("documents"),
    failed: tell,
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

// Every form of the page is posted without leaving it.
document.addEventListener("submit", async event => {
  const form = event.target;
  if (form.method !== "post" || form === drop) return;
  event.preventDefault();
  tell();
  if (form.id === "plan-form") form.elements.timezone.value = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const response = await fetch(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)), ...fragment }).catch(() => null);
  if (!response) return tell(document.body.dataset.failed);
  if (!response.ok) return tell((await response.json().catch(() => null))?.error?.message);
  if (form.id === "plan-form") {
    history.replaceState(null, "", "/");
    form.reset();
  }
  await refresh("documents");
  await refresh("plans");
  if (form.id === "plan-form") $("#plans .plan")?.scrollIntoView({ block: "nearest" });
});

const sheet = $("#sheet");
document.addEventListener("click", async event => {
  const link = event.target.closest?.("a.source");
  if (link && !event.metaKey && !event.ctrlKey) {
    event.preventDefault();
    const response = await fetch(link.href, fragment).catch(() => null);
    if (!response?.ok) return tell((await response?.json().catch(() => null))?.error?.message ?? document.body.dataset.failed);
    const shown = new DOMParser().parseFromString(await response.text(), "text/html");
    $("#passage").replaceChildren(...shown.body.childNodes);
    sheet.showModal();
    $("#passage").focus();
  }
  if (event.target === sheet) sheet.close();
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
