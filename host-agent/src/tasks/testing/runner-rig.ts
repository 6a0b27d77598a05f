/** Orders for a runner, and what it leaves; shared by the tests of the runner by itself. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { expect } from "vitest";
import { systemClock } from "../../daemon/clock.ts";
import { readBootId } from "../../daemon/process-identity.ts";
import { Exit } from "../attempt-files.ts";
import { leftCgroups } from "../cgroup-places.ts";
import { killAll, removeCgroups } from "../members.ts";
import { RunnerShell, startRunner, type Orders } from "../runner.ts";

export const PROGRAM = path.resolve(import.meta.dirname, "../runner.sh");

/** Tests run beside one another: what one leaves is undone when all have ended. */
export const undo: (() => unknown)[] = [];
export async function undoAll(): Promise<void> {
  for (const step of undo.splice(0).reverse()) await step();
}

let count = 0;

export function order(argv: readonly string[], more: Partial<Orders> = {}): Orders {
  const attempt = `att_run${process.pid}x${count++}`;
  const dir = mkdtempSync(path.join(tmpdir(), "runner-"));
  undo.push(() => rmSync(dir, { recursive: true, force: true, maxRetries: 20 }));
  undo.push(async () => {
    const belonging = belongingOf({ attempt, dir });
    await killAll(belonging, systemClock, new AbortController().signal);
    // What a killed runner leaves makes every other one of this machine slower.
    removeCgroups([...belonging.cgroups, ...leftCgroups(attempt)]);
  });
  return {
    attempt,
    dir,
    bootId: readBootId(),
    argv,
    env: { PATH: process.env["PATH"] ?? "", MAESTRO_ATTEMPT_ID: attempt },
    cwd: dir,
    timeoutMs: 60_000,
    stopAfterMs: undefined,
    graceMs: 1_000,
    logLimitBytes: 1024 ** 3,
    limits: {},
    ...more,
  };
}

export const file = ({ dir }: Pick<Orders, "dir">, name: string): string => {
  try {
    return readFileSync(path.join(dir, name), "utf8");
  } catch {
    return "";
  }
};
const childIn = (text: string) => {
  const [pid = "", started = ""] = (text.split("\n")[0] ?? "").split(" ");
  return pid === "" ? undefined : { pid: Number(pid), started };
};
export const belongingOf = (orders: Pick<Orders, "dir" | "attempt">) => ({
  attempt: orders.attempt,
  cgroups: file(orders, "cgroups").split("\n").filter(Boolean),
  child: childIn(file(orders, "child")),
});

/** Of which shell, and whether it was there before its orders. */
export interface Way {
  shell: readonly string[];
  ahead: boolean;
}
export const SH: Way = { shell: ["/bin/sh"], ahead: false };

export async function begin({ shell, ahead }: Way, orders: Orders) {
  const waiting = ahead ? new RunnerShell(PROGRAM, shell, true) : undefined;
  const started = await startRunner(PROGRAM, orders, shell, undefined, waiting);
  if (!started.ok) throw new Error(started.error.detail);
  return started.value;
}

export async function run(way: Way, orders: Orders): Promise<Omit<Exit, "atMs">> {
  const { exited } = await begin(way, orders);
  expect(await exited).toEqual({ code: 0, signal: null });
  return Exit.parse(JSON.parse(file(orders, "exit.json")));
}
