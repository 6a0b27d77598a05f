/** A whole host-agent with tasks of a test, all of which end with it. */
import { writeFileSync } from "node:fs";
import * as path from "node:path";
import { expect } from "vitest";
import type { AttemptSpec } from "@maestro/shared/protocol/tasks";
import type { Settings } from "../../config/env.ts";
import type { TestHome } from "../../daemon/testing/host-home.ts";
import { leftCgroups } from "../cgroup-places.ts";
import { membersOf, removeCgroups } from "../members.ts";
import { attemptFile, Dialogue, specOf, startTaskHost, type TaskHost } from "./task-host.ts";

/** After each test. */
export const undo: (() => unknown)[] = [];
export async function undoAll(): Promise<void> {
  for (const step of undo.splice(0).reverse()) await step();
}

interface SetUp {
  settings?: Partial<Settings>;
  policy?: string;
  prepare?: (home: TestHome) => void;
}

export async function setUp({ settings = {}, policy, prepare }: SetUp = {}) {
  const host = await startTaskHost(settings, (home) => {
    if (policy !== undefined) writeFileSync(home.paths.policyFile, policy, { mode: 0o600 });
    prepare?.(home);
  });
  const started: Dialogue[] = [];
  undo.push(
    () => host.relay.close(),
    () => host.home.remove(),
    () => host.agent.stop(),
    async () => {
      for (const { link, spec } of started)
        if (link.closed === undefined)
          link.send({ t: "task.cancel", id: link.nextId(), attempt: spec.attempt, fence: spec.fence, graceMs: 0, why: "cancelled" });
      for (const { spec } of started) await expect.poll(() => membersOf(belonging(host, spec.attempt))).toEqual([]);
      for (const { spec } of started) removeCgroups(leftCgroups(spec.attempt));
    },
  );
  const link = await host.relay.link(0);
  await link.frame("attempts");
  const dialogue = (argv: readonly string[], more: Partial<AttemptSpec> = {}) => {
    const made = new Dialogue(link, specOf(argv, more), host.home.identity);
    started.push(made);
    return made;
  };
  return { host, link, dialogue };
}

export const belonging = (host: TaskHost, attempt: string) => {
  const [pid, started = ""] = attemptFile(host, attempt, "child")?.split("\n")[0]?.split(" ") ?? [];
  return {
    attempt,
    cgroups: (attemptFile(host, attempt, "cgroups") ?? "").split("\n").filter(Boolean),
    child: pid === undefined ? undefined : { pid: Number(pid), started },
  };
};

export const killRunner = (host: TaskHost, { spec }: Dialogue) =>
  process.kill(Number(attemptFile(host, spec.attempt, "started")?.split(" ")[0]), "SIGKILL");

/** What a child waits for, so that it runs as long as the test wants and no longer. */
export const gateOf = (host: TaskHost) => {
  const file = path.join(host.home.dir, "gate");
  return { wait: `while [ ! -e '${file}' ]; do sleep 0.02; done`, open: () => writeFileSync(file, "") };
};
