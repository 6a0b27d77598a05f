/** What a host-agent makes of the attempts that an earlier one left, after its crash or a restart of the machine. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import * as path from "node:path";
import { afterEach, expect, test } from "vitest";
import type { AttemptSpec } from "@maestro/shared/protocol/tasks";
import type { Settings } from "../config/env.ts";
import { systemClock } from "../daemon/clock.ts";
import { startTestAgent } from "../daemon/testing/host-home.ts";
import { MemoryHolder } from "../daemon/testing/memory-holder.ts";
import { readStat } from "../holder/processes.ts";
import { leftCgroups, makeCgroups } from "./cgroup-places.ts";
import { killAll, membersOf, removeCgroups } from "./members.ts";
import { attemptFile, type Dialogue, type TaskHost } from "./testing/task-host.ts";
import { belonging, gateOf, killRunner, setUp, undo, undoAll } from "./testing/task-rig.ts";

const probed = makeCgroups("att_probe", {});
removeCgroups(probed);

afterEach(undoAll);

/** The host-agent, and all that ran of the attempt, as a machine that goes down ends them. */
async function stopWith(host: TaskHost, task: Dialogue): Promise<void> {
  await host.agent.stop();
  killRunner(host, task);
  await killAll(belonging(host, task.spec.attempt), systemClock, new AbortController().signal);
}

/** As if it had been written before the machine was started again. */
const ofAnotherBoot = (file: string) =>
  writeFileSync(file, readFileSync(file, "utf8").replace(/[0-9a-f]{8}-[0-9a-f-]{27}/, "00000000-0000-0000-0000-000000000000"));

async function restart(host: TaskHost, settings: Partial<Settings> = {}) {
  const agent = startTestAgent(host.home.paths, new MemoryHolder().open, {
    workspaceRoot: host.workspaceRoot,
    minFreeMb: 1,
    ...settings,
  });
  undo.push(() => agent.stop());
  const link = await host.relay.link(1);
  await link.frame("attempts");
  return link;
}

test("[F1] what runs is followed by the next one, to the same end and log", async () => {
  const { host, dialogue } = await setUp();
  const gate = gateOf(host);
  const task = dialogue(["sh", "-c", `echo one; ${gate.wait}; echo two; exit 5`], { secretNames: ["KEY"] });
  await task.offer();
  await task.start({ KEY: "two" });
  await host.agent.stop();
  const link = await restart(host);
  expect(link.frames("attempts")[0]?.items).toMatchObject([{ attempt: task.spec.attempt, status: { state: "running" } }]);
  gate.open();
  expect(await task.ended(link)).toMatchObject({ outcome: "failed", exitCode: 5, log: { bytes: 8 } });
});

test("[LG4] a child that is taken up keeps its secrets out of its log", async () => {
  const { host, dialogue } = await setUp();
  const secret = "taken-up-secret";
  const gate = gateOf(host);
  const task = dialogue(["sh", "-c", `${gate.wait}; echo "it is $KEY"`], { secretNames: ["KEY"] });
  await task.offer();
  await task.start({ KEY: secret });
  await host.agent.stop();
  const link = await restart(host);
  gate.open();
  await task.ended(link);
  expect(attemptFile(host, task.spec.attempt, "agent.log")).toBe(`it is ${"*".repeat(secret.length)}\n`);
});

async function endedUnseen(argv: readonly string[], secrets: Record<string, string>, more: Partial<AttemptSpec> = {}) {
  const { host, dialogue } = await setUp();
  const gate = gateOf(host);
  const task = dialogue(["sh", "-c", `${gate.wait}; ${argv.join("; ")}`], { secretNames: Object.keys(secrets), ...more });
  await task.offer();
  await task.start(secrets);
  await host.agent.stop();
  gate.open();
  await expect.poll(() => attemptFile(host, task.spec.attempt, "exit.json")).toBeDefined();
  return { host, task, log: () => attemptFile(host, task.spec.attempt, "agent.log") };
}

