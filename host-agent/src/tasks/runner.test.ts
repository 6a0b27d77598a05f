/** The runner by itself, in every sh that it has to work in, on real processes. */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { afterAll, beforeEach, describe, expect, test } from "vitest";
import { systemClock } from "../daemon/clock.ts";
import { readBootId } from "../daemon/process-identity.ts";
import { readStat } from "../holder/processes.ts";
import { noMounts, noRoot, titled } from "../daemon/testing/needs.ts";
import { Exit, parseStarted, cpuOf } from "./attempt-files.ts";
import { makeCgroups } from "./cgroup-places.ts";
import { killAll, membersOf } from "./members.ts";
import { begin, belongingOf, file, order, PROGRAM, run, SH, undo, undoAll } from "./testing/runner-rig.ts";
import { barStart } from "./start-bar.ts";
import { orderText, RUNNER_INCOMPLETE, RUNNER_SECOND, RunnerShell, startRunner, type Orders } from "./runner.ts";

/** The last one has no cgroups: there the session and the attempt's name in the environment tell who belongs to it. */
const WITHOUT_CGROUPS = ["unshare", "--mount", "sh", "-c", 'umount -R /sys/fs/cgroup 2>/dev/null; exec dash "$@"', "sh"];
const isHere = ([program = ""]: readonly string[]) => spawnSync(program, ["--help"]).error === undefined;
const SHELLS = [["dash"], ["busybox", "sh"], ...(process.env["MAESTRO_FULL"] === "1" ? [["bash", "--posix"]] : []), WITHOUT_CGROUPS];
const missing = (shell: readonly string[]) => (shell === WITHOUT_CGROUPS ? noMounts() : isHere(shell) ? undefined : `needs ${shell[0]}`);

afterAll(undoAll);

