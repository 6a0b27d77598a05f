/** What goes wrong on a remote host while a task runs there: files that are gone or torn, a full disk, an upgrade in between. */
import { execFileSync } from "node:child_process";
import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import * as path from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { readStat } from "../holder/processes.ts";
import { maestroError } from "@maestro/shared/errors";
import { err, ok } from "@maestro/shared/result";
import { somePng } from "../tasks/testing/images.ts";
import { Hand } from "./hand.ts";
import type { RemoteShell } from "./remote-shell.ts";
import { RemoteRig, undoAll } from "./testing/remote-rig.ts";

afterEach(undoAll);

const attemptsOf = (rig: RemoteRig) => path.join(rig.home, ".maestro-remote", "attempts");
const dirOf = (rig: RemoteRig) => path.join(attemptsOf(rig), readdirSync(attemptsOf(rig))[0] ?? "");

/** Says its pid and waits for a file. */
async function waiting(rig: RemoteRig, then = "exit 0", more: Parameters<RemoteRig["task"]>[1] = {}) {
  const gate = path.join(rig.home, "..", `gate-${Math.random().toString(36).slice(2)}`);
  const task = rig.task(["sh", "-c", `echo $$; until [ -e '${gate}' ]; do sleep 0.05; done; ${then}`], more);
  await task.offer();
  await task.start();
  await rig.until(() => /^\d+\n/.test(rig.log(task.attempt)));
  return { task, pid: Number(rig.log(task.attempt)), open: () => writeFileSync(gate, "") };
}

describe.each([
  ["dash", ["/bin/dash"]],
  ["bash", ["/bin/bash"]],
  ["busybox", ["/bin/busybox", "sh"]],
] as const)("%s", (_name, shell) => {
  test("a program is found there also where its shell has one of that name built in", async () => {
    const rig = await RemoteRig.open({ shell });
    const asked = ["printf", "no-such-program"].map((name) => ({ name, versionArgument: undefined, stamp: undefined }));
    const found = await new Hand(rig.line, "").programs(asked, new AbortController().signal);
    expect(found.ok && [...found.value.keys()]).toEqual(["printf"]);
    expect(found.ok && found.value.get("printf")?.path).toMatch(/^\/.*\/printf$/);
  });

  test("a directory is the one that was named, whatever is in its name", async () => {
    const rig = await RemoteRig.open({ shell });
    const hand = new Hand(rig.line, "");
    const never = new AbortController().signal;
    const odd = path.join(rig.home, String.raw`a\tb\nc\0d\ce $(x) 'q'`);
    expect(await hand.ensure(odd, never)).toEqual({ ok: true, value: { path: odd, created: true } });
    const file = path.join(rig.home, String.raw`f\ce`);
    writeFileSync(file, "");
    expect(await hand.ensure(path.join(file, "below"), never)).toMatchObject({
      error: { code: "workspace_error", detail: `The directory '${file}/below' cannot be made.` },
    });
  });

  test("a log that is gone there keeps nobody from hearing of the end", async () => {
    const rig = await RemoteRig.open({ shell });
    const { task, open } = await waiting(rig, "exit 3");
    rmSync(path.join(dirOf(rig), "agent.log"));
    open();
    expect(await task.ended()).toMatchObject({ outcome: "failed", exitCode: 3 });
  });

  test("a log that is cut short by its child takes nothing of another's with it", async () => {
    const rig = await RemoteRig.open({ shell });
    const one = await waiting(rig, "exec >/dev/stdout; : >/dev/stdout; echo after");
    const other = await waiting(rig, "i=0; while [ $i -lt 3000 ]; do echo line $i; i=$((i+1)); done");
    one.open();
    other.open();
    expect(await one.task.ended()).toMatchObject({ outcome: "completed" });
    expect(await other.task.ended()).toMatchObject({ outcome: "completed" });
    const lines = Array.from({ length: 3000 }, (_, i) => `line ${i}\n`).join("");
    expect(rig.log(other.task.attempt)).toBe(`${other.pid}\n${lines}`);
  });

  test("[VR2] what another version's runner began is stopped", async () => {
    const rig = await RemoteRig.open({ shell });
    const { task, pid } = await waiting(rig);
    rmSync(path.join(rig.home, ".maestro-remote", "runner"), { recursive: true });
    await task.cancel();
    expect(await task.ended()).toMatchObject({ outcome: "cancelled" });
    expect(existsSync(`/proc/${pid}`)).toBe(false);
  });

  test.each(["{torn\n", "{torn"])("an end that cannot be read is one: %j", async (text) => {
    const rig = await RemoteRig.open({ shell });
    const { task, pid } = await waiting(rig);
    writeFileSync(path.join(dirOf(rig), "exit.json"), text);
    expect(await task.ended()).toMatchObject({ outcome: "failed", reason: { code: "runner_died" } });
    expect([undefined, "Z"]).toContain(readStat(pid)?.state);
  });

  test.skipIf(process.getuid?.() !== 0)("[F24] a disk that it has filled there does not keep its end from being told", async () => {
    const rig = await RemoteRig.open({ shell });
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=1m,mode=700", "tmpfs", rig.home]);
    try {
      const { task, open } = await waiting(rig, `dd if=/dev/zero of='${rig.home}/fill' bs=4096; echo $?; exit 5`);
      open();
      await rig.until(() => existsSync(`${rig.home}/fill`));
      rig.line.cut();
      await rig.until(() => rig.line.channels === 0);
      expect(() => appendFileSync(`${rig.home}/more`, Buffer.alloc(8192))).toThrow("ENOSPC");
      rig.line.down = false;
      expect(await task.ended()).toMatchObject({ outcome: "failed", exitCode: 5 });
    } finally {
      execFileSync("umount", ["--lazy", rig.home]);
    }
  });
});

