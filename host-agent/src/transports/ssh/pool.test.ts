/** One connection for many, over a real sshd; the pool's time is the test's. */
import { afterAll, beforeAll, beforeEach, afterEach, describe, expect, test } from "vitest";
import { VirtualClock } from "../../daemon/testing/virtual-clock.ts";
import { systemClock } from "../../daemon/clock.ts";
import type { SshTarget } from "../ssh-target.ts";
import type { SshConnection } from "./connection.ts";
import { dial } from "./dial.ts";
import type { ExecRequest } from "./exec.ts";
import { SshPool } from "./pool.ts";
import type { RemoteProcess } from "./process.ts";
import { Sshd, sshdPath } from "./testing/sshd.ts";

const never = new AbortController().signal;
const sockets = () => process.getActiveResourcesInfo().filter((name) => name === "TCPSocketWrap").length;

describe.skipIf(sshdPath() === undefined)("a pool of connections", () => {
  let sshd: Sshd;
  let clock: VirtualClock;
  let stop: AbortController;
  let pool: SshPool;
  let dialled: SshConnection[];
  let dials: number;
  let random: number;
  let before: number;

  beforeAll(async () => {
    before = sockets();
    sshd = await Sshd.start();
  });
  afterAll(() => sshd[Symbol.asyncDispose]());
  beforeEach(() => {
    clock = new VirtualClock();
    stop = new AbortController();
    dialled = [];
    dials = 0;
    random = 0;
    const reach = async (target: SshTarget, signal: AbortSignal) => {
      dials += 1;
      const options = { hostKeysFile: "/nonexistent/known_hosts", env: {}, clock: systemClock, accept: undefined, observe: () => {} };
      const made = await dial(target, { ...options, signal });
      if (made.ok) dialled.push(made.value);
      return made;
    };
    pool = new SshPool({ clock, random: () => random, timeScale: 1, dial: reach, signal: stop.signal });
  });
  afterEach(async () => {
    stop.abort();
    await pool[Symbol.asyncDispose]();
  });

  const run = (script: string, requester = "a", over: Partial<ExecRequest> = {}, target = sshd.target()) =>
    pool.exec(target, { script, deadlineMs: 60_000, maxOutputBytes: 1000, signal: never, ...over }, requester);
  const said = async (done: ReturnType<typeof run>) => {
    const result = await done;
    return result.ok ? result.value.stdout.toString() : result.error.code;
  };
  const startCat = (begun: (process: RemoteProcess) => void, requester: string) =>
    pool
      .start(
        sshd.target(),
        {
          script: "cat",
          args: [],
          stdin: new Uint8Array(),
          stdout: () => {},
          stderr: () => {},
          clock,
          signal: never,
        },
        requester,
      )
      .then((started) => {
        if (!started.ok) throw new Error(started.error.detail);
        begun(started.value);
      });

  test("many share one, made once", async () => {
    const all = Array.from({ length: 12 }, (_, i) => said(run(`echo ${i}`, `r${i % 3}`)));
    expect(await Promise.all(all)).toEqual(Array.from({ length: 12 }, (_, i) => `${i}\n`));
    expect(dials).toBe(1);
  });

  test("four stay open at once; a fifth waits for one of them to end, and what is short waits for none", async () => {
    const begun: RemoteProcess[] = [];
    const started = Array.from({ length: 5 }, (_, i) => startCat((process) => begun.push(process), `r${i}`));
    await Promise.all(started.slice(0, 4));
    expect(await said(run("echo short"))).toBe("short\n");
    expect(begun.length).toBe(4);
    begun[0]?.end();
    await started[4];
    expect(begun.length).toBe(5);
    for (const process of begun) process.end();
    expect(await Promise.all(begun.map(({ ended }) => ended))).toEqual(begun.map(() => ({ type: "exited", code: 0 })));
  });

  test("who waits for a turn in vain is told at its deadline", async () => {
    const begun: RemoteProcess[] = [];
    await Promise.all(Array.from({ length: 4 }, (_, i) => startCat((process) => begun.push(process), `r${i}`)));
    const fifth = startCat(() => {}, "late");
    clock.advance(60_000);
    await expect(fifth).rejects.toThrow("Nothing could be started");
  });

  test("an unused one is closed after five minutes, and made again when it is wanted", async () => {
    expect(await said(run("echo one"))).toBe("one\n");
    clock.advance(299_000);
    expect(dialled[0]?.lost).toBeUndefined();
    expect(await said(run("echo two"))).toBe("two\n");
    clock.advance(299_000);
    expect(dialled[0]?.lost).toBeUndefined();
    clock.advance(1_000);
    expect(dialled[0]?.lost?.code).toBe("ssh_lost");
    expect(await said(run("echo three"))).toBe("three\n");
    expect(dials).toBe(2);
  });

  test("[F32] one that dies takes what runs over it with it at once; the next waits a while and is made anew", async () => {
    let begun: RemoteProcess | undefined;
    await startCat((process) => (begun = process), "a");
    random = 0.5;
    expect(await said(run('kill -KILL "$PPID"; cat', "b"))).toBe("ssh_lost");
    expect(await begun?.ended).toMatchObject({ type: "lost", error: { code: "ssh_lost" } });
    const again = run("echo back");
    expect(dials).toBe(1);
    clock.advance(2_500);
    expect(await said(again)).toBe("back\n");
    expect(dials).toBe(2);
  });

  test("a steady one that dies is made anew without a wait", async () => {
    expect(await said(run("echo one"))).toBe("one\n");
    clock.advance(40_000);
    random = 0.9;
    expect(await said(run('kill -KILL "$PPID"; cat'))).toBe("ssh_lost");
    expect(await said(run("echo two"))).toBe("two\n");
  });

  test("what only people can mend is told again for a while, until it is known that somebody looked", async () => {
    const stranger = sshd.target({ knownHostsFiles: [] });
    random = 0.5;
    expect(await said(run("echo", "a", {}, stranger))).toBe("host_key_unknown");
    expect(await said(run("echo", "b", {}, stranger))).toBe("host_key_unknown");
    expect(dials).toBe(1);
    clock.advance(2_500);
    expect(await said(run("echo", "b", {}, stranger))).toBe("host_key_unknown");
    expect(dials).toBe(2);
    pool.forgive(stranger);
    expect(await said(run("echo", "b", {}, stranger))).toBe("host_key_unknown");
    expect(dials).toBe(3);
  });

  test("where the server allows fewer sessions, fewer are opened and all are served", async () => {
    await using narrow = await Sshd.start({ MaxSessions: "2" });
    const all = Array.from({ length: 8 }, (_, i) => said(run(`echo ${i}`, `r${i}`, {}, narrow.target())));
    expect(await Promise.all(all)).toEqual(Array.from({ length: 8 }, (_, i) => `${i}\n`));
    await using closed = await Sshd.start({ MaxSessions: "0" });
    expect(await said(run("echo", "a", {}, closed.target()))).toBe("session_limit");
  });

  test("its end ends everything at once and leaves no socket", async () => {
    await expect.poll(sockets).toBe(before);
    let begun: RemoteProcess | undefined;
    await startCat((process) => (begun = process), "a");
    const short = run("cat", "b", {
      stdin: (async function* () {
        await new Promise(() => {});
        yield Buffer.alloc(0);
      })(),
    });
    await said(run("echo both are open by now"));
    expect(sockets()).toBe(before + 1);
    stop.abort();
    await pool[Symbol.asyncDispose]();
    expect(await begun?.ended).toMatchObject({ type: "lost" });
    expect(await short).toMatchObject({ ok: false, error: { code: "ssh_lost" } });
    expect(sockets()).toBe(before);
    expect(await said(run("echo late"))).toBe("ssh_lost");
    expect(dials).toBe(1);
  });
});
