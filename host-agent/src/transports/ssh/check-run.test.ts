/** A check of a machine that answers as it likes. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, test } from "vitest";
import { ok } from "@maestro/shared/result";
import { VirtualClock } from "../../daemon/testing/virtual-clock.ts";
import { CheckRun, type Looking } from "./check-run.ts";
import type { RemoteEnd } from "./process.ts";

test("what it says beside the questions is not gathered", async () => {
  const clock = new VirtualClock();
  const run = new CheckRun({ container: "none", cwd: undefined, agents: [], clock, signal: new AbortController().signal });
  setFlagsFromString("--expose-gc");
  const used = () => {
    runInNewContext("gc")();
    return process.memoryUsage().heapUsed;
  };
  const before = used();
  let after = 0;
  const ended: Promise<RemoteEnd> = Promise.resolve({ type: "exited", code: 0 });
  const looking: Looking = { end: () => {}, kill: () => {}, ended };
  await run.look("there", "not asked", async (_script, { stdout }) => {
    for (let i = 0; i < 200_000; i++) await stdout(Buffer.from(`shell\tfield${i}\t${"x".repeat(200)}\n`));
    await stdout(Buffer.from(`shell\tuser\tme\nshell\thostname\t${"h".repeat(100_000)}\nshell\tend\t\n`));
    after = used();
    return ok(looking);
  });
  expect(after - before).toBeLessThan(10 * 1024 * 1024);
});
