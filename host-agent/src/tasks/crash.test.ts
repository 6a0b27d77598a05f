/** [F2] The host-agent is killed between every two effects of an attempt's life; the next one makes the best of what lies there. */
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { specOf } from "./testing/task-host.ts";
import { makeReady, removeReady, TasksAgent } from "./testing/tasks-agent.ts";

beforeAll(makeReady);
afterAll(removeReady);

const undo: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

const digest = (text: string) => createHash("sha256").update(text).digest("hex");

/** What the Scheduler does, as TK1 and TK3 say, over any number of lives of the host. */
async function carryOut(dir: string, dieAt: string) {
  const nonces = path.join(dir, "nonces");
  const spec = specOf(["sh", "-c", `echo ran >>'${nonces}'; echo output; sleep 0.1; echo more; exit 4`]);
  const name = { attempt: spec.attempt, fence: 1 };
  let committed = false;
  let lives = 0;
  for (const die of [dieAt, ""]) {
    const agent = new TasksAgent(dir, die);
    lives += 1;
    undo.push(() => agent.kill());
    const named = await agent.until(() => agent.lines.find(({ frame }) => frame?.t === "attempts")?.frame?.items);
    if (named === undefined) continue;
    const status = named.find(({ attempt }) => attempt === spec.attempt)?.status.state;
    if (committed && status === undefined) return { outcome: "forgotten", nonces, spec, lives };
    if (!committed) {
      const offered = await agent.ask("offer", { t: "task.offer", id: 1, ...name, spec });
      if (offered?.value?.answer === undefined) continue;
      committed = true;
    }
    if (status === undefined || status === "accepted") await agent.ask("start", { t: "task.start", id: 2, ...name, sealed: "" });
    const end = await agent.end();
    if (end === undefined) continue;
    agent.tell("ack", { t: "task.ack", ...name });
    if (die === "acked") {
      await agent.gone;
      continue;
    }
    return { outcome: "ended", end, nonces, spec, lives };
  }
  return { outcome: "acked", nonces, spec, lives };
}

const STEPS = ["directory", "intent", "begun", "planned", "stdin", "launch", "spawned", "started", "end", "acked"];

test.each(STEPS)("[F2] killed after '%s': it runs once, and its end and log are whole", async (step) => {
  const dir = mkdtempSync(path.join(tmpdir(), "crash-"));
  undo.push(() => rmSync(dir, { recursive: true, force: true }));
  const { outcome, end, nonces, spec, lives } = await carryOut(dir, step);
  expect(lives).toBe(2);
  expect(existsSync(nonces) ? readFileSync(nonces, "utf8") : "").toBe("ran\n");
  const log = readFileSync(path.join(dir, "attempts", spec.attempt, "agent.log"), "utf8");
  expect(log).toBe("output\nmore\n");
  if (step === "acked") return expect(outcome).toBe("forgotten");
  expect(end).toMatchObject({ outcome: "failed", exitCode: 4, log: { bytes: log.length, sha256: digest(log) } });
});
