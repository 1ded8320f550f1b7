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

export function send(file, { list, words, done, failed }) {
  const row = document.createElement("li");
  row.className = "document sending";
  const circle = ring(`${file.name}: ${words.uploading}`);
  const what = Object.assign(document.createElement("div"), { className: "what" });
  const says = Object.assign(document.createElement("span"), { className: "says", textContent: words.uploading });
  what.append(Object.assign(document.createElement("strong"), { textContent: file.name }), says);
  const stop = Object.assign(document.createElement("button"), { type: "button", className: "quiet", textContent: words.cancel });
  stop.setAttribute("aria-label", `${words.cancel}: ${file.name}`);
  row.append(circle, what, stop);
  list.querySelector(".empty")?.remove();
  list.prepend(row);

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
  return new Promise(resolve => {
    request.addEventListener("loadend", async () => {
      row.remove();
      const answer = (() => { try { return JSON.parse(request.responseText); } catch { return null; } })();
      if (cancelled) return resolve();
      if (request.status === 0) failed(words.failed);
      else if (request.status >= 400) failed(`${file.name}: ${answer?.error?.message ?? words.failed}`);
      await done();
      resolve();
    });
    request.open("POST", "/api/materials");
    request.send(form);
  });
}