test("what ran is not begun again because nothing of it is left there", async () => {
  const rig = await RemoteRig.open();
  const { task, pid } = await waiting(rig);
  rmSync(path.join(rig.home, ".maestro-remote"), { recursive: true });
  expect(await task.ended()).toMatchObject({ outcome: "failed", reason: { code: "runner_died" } });
  expect([undefined, "Z"]).toContain(readStat(pid)?.state);
});

test("who cannot be heard is not taken for silent", async () => {
  const rig = await RemoteRig.open();
  const beats = path.join(rig.home, "beats");
  const count = () => (existsSync(beats) ? readFileSync(beats, "utf8").length : 0);
  const task = rig.task(["sh", "-c", `while [ ! -e '${rig.home}/gate' ]; do echo beat; printf . >>'${beats}'; sleep 0.1; done`], {
    heartbeatTimeoutMs: 1_500,
  });
  await task.offer();
  await task.start();
  await rig.until(() => rig.log(task.attempt) !== "");
  rig.line.cut();
  const before = count();
  // More than two seconds of its own.
  await rig.until(() => count() > before + 22);
  rig.line.down = false;
  await rig.until(() => rig.log(task.attempt).length > 5 * (before + 22));
  writeFileSync(`${rig.home}/gate`, "");
  expect(await task.ended()).toMatchObject({ outcome: "completed" });
});

test("what is cleaned up here is gone there, and is asked for until it is", async () => {
  const rig = await RemoteRig.open();
  const { task, open } = await waiting(rig);
  open();
  await rig.until(() => existsSync(path.join(dirOf(rig), "exit.json")));
  await task.ended();
  rig.line.down = true;
  const { attempt } = task;
  rig.tasks.ack({ t: "task.ack", attempt, fence: 1 });
  const left = readdirSync(attemptsOf(rig)).length;
  await rig.tasks.cleanup({ t: "task.cleanup", id: 4, task: task.spec.task, attempt, keepLogs: false });
  rig.line.down = false;
  await rig.until(() => readdirSync(attemptsOf(rig)).length === 0);
  expect([0, 1]).toContain(left);
});

test("of a start that was cut nothing but its name stays there", async () => {
  const cut = { now: () => {} };
  const rig = await RemoteRig.open({ deps: { passed: (step) => (step === "noted" ? cut.now() : undefined) } });
  cut.now = () => {
    rig.line.down = true;
  };
  const task = rig.task(["true"]);
  await task.offer();
  const starting = task.start();
  await rig.until(() => rig.line.down);
  await rig.stop();
  await starting;
  rig.line.down = false;
  await rig.begin();
  await rig.until(() => task.status?.state === "accepted");
  expect(readdirSync(dirOf(rig))).toEqual(["started"]);
});

