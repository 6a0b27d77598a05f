/** [F2] A daemon dies with orders on the way to a runner that has not begun, and the next one ends the attempt meanwhile. */
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { AttemptSpec } from "@maestro/shared/protocol/tasks";
import { systemClock } from "../daemon/clock.ts";
import { readBootId } from "../daemon/process-identity.ts";
import { readStat } from "../holder/processes.ts";
import { leftCgroups, makeCgroups } from "./cgroup-places.ts";
import { killAll, membersOf, removeCgroups } from "./members.ts";
import { belongingOf } from "./testing/runner-rig.ts";
import { specOf } from "./testing/task-host.ts";
import { makeReady, removeReady, TasksAgent } from "./testing/tasks-agent.ts";

const probed = makeCgroups("att_probe_way", {});
removeCgroups(probed);

beforeAll(makeReady);
afterAll(removeReady);

const undo: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

function agentIn(dir: string, dieAt?: string): TasksAgent {
  const agent = new TasksAgent(dir, dieAt);
  undo.push(() => agent.kill());
  return agent;
}

function attemptIn(argv: (dir: string) => readonly string[]) {
  const dir = mkdtempSync(path.join(tmpdir(), "on-the-way-"));
  undo.push(() => rmSync(dir, { recursive: true, force: true, maxRetries: 20 }));
  const spec = specOf(argv(dir));
  const { attempt } = spec;
  const its = { attempt, dir: path.join(dir, "attempts", attempt) };
  undo.push(async () => {
    await killAll(belongingOf(its), systemClock, new AbortController().signal);
    removeCgroups(leftCgroups(attempt));
  });
  return { dir, spec, its, name: { attempt, fence: 1 } };
}

const offer = (agent: TasksAgent, spec: AttemptSpec) =>
  agent.ask("offer", { t: "task.offer", id: 1, attempt: spec.attempt, fence: 1, spec });

/** The child's half that waits for its orders with the runner which that directory's daemon began. */
function waitingHalf(dir: string): number | undefined {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .find((pid) => {
      try {
        const argv = readFileSync(`/proc/${pid}/cmdline`, "latin1");
        return argv.includes(`\0${dir}/runner/`) && argv.includes(".sh\0child\0") && readStat(pid)?.session === pid;
      } catch {
        return false;
      }
    });
}

/** The half has its orders and is held before it takes them; who gave them is gone. */
async function onTheWay(dir: string, spec: AttemptSpec, prepare: () => unknown = () => {}): Promise<{ half: number; runner: number }> {
  const first = agentIn(dir, "spawned");
  expect((await offer(first, spec))?.value?.answer).toBe("accepted");
  await expect.poll(() => waitingHalf(dir)).toBeDefined();
  const half = waitingHalf(dir) ?? 0;
  process.kill(half, "SIGSTOP");
  undo.push(() => isLiving(half) && process.kill(half, "SIGKILL"));
  await prepare();
  await first.ask("start", { t: "task.start", id: 2, attempt: spec.attempt, fence: 1, sealed: "" });
  await first.gone;
  return { half, runner: readStat(half)?.ppid ?? 0 };
}

const isLiving = (pid: number): boolean => !["Z", undefined].includes(readStat(pid)?.state);

