// bull-board's page in a headless browser, driven as a person does it: tabs, buttons, menus, forms.
// Never knows whose queues it shows.
import { createRequire } from "node:module";

const { chromium } = createRequire(new URL("../../node/package.json", import.meta.url))("playwright-core");
const PATIENCE = 30_000;

export function launch() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
  });
}

export class BoardPage {
  // Opens a tab of the browser on the board at `base`.
  static async open(browser, base) {
    const context = await browser.newContext({ viewport: { width: 1440, height: 1000 }, locale: "en-US" });
    const page = await context.newPage();
    page.setDefaultTimeout(PATIENCE);
    const board = new BoardPage(page, base);
    // Fonts of other sites are not needed, and nothing may leave the machine.
    await page.route(url => !url.href.startsWith(base), route => route.abort());
    page.on("response", answer => { if (answer.status() >= 400 && answer.url().includes("/api/")) board.refusals.push(`${answer.status()} ${answer.request().method()} ${new URL(answer.url()).pathname}`); });
    page.on("pageerror", error => board.errors.push(String(error)));
    return board;
  }

  constructor(page, base) { Object.assign(this, { page, base, refusals: [], errors: [] }); }
  close() { return this.page.context().close(); }

  // Goes to a tab of a queue, e.g. `failed`; `latest` without one.
  async tab(queue, status) {
    await this.page.goto(`${this.base}/queue/${encodeURIComponent(queue)}${status ? `?status=${status}` : ""}`);
    await this.page.waitForSelector("main a [data-text]");
  }
  // Goes to the page of a job.
  async job(queue, id) {
    await this.page.goto(`${this.base}/queue/${encodeURIComponent(queue)}/${encodeURIComponent(id)}`);
    await this.page.waitForSelector("main a, main [role=tablist]");
  }

  // What is on the page: the number at each tab, the jobs, whether the queue is said to be paused.
  see() {
    return this.page.evaluate(() => {
      const tabs = [...document.querySelectorAll("main li a:has([data-text])")].map(tab => {
        const texts = [...tab.querySelectorAll("span")].map(span => span.textContent);
        return [tab.querySelector("[data-text]").dataset.text.toLowerCase().replace(" ", "-"), Number(texts.at(-1)) || 0];
      });
      const jobs = [...document.querySelectorAll("main div > a[href*='/queue/']:has(> span + span)")].map(link => [...link.children].map(span => span.textContent));
      return { tabs: Object.fromEntries(tabs), jobs, text: document.querySelector("#root").innerText };
    });
  }

  // Presses a button of the queue, by its words, and says yes where it asks.
  async press(button) {
    const direct = this.page.locator("main").getByRole("button", { name: button, exact: true });
    if (await direct.count()) await direct.click();
    else await this.choose(button);
    await this.confirm(button);
  }
  async choose(item) {
    await this.page.locator("main button[aria-haspopup=menu]").click();
    await this.page.getByRole("menuitem", { name: item, exact: true }).click();
  }
  // Presses a button of a job, and says yes where it asks.
  async pressOn(id, button) {
    await this.opener(id, button);
    await this.confirm(button);
  }
  // Clicks a button of a job; which it is, it says when the mouse is over it.
  async opener(id, button) {
    const card = this.page.locator(`main div:has(> div > a[href*="/${encodeURIComponent(id)}"])`).last();
    await card.waitFor();
    const names = [];
    for (const candidate of await card.locator("ul button").all()) {
      await candidate.hover();
      names.push(await this.said());
      if (names.at(-1) === button) return candidate.click();
      await this.page.mouse.move(1, 1);
      await this.page.waitForFunction(() => !document.querySelector("[data-base-ui-portal] [data-open][data-side]"));
    }
    throw new Error(`job ${id} has ${names}, and no ${button}`);
  }
  async said() {
    const tip = await this.page.waitForFunction(() => document.querySelector("[data-base-ui-portal] [data-open][data-side] [data-open]")?.textContent);
    return tip.jsonValue();
  }
  async confirm(button) {
    const changed = this.page.waitForResponse(answer => ["PUT", "POST", "PATCH"].includes(answer.request().method()));
    await this.page.locator("[role=alertdialog]").getByRole("button", { name: "Confirm" }).click();
    const answer = await changed;
    if (!answer.ok()) throw new Error(`${button}: ${answer.status()} ${await answer.text()}`);
    await this.page.waitForSelector("[role=alertdialog]", { state: "detached" });
  }

  // Fills in a form and sends it: text by the id of its field, JSON by its label.
  async send(button, fields) {
    const form = this.page.locator("[role=dialog] form");
    await form.waitFor();
    for (const [name, value] of Object.entries(fields)) {
      const field = form.locator(`[id="${name}"]`);
      if (typeof value !== "object") { await field.fill(String(value)); continue; }
      const editor = field.locator("xpath=preceding-sibling::div[1]").locator("[contenteditable=true]");
      await editor.fill(JSON.stringify(value));
      await this.page.waitForFunction(([name, value]) => document.querySelector(`#${name}`).value === value, [name, JSON.stringify(value)]);
    }
    const changed = this.page.waitForResponse(answer => ["PUT", "POST", "PATCH"].includes(answer.request().method()));
    await this.page.locator("[role=dialog]").getByRole("button", { name: button, exact: true }).click();
    const answer = await changed;
    if (!answer.ok()) throw new Error(`${button}: ${answer.status()} ${await answer.text()}`);
    await form.waitFor({ state: "detached" });
  }

  // Reads an address as the page does.
  async get(path) {
    const answer = await this.page.request.get(`${this.base}/api${path}`);
    return { status: answer.status(), body: await answer.json() };
  }
}