test("a carrier that goes while it looks at a container fails nothing: whoever comes next begins it", async () => {
  const rig = await RemoteRig.open();
  const task = rig.task(["true"], { container: "dev" });
  await task.offer();
  rig.line.down = true;
  const starting = task.start();
  await rig.stop();
  await starting;
  rig.line.down = false;
  await rig.begin();
  expect(task.status).toMatchObject({ state: "accepted" });
  await task.start();
  expect(await task.ended()).toMatchObject({ outcome: "completed" });
});

test("a cancel ends a look at a container that does not answer", async () => {
  const looked = Promise.withResolvers<void>();
  const silent: RemoteShell = {
    run: (_script, _args, { signal }) =>
      new Promise((resolve) => {
        looked.resolve();
        signal.addEventListener("abort", () => resolve(err(maestroError("timeout", "It was given up."))));
      }),
    open: () => Promise.reject(new Error("nothing is opened")),
  };
  const rig = await RemoteRig.open({ shellOf: () => silent });
  const task = rig.task(["true"], { container: "dev" });
  await task.offer();
  const starting = task.start();
  await looked.promise;
  await task.cancel();
  expect(await task.ended(5_000)).toMatchObject({ outcome: "cancelled" });
  await starting;
});

test("of processes that nobody can end the end is told once their runner is gone", async () => {
  class Weak extends Hand {
    override stop = () => Promise.resolve(ok(false));
  }
  const far: { rig?: RemoteRig } = {};
  const line = () => far.rig?.line ?? expect.fail("there is no line yet");
  const rig = await RemoteRig.open({
    deps: { hand: new Weak({ run: (...all) => line().run(...all), open: (...all) => line().open(...all) }, "") },
  });
  far.rig = rig;
  const { task, open } = await waiting(rig);
  await task.cancel();
  expect(task.status).toMatchObject({ state: "cancelling" });
  open();
  expect(await task.ended()).toMatchObject({ outcome: "cancelled" });
});