const named = SHELLS.flatMap((shell) =>
  [false, true].map((ahead) => ({
    name: `${shell === WITHOUT_CGROUPS ? "without cgroups" : shell[0]}${ahead ? ", ahead of its orders" : ""}`,
    way: { shell, ahead },
  })),
);
// Most of them wait for seconds of the runner's.
describe.concurrent.each(named)("$name", ({ way }) => {
  const { shell, ahead } = way;
  const reason = missing(shell);
  beforeEach(({ skip }) => skip(reason !== undefined, reason));

  test("[TK1] arguments, variables and the directory arrive byte for byte, and the child writes its log itself", async () => {
    const odd = "a b\n\n'\"$(id) `id` \\n \\ \t*é\n";
    const orders = order(["sh", "-c", 'printf "%s|" "$@" "$ODD" "$PWD"; cat; echo; echo bad >&2', "sh", odd, "", "-n"]);
    const cwd = path.join(orders.dir, "with space");
    mkdirSync(cwd);
    writeFileSync(path.join(orders.dir, "stdin"), "the prompt");
    const exit = await run(way, { ...orders, cwd, env: { ...orders.env, ODD: odd } });
    expect(exit).toMatchObject({ status: 0, signal: 0, why: "exit", oom: 0 });
    expect(file(orders, "agent.log")).toBe(`${odd}||-n|${odd}|${cwd}|the prompt\nbad\n`);
    expect(cpuOf(exit.cpu)).toBeGreaterThanOrEqual(0);
    expect(exit.wallMs).toBeLessThan(30_000);
  });

  test("[TK1] variables with names that the runner or its shell uses itself arrive too, and change nothing", async () => {
    const names = "cwd dir input setsid number envs name_1 value_1 value_3 line complete attempt name value IFS CDPATH OPTIND RANDOM".split(
      " ",
    );
    const orders = order(["sh", "-c", "cat; pwd; env"]);
    writeFileSync(path.join(orders.dir, "stdin"), "the prompt\n");
    const mine = Object.fromEntries(names.map((name) => [name, name === "OPTIND" ? "4" : `/${name}/`]));
    expect(await run(way, { ...orders, env: { ...mine, ...orders.env, UID: "77" } })).toMatchObject({ status: 0 });
    const [prompt, cwd, ...seen] = file(orders, "agent.log").split("\n");
    expect([prompt, cwd]).toEqual(["the prompt", orders.dir]);
    // The child is a shell too, and takes these for its own.
    for (const name of names.filter((name) => !["IFS", "OPTIND", "RANDOM"].includes(name))) expect(seen).toContain(`${name}=${mine[name]}`);
  });

  test("[TK1] `exit 137` is told from SIGKILL, and 127 from nothing", async () => {
    expect(await run(way, order(["sh", "-c", "exit 137"]))).toMatchObject({ status: 137, signal: 0 });
    expect(await run(way, order(["sh", "-c", "kill -9 $$"]))).toMatchObject({ status: 137, signal: 9 });
    expect(await run(way, order(["sh", "-c", "kill -TERM $$"]))).toMatchObject({ status: 143, signal: 15 });
    expect(await run(way, order(["/nowhere/at/all"]))).toMatchObject({ status: 127, signal: 0 });
  });

  test("[TK1] of two runners one starts the child, of a start that is barred none, and orders without their end start nothing", async () => {
    const orders = order(["sh", "-c", "echo ran; sleep 0.2"]);
    const both = await Promise.all([begin(way, orders), begin(way, orders)]);
    const codes = await Promise.all(both.map(({ exited }) => exited));
    expect(codes.map(({ code }) => code).toSorted()).toEqual([0, RUNNER_SECOND]);
    expect(barStart(orders.dir)).toBe(false);
    expect(file(orders, "agent.log")).toBe("ran\n");

    const barred = order(["sh", "-c", "echo ran"]);
    expect(barStart(barred.dir)).toBe(true);
    expect(await (await begin(way, barred)).exited).toMatchObject({ code: RUNNER_SECOND });
    expect(readdirSync(barred.dir)).toEqual(["started"]);

    if (ahead) return;
    const torn = order(["sh", "-c", "echo ran", "go"], { env: { PATH: "", go: "\ngo\n" } });
    const text = orderText(torn);
    for (const cut of [0, 10, text.indexOf("arg"), text.indexOf("arg go") + 6, text.length - 3, text.length - 2]) {
      const [program = "sh", ...before] = shell;
      const { status } = spawnSync(program, [...before, PROGRAM], { input: text.slice(0, cut) });
      expect([cut, status, readdirSync(torn.dir)]).toEqual([cut, RUNNER_INCOMPLETE, []]);
    }
  });

  test("[TK1] no byte and no word of an order means anything to the shell, also of many variables", async () => {
    // What shells mark their own expansions with is among the bytes of these characters.
    const bytes = Array.from({ length: 0x7f }, (_, n) => String.fromCharCode(n + 1)).join("");
    const odd = [
      bytes,
      "ÀÁÂÃÄÅÆÇÈ\u0080\u0081\u0082\u0083\u0084\u0085\u0086\u0087\u0088",
      "* ? [a-z] ~ $HOME",
      "\\c\\0101\\n",
      "\\",
      " ",
      "go",
      "env A=b",
      "opt dir /",
    ];
    const values = [...odd, ...odd.map((value) => `${value}\n`), ...odd.map((value) => `\n${value}\n\n${value}`)];
    const orders = order([process.execPath, "-e", "console.log(JSON.stringify([process.argv.slice(1), process.env]))", "--", ...values]);
    const env = Object.fromEntries([...values, ...values, ...values].map((value, n) => [`ODD_${n}`, value]));
    const cwd = path.join(orders.dir, "\nsome * where\n");
    mkdirSync(cwd);
    await run(way, { ...orders, cwd, env: { ...orders.env, ...env } });
    const [argv, seen] = JSON.parse(file(orders, "agent.log"));
    expect(argv).toEqual(values);
    expect(seen).toMatchObject(env);
    expect(seen["PWD"]).toBe(cwd);
  });

  test("[TK1] it names itself by pid, start and boot, and its child leads a session of its own", async ({ expect }) => {
    const orders = order(["sh", "-c", "cut -d' ' -f6 </proc/self/stat; sleep 30"]);
    const { child, pid } = await begin(way, orders);
    const leader = await child;
    const started = parseStarted(file(orders, "started"), 0);
    expect(started).toMatchObject({ type: "named", runner: { pid, bootId: readBootId() } });
    await expect.poll(() => file(orders, "agent.log")).toBe(`${leader}\n`);
    expect(readFileSync(`/proc/${leader}/oom_score_adj`, "utf8").trim()).toBe("500");
  });

  test("[TK5] what comes on standard input is in the child's environment, and in nobody else's, nor in an argument", async ({ expect }) => {
    const orders = order(["sh", "-c", 'printf %s "$SECRET" | wc -c; sleep 30']);
    // Of this test alone: the same runs in other shells at this time.
    const secret = `s3cret-${"x".repeat(20)}-${orders.attempt}`;
    const { child, pid } = await begin(way, { ...orders, env: { ...orders.env, SECRET: secret } });
    const leader = await child;
    await expect.poll(() => file(orders, "agent.log").trim()).toBe(String(secret.length));
    // The child, and what it sleeps by.
    await expect.poll(() => membersOf(belongingOf(orders)).length).toBe(2);
    const seen = readdirSync("/proc").filter((name) => {
      if (!/^\d+$/.test(name)) return false;
      const parts = ["environ", "cmdline"].map((part) => file({ dir: `/proc/${name}` }, part)).join();
      return parts.includes(secret);
    });
    const members = membersOf(belongingOf(orders)).map(String);
    expect(members).toContain(String(leader));
    expect(members).not.toContain(String(pid));
    expect(seen.toSorted()).toEqual(members.toSorted());
    const disk = readdirSync(orders.dir).filter((name) => file(orders, name).includes(secret));
    expect(disk).toEqual([]);
  });

  test("[F34] a grandchild that keeps stdout open delays nothing, and writes no more once the log is closed", async () => {
    const orders = order(["sh", "-c", "setsid sh -c 'trap \"\" TERM HUP; while :; do echo late; sleep 0.05; done' & echo done"]);
    const exit = await run(way, orders);
    expect(exit).toMatchObject({ status: 0, why: "exit" });
    expect(exit.wallMs).toBeLessThan(5_000);
    expect(membersOf(belongingOf(orders))).toEqual([]);
    const log = file(orders, "agent.log");
    expect(log).toContain("done\n");
    await once(spawn("sleep", ["0.2"]), "exit");
    expect(file(orders, "agent.log")).toBe(log);
  });

  test("the runner ends what runs longer than it may, deaf descendants too", async () => {
    const deaf = "trap '' INT TERM; setsid sh -c 'trap \"\" INT TERM; while :; do sleep 1; done' & while :; do sleep 1; done";
    const orders = order(["sh", "-c", deaf], { timeoutMs: 1_000 });
    const exit = await run(way, orders);
    expect(exit).toMatchObject({ why: "timeout", signal: 9 });
    expect(membersOf(belongingOf(orders))).toEqual([]);
  });

  test("[TK2] a runner whose lease is not renewed ends itself; one whose lease is, goes on", async () => {
    const orders = order(["sleep", "30"], { stopAfterMs: 1_000 });
    expect(await run(way, orders)).toMatchObject({ why: "fenced" });

    const renewed = order(["sleep", "2.5"], { stopAfterMs: 1_500 });
    const uptime = () => Math.floor(Number(readFileSync("/proc/uptime", "utf8").split(" ")[0]) * 100);
    const lease = path.join(renewed.dir, "lease");
    // By rename, as the host-agent does: one that is read half written is not renewed.
    const renew = setInterval(() => {
      writeFileSync(`${lease}.tmp`, `${uptime()}\n`);
      renameSync(`${lease}.tmp`, lease);
    }, 100);
    undo.push(() => clearInterval(renew));
    expect(await run(way, renewed)).toMatchObject({ why: "exit", status: 0 });
  });

  test("[LG2] a log past its limit ends the attempt, also without a host-agent", async () => {
    const orders = order(["sh", "-c", "head -c 100000 /dev/zero; sleep 30"], { logLimitBytes: 50_000 });
    expect(await run(way, orders)).toMatchObject({ why: "log_limit" });
  });

  test("[F6] when the runner is killed, what it had begun is found and ended", async ({ expect }) => {
    const orders = order(["sh", "-c", "setsid sleep 60 & sleep 60"]);
    const { child, pid, exited } = await begin(way, orders);
    await child;
    await expect.poll(() => membersOf(belongingOf(orders)).length).toBeGreaterThanOrEqual(3);
    process.kill(pid, "SIGKILL");
    await exited;
    expect(await killAll(belongingOf(orders), systemClock, new AbortController().signal)).toBe(true);
    expect(membersOf(belongingOf(orders))).toEqual([]);
    expect(existsSync(path.join(orders.dir, "exit.json"))).toBe(false);
  });
});

