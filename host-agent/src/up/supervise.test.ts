import { spawn } from "node:child_process";
import { expect, test } from "vitest";
import { childNamed, endProcess, identify, isAlive } from "./process-identity.ts";
import { SupervisedChild } from "./supervise.ts";

/** Ends when its input does, as all our children do. */
const untilInputEnds = () => spawn(process.execPath, ["-e", "process.stdin.resume()"], { stdio: ["pipe", "ignore", "ignore"] });

function supervised(start = untilInputEnds, served?: Promise<unknown>) {
  const notes: string[] = [];
  const pids: number[] = [];
  let wake: () => void = () => undefined;
  const child = new SupervisedChild({
    name: "helper",
    start: () => Promise.resolve(start()),
    onStart({ pid }) {
      pids.push(pid ?? 0);
      wake();
    },
    note: (line) => void notes.push(line),
    ...(served === undefined ? {} : { served }),
  });
  child.run();
  const started = async (count: number): Promise<void> => {
    while (pids.length < count) await new Promise<void>((resolve) => (wake = resolve));
  };
  return { child, notes, pids, started };
}

test("a child that is killed comes back, with one line that says so", async () => {
  const { child, notes, pids, started } = supervised();
  await started(1);
  process.kill(pids[0] ?? 0, "SIGKILL");
  await started(2);
  expect(notes).toEqual(["The helper ended (SIGKILL); it is started again in 250 ms."]);
  expect(pids[1]).not.toBe(pids[0]);
  await child.stop(2_000);
  expect(identify(pids[1] ?? 0)).toBeUndefined();
});

test("the death of one that never served is told by who waits for it; every later one by a line", async () => {
  const served = Promise.withResolvers<void>();
  const { child, notes, pids, started } = supervised(untilInputEnds, served.promise);
  await started(1);
  process.kill(pids[0] ?? 0, "SIGKILL");
  await started(2);
  expect(notes).toEqual([]);
  served.resolve();
  await served.promise;
  process.kill(pids[1] ?? 0, "SIGKILL");
  await started(3);
  expect(notes).toEqual(["The helper ended (SIGKILL); it is started again in 500 ms."]);
  await child.stop(2_000);
});

test("stopping closes the child's input first, and insists when that does not help", async () => {
  const deaf = supervised(() =>
    spawn(process.execPath, ["-e", "process.on('SIGTERM', () => {}); setInterval(() => {}, 1000)"], {
      stdio: ["pipe", "ignore", "ignore"],
    }),
  );
  await deaf.started(1);
  await deaf.child.stop(200);
  expect(identify(deaf.pids[0] ?? 0)).toBeUndefined();
});

test("a process is known by pid and start, found by its parent, and ended", async () => {
  const sleeper = spawn("sleep", ["60"], { stdio: "ignore" });
  await new Promise((resolve) => sleeper.once("spawn", resolve));
  const known = childNamed(process.pid, "sleep");
  expect(known?.pid).toBe(sleeper.pid);
  if (known === undefined) throw new Error("not found");
  expect(isAlive(known)).toBe(true);
  expect(isAlive({ ...known, started: "earlier" })).toBe(false);
  expect(await endProcess(known, 2_000)).toBe(true);
});
