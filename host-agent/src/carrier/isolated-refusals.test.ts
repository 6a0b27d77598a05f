/** Work that asks for a container of its own, refused where no engine is needed to tell. */
import { afterEach, describe, expect, test } from "vitest";
import type { AgentTypeFile } from "@maestro/shared/contract/agent-types";
import type { AttemptSpec } from "@maestro/shared/protocol/tasks";
import { IMAGE } from "../../../test/support/docker-engine.ts";
import { systemClock } from "../daemon/clock.ts";
import { IsolatedEngine } from "./isolated-engine.ts";
import { processShell } from "./process-shell.ts";
import { openHost, removeHosts } from "./testing/isolated-host.ts";

afterEach(removeHosts);

test("without an engine that is said", async () => {
  const shell = processShell(() => ({ PATH: "/nonexistent" }), systemClock);
  const engine = new IsolatedEngine({ shell, base: "/nonexistent", host: "hst_standalone" });
  const isolation = { image: IMAGE, sharedNetwork: false, memoryBytes: undefined, cpus: undefined, pids: 1 };
  expect(await engine.ensure("/srv/work", isolation, "free", "task", new AbortController().signal)).toMatchObject({
    ok: false,
    error: { code: "container_engine_missing", field: "isolate_with" },
  });
});

describe("refused at once", () => {
  test.each<[string, Partial<AgentTypeFile>, Partial<AttemptSpec>, RegExp]>([
    ["a type without an image", { image: undefined }, {}, /needs the `image`/],
    ["another container", {}, { container: "dev" }, /has a container of its own/],
    ["a worktree", {}, { workspace: { mode: "worktree", repo: "/srv/repo" } }, /does not see the repository/],
  ])("%s", async (_what, type, more, message) => {
    const host = openHost(IMAGE, {});
    expect(await host.task("true", type, more).offer()).toMatchObject({
      answer: "refused",
      reason: { detail: expect.stringMatching(message) },
    });
  });

  test("a workspace that holds Maestro's own directories", async () => {
    const host = openHost(IMAGE, {});
    const offered = await host.task("true", {}, { workspace: { mode: "path", path: host.dir } }).offer();
    expect(offered).toMatchObject({
      answer: "refused",
      reason: { code: "policy_denied", detail: expect.stringContaining("would be seen") },
    });
  });
});
