/** Shells that wait for orders, on real processes. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, test } from "vitest";
import { TASKS_ENTRY } from "../daemon/testing/programs.ts";
import { VirtualClock } from "../daemon/testing/virtual-clock.ts";
import { readStat } from "../holder/processes.ts";
import { SETTLE_AFTER_MS, WaitingShells } from "./waiting-shells.ts";

const PROGRAM = fileURLToPath(new URL("runner.sh", import.meta.url));

const undo: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

const temporary = (): string => {
  const dir = mkdtempSync(path.join(tmpdir(), "waiting-"));
  undo.push(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
};

const live = (): number[] =>
  readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => readStat(pid)?.state !== "Z");

const argvOf = (pid: number): string[] => {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "latin1").split("\0");
  } catch {
    return [];
  }
};

/** Leaders of their sessions: what a shell forks has its arguments too until it is another program. */
const leadersIn = (dir: string): number[] =>
  live().filter((pid) => argvOf(pid).some((arg) => arg.startsWith(`${dir}/`) && arg.endsWith(".sh")) && readStat(pid)?.session === pid);
const isHalf = (pid: number): boolean => argvOf(pid).includes("child");
const shellsIn = (dir: string): number[] => leadersIn(dir).filter((pid) => !isHalf(pid));
/** What the shells keep ready for their children. */
const halvesIn = (dir: string): number[] => leadersIn(dir).filter(isHalf);

function setUp({ shell = ["/bin/sh"], draining = false }: { shell?: readonly string[]; draining?: boolean } = {}) {
  const dir = temporary();
  const runner = path.join(dir, "runner.sh");
  copyFileSync(PROGRAM, runner);
  const stop = new AbortController();
  const clock = new VirtualClock();
  const host = { draining, shell };
  const asked: string[] = [];
  const shells = (attempt: string) => {
    asked.push(attempt);
    return [host.shell];
  };
  const waiting = new WaitingShells({ runner, shells, clock, draining: () => host.draining }, stop.signal);
  undo.push(
    () => expect.poll(() => leadersIn(dir), { timeout: 5_000 }).toEqual([]),
    () => stop.abort(),
  );
  const settled = async () => {
    waiting.settle();
    clock.advance(SETTLE_AFTER_MS);
    // In the order of their asking.
    await new Promise((resolve) => setImmediate(resolve));
    return shellsIn(dir);
  };
  const take = (attempt: string) => {
    const taken = waiting.take(attempt);
    undo.push(() => taken?.dismiss());
    return taken;
  };
  const count = async (wanted: number) => {
    clock.advance(SETTLE_AFTER_MS);
    await expect.poll(() => shellsIn(dir).length, { timeout: 5_000 }).toBe(wanted);
  };
  return { dir, host, waiting, take, stop, settled, count, asked };
}

