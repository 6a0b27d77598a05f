/** [TK6] Images of an attempt, from the answer of a control plane to files, and gone again. */
import fs, {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { maestroError } from "@maestro/shared/errors";
import type { AttemptSpec, AttemptStatus } from "@maestro/shared/protocol/tasks";
import { err, ok } from "@maestro/shared/result";
import { systemClock } from "../daemon/clock.ts";
import { asNobody, isRoot, NOBODY, nobodyProblem } from "../daemon/testing/nobody.ts";
import { fetchImages, removeImages } from "./attempt-images.ts";
import type { ImageSource } from "./image-source.ts";
import { imageOf, serving, somePng } from "./testing/images.ts";
import { standaloneTasks, type Standalone } from "./testing/standalone.ts";
import { specOf } from "./testing/task-host.ts";

let dir: string;
const stops: (() => Promise<void>)[] = [];
beforeEach(() => {
  dir = mkdtempSync(path.join(tmpdir(), "maestro-images-"));
});
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
  rmSync(dir, { recursive: true, force: true });
});

const PNG = somePng(100_000);
const OTHER = somePng(50_000, 9);
const LISTED = [imageOf("1-a.png", PNG), imageOf("2-b.png", OTHER)];
const never = new AbortController().signal;
const lost = maestroError("server_unreachable", "the line was cut");

