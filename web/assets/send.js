// Sends one file with its ring, and lets it be cancelled.
const NS = "http://www.w3.org/2000/svg";

function ring(label) {
  const svg = document.createElementNS(NS, "svg");
  for (const [name, value] of Object.entries({ class: "ring run", viewBox: "0 0 24 24", role: "progressbar", "aria-valuemin": 0, "aria-valuemax": 100, "aria-valuenow": 0, "aria-label": label })) svg.setAttribute(name, value);
  for (const part of ["track", "stroke"]) {
    const circle = document.createElementNS(NS, "circle");
    for (const [name, value] of Object.entries({ class: part, cx: 12, cy: 12, r: 9 })) circle.setAttribute(name, value);
    if (part === "stroke") { circle.setAttribute("pathLength", 100); circle.setAttribute("stroke-dasharray", "0 100"); }
    svg.append(circle);
  }
  return svg;
}

function button(word, name) {
  const made = Object.assign(document.createElement("button"), { type: "button", className: "quiet", textContent: word });
  made.setAttribute("aria-label", `${word}: ${name}`);
  return made;
}

// What may go well the next time: no answer, too slow, not now.
const mayPass = status => status === 0 || status === 408 || status === 429 || status >= 500;

export function send(file, { list, words, done }) {
  const row = document.createElement("li");
  row.className = "document sending";
  const circle = ring(`${file.name}: ${words.uploading}`);
  const what = Object.assign(document.createElement("div"), { className: "what" });
  const says = Object.assign(document.createElement("span"), { className: "says", textContent: words.uploading });
  what.append(Object.assign(document.createElement("strong"), { textContent: file.name }), says);
  const actions = Object.assign(document.createElement("div"), { className: "actions" });
  const stop = button(words.cancel, file.name);
  actions.append(stop);
  row.append(circle, what, actions);
  list().querySelector(".empty")?.remove();
  list().prepend(row);

  const request = new XMLHttpRequest();
  const form = new FormData();
  form.append("file", file);
  let cancelled = false;
  stop.addEventListener("click", () => { cancelled = true; request.abort(); });
  request.upload.addEventListener("progress", event => {
    const share = event.lengthComputable ? Math.round(100 * event.loaded / event.total) : 0;
    circle.setAttribute("aria-valuenow", share);
    circle.querySelector(".stroke").setAttribute("stroke-dasharray", `${share} 100`);
    says.textContent = `${words.uploading} · ${share} %`;
  });

  // The row stays until it was read: with the reason, and another try where that can help.
  function failed(message) {
    row.classList.add("failed");
    circle.setAttribute("class", "ring fail");
    circle.setAttribute("aria-label", `${file.name}: ${message}`);
    says.setAttribute("role", "alert");
    says.textContent = message;
    const again = button(words.retry, file.name);
    again.addEventListener("click", () => { row.remove(); send(file, { list, words, done }); });
    const dismiss = button(words.dismiss, file.name);
    dismiss.addEventListener("click", () => { row.remove(); done(); });
    actions.replaceChildren(...(mayPass(request.status) ? [again] : []), dismiss);
    row.scrollIntoView({ block: "nearest" });
  }

  return new Promise(resolve => {
    request.addEventListener("loadend", async () => {
      const answer = (() => { try { return JSON.parse(request.responseText); } catch { return null; } })();
      const refused = request.status === 0 || request.status >= 400;
      if (refused && !cancelled) failed(answer?.error?.message ?? words.failed);
      else row.remove();
      await done();
      resolve();
    });
    request.open("POST", "/study/documents");
    request.setRequestHeader("x-fragment", "1");
    request.send(form);
  });
}
