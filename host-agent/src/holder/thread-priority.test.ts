import { readdirSync, readFileSync } from "node:fs";
import { once } from "node:events";
import { getPriority } from "node:os";
import { Worker } from "node:worker_threads";
import { expect, test } from "vitest";

/** Of every thread of this process, as the kernel says. */
const niceness = (): number[] =>
  readdirSync("/proc/self/task").map((tid) => Number(readFileSync(`/proc/self/task/${tid}/stat`, "latin1").split(") ")[1]?.split(" ")[16]));

test.runIf(process.platform === "linux" && getPriority() < 10)("one thread steps back, and no other", async () => {
  const before = niceness().filter((nice) => nice === 10).length;
  const source = `import(${JSON.stringify(new URL("thread-priority.ts", import.meta.url).href)}).then(({ yieldToOtherThreads }) => {
    yieldToOtherThreads();
    const { parentPort } = require("node:worker_threads");
    parentPort.postMessage("done");
    parentPort.once("message", () => process.exit());
  });`;
  const worker = new Worker(source, { eval: true });
  await once(worker, "message");
  expect(niceness().filter((nice) => nice === 10).length - before).toBe(1);
  worker.postMessage("end");
  await once(worker, "exit");
});
