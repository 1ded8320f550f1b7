// bull-board's own server on the queues of a service: real.mjs PORT OPTIONS. Prints its address; ends
// with its stdin. OPTIONS are the options of jobs that say none, as JSON.
import { createBullBoard } from "@bull-board/api";
import { BullMQAdapter } from "@bull-board/api/bullMQAdapter";
import { ExpressAdapter } from "@bull-board/express";
import { Queue } from "bullmq";
import express from "express";

const connection = { host: "127.0.0.1", port: Number(process.argv[2]) };
const defaultJobOptions = JSON.parse(process.argv[3]);
const queues = ["plan-generation", "material-processing"].map(name => new Queue(name, { connection, defaultJobOptions }));
const serverAdapter = new ExpressAdapter().setBasePath("/bull-board");
createBullBoard({ queues: queues.map(queue => new BullMQAdapter(queue)), serverAdapter });
const app = express().use("/bull-board", serverAdapter.getRouter());
const server = app.listen(0, "127.0.0.1", () => console.log(`http://127.0.0.1:${server.address().port}`));
process.stdin.resume().on("end", () => process.exit());