describe("a start", () => {
  const never = new AbortController().signal;

  async function startOf() {
    const rig = await RemoteRig.open();
    const name = "attempt-1";
    const dir = path.join(attemptsOf(rig), name);
    const nonce = path.join(rig.home, "nonce");
    const orders = [
      "opt attempt attempt",
      "opt boot boot",
      `dir ${dir}`,
      `cwd ${rig.home}`,
      "arg sh",
      "arg -c",
      `arg echo ran >>'${nonce}'; sleep 0.3`,
      "env MAESTRO_ATTEMPT_ID=attempt",
      "go",
      "",
    ].join("\n");
    const sent = { bytes: 0 };
    /** @param cut so many bytes of what is sent do not arrive. */
    const start = (cut = 0, cwd = rig.home, prompt: Uint8Array = Buffer.from("prompt")) => {
      const shell: RemoteShell = {
        open: rig.line.open,
        run(script, args, options) {
          const stdin = options.stdin ?? new Uint8Array();
          sent.bytes = stdin.byteLength;
          return rig.line.run(script, args, { ...options, stdin: stdin.subarray(0, Math.max(0, stdin.byteLength - cut)) });
        },
      };
      return new Hand(shell, "").start({ name, cwd, link: undefined, prompt, orders }, never);
    };
    return { rig, dir, nonce, sent, ordersBytes: Buffer.byteLength(orders), start };
  }

  test("of which a part came is no refusal: asked again, it runs once", async () => {
    const { rig, dir, nonce, sent, ordersBytes, start } = await startOf();
    const cuts = () => [2, 3, ordersBytes - 1, ordersBytes, ordersBytes + 2, ordersBytes + 7, 20_000, sent.bytes - 1, sent.bytes];
    expect(await start(Number.POSITIVE_INFINITY)).toMatchObject({ ok: false });
    for (const cut of cuts()) expect({ cut, ...(await start(cut)) }).toMatchObject({ cut, ok: false });
    expect(readdirSync(path.join(rig.home, ".maestro-remote", "runner")).filter((name) => name.endsWith(".tmp"))).toEqual([]);
    expect(await start()).toMatchObject({ ok: true, value: { type: "running" } });
    await rig.until(() => existsSync(path.join(dir, "exit.json")));
    expect(readFileSync(nonce, "utf8")).toBe("ran\n");
  });

  test("is not refused for what another call of it left behind", async () => {
    const { rig, dir, nonce, start } = await startOf();
    mkdirSync(dir, { recursive: true });
    writeFileSync(path.join(dir, "code"), "74\n");
    expect(await start()).toMatchObject({ ok: true, value: { type: "running", child: { pid: expect.any(Number) } } });
    await rig.until(() => existsSync(path.join(dir, "exit.json")));
    expect(await start()).toMatchObject({ ok: true, value: { type: "ended" } });
    expect(readFileSync(nonce, "utf8")).toBe("ran\n");
  });

  test("that was refused does not begin later", async () => {
    const { rig, dir, nonce, start } = await startOf();
    writeFileSync(path.join(rig.home, "file"), "");
    const refused = await start(0, path.join(rig.home, "file", "below"));
    expect(refused).toMatchObject({ ok: true, value: { type: "refused", error: { code: "workspace_error" } } });
    expect(await start()).toMatchObject({ ok: true, value: { type: "refused" } });
    expect(readFileSync(path.join(dir, "started"), "utf8")).toBe("void\n");
    expect(existsSync(nonce)).toBe(false);
  });

  test.skipIf(process.getuid?.() !== 0)("[TK6] goes on once there is room for its images, however little there was before", async () => {
    const { rig, dir, start } = await startOf();
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=1m,mode=700", "tmpfs", rig.home]);
    try {
      const image = somePng(300_000);
      const put = () => new Hand(rig.line, "").put(path.basename(dir), "images/0a/1-a.png", image, never);
      for (const free of [200_000, 0]) {
        expect(() => appendFileSync(`${rig.home}/fill`, Buffer.alloc(2 ** 21))).toThrow("ENOSPC");
        truncateSync(`${rig.home}/fill`, statSync(`${rig.home}/fill`).size - free);
        expect({ free, ...(await put()) }).toMatchObject({ free, ok: false, error: { code: "disk_full" } });
        expect(readdirSync(path.join(dir, "images/0a"))).toEqual([]);
      }
      rmSync(`${rig.home}/fill`);
      expect(await put()).toEqual({ ok: true, value: undefined });
      expect(await start()).toMatchObject({ ok: true, value: { type: "running" } });
      await rig.until(() => existsSync(path.join(dir, "exit.json")));
    } finally {
      execFileSync("umount", ["--lazy", rig.home]);
    }
  });

  test.skipIf(process.getuid?.() !== 0)("for whose prompt there is no room is refused for that, and keeps none of it", async () => {
    const { rig, dir, nonce, start } = await startOf();
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=1m,mode=700", "tmpfs", rig.home]);
    try {
      const refused = await start(0, rig.home, Buffer.alloc(2 ** 21, "p"));
      expect(refused).toMatchObject({ ok: true, value: { type: "refused", error: { code: "disk_full" } } });
      expect(readdirSync(dir).filter((name) => name.startsWith("stdin"))).toEqual([]);
      expect(existsSync(nonce)).toBe(false);
    } finally {
      execFileSync("umount", ["--lazy", rig.home]);
    }
  });

  test.skipIf(process.getuid?.() !== 0)("that has begun is not refused because it has filled the disk", async () => {
    const { rig, dir, start } = await startOf();
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=1m,mode=700", "tmpfs", rig.home]);
    try {
      expect(await start()).toMatchObject({ ok: true, value: { type: "running" } });
      expect(() => appendFileSync(`${rig.home}/fill`, Buffer.alloc(2 ** 21))).toThrow("ENOSPC");
      const again = await start();
      expect(again.ok && ["running", "ended"]).toContain(again.ok && again.value.type);
      await rig.until(() => existsSync(path.join(dir, "exit.json")));
    } finally {
      execFileSync("umount", ["--lazy", rig.home]);
    }
  });
});
