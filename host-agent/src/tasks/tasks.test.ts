import { createHash } from "node:crypto";
import { afterEach, expect, test } from "vitest";
import type { Settings } from "../config/env.ts";
import type { TestHome } from "../daemon/testing/host-home.ts";
import type { AttemptSpec } from "@maestro/shared/protocol/tasks";
import { attemptFile, Dialogue, specOf, startTaskHost } from "./testing/task-host.ts";

const undo: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

async function setUp(settings: Partial<Settings> = {}, prepare?: (home: TestHome) => void) {
  const host = await startTaskHost(settings, prepare);
  undo.push(
    () => host.relay.close(),
    () => host.home.remove(),
    () => host.agent.stop(),
  );
  const link = await host.relay.link(0);
  await link.frame("attempts");
  const dialogue = (argv: readonly string[], more: Partial<AttemptSpec> = {}) => new Dialogue(link, specOf(argv, more), host.home.identity);
  return { host, link, dialogue };
}

test("[TK1] an offer is accepted, started, runs and ends, with its log and exit", async () => {
  const { host, dialogue } = await setUp();
  const task = dialogue(["sh", "-c", "echo hello; echo bad >&2; exit 3"]);
  expect(await task.offer()).toEqual({ answer: "accepted" });
  expect(attemptFile(host, task.spec.attempt, "started")).toBeUndefined();
  expect(await task.start()).toMatchObject({ state: "running", workspace: `${host.workspaceRoot}/commands/${task.spec.task}` });
  const end = await task.ended();
  const log = attemptFile(host, task.spec.attempt, "agent.log") ?? "";
  expect(log).toBe("hello\nbad\n");
  expect(end).toMatchObject({
    outcome: "failed",
    exitCode: 3,
    reason: { code: "exit_nonzero" },
    log: { bytes: log.length, sha256: createHash("sha256").update(log).digest("hex") },
  });
});