test("[TK5] [LG4] secrets of a child that ended unseen are asked for again, and no byte of its log or result leaves before", async () => {
  const secret = "printed-unseen";
  const { host, task, log } = await endedUnseen(['echo "it is $KEY"'], { KEY: secret });
  host.relay.recalls = false;
  const link = await restart(host);
  const asked = await link.frame("task.secrets", ({ attempt }) => attempt === task.spec.attempt);
  expect(asked).toMatchObject({ fence: 1 });
  // Whatever is asked of it meanwhile.
  link.send({ t: "log.need", attempt: task.spec.attempt, from: 0 });
  link.send({ t: "log.follow", attempt: task.spec.attempt, follow: true });
  expect((await task.offer(link)).answer).toBe("known");
  expect(log()).toBe(`it is ${secret}\n`);
  expect(link.received.filter(({ type }) => type === "data")).toEqual([]);
  link.send({ ...asked, sealed: host.relay.links[0]?.sealed.get(task.spec.attempt) ?? "" });
  const end = await task.ended(link);
  expect(end).toMatchObject({ outcome: "completed", log: { bytes: 21 } });
  expect(end.log?.unredacted).toBeUndefined();
  const clean = `it is ${"*".repeat(secret.length)}\n`;
  expect(log()).toBe(clean);
  const bytes = await link.until(() => link.received.flatMap((entry) => (entry.type === "data" ? [entry.frame.payload] : []))[0]);
  expect(Buffer.from(bytes).toString()).toBe(clean);
  expect(JSON.stringify(link.received)).not.toContain(secret);
});

test("[LG4] where nobody knows them any more, what looks like a secret is blotted out, and the end names what may be left", async () => {
  const { host, task, log } = await endedUnseen(["echo $KEY", "echo $TOKEN", "echo plain words stay"], {
    KEY: "printed-unseen",
    TOKEN: `ghp_${"a1B2c3".repeat(6)}`,
  });
  host.relay.links[0]?.sealed.clear();
  const end = await task.ended(await restart(host));
  expect(end.log?.unredacted?.toSorted()).toEqual(["KEY", "MAESTRO_TOKEN", "TOKEN"]);
  expect(log()).toBe(`printed-unseen\n${"*".repeat(40)}\nplain words stay\n`);
});

test("[F4] what ended meanwhile is told from its exit file", async () => {
  const { host, dialogue } = await setUp();
  const gate = gateOf(host);
  const task = dialogue(["sh", "-c", `${gate.wait}; echo x; exit 8`]);
  await task.offer();
  await task.start();
  await host.agent.stop();
  gate.open();
  await expect.poll(() => attemptFile(host, task.spec.attempt, "exit.json")).toBeDefined();
  expect(await task.ended(await restart(host))).toMatchObject({ outcome: "failed", exitCode: 8, log: { bytes: 2 } });
});

test("[F6] a runner that was killed meanwhile: failed, and nothing of it is left", async () => {
  const { host, dialogue } = await setUp();
  const task = dialogue(["sh", "-c", "setsid sleep 60 & sleep 60"]);
  await task.offer();
  await task.start();
  await host.agent.stop();
  killRunner(host, task);
  expect(await task.ended(await restart(host))).toMatchObject({ outcome: "failed", reason: { code: "runner_died" } });
  expect(membersOf(belonging(host, task.spec.attempt))).toEqual([]);
});

test("a reboot: what was begun is lost, what was only accepted is not", async () => {
  const { host, dialogue } = await setUp();
  const [begun, accepted] = [dialogue(["sleep", "60"]), dialogue(["true"])];
  await accepted.offer();
  await begun.offer();
  await begun.start();
  await host.agent.stop();
  killRunner(host, begun);
  for (const name of ["started", "launch.json"]) ofAnotherBoot(path.join(host.home.paths.attemptsDir, begun.spec.attempt, name));
  const link = await restart(host);
  expect(await begun.ended(link)).toMatchObject({ outcome: "lost", reason: { code: "host_reboot" } });
  expect(link.frames("attempts")[0]?.items.find(({ attempt }) => attempt === accepted.spec.attempt)?.status).toEqual({
    state: "accepted",
  });
});