test("[F6] a shell whose command is killed with it does not go on to the next one", async () => {
  const script = "i=0; while [ $i -lt 40 ]; do i=$((i+1)); (sleep 60; echo went on) & done; sleep 60; echo went on";
  const orders = order(["sh", "-c", script]);
  const { child, pid, exited } = await begin(SH, orders);
  await child;
  await expect.poll(() => membersOf(belongingOf(orders)).length).toBeGreaterThanOrEqual(81);
  process.kill(pid, "SIGKILL");
  await exited;
  expect(await killAll(belongingOf(orders), systemClock, new AbortController().signal)).toBe(true);
  expect(file(orders, "agent.log")).toBe("");
});

test("[TK4] a session whose leader has the child's pid and another start is somebody else's", async () => {
  const other = spawn("sleep", ["60"], { detached: true });
  undo.push(() => other.kill("SIGKILL"));
  await once(other, "spawn");
  const pid = other.pid ?? 0;
  const started = readStat(pid)?.started ?? "";
  const belonging = { attempt: "att_of_nobody", cgroups: [] };
  expect(membersOf({ ...belonging, child: { pid, started } })).toEqual([pid]);
  expect(membersOf({ ...belonging, child: { pid, started: String(Number(started) - 1) } })).toEqual([]);
});

