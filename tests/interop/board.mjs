// bull-board on the queues of the rows, with a browser in front of it: board.mjs PORT. Commands are
// JSON lines on stdin, answers JSON lines on stdout; what they do is in `board.rs`.
import { createInterface } from "node:readline";
import { createBullBoard } from "@bull-board/api";
import { BullMQAdapter } from "@bull-board/api/bullMQAdapter";
import { ExpressAdapter } from "@bull-board/express";
import * as six from "bullmq";
import * as five from "bullmq5";
import express from "express";
import { BoardPage, launch } from "./board/page.mjs";

const connection = { host: "127.0.0.1", port: Number(process.argv[2]) };
const app = express();
const listening = new Promise(resolve => { const server = app.listen(0, "127.0.0.1", () => resolve(server.address().port)); });
const browser = launch();
const rows = new Map();

async function mount(prefix, names, major) {
  const { Queue } = major === 5 ? five : six;
  const queues = names.map(name => new Queue(name, { prefix, connection }));
  const serverAdapter = new ExpressAdapter().setBasePath(`/${prefix}`);
  createBullBoard({ queues: queues.map(queue => new BullMQAdapter(queue)), serverAdapter });
  app.use(`/${prefix}`, serverAdapter.getRouter());
  const page = await BoardPage.open(await browser, `http://127.0.0.1:${await listening}/${prefix}`);
  return { queues, page };
}

const commands = {
  async open(c) { rows.set(c.prefix, await mount(c.prefix, c.queues, c.major)); },
  // Calls a method of the page.
  async page(c) { return rows.get(c.prefix).page[c.method](...c.args); },
  // Closes what a row opened, and tells the errors of the page and the answers that refused.
  async finish(c) {
    const { queues, page } = rows.get(c.prefix) ?? { queues: [] };
    await page?.close();
    for (const queue of queues) await queue.close();
    return [...page?.errors ?? [], ...page?.refusals ?? []];
  },
};

const answer = message => process.stdout.write(`${JSON.stringify(message)}\n`);
createInterface({ input: process.stdin }).on("line", async line => {
  const command = JSON.parse(line);
  try {
    answer({ number: command.number, value: await commands[command.command](command) ?? null });
  } catch (error) {
    answer({ number: command.number, error: error.message });
  }
}).on("close", async () => { await (await browser).close(); process.exit(); });