// With systemd no shell begins before its scope is wanted.
describe.skipIf(!existsSync("/proc/self/cmdline") || existsSync("/run/systemd/system"))("orders on the way", () => {
  const ran = (dir: string) => path.join(dir, "ran");
  const leaves = (dir: string) => ["sh", "-c", `echo ran >'${ran(dir)}'; sleep 60`];

  test("[TK4] of an attempt that is cancelled before it began start nothing any more", async () => {
    const { dir, spec, name } = attemptIn(leaves);
    const { half, runner } = await onTheWay(dir, spec);
    const next = agentIn(dir);
    const answer = await next.ask("cancel", { t: "task.cancel", id: 3, ...name, graceMs: 0, why: "cancelled" });
    expect(answer?.value?.status).toMatchObject({ state: "ended", end: { outcome: "cancelled" } });
    process.kill(half, "SIGCONT");
    await expect.poll(() => [half, runner].filter(isLiving)).toEqual([]);
    expect(existsSync(ran(dir))).toBe(false);
  });

  test("[TK5] of an attempt whose next start fails start nothing any more", async () => {
    const { dir, spec, name } = attemptIn(leaves);
    const { half, runner } = await onTheWay(dir, spec);
    const next = agentIn(dir);
    const answer = await next.ask("start", { t: "task.start", id: 3, ...name, sealed: "no-seal" });
    expect(answer?.value?.status).toMatchObject({ state: "ended", end: { outcome: "failed", reason: { code: "secret_missing" } } });
    process.kill(half, "SIGCONT");
    await expect.poll(() => [half, runner].filter(isLiving)).toEqual([]);
    expect(existsSync(ran(dir))).toBe(false);
  });

  test("[TK4] that begin right before it is cancelled: it is ended as what runs, though its child is not there yet", async () => {
    const { dir, spec, its, name } = attemptIn(leaves);
    const why = path.join(its.dir, "why");
    const { half } = await onTheWay(dir, spec, async () => {
      if (probed.length > 0) await expect.poll(() => existsSync(why)).toBe(true);
      // The half writes this one itself when not all groups that were made for it are there, and is held at it: nobody reads from there.
      removeCgroups(leftCgroups(spec.attempt).slice(0, 1));
      rmSync(why, { force: true });
      spawnSync("mkfifo", [why]);
    });
    const next = agentIn(dir);
    await next.until(() => next.lines.find(({ frame }) => frame?.t === "attempts"));
    process.kill(half, "SIGCONT");
    await expect.poll(() => existsSync(path.join(its.dir, "started"))).toBe(true);
    const answer = await next.ask("cancel", { t: "task.cancel", id: 3, ...name, graceMs: 0, why: "cancelled" });
    expect(answer?.value?.status?.state).not.toBe("ended");
    expect(existsSync(path.join(its.dir, "child"))).toBe(false);
    spawnSync("cat", [why], { timeout: 10_000 });
    rmSync(why, { force: true });
    expect(await next.end()).toMatchObject({ outcome: "cancelled", reason: { detail: "Cancelled while it ran." } });
    expect(membersOf(belongingOf(its))).toEqual([]);
  });

  test("[TK1] that begin right before the next start fails: what runs is told as that", async () => {
    const { dir, spec, its, name } = attemptIn(leaves);
    const { half } = await onTheWay(dir, spec);
    const next = agentIn(dir);
    await next.until(() => next.lines.find(({ frame }) => frame?.t === "attempts"));
    process.kill(half, "SIGCONT");
    await expect.poll(() => existsSync(path.join(its.dir, "started"))).toBe(true);
    const answer = await next.ask("start", { t: "task.start", id: 3, ...name, sealed: "no-seal" });
    expect(answer?.value?.status?.state).toBe("running");
    await next.ask("cancel", { t: "task.cancel", id: 4, ...name, graceMs: 0, why: "cancelled" });
    expect(await next.end()).toMatchObject({ outcome: "cancelled" });
    expect(membersOf(belongingOf(its))).toEqual([]);
  });

  test("[TK4] a runner that is at naming itself is waited for, and what is asked meanwhile is not forgotten", async () => {
    const { dir, spec, its, name } = attemptIn(leaves);
    const first = agentIn(dir, "launch");
    await offer(first, spec);
    await first.ask("start", { t: "task.start", id: 2, ...name, sealed: "" });
    await first.gone;
    removeCgroups(leftCgroups(spec.attempt));
    const lay = (file: string, text: string) => writeFileSync(path.join(its.dir, file), text);
    lay("cgroups", "");
    lay("started", "");
    const next = agentIn(dir);
    const answer = await next.ask("cancel", { t: "task.cancel", id: 3, ...name, graceMs: 0, why: "cancelled" });
    expect(answer?.value?.status?.state).toBe("accepted");
    const runner = spawn("sleep", ["60"], { detached: true });
    undo.push(() => runner.kill("SIGKILL"));
    const identity = `${runner.pid} ${readStat(runner.pid ?? 0)?.started}`;
    lay("child", `${identity}\n`);
    lay("started", `${identity} ${readBootId()}\n`);
    expect(await next.end()).toMatchObject({ outcome: "cancelled", reason: { detail: "Cancelled while it ran." } });
    await expect.poll(() => runner.signalCode).toBe("SIGINT");
  });

  test("[F2] a daemon that dies before it wrote down that it cancelled leaves an attempt that can be started", async () => {
    const { dir, spec, its, name } = attemptIn((at) => ["sh", "-c", `echo ran >>'${ran(at)}'`]);
    const first = agentIn(dir, "barred");
    await offer(first, spec);
    await first.ask("cancel", { t: "task.cancel", id: 2, ...name, graceMs: 0, why: "cancelled" });
    await first.gone;
    expect(existsSync(path.join(its.dir, "end.json"))).toBe(false);
    const next = agentIn(dir);
    const named = await next.until(() => next.lines.find(({ frame }) => frame?.t === "attempts")?.frame?.items);
    expect(named).toMatchObject([{ attempt: spec.attempt, status: { state: "accepted" } }]);
    await next.ask("start", { t: "task.start", id: 3, ...name, sealed: "" });
    expect(await next.end()).toMatchObject({ outcome: "completed" });
    expect(readFileSync(ran(dir), "utf8")).toBe("ran\n");
  });
});