test.each([false, true])("[TK1] a stray signal to the runner does not end it (ahead of its orders: %s)", async (ahead) => {
  const orders = order(["sh", "-c", "sleep 0.5; exit 6"]);
  const { child, pid, exited } = await begin({ ...SH, ahead }, orders);
  await child;
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.kill(pid, signal);
  await exited;
  expect(JSON.parse(file(orders, "exit.json"))).toMatchObject({ status: 6 });
});

test("a NUL byte or an impossible name is refused before anything is started", async () => {
  expect(await startRunner(PROGRAM, order(["echo", "a\0b"]))).toMatchObject({ ok: false, error: { code: "nul_byte" } });
  expect(await startRunner(PROGRAM, order(["echo"], { env: { "A B": "1" } }))).toMatchObject({
    ok: false,
    error: { code: "env_name_invalid" },
  });
  expect(await startRunner(PROGRAM, order([]))).toMatchObject({ ok: false, error: { code: "spawn_failed" } });
});

test("a shell that cannot be begun at all says so, and throws nothing", async () => {
  // Node throws for what it has no event for.
  const waiting = new RunnerShell(PROGRAM, ["/etc/passwd/sh"]);
  expect(waiting.pid).toBeUndefined();
  expect(await waiting.failed).toMatchObject({ code: "spawn_failed" });
  expect(await startRunner(PROGRAM, order(["true"]), ["/etc/passwd/sh"])).toMatchObject({ ok: false, error: { code: "spawn_failed" } });
});

test("[F28] where no file descriptor is left, it says so: also a shell that was to wait for its orders", () => {
  const orders = order(["true"]);
  const program = `
    import { openSync } from "node:fs";
    import { RunnerShell, startRunner } from ${JSON.stringify(new URL("runner.ts", import.meta.url).href)};
    const orders = ${JSON.stringify(orders)};
    try {
      for (;;) openSync("/dev/null", "r");
    } catch {}
    const waiting = new RunnerShell(${JSON.stringify(PROGRAM)}, undefined, true);
    const told = await startRunner(${JSON.stringify(PROGRAM)}, orders, ["/bin/sh"], undefined, waiting);
    waiting.dismiss();
    const again = await startRunner(${JSON.stringify(PROGRAM)}, orders);
    process.stdout.write(JSON.stringify([told, again].map(({ error }) => error?.code)));`;
  const limited = ["-c", 'ulimit -n 64; exec "$@"', "sh", process.execPath, "--input-type=module", "-e", program];
  const { stdout } = spawnSync("/bin/sh", limited, { encoding: "utf8" });
  expect(stdout).toBe(JSON.stringify(["descriptors_exhausted", "descriptors_exhausted"]));
});

