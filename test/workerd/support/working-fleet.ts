/** The whole Worker, and an agent on a linked host that takes every task and runs it until the test says how it ended. */
import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { expect } from "vitest";
import type { Task, TaskDetail } from "@maestro/shared/contract/tasks";
import type { AttemptEnd } from "@maestro/shared/protocol/tasks";
import { configOf } from "../../../control-plane/src/config.ts";
import { makeAttemptToken } from "../../../control-plane/src/crypto/attempt-token.ts";
import type { Scheduler } from "../../../control-plane/src/objects/scheduler.ts";
import { call, json } from "../access-fleet.ts";
import { linkedFleet } from "./linked-fleet.ts";
import type { Text } from "./relay-frames.ts";
import { evict } from "./object-life.ts";

const SHA_OF_NOTHING = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/** Looks at a task that starts. A relay that could not tell the Scheduler of its host at once does so seconds later. */
const PATIENCE = 200;
/** Turns of the link between two of them: whoever has looked often looks less often, since a credential may ask so much a minute. */
const turnsBefore = (look: number): number => (look < 20 ? 1 : 100);

export async function workingFleet() {
  const base = await linkedFleet();
  const { fleet, host, link, api } = base;
  link.answers.set("task.offer", () => ({ answer: "accepted" }));
  const reports = new Map<string, { attempt: string; fence: number; status: object }>();
  link.reports = () => [...reports.values()];
  link.answers.set("task.start", ({ attempt, fence }) => {
    const status = { state: "running", startedMs: Date.now(), pid: 7, workspace: "/tmp/w/t", logBytes: 0 };
    reports.set(String(attempt), { attempt: String(attempt), fence: Number(fence), status });
    return { status };
  });
  link.answers.set("task.cancel", () => ({ status: { state: "cancelling", sinceMs: Date.now() } }));
  link.answers.set("task.cleanup", () => ({ outcome: "removed" }));
  link.say({ t: "attempts", items: [], first: true, more: false });
  const agent = (name: string, type = "shell"): Promise<Response> =>
    api("/api/v1/agents", { body: { name, type, workspace: `/tmp/${name}` } });
  await agent("rev");
  const scheduler = () => env.SCHEDULER.getByName(fleet.id);
  // What is done to the host from here on is done to one that the Scheduler has taken up.
  await expect.poll(() => isTakenUp(scheduler(), host.id)).toBe(true);
  const detail = async (id: string): Promise<TaskDetail> => json(api(`/api/v1/tasks/${id}`));
  return {
    ...base,
    agent,
    scheduler,
    detail,
    submit: async (body: object, token = fleet.owner.token): Promise<Task> => json(call("/api/v1/tasks", { token, body })),
    /** Its latest attempt, once the host was told to start it. */
    async running(id: string): Promise<TaskDetail["attempts"][number]> {
      for (let asked = 0; ; asked++) {
        const { attempts, status, waiting } = await detail(id);
        if (asked === PATIENCE) throw new Error(`task ${id} is ${status}: ${JSON.stringify(waiting)}`);
        const attempt = attempts.find((one) => one.status === "running");
        if (status === "running" && attempt !== undefined) return attempt;
        for (let turn = 0; turn < turnsBefore(asked); turn++) await link.pingPong();
      }
    },
    ended(attempt: { id: string; fence: number }, end: Partial<AttemptEnd> = {}): void {
      const log = { bytes: 0, sha256: SHA_OF_NOTHING };
      const report = {
        attempt: attempt.id,
        fence: attempt.fence,
        status: { state: "ended", end: { outcome: "completed", exitCode: 0, endedMs: Date.now(), log, ...end } },
      };
      reports.set(attempt.id, report);
      link.say({ t: "task.status", report });
    },
    /** What the host was asked of this kind. */
    asked: (t: string): Text[] => link.asked.filter((frame) => frame.t === t),
    tokenOf: (task: string, attempt: { id: string; fence: number }): Promise<string> => attemptToken(fleet.id, task, attempt),
    /** The object is taken out of memory; its sockets stay. */
    evict: (): Promise<void> => evict(scheduler()),
    /** Everything the Scheduler has stored, as text. */
    stored: (): Promise<string> =>
      runInDurableObject(scheduler(), (_scheduler, { storage: { sql } }) => {
        const tables = sql
          .exec<{ name: string }>("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '\\_cf%' ESCAPE '\\'")
          .toArray();
        return JSON.stringify(tables.map(({ name }) => sql.exec(`SELECT * FROM "${name}"`).toArray()));
      }),
  };
}

/** It has named its attempts. */
async function isTakenUp(scheduler: DurableObjectStub<Scheduler>, host: string): Promise<boolean> {
  // As whoever looks: the pool may lose the timer of an object.
  await scheduler.queueView({ limit: 1, reach: {} });
  return runInDurableObject(scheduler, (_scheduler, { storage: { sql } }) => {
    const [row] = sql.exec<{ json: string }>("SELECT json FROM hosts WHERE id = ?", host).toArray();
    return row !== undefined && (JSON.parse(row.json) as { ready?: boolean }).ready === true;
  });
}

export type WorkingFleet = Awaited<ReturnType<typeof workingFleet>>;

/** As an agent is given it; whether the attempt runs is another matter. */
export async function attemptToken(fleet: string, task: string, { id: attempt, fence }: { id: string; fence: number }): Promise<string> {
  const { keys } = await configOf(env);
  return makeAttemptToken(keys.attempt, { fleet, task, attempt, fence });
}