describe("[TK6] fetched", () => {
  const fetched = (source: ImageSource, signal = never, images = LISTED) =>
    fetchImages({ ...specOf([]), images }, dir, { source, clock: systemClock, timeScale: 0.001 }, signal);

  test("whole, in their order, in a directory that nobody else reads and nobody foresees", async () => {
    const files = await fetched(serving(PNG, OTHER));
    if (!files.ok) throw new Error(files.error.detail);
    expect(files.value.map((file) => path.basename(file))).toEqual(["1-a.png", "2-b.png"]);
    expect(files.value.map((file) => readFileSync(path.join(dir, file)))).toEqual([PNG, OTHER]);
    for (const file of files.value) {
      expect(file).toMatch(/^images\/[0-9a-f]{16}\//);
      expect(statSync(path.join(dir, file)).mode & 0o777).toBe(0o600);
      expect(statSync(path.dirname(path.join(dir, file))).mode & 0o777).toBe(0o700);
    }
    removeImages(dir);
    expect(readdirSync(dir)).toEqual([]);
  });

  test("are removed though their directory was closed by who worked with them; what cannot be removed breaks nothing", async ({ skip }) => {
    const problem = nobodyProblem();
    skip(problem !== undefined, problem);
    const files = await fetched(serving(PNG, OTHER));
    if (!files.ok) throw new Error(files.error.detail);
    const held = path.dirname(path.join(dir, files.value[0] ?? ""));
    const all = [dir, path.dirname(held), held, ...readdirSync(held).map((name) => path.join(held, name))];
    if (isRoot) for (const one of all) chownSync(one, NOBODY, NOBODY);
    chmodSync(held, 0o500);
    asNobody(() => removeImages(dir));
    expect(readdirSync(dir)).toEqual([]);

    mkdirSync(path.join(dir, "images", "theirs"), { recursive: true });
    writeFileSync(path.join(dir, "images", "theirs", "file"), "");
    chmodSync(dir, 0o500);
    asNobody(() => removeImages(dir));
    chmodSync(dir, 0o700);
  });

  test("from where it broke off", async () => {
    const asked: number[] = [];
    const files = await fetched(
      async ({ offset }, take) => {
        asked.push(offset);
        take(PNG.subarray(offset, offset + 40_000));
        return offset + 40_000 < PNG.length ? err(lost) : ok(undefined);
      },
      never,
      LISTED.slice(0, 1),
    );
    expect(asked).toEqual([0, 40_000, 80_000]);
    expect(files.ok && readFileSync(path.join(dir, files.value[0] ?? ""))).toEqual(PNG);
  });

  test("anew where other bytes came, and not for ever", async () => {
    let times = 0;
    const once: ImageSource = async ({ offset }, take) => {
      times += 1;
      take((times === 1 ? somePng(PNG.length, 1) : PNG).subarray(offset));
      return ok(undefined);
    };
    expect((await fetched(once, never, LISTED.slice(0, 1))).ok).toBe(true);
    expect(await fetched(serving(somePng(PNG.length, 1)), never, LISTED.slice(0, 1))).toMatchObject({
      ok: false,
      error: { code: "image_gone", detail: /'1-a\.png'.*other bytes/ },
    });
    expect(readdirSync(dir)).toEqual([]);
  });

  test("no more of them than was said", async () => {
    const endless: ImageSource = async (_wanted, take) => {
      try {
        for (;;) take(Buffer.alloc(60_000));
      } catch {
        return err(lost);
      }
    };
    expect(await fetched(endless)).toMatchObject({ ok: false, error: { code: "image_gone" } });
    expect(readdirSync(dir)).toEqual([]);
  });

  test("no further than the disk takes them, which is not called a fault of the line", async () => {
    const full = Object.assign(new Error("no space left on device"), { code: "ENOSPC" });
    const write = vi.spyOn(fs, "writeSync").mockImplementation(() => {
      throw full;
    });
    syncBuiltinESMExports();
    try {
      // As whoever reads an answer does: what it throws is the connection's end.
      const source: ImageSource = (...asked) => serving(PNG, OTHER)(...asked).catch(() => err(lost));
      await expect(fetched(source)).rejects.toBe(full);
    } finally {
      write.mockRestore();
      syncBuiltinESMExports();
    }
  });

  test("not, once the control plane has none, or nobody wants them any more", async () => {
    let asked = 0;
    const gone: ImageSource = async () => {
      asked += 1;
      return err(maestroError("image_gone", "There is no such image for this host."));
    };
    expect(await fetched(gone)).toMatchObject({ ok: false, error: { code: "image_gone", field: "images", hint: /maestro task retry/ } });
    expect(asked).toBe(1);
    const abort = new AbortController();
    const away: ImageSource = async () => {
      abort.abort();
      return err(lost);
    };
    expect(await fetched(away, abort.signal)).toMatchObject({ ok: false });
    expect(readdirSync(dir)).toEqual([]);
  });
});

/** Prints what it was given, then waits for the gate. */
const LOOKER = String.raw`for file in "$@"; do case $file in /*) cat "$file" | cksum; echo "$file";; esac; done; until [ -e "$GATE" ]; do sleep 0.02; done`;

describe("[TK6] removed with the end of the attempt", () => {
  const begin = (source: ImageSource): Standalone => {
    const tasks = standaloneTasks(dir, { images: source, timeScale: 0.05 });
    stops.push(() => tasks.stop());
    return tasks;
  };
  const gate = () => path.join(dir, "gate");
  const looker = (): AttemptSpec => {
    const { command: _command, ...rest } = specOf([]);
    const definition = { slug: "looker", argv: ["sh", "-c", LOOKER, "looker", "{{prompt}}"], image_flag: "--image" };
    const agent = { id: "agt_1", name: "looker", type: "looker", definition, workspace: path.join(dir, "w"), args: [], env: {} };
    return {
      ...rest,
      agent,
      prompt: "look",
      images: LISTED,
      workspace: { mode: "path", path: path.join(dir, "w") },
      env: { GATE: gate() },
    };
  };
  const attemptDir = ({ attempt }: AttemptSpec) => path.join(dir, "attempts", attempt);
  const images = (spec: AttemptSpec) => path.join(attemptDir(spec), "images");
  const log = (spec: AttemptSpec) => readFileSync(path.join(attemptDir(spec), "agent.log"), "utf8");
  const status = ({ tasks }: Standalone, { attempt }: AttemptSpec): AttemptStatus | undefined =>
    tasks
      .reports()
      .flatMap((frame) => (frame.t === "attempts" ? frame.items : []))
      .find((one) => one.attempt === attempt)?.status;
  const started = async ({ tasks }: Standalone, spec: AttemptSpec): Promise<void> => {
    const { attempt, fence } = spec;
    expect(await tasks.offer({ t: "task.offer", id: 1, attempt, fence, spec }, undefined)).toMatchObject({ value: { answer: "accepted" } });
    // Nothing is fetched, or there, before it may start.
    expect(existsSync(images(spec))).toBe(false);
    await tasks.start({ t: "task.start", id: 2, attempt, fence, sealed: "" });
  };
  const looking = async (spec: AttemptSpec): Promise<void> => {
    await expect.poll(() => existsSync(path.join(attemptDir(spec), "agent.log")) && log(spec).split("\n").length > 4).toBe(true);
    expect(log(spec)).toMatch(
      new RegExp(String.raw`^\d+ 100000\n${images(spec)}/\w{16}/1-a\.png\n\d+ 50000\n${images(spec)}/\w{16}/2-b\.png\n$`),
    );
    expect(existsSync(images(spec))).toBe(true);
  };
  const ended = (tasks: Standalone, spec: AttemptSpec) => expect.poll(() => status(tasks, spec), { timeout: 20_000 });

  test("that succeeds", async () => {
    const tasks = begin(serving(PNG, OTHER));
    const spec = looker();
    await started(tasks, spec);
    await looking(spec);
    writeFileSync(gate(), "");
    await ended(tasks, spec).toMatchObject({ state: "ended", end: { outcome: "completed" } });
    expect(existsSync(images(spec))).toBe(false);
  });

  test("[TK4] that is cancelled, or whose runner is killed", async () => {
    const tasks = begin(serving(PNG, OTHER));
    const [cancelled, killed] = [looker(), looker()];
    for (const spec of [cancelled, killed]) {
      await started(tasks, spec);
      await looking(spec);
    }
    const { attempt, fence } = cancelled;
    await tasks.tasks.cancel({ t: "task.cancel", id: 3, attempt, fence, graceMs: 0, why: "cancelled" });
    process.kill(Number(readFileSync(path.join(attemptDir(killed), "started"), "utf8").split(" ")[0]), "SIGKILL");
    await ended(tasks, cancelled).toMatchObject({ state: "ended", end: { outcome: "cancelled" } });
    await ended(tasks, killed).toMatchObject({ state: "ended", end: { reason: { code: "runner_died" } } });
    for (const spec of [cancelled, killed]) expect(existsSync(images(spec))).toBe(false);
  });

  test("that ends while nobody looks after it: by its runner; one that has lost its runner as well, by whoever comes next", async () => {
    const tasks = begin(serving(PNG, OTHER));
    const [alone, orphan] = [looker(), looker()];
    for (const spec of [alone, orphan]) {
      await started(tasks, spec);
      await looking(spec);
    }
    await tasks.stop();
    process.kill(Number(readFileSync(path.join(attemptDir(orphan), "started"), "utf8").split(" ")[0]), "SIGKILL");
    writeFileSync(gate(), "");
    await expect.poll(() => existsSync(path.join(attemptDir(alone), "exit.json"))).toBe(true);
    expect(existsSync(images(alone))).toBe(false);
    expect(existsSync(images(orphan))).toBe(true);
    const next = begin(serving(PNG, OTHER));
    // Nobody knows of secrets that they had.
    for (const { attempt, fence } of [alone, orphan]) next.tasks.secrets({ t: "task.secrets", attempt, fence });
    await ended(next, alone).toMatchObject({ state: "ended", end: { outcome: "completed" } });
    await ended(next, orphan).toMatchObject({ state: "ended" });
    expect(existsSync(images(orphan))).toBe(false);
  });

  test("that could not begin without them: it says so, and may be tried again", async () => {
    const tasks = begin(async () => err(maestroError("image_gone", "There is no such image for this host.")));
    const spec = looker();
    await started(tasks, spec);
    await ended(tasks, spec).toMatchObject({ state: "ended", end: { outcome: "failed", reason: { code: "images_missing" } } });
    expect(existsSync(images(spec))).toBe(false);
  });

  test("[TK4] that is cancelled while they are on their way", async () => {
    const began = Promise.withResolvers<void>();
    const tasks = begin(async (_wanted, take, signal) => {
      take(PNG.subarray(0, 10));
      began.resolve();
      await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
      return err(lost);
    });
    const spec = looker();
    const starting = started(tasks, spec);
    await began.promise;
    expect(existsSync(images(spec))).toBe(true);
    const { attempt, fence } = spec;
    await tasks.tasks.cancel({ t: "task.cancel", id: 3, attempt, fence, graceMs: 0, why: "cancelled" });
    await starting;
    await ended(tasks, spec).toMatchObject({ state: "ended", end: { outcome: "cancelled" } });
    expect(existsSync(images(spec))).toBe(false);
  });

  test("[TK1] of which a daemon fetched some before it went: the next one fetches them anew, and it runs once", async () => {
    const began = Promise.withResolvers<void>();
    const first = begin(async (_wanted, take, signal) => {
      take(PNG.subarray(0, 10));
      began.resolve();
      await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
      return err(lost);
    });
    const spec = looker();
    const starting = started(first, spec);
    await began.promise;
    await first.stop();
    await starting;
    // After a reboot as well: nothing says that it had begun.
    expect(existsSync(path.join(attemptDir(spec), "begun.json"))).toBe(false);
    const next = begin(serving(PNG, OTHER));
    expect(status(next, spec)).toEqual({ state: "accepted" });
    const { attempt, fence } = spec;
    await next.tasks.start({ t: "task.start", id: 2, attempt, fence, sealed: "" });
    await looking(spec);
    writeFileSync(gate(), "");
    await ended(next, spec).toMatchObject({ state: "ended", end: { outcome: "completed" } });
  });
});