describe.skipIf(!existsSync("/proc/self/cmdline"))("one to spare", () => {
  test("[TK1] is there before it is wanted, and is the next start's; the one after it begins when that is served", async () => {
    const { dir, waiting, take, settled, count } = setUp();
    expect(await settled()).toHaveLength(1);
    const [spare] = shellsIn(dir);
    waiting.want("att_a");
    expect(await settled()).toEqual([spare]);
    const taken = take("att_a");
    expect(taken?.pid).toBe(spare);
    expect(await settled()).toEqual([spare]);
    waiting.done("att_a");
    await count(2);
    taken?.dismiss();
    await count(1);
    expect(shellsIn(dir)).not.toContain(spare);
  });

  test("[TK1] of many offers at once each gets its own, and of what they leave one is kept", async () => {
    const { waiting, take, settled, count } = setUp();
    await settled();
    for (const attempt of ["att_a", "att_b", "att_c"]) waiting.want(attempt);
    await count(3);
    const pids = new Set([take("att_b")?.pid]);
    expect(await settled()).toHaveLength(3);
    waiting.done("att_b");
    waiting.done("att_a");
    waiting.done("att_c");
    // The one that was taken, and the one that is kept.
    await count(2);
    pids.add(take("att_d")?.pid);
    expect(pids.size).toBe(2);
    expect(pids).not.toContain(undefined);
    expect(take("att_e")).toBeUndefined();
  });

  test("[TK1] nobody takes what another offer waits for", async () => {
    const { waiting, take } = setUp();
    waiting.want("att_a");
    expect(take("att_adopted")).toBeUndefined();
    expect(take("att_a")?.pid).toBeGreaterThan(0);
  });

  test("none for a start that has a scope of its own by now", async () => {
    const { host, take, settled } = setUp();
    expect(await settled()).toHaveLength(1);
    host.shell = ["/usr/bin/systemd-run", "--scope", "/bin/sh"];
    expect(take("att_a")).toBeUndefined();
  });

  test("none while the host drains, and none of a host that goes", async () => {
    const { host, stop, settled, count, waiting } = setUp({ draining: true });
    expect(await settled()).toEqual([]);
    host.draining = false;
    expect(await settled()).toHaveLength(1);
    host.draining = true;
    await settled();
    await count(0);
    host.draining = false;
    expect(await settled()).toHaveLength(1);
    stop.abort();
    await count(0);
    expect(await settled()).toEqual([]);
    waiting.want("att_a");
    expect(await settled()).toEqual([]);
  });

  test("one that died is not begun again before the next task, nor one that cannot begin", async () => {
    const { dir, settled, waiting, count } = setUp();
    const [spare = 0] = await settled();
    await expect.poll(() => halvesIn(dir)).toHaveLength(1);
    process.kill(spare, "SIGKILL");
    await expect.poll(() => leadersIn(dir)).toEqual([]);
    await expect.poll(() => waiting.take("att_a")).toBeUndefined();
    expect(shellsIn(dir)).toEqual([]);
    waiting.done("att_a");
    await count(1);

    const none = setUp({ shell: ["/bin/sh", "/nowhere/sh"] });
    await none.settled();
    await expect.poll(() => shellsIn("/nowhere")).toEqual([]);
    expect(none.asked).toEqual(["spare"]);
    const missing = setUp({ shell: ["/nowhere/sh"] });
    await missing.settled();
    expect(missing.asked).toEqual(["spare"]);
    expect(missing.waiting.take("att_a")).toBeUndefined();
  });

  test("none where each attempt gets a scope of systemd's own", async () => {
    const { settled, waiting } = setUp({ shell: ["systemd-run", "--scope", "/bin/sh"] });
    waiting.want("att_a");
    expect(await settled()).toEqual([]);
  });

  test("[F28] keeps nothing of ours: no file, no directory, no variable", async () => {
    const { dir, settled } = setUp();
    const [spare = 0] = await settled();
    const own = (pid: number) => `/proc/${pid}`;
    const sessions = () => [spare, ...halvesIn(dir)];
    const all = () => {
      const ours = sessions();
      return live().filter((pid) => ours.includes(readStat(pid)?.session ?? 0));
    };
    // Itself and its watcher; its child's half, and what that reads its orders by.
    await expect
      .poll(() =>
        all()
          .map((pid) => path.basename(argvOf(pid)[0] ?? ""))
          .toSorted(),
      )
      .toEqual(["cat", "sh", "sh", "sh"]);
    expect(readlinkSync(`${own(spare)}/cwd`)).toBe("/");
    const files = (pid: number) => readdirSync(`${own(pid)}/fd`).map((fd) => readlinkSync(`${own(pid)}/fd/${fd}`).replace(/:.*/, ""));
    // The program; orders and who gave them; what `cat` tells; what the runner says, which has no name any more.
    const allowed = ["/dev/null", "socket", "pipe"];
    const others = (pid: number) => files(pid).filter((name) => !allowed.includes(name) && !name.endsWith("/runner.sh"));
    const unnamed = (name: string) => /\/notes\.\d+\.\d+ \(deleted\)$/.test(name);
    expect(
      all()
        .flatMap(others)
        .filter((name) => !unnamed(name)),
    ).toEqual([]);
    const sessionOf = (pid: number) => readStat(pid)?.session;
    // What the child would inherit.
    expect(
      all()
        .filter((pid) => sessionOf(pid) !== spare)
        .flatMap(others),
    ).toEqual([]);
    expect(files(spare).filter((name) => name === "socket")).toHaveLength(2);
    expect(readdirSync(dir)).toEqual(["runner.sh"]);
    const names = readFileSync(`${own(spare)}/environ`, "latin1")
      .split("\0")
      .map((entry) => entry.split("=")[0]);
    expect(names.filter((name) => !["PATH", "LC_ALL", "XDG_RUNTIME_DIR", ""].includes(name ?? ""))).toEqual([]);
    expect(readFileSync(`${own(spare)}/cgroup`, "utf8")).toBe(readFileSync("/proc/self/cgroup", "utf8"));
  });

  test("[F2] is gone with a host-agent that is killed, and what it began too", async () => {
    const dir = temporary();
    const agent = spawn(process.execPath, [TASKS_ENTRY, dir], { stdio: ["pipe", "pipe", "inherit"] });
    undo.push(() => agent.kill("SIGKILL"));
    await once(createInterface({ input: agent.stdout }), "line");
    await expect.poll(() => shellsIn(dir), { timeout: 10_000 }).toHaveLength(1);
    const [spare] = shellsIn(dir);
    const halves = halvesIn(dir);
    const session = () => {
      const ours = [spare, ...halves, ...halvesIn(dir)];
      return live().filter((pid) => ours.includes(readStat(pid)?.session ?? 0));
    };
    await expect.poll(() => session().length).toBe(4);
    agent.kill("SIGKILL");
    await expect.poll(session).toEqual([]);
  });
});
