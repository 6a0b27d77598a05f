/** Scripts on a real sshd: bytes both ways, ends, and what login shells do to them. */
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { existsSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { systemClock } from "../../daemon/clock.ts";
import { bootstrap } from "./bootstrap.ts";
import type { SshConnection } from "./connection.ts";
import { dial } from "./dial.ts";
import { exec, type ExecRequest } from "./exec.ts";
import { RemoteProcess } from "./process.ts";
import { startScript } from "./start.ts";
import { Sshd, sshdPath } from "./testing/sshd.ts";

const never = new AbortController().signal;
const quiet = {
  hostKeysFile: "/nonexistent/known_hosts",
  env: {},
  clock: systemClock,
  signal: never,
  accept: undefined,
  observe: () => {},
};

describe.skipIf(sshdPath() === undefined)("a script on a remote host", () => {
  let sshd: Sshd;
  let connection: SshConnection;

  beforeAll(async () => {
    sshd = await Sshd.start();
    const dialled = await dial(sshd.target(), quiet);
    if (!dialled.ok) throw new Error(dialled.error.detail);
    connection = dialled.value;
  });
  afterAll(async () => {
    await connection.close();
    await sshd[Symbol.asyncDispose]();
  });

  const run = (script: string, over: Partial<ExecRequest> = {}, on = connection) =>
    exec(on, { script, deadlineMs: 20_000, maxOutputBytes: 1 << 20, signal: never, ...over }, systemClock);

  test("says what it says, on both of its outputs, and how it ended", async () => {
    const done = await run('echo "out $1 $2"; echo err >&2; exit 3', { args: ["it's", "$(touch x) \n;"] });
    expect(done).toMatchObject({ ok: true, value: { end: { type: "exited", code: 3 }, truncated: false } });
    if (!done.ok) return;
    expect(done.value.stdout.toString()).toBe("out it's $(touch x) \n;\n");
    expect(done.value.stderr.toString()).toBe("err\n");
  });

  test("[F1] 300,000 bytes of stdin arrive as they are, and none of them is read by a shell", async () => {
    const prompt = Buffer.concat([Buffer.from("$(touch x) 'quotes\" \n<<EOF\n"), randomBytes(300_000)]);
    const done = await run("cat", { stdin: prompt });
    expect(done.ok && done.value.stdout.equals(prompt)).toBe(true);
  });

  test("stdin that comes in pieces is waited for", async () => {
    async function* pieces() {
      yield Buffer.from("one\n");
      yield Buffer.from("two\n");
    }
    const done = await run("read -r a; read -r b; echo $b-$a", { stdin: pieces() });
    expect(done.ok && done.value.stdout.toString()).toBe("two-one\n");
  });

  test("[F5] exit 255 is the script's own, a signal is told by name", async () => {
    expect(await run("exit 255")).toMatchObject({ ok: true, value: { end: { type: "exited", code: 255 } } });
    expect(await run("kill -TERM $$")).toMatchObject({ ok: true, value: { end: { type: "signalled", signal: "SIGTERM" } } });
  });

  test("an end that comes before anybody listens is known all the same", async () => {
    const pidFile = sshd.at("quick");
    const opened = await connection.run(`exec sh -c 'echo $$ > ${pidFile}; echo said; exit 7'`, false, never);
    if (!opened.ok) throw new Error(opened.error.detail);
    await run(`until [ -s ${pidFile} ] && ! kill -0 "$(cat ${pidFile})" 2>/dev/null; do sleep 0.01; done`);
    let said = "";
    const sinks = { stdout: (chunk: Buffer) => void (said += chunk.toString()), stderr: () => {} };
    const process = new RemoteProcess(connection, opened.value, sinks, systemClock);
    expect(await process.ended).toEqual({ type: "exited", code: 7 });
    expect(said).toBe("said\n");
  });

  test("who cannot take what is said ends it", async () => {
    const started = await startScript(connection, {
      script: "echo said; sleep 60",
      args: [],
      stdin: new Uint8Array(),
      forwardAgent: "no",
      clock: systemClock,
      signal: never,
      stdout: () => Promise.reject(new Error("the disk is full")),
      stderr: () => {},
    });
    expect(started.ok && (await started.value.ended)).toMatchObject({ type: "lost", error: { code: "ssh_lost" } });
  });

  test("a connection that breaks under it is no end of it", async () => {
    const other = await dial(sshd.target(), quiet);
    if (!other.ok) throw new Error(other.error.detail);
    const done = await run('kill -KILL "$PPID"; sleep 60', {}, other.value);
    expect(done).toMatchObject({ ok: false, error: { code: "ssh_lost" } });
    await other.value.close();
  });

  test("[F34] a grandchild that keeps stdout open keeps nobody", async () => {
    const done = await run('sleep 60 & echo "$!"; exit 4');
    expect(done).toMatchObject({ ok: true, value: { end: { type: "exited", code: 4 } } });
    if (done.ok) process.kill(Number(done.value.stdout.toString()));
  });

  test("is killed at its deadline, with its children", async () => {
    const pidFile = sshd.at("pid");
    const done = await run(`sleep 60 & echo "$!" > ${pidFile}; wait`, { deadlineMs: 1_500 });
    expect(done).toMatchObject({ ok: false, error: { code: "timeout" } });
    const gone = await run(
      `p=$(cat ${pidFile}); n=0; while kill -0 "$p" 2>/dev/null && [ $n -lt 100 ]; do sleep 0.05; n=$((n+1)); done; kill -0 "$p" 2>/dev/null || echo gone`,
    );
    expect(gone.ok && gone.value.stdout.toString()).toBe("gone\n");
  });

  test("is killed when it is given up", async () => {
    const stop = new AbortController();
    const sinks = { stdout: () => stop.abort(), stderr: () => {} };
    const started = await startScript(connection, {
      script: "echo begun; sleep 60",
      args: [],
      stdin: new Uint8Array(),
      forwardAgent: "no",
      clock: systemClock,
      signal: stop.signal,
      ...sinks,
    });
    const end = started.ok ? await started.value.ended : { type: "lost", error: started.error };
    expect(end).toMatchObject({ type: "lost", error: { code: "ssh_lost" } });
  });

  test("more output than is wanted is read and dropped", async () => {
    const done = await run("head -c 5000000 /dev/zero; echo end >&2", { maxOutputBytes: 1000 });
    expect(done).toMatchObject({ ok: true, value: { truncated: true, end: { code: 0 } } });
    expect(done.ok && [done.value.stdout.length, done.value.stderr.toString()]).toEqual([1000, "end\n"]);
  });

  test("who reads slowly makes the other side wait, and misses nothing", async () => {
    let seen = 0;
    let taking = 0;
    const started = await startScript(connection, {
      script: "head -c 8000000 /dev/zero",
      args: [],
      stdin: new Uint8Array(),
      forwardAgent: "no",
      clock: systemClock,
      signal: never,
      stdout: async (chunk) => {
        taking += 1;
        expect(taking).toBe(1);
        await new Promise((resolve) => setImmediate(resolve));
        taking -= 1;
        seen += chunk.length;
      },
      stderr: () => {},
    });
    expect(started.ok && (await started.value.ended)).toEqual({ type: "exited", code: 0 });
    expect(seen).toBe(8_000_000);
  });

  test("a long-lived one answers line by line", async () => {
    const lines: string[] = [];
    let told = Promise.withResolvers<void>();
    const started = await startScript(connection, {
      script: 'while read -r line; do echo "got $line"; done',
      args: [],
      stdin: new Uint8Array(),
      forwardAgent: "no",
      clock: systemClock,
      signal: never,
      stdout: (chunk) => {
        lines.push(chunk.toString());
        told.resolve();
      },
      stderr: () => {},
    });
    if (!started.ok) throw new Error(started.error.detail);
    for (const word of ["a", "b"]) {
      told = Promise.withResolvers<void>();
      expect(await started.value.write(Buffer.from(`${word}\n`))).toBe(true);
      await told.promise;
    }
    started.value.end();
    expect(await started.value.ended).toEqual({ type: "exited", code: 0 });
    expect(lines).toEqual(["got a\n", "got b\n"]);
    expect(await started.value.write(Buffer.from("late"))).toBe(false);
  });

  test("a NUL byte is refused before anything is sent", async () => {
    expect(await run("echo", { args: ["a\0b"] })).toMatchObject({ ok: false, error: { code: "nul_byte" } });
  });
});

describe.skipIf(sshdPath() === undefined)("a login shell that is not silent", () => {
  const withShell = async (lines: string, script: string) => {
    await using sshd = await Sshd.start();
    const shell = sshd.at("shell");
    writeFileSync(shell, `#!/bin/sh\n${lines}\n`, { mode: 0o755 });
    await using forced = await Sshd.start({ ForceCommand: `${shell} "$SSH_ORIGINAL_COMMAND"` });
    const dialled = await dial(forced.target(), quiet);
    if (!dialled.ok) throw new Error(dialled.error.detail);
    await using connection = dialled.value;
    return await exec(connection, { script, deadlineMs: 10_000, maxOutputBytes: 1000, signal: never }, systemClock);
  };

  test("what it says first is dropped, without an end of line too", async () => {
    const done = await withShell('echo Welcome; printf "no newline"; echo oops >&2; exec sh -c "$1"', "echo mine; echo own >&2");
    expect(done.ok && [done.value.stdout.toString(), done.value.stderr.toString()]).toEqual(["mine\n", "own\n"]);
  });

  test("that ends before the script is told of, with what it said", async () => {
    const done = await withShell("echo This account is not available.; exit 1", "echo mine");
    expect(done).toMatchObject({ ok: false, error: { code: "remote_shell_broken", detail: expect.stringContaining("not available") } });
  });

  test("that reads what was meant for the script runs nothing of it", async () => {
    const done = await withShell('head -c 5 >/dev/null; exec sh -c "$1"', "echo mine");
    expect(done).toMatchObject({ ok: false, error: { code: "remote_shell_broken", detail: expect.stringContaining("took a part") } });
  });
});

const SHELLS = ["/bin/sh", "/bin/dash", "/bin/bash", "/usr/bin/zsh", "/usr/bin/fish", "/bin/busybox"];

describe.each(SHELLS.filter((shell) => existsSync(shell)))("in %s", (shell) => {
  test("a script of any length is taken to its last byte and not one further", async () => {
    for (const length of [1, 4095, 4096, 70_000, 300_000]) {
      const filler = `: '${"ä\n".repeat(Math.ceil(length / 3))}'`;
      const made = bootstrap(
        `${filler}\nread -r line; echo "$line"; cat`,
        "abc123",
        shell === "/bin/busybox" ? "/bin/busybox sh" : "/bin/sh",
      );
      if (!made.ok) throw new Error(made.error.detail);
      const argv = shell === "/bin/busybox" ? ["sh", "-c", made.value.command] : ["-c", made.value.command];
      const child = spawn(shell, argv, { stdio: ["pipe", "pipe", "ignore"], env: { ...process.env, LC_ALL: "C.UTF-8" } });
      const said: Buffer[] = [];
      child.stdout.on("data", (chunk: Buffer) => said.push(chunk));
      for (let at = 0; at < made.value.script.length; at += 1000) child.stdin.write(made.value.script.subarray(at, at + 1000));
      child.stdin.end("first\nrest");
      const [code] = await once(child, "close");
      expect([code, Buffer.concat(said).toString()]).toEqual([0, `${made.value.mark.toString()}${child.pid ?? 0}\nfirst\nrest`]);
    }
  });
});