test("an argument longer than a pipe holds arrives whole", async () => {
  const long = "0123456789\n".repeat(10_000);
  const orders = order(["sh", "-c", 'printf %s "$1" | cksum', "sh", long]);
  const { exited } = await begin(SH, orders);
  await exited;
  expect(file(orders, "agent.log")).toBe(spawnSync("cksum", { input: long }).stdout.toString());
});

const ownsMemory = noRoot ?? (existsSync("/sys/fs/cgroup") ? undefined : "needs cgroups");

test.skipIf(ownsMemory !== undefined)(
  titled("[F26] what takes more memory than it may is killed, and the kernel's counter says so", ownsMemory),
  async () => {
    const hungry = `const all = []; for (;;) all.push(Buffer.alloc(1024 * 1024, 1));`;
    const orders = order([process.execPath, "-e", hungry], { limits: { memoryBytes: 100 * 1024 * 1024 } });
    const exit = await run(SH, orders);
    expect(exit).toMatchObject({ status: 137, signal: 9, why: "exit" });
    expect(exit.oom).toBeGreaterThan(0);
    expect(exit.peakMemoryBytes).toBeGreaterThan(50 * 1024 * 1024);
  },
);

describe.concurrent.each(named.filter(({ way }) => way.shell !== WITHOUT_CGROUPS))(
  "cgroups made before, $name",
  ({ way: { shell, ahead } }) => {
    const reason = ownsMemory ?? missing(shell);
    const startIn = (orders: Orders, groups: readonly string[], laid = false) =>
      startRunner(PROGRAM, orders, shell, async () => ({ groups, laid }), ahead ? new RunnerShell(PROGRAM, shell, true) : undefined);

    test.skipIf(reason !== undefined)(titled("[TK4] hold the child and its limits, and go with it", reason), async () => {
      const orders = order(["sh", "-c", "cat /proc/self/cgroup; sleep 0.1"], { limits: { pids: 40 } });
      const made = makeCgroups(orders.attempt, orders.limits);
      expect(made.length).toBeGreaterThan(0);
      const started = await startIn(orders, made);
      if (!started.ok) throw new Error(started.error.detail);
      await started.value.child;
      expect(file(orders, "cgroups").split("\n").filter(Boolean).toSorted()).toEqual(made.toSorted());
      const caps = made.map((group) => path.join(group, "pids.max")).filter((cap) => existsSync(cap));
      expect(caps.map((cap) => readFileSync(cap, "utf8").trim())).toEqual(caps.map(() => "40"));
      await started.value.exited;
      expect(file(orders, "agent.log").match(new RegExp(`/maestro-${orders.attempt}$`, "gm"))).toHaveLength(made.length);
      expect(made.filter((group) => existsSync(group))).toEqual([]);
    });

    test.skipIf(reason !== undefined)(
      titled("[TK4] what is laid down of them is left as it is, unless they are gone", reason),
      async () => {
        const run = async (break_: boolean) => {
          const orders = order(["cat", "/proc/self/cgroup"]);
          const made = makeCgroups(orders.attempt, orders.limits);
          // The last line is nobody's; it goes when the file is written anew.
          writeFileSync(path.join(orders.dir, "cgroups"), `${[...made, "#laid"].join("\n")}\n`);
          writeFileSync(path.join(orders.dir, "why"), "exit\n");
          if (break_) rmdirSync(made[0] ?? "");
          const started = await startIn(orders, made, true);
          if (!started.ok) throw new Error(started.error.detail);
          await started.value.exited;
          expect(Exit.parse(JSON.parse(file(orders, "exit.json")))).toMatchObject({ status: 0, why: "exit" });
          expect(file(orders, "agent.log")).toContain(`/maestro-${orders.attempt}\n`);
          return file(orders, "cgroups").includes("#laid");
        };
        expect(await run(false)).toBe(true);
        expect(await run(true)).toBe(false);
      },
    );

    test.skipIf(reason !== undefined)(titled("[TK4] where they are not there, it makes its own", reason), async () => {
      const orders = order(["true"]);
      const started = await startIn(orders, ["/sys/fs/cgroup/nowhere/maestro-x"]);
      if (!started.ok) throw new Error(started.error.detail);
      await started.value.exited;
      expect(file(orders, "cgroups")).toContain(`/maestro-${orders.attempt}\n`);
    });
  },
);

