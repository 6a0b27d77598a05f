import { spawn } from "node:child_process";
import { mkdtempSync, openSync, readFileSync, closeSync, existsSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { once } from "node:events";
import { expect, onTestFinished, test } from "vitest";
import { traced, withoutStamp } from "./trace.ts";

const NONCE = "a1b2c3d4e5f60718";
const STAMPED = /^TRACE: \[\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\] step: /;
const SHELLS = [["/bin/sh"], ["busybox", "sh"], ["bash", "--posix"]];
const present = SHELLS.filter(([program = ""]) =>
  program.startsWith("/") ? existsSync(program) : (process.env["PATH"] ?? "").split(":").some((dir) => existsSync(path.join(dir, program))),
);

interface Run {
  log: string;
  code: number | null;
}

async function run(
  shell: readonly string[],
  argv: readonly string[],
  options: { stdin?: string; signal?: NodeJS.Signals } = {},
): Promise<Run> {
  const dir = mkdtempSync(path.join(tmpdir(), "trace-"));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  const file = path.join(dir, "agent.log");
  const out = openSync(file, "a");
  const [, ...rest] = traced(argv, NONCE);
  const [program = "sh", ...before] = shell;
  const child = spawn(program, [...before, ...rest], { stdio: ["pipe", out, out], detached: true });
  closeSync(out);
  // It may have ended before it read anything.
  child.stdin?.on("error", () => {});
  child.stdin?.end(options.stdin ?? "");
  if (options.signal !== undefined) {
    await expect.poll(() => readFileSync(file, "utf8")).toContain("ready");
    process.kill(-(child.pid ?? 0), options.signal);
  }
  const [code] = await once(child, "exit");
  try {
    process.kill(-(child.pid ?? 0), "SIGKILL");
  } catch {
    // Nobody was left behind.
  }
  return { log: readFileSync(file, "utf8"), code };
}

test.each(present)("[SKILL35] %s: each line of stdout is stamped, stderr is not, and the exit code stays", async (...shell) => {
  const { log, code } = await run(shell, ["sh", "-c", String.raw`printf 'one\n\n  three\\n%%s\n'; echo bad >&2; cat; exit 7`], {
    stdin: "from stdin\n",
  });
  const lines = log.split("\n").filter((line) => line !== "bad");
  expect(log).toContain("bad\n");
  expect(lines.slice(0, -1).every((line) => STAMPED.test(line))).toBe(true);
  expect(lines.map(withoutStamp)).toEqual(["one", "", "  three\\n%s", "from stdin", ""]);
  expect(code).toBe(7);
});

test.each(present)("[SKILL35] %s: the time is now", async (...shell) => {
  const { log } = await run(shell, ["echo", "x"]);
  const at = Date.parse(/\[(.*?)\]/.exec(log)?.[1] ?? "");
  expect(Math.abs(Date.now() - at)).toBeLessThan(10_000);
});

test.each(present)("[SKILL35] %s: the last line keeps what it has, also without its end", async (...shell) => {
  const { log, code } = await run(shell, ["sh", "-c", "printf 'first\\nlast without end'"]);
  expect(log.split("\n").map(withoutStamp)).toEqual(["first", "last without end"]);
  expect(code).toBe(0);
});

test.each(present)("[F34] %s: a grandchild that keeps stdout open delays nothing", async (...shell) => {
  const began = performance.now();
  const { log, code } = await run(shell, ["sh", "-c", "sleep 40 & echo done"]);
  expect(log.split("\n").map(withoutStamp)).toEqual(["done", ""]);
  expect(code).toBe(0);
  expect(performance.now() - began).toBeLessThan(20_000);
});

test.each(present)("[TK4] %s: a signal to the group reaches the child as ever, and what it says last is kept", async (...shell) => {
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    const script = `trap 'echo ended by ${signal}; exit 5' ${signal.slice(3)}; echo ready; while :; do sleep 0.05; done`;
    const { log, code } = await run(shell, ["sh", "-c", script], { signal });
    expect(log.split("\n").map(withoutStamp)).toContain(`ended by ${signal}`);
    expect(code).toBe(5);
  }
});

test.each(present)("[SKILL35] %s: ten thousand lines arrive, in order", async (...shell) => {
  const { log } = await run(shell, ["sh", "-c", "i=0; while [ $i -lt 10000 ]; do echo line $i; i=$((i+1)); done"]);
  expect(log.split("\n").map(withoutStamp)).toEqual([...Array.from({ length: 10_000 }, (_, i) => `line ${i}`), ""]);
});
