/** A runner that began before its orders: what only it can leave behind, on real processes. */
import { spawn, spawnSync } from "node:child_process";
import { closeSync, copyFileSync, existsSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { afterAll, expect, test } from "vitest";
import { noMounts, titled } from "../daemon/testing/needs.ts";
import { readStat } from "../holder/processes.ts";
import { Exit, parseStarted } from "./attempt-files.ts";
import { RUNNER_SECOND, RunnerShell, startRunner, type Orders } from "./runner.ts";
import { belongingOf, begin, file, order, PROGRAM, SH, undo, undoAll } from "./testing/runner-rig.ts";
import { membersOf } from "./members.ts";

const AHEAD = { ...SH, ahead: true };
afterAll(undoAll);

/** Its session, and that of its child's half, which has it for a parent. */
const processesOf = (runner: number): number[] => {
  const all = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map((name) => ({ pid: Number(name), ...readStat(Number(name)) }))
    .filter(({ state }) => state !== undefined && state !== "Z");
  const sessions = new Set([runner, ...all.filter(({ ppid }) => ppid === runner).map(({ session }) => session)]);
  return all.filter(({ session }) => sessions.has(session)).map(({ pid }) => pid);
};

async function ready(): Promise<{ shell: RunnerShell; pid: number; processes: number[] }> {
  const shell = new RunnerShell(PROGRAM, SH.shell, true);
  undo.push(() => shell.dismiss());
  const pid = shell.pid ?? 0;
  await expect.poll(() => processesOf(pid)).toHaveLength(4);
  return { shell, pid, processes: processesOf(pid) };
}

const living = (pids: readonly number[]) => pids.filter((pid) => (readStat(pid)?.state ?? "Z") !== "Z");

test("[TK1] killed while it waits, it takes what it has begun with it, and orders that come then start nothing", async () => {
  const { shell, pid, processes } = await ready();
  const orders = order(["sh", "-c", "echo ran"]);
  process.kill(pid, "SIGKILL");
  // The host-agent, which is we, does not see it before the next turn: until then it is a zombie.
  while (readStat(pid)?.state !== "Z");
  shell.give(orders);
  await expect.poll(() => living(processes)).toEqual([]);
  expect(readdirSync(orders.dir)).toEqual([]);
});

test("[TK1] orders without their end start nothing", async () => {
  const { shell, processes } = await ready();
  shell.dismiss();
  expect(await shell.exited).toMatchObject({ code: 74 });
  await expect.poll(() => living(processes)).toEqual([]);
});

test("[TK1] a second one leaves the first one's child alone, its watcher too", async () => {
  const first = order(["sleep", "30"]);
  const { child } = await begin(AHEAD, first);
  await child;
  const { shell, processes } = await ready();
  // Were it watched by that one too, it would be ended for this.
  const second: Orders = { ...first, timeoutMs: 1_000 };
  shell.give(second);
  expect(await shell.exited).toMatchObject({ code: RUNNER_SECOND });
  await expect.poll(() => living(processes), { timeout: 10_000 }).toEqual([]);
  expect(membersOf(belongingOf(first))).toEqual([await child]);
  expect(file(first, "why")).toBe("exit\n");
});

test("[F6] killed while its child runs, its watcher ends that", async () => {
  const { shell, pid, processes } = await ready();
  const orders = order(["sh", "-c", "trap 'exit 0' TERM INT; while :; do sleep 0.1; done"]);
  shell.give(orders);
  await shell.child;
  process.kill(pid, "SIGKILL");
  await expect.poll(() => membersOf(belongingOf(orders)), { timeout: 15_000 }).toEqual([]);
  await expect.poll(() => living(processes), { timeout: 10_000 }).toEqual([]);
  expect(existsSync(path.join(orders.dir, "exit.json"))).toBe(false);
});

test("[TK2] a host-agent that is stopped once it gave its orders leaves nothing unwatched", async () => {
  const orders = order(["sleep", "60"], { stopAfterMs: 1_000 });
  const program = `
    import { RunnerShell } from ${JSON.stringify(new URL("runner.ts", import.meta.url).href)};
    const shell = new RunnerShell(${JSON.stringify(PROGRAM)}, undefined, true);
    shell.give(${JSON.stringify(orders)});
    setImmediate(() => process.kill(process.pid, "SIGSTOP"));`;
  const agent = spawn(process.execPath, ["--input-type=module", "-e", program], { stdio: "ignore" });
  undo.push(() => agent.kill("SIGKILL"));
  await expect.poll(() => file(orders, "exit.json"), { timeout: 15_000 }).not.toBe("");
  expect(readStat(agent.pid ?? 0)?.state).toBe("T");
  expect(JSON.parse(file(orders, "exit.json"))).toMatchObject({ why: "fenced" });
});

test("[LK8] its watcher, once woken, naps on whatever wakes it again", async () => {
  const { shell, pid, processes } = await ready();
  const watcher = processes.find((one) => one !== pid && readStat(one)?.session === pid) ?? 0;
  const ignored = () => BigInt(`0x${/^SigIgn:\s*(\w+)$/m.exec(readFileSync(`/proc/${watcher}/status`, "latin1"))?.[1]}`);
  expect(ignored() & 1n).toBe(0n);
  shell.give(order(["sleep", "30"]));
  await shell.child;
  await expect.poll(() => ignored() & 1n).toBe(1n);
});

test("[TK1] what the shell said before its orders is in nobody's way", async () => {
  const shell = ["sh", "-c", 'echo "ld.so cannot be preloaded" >&2; exec dash "$@"', "sh"];
  const waiting = new RunnerShell(PROGRAM, shell, true);
  await expect.poll(() => processesOf(waiting.pid ?? 0)).toHaveLength(4);
  const orders = order(["sh", "-c", "kill -9 $$"]);
  waiting.give(orders);
  expect(await waiting.exited).toMatchObject({ code: 0 });
  expect(JSON.parse(file(orders, "exit.json"))).toMatchObject({ status: 137, signal: 9 });
});

test("[TK2] a shell whose watcher is gone goes too", async () => {
  const { shell, pid, processes } = await ready();
  const watcher = processes.find((one) => one !== pid && readStat(one)?.session === pid);
  process.kill(watcher ?? 0, "SIGKILL");
  expect(await shell.exited).toMatchObject({ code: 74 });
  await expect.poll(() => living(processes)).toEqual([]);
});

test("[TK2] orders that come when its watcher is gone start nothing", async () => {
  const { shell, pid, processes } = await ready();
  const watcher = processes.find((one) => one !== pid && readStat(one)?.session === pid) ?? 0;
  process.kill(watcher, "SIGKILL");
  // The host-agent, which is we, does not see it before the next turn.
  while (living([watcher]).length > 0);
  const orders = order(["sh", "-c", "echo ran"]);
  shell.give(orders);
  expect(await shell.exited).toMatchObject({ code: 74 });
  await expect.poll(() => living(processes)).toEqual([]);
  expect(readdirSync(orders.dir)).toEqual([]);
});

test("[TK2] a watcher that comes late is not ended by being woken", async () => {
  const dir = mkdtempSync(path.join(tmpdir(), "late-"));
  undo.push(() => rmSync(dir, { recursive: true, force: true }));
  const program = path.join(dir, "runner.sh");
  const text = readFileSync(PROGRAM, "utf8");
  const late = text
    .replace("{ trap : HUP; read", "{ until [ -e late ]; do sleep 0.02; done; trap : HUP; read")
    .replace("-e late", `-e '${dir}/late'`);
  expect(late).toContain("until [ -e");
  writeFileSync(program, late);
  const shell = new RunnerShell(program, SH.shell, true);
  const orders = order(["sleep", "60"], { timeoutMs: 1_000 });
  shell.give(orders);
  await shell.child;
  writeFileSync(path.join(dir, "late"), "");
  expect(await shell.exited).toMatchObject({ code: 0 });
  expect(JSON.parse(file(orders, "exit.json"))).toMatchObject({ why: "timeout" });
});

test("[F6] killed when its half is about to name itself, it is not survived by a child that nobody could find", async () => {
  const { shell, pid, processes } = await ready();
  const half = processes.find((one) => readStat(one)?.ppid === pid && readStat(one)?.session === one) ?? 0;
  const orders = order(["sh", "-c", "echo ran; sleep 60"]);
  const name = path.join(orders.dir, "child");
  // Nobody reads from there yet.
  spawnSync("mkfifo", [name]);
  shell.give(orders);
  await expect.poll(() => existsSync(path.join(orders.dir, "agent.log"))).toBe(true);
  process.kill(pid, "SIGKILL");
  await shell.exited;
  spawnSync("cat", [name], { timeout: 10_000 });
  rmSync(name);
  await expect.poll(() => living([half])).toEqual([]);
  expect(file(orders, "agent.log")).toBe("");
});

test("[F6] killed when its half has looked at it for the first time, it is not survived by a child in groups that are gone", async () => {
  const { shell, pid, processes } = await ready();
  const half = processes.find((one) => readStat(one)?.ppid === pid && readStat(one)?.session === one) ?? 0;
  const orders = order(["sh", "-c", "echo ran; sleep 60"]);
  // Held at the file that it writes right after that look: nobody reads from there yet.
  spawnSync("mkfifo", [path.join(orders.dir, "cgroups")]);
  shell.give(orders);
  await expect.poll(() => existsSync(path.join(orders.dir, "started"))).toBe(true);
  process.kill(pid, "SIGKILL");
  await shell.exited;
  spawnSync("cat", [path.join(orders.dir, "cgroups")], { timeout: 10_000 });
  // Whoever reads it would wait for a writer.
  rmSync(path.join(orders.dir, "cgroups"));
  await expect.poll(() => living([half])).toEqual([]);
  expect(file(orders, "agent.log")).toBe("");
});

test("[F1] a host-agent that is gone once it gave its orders changes nothing: the child runs, and its end is told", async () => {
  const orders = order(["sh", "-c", "sleep 0.3; kill -9 $$"]);
  const program = `
    import { RunnerShell } from ${JSON.stringify(new URL("runner.ts", import.meta.url).href)};
    const shell = new RunnerShell(${JSON.stringify(PROGRAM)}, undefined, true);
    shell.give(${JSON.stringify(orders)});
    await shell.child;
    process.kill(process.pid, "SIGKILL");`;
  expect(spawnSync(process.execPath, ["--input-type=module", "-e", program])).toMatchObject({ signal: "SIGKILL" });
  expect(parseStarted(file(orders, "started"), 0)).toMatchObject({ type: "named" });
  await expect.poll(() => file(orders, "exit.json"), { timeout: 10_000 }).not.toBe("");
  const exit = Exit.parse(JSON.parse(file(orders, "exit.json")));
  expect(exit).toMatchObject({ status: 137, signal: 9, why: "exit" });
  expect(exit.wallMs).toBeGreaterThanOrEqual(300);
  expect(exit.wallMs).toBeLessThan(10_000);
});

test("where nothing can be kept beside the program, it begins with its orders", async () => {
  const open = openSync(PROGRAM, "r");
  undo.push(() => closeSync(open));
  const shell = new RunnerShell(`/proc/${process.pid}/fd/${open}`, SH.shell, true);
  const orders = order(["echo", "ran"]);
  shell.give(orders);
  expect(await shell.exited).toMatchObject({ code: 0 });
  expect(file(orders, "agent.log")).toBe("ran\n");
});

test.skipIf(noMounts() !== undefined)(titled("[F24] a full disk refuses the start whole", noMounts()), async () => {
  const mounted = mkdtempSync(path.join(tmpdir(), "full-"));
  spawnSync("mount", ["-t", "tmpfs", "-o", "size=128k", "none", mounted]);
  undo.push(() => {
    spawnSync("umount", ["-l", mounted]);
    rmSync(mounted, { recursive: true, force: true });
  });
  const program = path.join(mounted, "runner.sh");
  copyFileSync(PROGRAM, program);
  const shell = new RunnerShell(program, SH.shell, true);
  spawnSync("sh", ["-c", `cat /dev/zero >${mounted}/full`]);
  const orders = order(["echo", "ran"]);
  await expect(startRunner(program, orders, SH.shell, undefined, shell)).rejects.toThrow("ENOSPC");
  expect(await shell.exited).toMatchObject({ code: 74 });
  expect(readdirSync(orders.dir)).toEqual([]);
  expect(readdirSync(mounted).toSorted()).toEqual(["full", "runner.sh"]);
  writeFileSync(path.join(mounted, "full"), "");
  expect(readFileSync(program, "utf8")).toBe(readFileSync(PROGRAM, "utf8"));
});