test("[TK1] what must stand before the child does not: nothing is started, and nothing left", async () => {
  const orders = order(["true"]);
  const failing = startRunner(PROGRAM, orders, ["/bin/sh"], () => Promise.reject(new Error("no space")));
  await expect(failing).rejects.toThrow("no space");
  expect(readdirSync(orders.dir)).toEqual([]);
});

test("[TK1] the child waits for what must stand before it", async () => {
  const orders = order(["true"]);
  const stands = Promise.withResolvers<undefined>();
  const starting = startRunner(PROGRAM, orders, ["/bin/sh"], () => stands.promise);
  // Another one is through with everything meanwhile.
  await run(SH, order(["true"]));
  expect(readdirSync(orders.dir)).toEqual([]);
  stands.resolve(undefined);
  const started = await starting;
  if (!started.ok) throw new Error(started.error.detail);
  await started.value.exited;
  expect(Exit.parse(JSON.parse(file(orders, "exit.json")))).toMatchObject({ status: 0 });
});

test.skipIf(ownsMemory !== undefined)(titled("[F27] a fork bomb is held by its cap, and goes with the attempt", ownsMemory), async () => {
  // A shell that may not fork gives up.
  const script = "n=0; while [ $n -lt 500 ]; do sleep 60 & n=$((n+1)); echo $n; done";
  const orders = order(["sh", "-c", script], { limits: { pids: 40 } });
  expect((await run(SH, orders)).status).not.toBe(0);
  const bred = file(orders, "agent.log").split("\n").map(Number).filter(Boolean);
  expect(Math.max(...bred)).toBeGreaterThan(20);
  expect(Math.max(...bred)).toBeLessThan(40);
  expect(membersOf(belongingOf(orders))).toEqual([]);
});

test.skipIf(noMounts() !== undefined)(
  titled("[F24] a full disk keeps no end from being told: its room was taken before", noMounts()),
  async () => {
    const mounted = mkdtempSync(path.join(tmpdir(), "full-"));
    spawnSync("mount", ["-t", "tmpfs", "-o", "size=256k", "none", mounted]);
    undo.push(() => {
      spawnSync("umount", ["-l", mounted]);
      rmSync(mounted, { recursive: true, force: true });
    });
    const orders = { ...order(["sh", "-c", "cat /dev/zero; exit 9"]), dir: mounted, cwd: "/tmp" };
    writeFileSync(path.join(mounted, "exit.tmp"), `${" ".repeat(2047)}\n`);
    const { exited } = await begin(SH, orders);
    await exited;
    expect(JSON.parse(file(orders, "exit.json"))).toMatchObject({ status: 9, why: "exit" });
    expect(file(orders, "agent.log").length).toBeGreaterThan(100_000);

    const late = { ...order(["sh", "-c", "cat /dev/zero; sleep 30"], { timeoutMs: 1_000 }), dir: path.join(mounted, "late"), cwd: "/tmp" };
    rmSync(path.join(mounted, "agent.log"));
    mkdirSync(late.dir);
    writeFileSync(path.join(late.dir, "exit.tmp"), `${" ".repeat(2047)}\n`);
    await (
      await begin(SH, late)
    ).exited;
    expect(JSON.parse(file(late, "exit.json"))).toMatchObject({ why: "timeout" });
  },
);
