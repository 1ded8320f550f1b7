// Drives the study page through its states and keeps screenshots: look.mjs PUBLIC ADMIN FOLDER FILE…
import { chromium } from "playwright-core";
import { createRequire } from "node:module";
const [publicUrl, adminUrl, folder, ...files] = process.argv.slice(2);
const axe = createRequire(import.meta.url).resolve("axe-core/axe.min.js");
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});
const report = { requests: [], errors: [], violations: {} };
async function open(options = {}) {
  const context = await browser.newContext({ viewport: { width: 1440, height: 1000 }, bypassCSP: true, ...options });
  const page = await context.newPage();
  page.on("request", request => { if (!request.url().startsWith(publicUrl) && !request.url().startsWith(adminUrl) && !request.url().startsWith("data:")) report.requests.push(request.url()); });
  // A browser logs each refusal as an error; those that are asked for here are no fault.
  page.on("console", message => { if (message.type() === "error" && !(page.refusals && / status of 4\d\d /.test(message.text()))) report.errors.push(message.text()); });
  page.on("pageerror", error => report.errors.push(String(error)));
  return page;
}
async function check(page, name) {
  await page.addScriptTag({ path: axe });
  const found = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
  const serious = found.violations.filter(v => ["serious", "critical"].includes(v.impact));
  if (serious.length) report.violations[name] = serious.map(v => `${v.id}: ${v.nodes.map(n => n.target.join(" ")).slice(0, 3).join(", ")}`);
}
const page = await open();
await page.goto(publicUrl);
await page.screenshot({ path: `${folder}/empty-1440-light.png`, fullPage: true });
await check(page, "empty");
await page.setInputFiles("#files", files);
await page.waitForFunction(n => document.querySelectorAll("#documents .ring.done").length >= n, files.length, { timeout: 60_000 });
await page.fill('input[name="goal"]', "understand queues in two weeks");
await page.fill('input[name="specialRequirements"]', "no weekends");
await page.click("#plan-form .primary");
await page.waitForSelector("#plans .modules", { timeout: 60_000 });
await page.screenshot({ path: `${folder}/plan-1440-light.png`, fullPage: true });
await check(page, "plan");
await page.reload();
await page.waitForSelector("#plans .modules");
await page.click("#plans a.source");
await page.waitForSelector("#sheet[open] .text");
await page.screenshot({ path: `${folder}/passage-1440-light.png` });
await check(page, "passage");
// Close is in sight at every width; Escape closes the sheet, and so does a click beside it.
const inSight = (page, selector) => page.evaluate(selector => {
  const { top, bottom, left, right } = document.querySelector(selector).getBoundingClientRect();
  return top >= 0 && left >= 0 && bottom <= innerHeight && right <= innerWidth;
}, selector);
report.sheet = [];
for (const width of [1440, 1024, 360]) {
  await page.setViewportSize({ width, height: 800 });
  if (!await page.evaluate(() => document.querySelector("#sheet").open)) await page.click("#plans a.source");
  await page.waitForSelector("#sheet[open] .text");
  report.sheet.push(await inSight(page, "#sheet button"));
  if (width === 1024) await page.mouse.click(100, 400);
  else await page.keyboard.press("Escape");
  await page.waitForSelector("#sheet:not([open])", { state: "attached" });
}
await page.setViewportSize({ width: 1440, height: 1000 });
await page.click("#plans .check");
await page.waitForSelector('#plans .check[aria-pressed="true"]');
for (const [name, options] of Object.entries({
  "plan-360-light": { viewport: { width: 360, height: 800 } },
  "plan-768-dark": { viewport: { width: 768, height: 1000 }, colorScheme: "dark" },
  "plan-1440-dark-ko": { viewport: { width: 1440, height: 1000 }, colorScheme: "dark", locale: "ko-KR" },
})) {
  const other = await open(options);
  await other.goto(publicUrl);
  await other.waitForSelector("#plans .modules");
  await other.screenshot({ path: `${folder}/${name}.png`, fullPage: true });
  await check(other, name);
  const wide = await other.evaluate(() => document.documentElement.scrollWidth > innerWidth);
  if (wide) report.errors.push(`${name} scrolls sideways`);
}
// A document that cannot be read says why; trying again ends the same; removing it clears the list.
await page.setInputFiles("#files", { name: "broken.pdf", mimeType: "application/pdf", buffer: Buffer.from("%PDF-1.4\nnothing\n%%EOF") });
await page.waitForSelector("#documents .ring.fail", { timeout: 60_000 });
await page.screenshot({ path: `${folder}/failed-1440-light.png` });
await check(page, "failed");
const retried = page.waitForResponse(answer => answer.url().endsWith("/retry"));
await page.click('#documents form[action$="/retry"] button');
report.retried = (await retried).status() === 204;
await page.waitForSelector("#documents .ring.fail", { timeout: 60_000 });
// A job that waits can be cancelled: the queue is paused, the document waits.
const queue = action => fetch(`${adminUrl}/api/queues/material-processing/${action}`, { method: "POST" });
await queue("pause");
await page.setInputFiles("#files", { name: "waits.md", mimeType: "text/markdown", buffer: Buffer.from("# Waits\n\nA text that waits for its turn.") });
await page.waitForSelector('#documents form[action$="/cancel"] button', { timeout: 60_000 });
await page.click('#documents form[action$="/cancel"] button');
await page.waitForFunction(() => document.querySelectorAll("#documents .ring.fail").length === 2, null, { timeout: 20_000 });
report.cancelled = true;
await queue("resume");
// With many documents five at most are ticked, none that a plan uses; a refusal stands beside the
// button, in the reader's words, with the focus.
const chooser = await open({ viewport: { width: 1024, height: 600 } });
chooser.refusals = true;
await chooser.goto(publicUrl);
const many = Array.from({ length: 7 }, (_, at) => ({ name: `many-${at}.md`, mimeType: "text/markdown", buffer: Buffer.from(`# Many ${at}\n\nThe text of document number ${at}.`) }));
await chooser.setInputFiles("#files", many);
await chooser.waitForFunction(() => document.querySelectorAll("#documents .ring.done").length === 9, null, { timeout: 60_000 });
const boxes = () => chooser.$$eval('input[name="material"]', boxes => boxes.map(box => box.checked));
report.ticked = { live: (await boxes()).filter(Boolean).length };
await chooser.reload();
const ticked = await chooser.$$eval('input[name="material"]:checked', boxes => boxes.map(box => box.closest("li").dataset.title));
report.ticked.fresh = ticked.length;
report.ticked.used = ticked.filter(title => !title.startsWith("Many")).length;
const plansBefore = await chooser.locator("#plans .plan").count();
report.refused = {};
for (const wanted of [true, false]) {
  for (const box of await chooser.$$('input[name="material"]')) await box.setChecked(wanted);
  await chooser.fill('input[name="goal"]', "learn all of it");
  await chooser.click("#plan-form .primary");
  await chooser.waitForSelector("#plan-form .problem:not([hidden])");
  await chooser.waitForFunction(() => document.activeElement?.id === "problem");
  report.refused[wanted ? "all" : "none"] = await chooser.textContent("#problem");
  if (!await inSight(chooser, "#problem")) report.errors.push("the refusal is out of sight");
}
await chooser.screenshot({ path: `${folder}/refused-1024-light.png` });
await check(chooser, "refused");
report.refused.plans = await chooser.locator("#plans .plan").count() - plansBefore;
// Each file that was refused says so in its own row, until it is dismissed.
await chooser.setInputFiles("#files", ["one.exe", "two.exe"].map(name => ({ name, mimeType: "application/octet-stream", buffer: Buffer.from("MZ") })));
await chooser.waitForFunction(() => document.querySelectorAll("#documents .failed").length === 2);
await chooser.screenshot({ path: `${folder}/refused-files-1024-light.png` });
await check(chooser, "refused files");
for (const row of await chooser.$$("#documents .failed button")) await row.click();
await chooser.waitForFunction(() => document.querySelectorAll("#documents .failed").length === 0);
// Removing asks first, with the keyboard alone; Escape keeps, the second button removes.
const row = '#documents li[data-title="Many 0"]';
await chooser.focus(`${row} summary`);
await chooser.keyboard.press("Enter");
await chooser.waitForSelector(`${row} .danger`);
await chooser.screenshot({ path: `${folder}/confirm-1024-light.png` });
await check(chooser, "confirm");
await chooser.keyboard.press("Escape");
await chooser.waitForSelector(`${row} .danger`, { state: "hidden" });
report.removal = { kept: await chooser.locator(row).count() };
await chooser.click(`${row} summary`);
await chooser.waitForSelector(`${row} .danger`);
report.removal.asked = await chooser.locator(row).count();
await chooser.keyboard.press("Tab");
await chooser.keyboard.press("Enter");
await chooser.waitForSelector(row, { state: "detached" });
report.removal.removed = true;
await chooser.click("#plans summary.quiet");
report.removal.plans = await chooser.locator("#plans .plan").count();
await chooser.click("#plans .danger");
await chooser.waitForFunction(() => document.querySelectorAll("#plans .plan").length === 0);
// A mistyped address is a page for a browser.
await chooser.goto(`${publicUrl}/mistyped`);
report.mistyped = await chooser.textContent(".problem");
const console_ = await open();
await console_.goto(adminUrl);
await console_.screenshot({ path: `${folder}/operators-1440-light.png`, fullPage: true });
await check(console_, "operators");
const docs = await open();
await docs.goto(`${publicUrl}/docs`);
await docs.screenshot({ path: `${folder}/docs-1440-light.png` });
await check(docs, "docs");
console.log(JSON.stringify(report, null, 1));
await browser.close();