test("a reboot that lost the files nobody waited for: what was begun is lost all the same", async () => {
  const { host, dialogue } = await setUp();
  const task = dialogue(["sleep", "60"]);
  await task.offer();
  await task.start();
  await stopWith(host, task);
  const dir = path.join(host.home.paths.attemptsDir, task.spec.attempt);
  for (const name of ["started", "runner.pid", "child", "launch.json", "agent.log"]) rmSync(path.join(dir, name), { force: true });
  const begun = path.join(dir, "begun.json");
  ofAnotherBoot(begun);
  const link = await restart(host);
  expect(await task.ended(link)).toMatchObject({ outcome: "lost", reason: { code: "host_reboot" } });
  expect(JSON.parse(readFileSync(begun, "utf8"))).toMatchObject({ kind: "default", adapter: "shell" });
});

test("what a plan refuses was not begun: after a reboot nobody takes it for lost", async () => {
  const { host, dialogue } = await setUp();
  const task = dialogue(["true"], { cwd: "nowhere" });
  expect(await task.run()).toMatchObject({ outcome: "failed", reason: { code: "workspace_error" } });
  expect(attemptFile(host, task.spec.attempt, "end.json")).toBeDefined();
  expect(attemptFile(host, task.spec.attempt, "begun.json")).toBeUndefined();
});

test.skipIf(probed.length === 0)("cgroups are ready before the start, and go when none comes", async () => {
  const { host, dialogue } = await setUp();
  const [run, cancelled, left] = [dialogue(["true"]), dialogue(["true"]), dialogue(["true"])];
  const groups = (task: Dialogue) => leftCgroups(task.spec.attempt);
  for (const task of [run, cancelled, left]) {
    await task.offer();
    await expect.poll(() => groups(task).length).toBeGreaterThan(0);
  }
  const made = groups(run);
  await run.start();
  expect(attemptFile(host, run.spec.attempt, "cgroups")?.trim().split("\n")).toEqual(made);
  await run.ended();
  expect(groups(run)).toEqual([]);
  await cancelled.cancel();
  expect(groups(cancelled)).toEqual([]);
  await host.agent.stop();
  expect(groups(left)).toEqual([]);
  // As one that was killed leaves them.
  expect(makeCgroups(left.spec.attempt, {})).not.toEqual([]);
  const link = await restart(host);
  link.send({ t: "task.cancel", id: link.nextId(), attempt: left.spec.attempt, fence: 1, graceMs: 0, why: "cancelled" });
  expect(await left.ended(link)).toMatchObject({ outcome: "cancelled" });
  expect(groups(left)).toEqual([]);
});

test("after a reboot whoever has the child's pid by then is left alone", async () => {
  const { host, dialogue } = await setUp();
  const task = dialogue(["sleep", "60"]);
  await task.offer();
  await task.start();
  await stopWith(host, task);
  const other = spawn("sleep", ["60"], { detached: true });
  undo.push(() => other.kill("SIGKILL"));
  await once(other, "spawn");
  // Its leader may be gone, as a daemon's is: then no start tells it from the child's.
  const dir = path.join(host.home.paths.attemptsDir, task.spec.attempt);
  writeFileSync(path.join(dir, "child"), `${other.pid} ${readStat(other.pid ?? 0)?.started}\n`);
  writeFileSync(path.join(dir, "cgroups"), "");
  for (const name of ["started", "launch.json"]) ofAnotherBoot(path.join(dir, name));
  expect(await task.ended(await restart(host))).toMatchObject({ outcome: "lost", reason: { code: "host_reboot" } });
  expect([other.exitCode, other.signalCode]).toEqual([null, null]);
  other.kill("SIGKILL");
  await once(other, "exit");
});

test("[TK4] a cancellation goes on", async () => {
  const { host, dialogue } = await setUp();
  const task = dialogue(["sh", "-c", "trap '' INT TERM; echo on; while :; do sleep 1; done"]);
  await task.offer();
  await task.start();
  await expect.poll(() => attemptFile(host, task.spec.attempt, "agent.log")).toBe("on\n");
  await task.cancel(400);
  await host.agent.stop();
  expect(membersOf(belonging(host, task.spec.attempt))).not.toEqual([]);
  expect(await task.ended(await restart(host))).toMatchObject({ outcome: "cancelled" });
});
