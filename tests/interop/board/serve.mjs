// bull-board's page in front of a service, at /bull-board/: serve.mjs ADMIN [PORT]. What the page calls
// goes to the service's operators' listener, e.g. http://127.0.0.1:9090, all else comes from the package.
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import ejs from "ejs";
import express from "express";

const BASE = "/bull-board";

// Starts the server and returns its address.
export async function serve(admin, port = 0) {
  const folder = join(dirname(createRequire(import.meta.url).resolve("@bull-board/ui/package.json")), "dist");
  const uiConfig = JSON.stringify({ boardTitle: "Oxherd", favIcon: { default: "static/images/logo.svg", alternative: "static/favicon-32x32.png" } });
  const app = express();
  app.use(`${BASE}/static`, express.static(join(folder, "static")));
  app.use(`${BASE}/api`, express.raw({ type: () => true }), async (request, response) => {
    const { origin, "content-type": type } = request.headers;
    const headers = Object.fromEntries(Object.entries({ origin, "content-type": type }).filter(([, value]) => value));
    const body = request.body?.length ? request.body : undefined;
    const answer = await fetch(`${admin}${request.originalUrl}`, { method: request.method, headers, body });
    response.status(answer.status).type("application/json").send(Buffer.from(await answer.arrayBuffer()));
  });
  app.use(BASE, async (_, response) => {
    const page = { basePath: `${BASE}/`, uiConfig, title: "Oxherd", favIconDefault: "static/images/logo.svg", favIconAlternative: "static/favicon-32x32.png" };
    response.type("html").send(await ejs.renderFile(join(folder, "index.ejs"), page));
  });
  const server = await new Promise((resolve, reject) => { const listening = app.listen(port, "127.0.0.1", error => error ? reject(error) : resolve(listening)); });
  return `http://127.0.0.1:${server.address().port}${BASE}`;
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) console.log(await serve(process.argv[2], Number(process.argv[3] ?? 0)));
