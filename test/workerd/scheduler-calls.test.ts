/** What routes ask of the Scheduler: tasks by what somebody typed, in pages, again, from agents; and what is left on hosts. */
import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, test } from "vitest";
import { makeId } from "@maestro/shared/ids";
import { MAX_DEPTH, MAX_FAN_OUT } from "@maestro/shared/limits";
import type { NewTarget, NewTask } from "../../control-plane/src/domain/tasks/calls.ts";
import { COLLECT_WITHIN_MS } from "../../control-plane/src/objects/scheduler/collect-log.ts";
import { ADA, ANYBODY, submitTo, taskFleet, type TaskFleet } from "./support/task-fleet.ts";

let world: TaskFleet;
beforeEach(async () => {
  world = await taskFleet();
});

const on = (host: string): NewTarget => ({ kind: "host", selector: { host } });
const agentOn = (host: { id: string; name: string }, name: string): NewTarget => ({
  kind: "agent",
  agent: { id: `agt_${name}`, name, type: "shell", workspace: "/tmp/w", args: [], env: {} },
  host,
});

const REQUEST = {
  body: { command: ["true"], dependsOn: [] },
  sealed: {},
  targets: [{ kind: "host", selector: {} }],
  by: ADA,
} satisfies NewTask;

describe("a task is found", () => {
  test("by its id, by a chosen one, and by a beginning that only one has", async () => {
    const made = await world.submit();
    const [one, two] = [await world.submit({ id: "fix-1" }), await world.submit({ id: "fix-2" })];
    expect((await world.task(made.slice(0, -2))).id).toBe(made);
    expect((await world.task(one)).id).toBe("fix-1");
    expect(await world.scheduler().task("fix", ANYBODY)).toMatchObject({
      ok: false,
      error: { code: "ambiguous", extra: { matches: [one, two] } },
    });
    expect(await world.scheduler().task("nothing", ANYBODY)).toMatchObject({ ok: false, error: { code: "task_not_found" } });
  });

  test("only within reach, whatever is asked", async () => {
    const there = await world.submit({}, [on("builder")]);
    const reach = { hosts: "other*" };
    for (const refused of [
      await world.scheduler().task(there, reach),
      await world.scheduler().cancel(there, reach, ADA, ""),
      await world.scheduler().retry(there, reach, ADA),
      await world.scheduler().cleanup(there, reach, ADA, false),
      await world.scheduler().attemptFor(there, reach, undefined),
    ])
      expect(refused).toMatchObject({ ok: false, error: { code: "task_not_found" } });
    expect((await world.scheduler().tasks({ limit: 10, reach })).items).toEqual([]);
    expect((await world.scheduler().queueView({ limit: 10, reach })).items).toEqual([]);
    expect((await world.scheduler().tasks({ limit: 10, reach: { hosts: "build*" } })).items).toHaveLength(1);
  });
});

test("lists come newest first, in pages, filtered; the queue in the order of turns", async () => {
  const builder = await world.join("builder");
  const ids: string[] = [];
  for (let n = 0; n < 6; n++)
    ids.unshift(await world.submit({ ...(n === 2 ? { id: "chosen" } : {}), priority: n === 0 ? 5 : 3, description: `job ${n}` }));
  const first = await world.scheduler().tasks({ limit: 4, reach: ANYBODY });
  expect(first.items.map(({ id }) => id)).toEqual(ids.slice(0, 4));
  const rest = await world.scheduler().tasks({ limit: 4, before: first.next, reach: ANYBODY });
  expect(rest.items.map(({ id }) => id)).toEqual(ids.slice(4));
  await world.until(ids[2] ?? "", "running");
  const running = await world.scheduler().tasks({ limit: 10, status: ["running"], reach: ANYBODY });
  expect(running.items.length).toBe(4);
  const found = await world.scheduler().tasks({ limit: 10, q: "JOB 3", host: "builder", reach: ANYBODY });
  expect(found.items.map(({ description }) => description)).toEqual(["job 3"]);
  const queue = await world.scheduler().queueView({ limit: 10, show: "waiting", reach: ANYBODY });
  expect(queue.items.map(({ waiting }) => waiting?.code)).toEqual(["host_busy", "host_busy"]);
  expect(queue).toMatchObject({ counts: { running: 4, queued: 2 }, hosts: [{ name: "builder", running: 4, limit: 4, online: true }] });
  const page = await world.scheduler().queueView({ limit: 5, reach: ANYBODY });
  const next = await world.scheduler().queueView({ limit: 5, before: page.nextCursor, reach: ANYBODY });
  expect(new Set([...page.items, ...next.items].map(({ task }) => task)).size).toBe(6);
  for (const attempt of [...builder.started]) builder.end(attempt);
  await expect.poll(async () => (await world.scheduler().queueView({ limit: 1, reach: ANYBODY })).counts.completed).toBe(4);
});

test("an ended task runs again: what did not succeed of it, under new fences", async () => {
  const builder = await world.join("builder");
  const targets = ["a", "b"].map((name) => agentOn(builder.host, name));
  const id = await world.submit({ id: "again" }, targets);
  expect(await world.scheduler().retry(id, ANYBODY, ADA)).toMatchObject({ ok: false, error: { code: "task_not_final" } });
  await expect.poll(() => builder.started.length).toBe(2);
  const [good = "", bad = ""] = builder.started;
  // A long result has a row of its own.
  builder.end(good, { result: "x".repeat(5_000) });
  builder.end(bad, { outcome: "failed", exitCode: 1 });
  await world.until(id, "failed");
  await world.evict();
  expect(await world.scheduler().retry(id, ANYBODY, ADA)).toMatchObject({ ok: true });
  await expect.poll(() => builder.started.length).toBe(3);
  builder.end(builder.started[2] ?? "");
  const ended = await world.until(id, "completed");
  expect(ended.attempts.map(({ fence }) => fence)).toEqual([1, 2, 3]);
  await world.evict();
  const whole = await world.task(id);
  expect(whole).toMatchObject({ status: "completed", exitCode: 0 });
  expect(whole.targets.map(({ result }) => result?.length).toSorted()).toEqual([4, 5_000]);
  expect(await world.scheduler().retry(id, ANYBODY, ADA)).toMatchObject({ ok: false, error: { code: "task_final" } });
});

test("what is sealed is gone with the end, and a retry that would need it is refused", async () => {
  const id = await world.submit({}, undefined, { sealed: { GH_TOKEN: "ciphertext" } });
  await world.scheduler().cancel(id, ANYBODY, ADA, "");
  expect(await world.scheduler().retry(id, ANYBODY, ADA)).toMatchObject({
    ok: false,
    error: { code: "secret_not_found", detail: expect.stringContaining("GH_TOKEN") },
  });
});

describe("of somebody who reaches some hosts only", () => {
  const reach = { hosts: "build*" };

  test("a task that waits for any of these is seen and cancelled by its submitter, and by nobody who reaches others", async () => {
    const id = await world.submit({}, undefined, { reach });
    expect(await world.scheduler().task(id, reach)).toMatchObject({ ok: true });
    expect((await world.scheduler().tasks({ limit: 10, reach })).items).toMatchObject([{ id }]);
    expect((await world.scheduler().tasks({ limit: 10, reach: { hosts: "other*" } })).items).toEqual([]);
    const anywhere = await world.submit();
    expect(await world.scheduler().task(anywhere, reach)).toMatchObject({ ok: false, error: { code: "task_not_found" } });
    expect(await world.scheduler().cancel(id, reach, ADA, "")).toMatchObject({ ok: true, value: { status: "cancelled" } });
  });

  test("a retry stays on these, wherever the task might run before", async () => {
    const builder = await world.join("builder");
    const id = await world.submit();
    builder.end(String((await builder.asked("task.start"))["attempt"]), { outcome: "failed", exitCode: 1 });
    await world.until(id, "failed");
    await world.scheduler().hostChanged(builder.host.id, { draining: true });
    await world.join("other");
    await world.until(await world.submit({}, [on("other")]), "running");
    expect(await world.scheduler().retry(id, reach, ADA)).toMatchObject({
      ok: true,
      value: { status: "queued", waiting: { code: "host_draining" } },
    });
  });
});

describe("an id that was made", () => {
  const made = (): string => makeId("task", Date.now(), crypto.getRandomValues(new Uint8Array(10)));

  test("is the same request once more, open or ended, over an eviction too", async () => {
    const id = made();
    expect(await world.submit({ id, description: "first" })).toBe(id);
    const [first, again] = [await world.task(id), async () => submitTo(world.scheduler(), { ...REQUEST, body: { ...REQUEST.body, id } })];
    expect(await again()).toMatchObject({ ok: true, value: { id, createdAt: first.createdAt, description: "first" } });
    await world.scheduler().cancel(id, ANYBODY, ADA, "");
    await world.evict();
    expect(await again()).toMatchObject({ ok: true, value: { id, status: "cancelled" } });
    expect((await world.scheduler().tasks({ limit: 10, reach: ANYBODY })).items).toHaveLength(1);
  });

  test("that begins as another one's key does leads to its own task, and its attempts do", async () => {
    const builder = await world.join("builder");
    const one = made();
    const other = `${one.slice(0, -1)}${one.endsWith("0") ? "1" : "0"}`;
    for (const id of [one, other]) {
      expect(await world.submit({ id, description: id })).toBe(id);
      const attempt = String((await builder.asked("task.start"))["attempt"]);
      expect(await world.scheduler().attempt(attempt, ANYBODY)).toMatchObject({ ok: true, value: { task: id } });
    }
    await world.evict();
    const again = await submitTo(world.scheduler(), { ...REQUEST, body: { ...REQUEST.body, id: other } });
    expect(again).toMatchObject({ ok: true, value: { id: other, description: other } });
    expect((await world.scheduler().tasks({ limit: 10, reach: ANYBODY })).items).toHaveLength(2);
  });
});

test("what is answered of a new task is what is read of it afterwards", async () => {
  const body = {
    prompt: "do it",
    description: "job",
    dependsOn: [],
    env: { A: "1" },
    labels: { team: "x" },
    timeoutMs: 5_000,
    group: { name: "g", limit: 2 },
  };
  const targets = [agentOn({ id: "hst_1", name: "one" }, "a"), agentOn({ id: "hst_2", name: "two" }, "b")];
  const submitted = await submitTo(world.scheduler(), { ...REQUEST, body, targets, sealed: { TOKEN: "sealed" } });
  if (!submitted.ok) throw new Error(submitted.error.code);
  const { attempts, ...read } = await world.task(submitted.value.id);
  expect(attempts).toEqual([]);
  expect(submitted.value).toEqual(read);
});

test("a queue that is full takes no new task, nor one that has ended", async () => {
  const ended = await world.submit();
  await world.scheduler().cancel(ended, ANYBODY, ADA, "");
  const open = [await world.submit(), await world.submit()];
  await runInDurableObject(world.scheduler(), (object) => {
    object.maxOpen = open.length;
  });
  const full = { ok: false, error: { code: "queue_full", detail: "2 tasks are open already.", hint: expect.any(String) } };
  expect(await world.scheduler().retry(ended, ANYBODY, ADA)).toMatchObject(full);
  await expect(world.submit()).rejects.toThrow("queue_full");
  await world.scheduler().cancel(open[0] ?? "", ANYBODY, ADA, "");
  expect(await world.scheduler().retry(ended, ANYBODY, ADA)).toMatchObject({ ok: true });
});

describe("an agent's own tasks", () => {
  test("need its fence, run where it runs, and are bounded in depth and number", async () => {
    const builder = await world.join("builder");
    await world.join("other");
    const parent = await world.submit({}, [on("builder")]);
    const start = await builder.asked("task.start");
    await world.until(parent, "running");
    const by = { ...ADA, parent: { task: parent, attempt: String(start["attempt"]), fence: Number(start["fence"]) } };
    const child = (target: NewTarget, from = by) =>
      submitTo(world.scheduler(), { body: { command: ["true"], dependsOn: [] }, sealed: {}, targets: [target], by: from });
    const refused = async (answer: ReturnType<typeof child>): Promise<string> => {
      const given = await answer;
      return given.ok ? "" : given.error.code;
    };
    expect(await child(on("other"))).toMatchObject({ ok: false, error: { code: "policy_denied", field: "to[0]" } });
    expect(await refused(child({ kind: "host", selector: {} }))).toBe("policy_denied");
    expect(await refused(child(on("builder"), { ...by, parent: { ...by.parent, fence: 7 } }))).toBe("stale_fence");
    const made = await child(on("builder"));
    if (!made.ok) throw new Error(made.error.detail);
    expect(made.value).toMatchObject({ parent });
    expect(await world.scheduler().task(made.value.id, { task: parent })).toMatchObject({ ok: true });
    for (let n = 1; n < MAX_FAN_OUT; n++) expect(await refused(child(on("builder")))).toBe("");
    expect(await refused(child(on("builder")))).toBe("fan_out_exceeded");
    builder.end(by.parent.attempt);
    await world.until(parent, "completed");
    expect(await refused(child(on("builder")))).toBe("stale_fence");
  });

  test("are counted once each, whatever becomes of the object meanwhile", async () => {
    const builder = await world.join("builder");
    const parent = await world.submit({}, [on("builder")]);
    const start = await builder.asked("task.start");
    await world.until(parent, "running");
    const by = { ...ADA, parent: { task: parent, attempt: String(start["attempt"]), fence: Number(start["fence"]) } };
    const child = (id: string) =>
      submitTo(world.scheduler(), {
        body: { id, command: ["true"], dependsOn: [{ task: parent }] },
        sealed: {},
        targets: [on("builder")],
        by,
      });
    await runInDurableObject(world.scheduler(), (object) => {
      const now = Date.now();
      object.now = () => now;
    });
    for (let n = 1; n < MAX_FAN_OUT; n++) {
      expect(await child(`c${n}`)).toMatchObject({ ok: true });
      if (n % 6 === 0) await world.evict();
    }
    await world.scheduler().cancel("c1", ANYBODY, ADA, "");
    // Run again by a person it is not one more.
    expect(await world.scheduler().retry("c1", ANYBODY, ADA)).toMatchObject({ ok: true });
    const both = await Promise.all([child("last"), child("more")]);
    expect(both.map((one) => (one.ok ? "" : one.error.code)).sort()).toEqual(["", "fan_out_exceeded"]);
  });

  test("are not nested deeper than MAX_DEPTH", async () => {
    const builder = await world.join("builder");
    let id = await world.submit({}, [on("builder")]);
    for (let depth = 0; ; depth++) {
      const start = await builder.asked("task.start");
      const by = { ...ADA, parent: { task: id, attempt: String(start["attempt"]), fence: Number(start["fence"]) } };
      const child = await submitTo(world.scheduler(), {
        body: { command: ["true"], dependsOn: [] },
        sealed: {},
        targets: [on("builder")],
        by,
      });
      if (depth === MAX_DEPTH) {
        expect(child).toMatchObject({ ok: false, error: { code: "depth_exceeded" } });
        return;
      }
      if (!child.ok) throw new Error(child.error.detail);
      id = child.value.id;
    }
  });

  test("hold their fence while the attempt runs", async () => {
    const builder = await world.join("builder");
    const id = await world.submit();
    const start = await builder.asked("task.start");
    const [attempt, fence] = [String(start["attempt"]), Number(start["fence"])];
    expect(await world.scheduler().holdsFence(attempt, fence)).toMatchObject({ ok: true, value: { task: id, depth: 0 } });
    expect(await world.scheduler().holdsFence(attempt, fence + 1)).toMatchObject({ ok: false, error: { code: "stale_fence" } });
    expect(await world.scheduler().attempt(attempt, ANYBODY)).toMatchObject({ ok: true, value: { task: id } });
    builder.end(attempt);
    await world.until(id, "completed");
    expect(await world.scheduler().holdsFence(attempt, fence)).toMatchObject({ ok: false, error: { code: "attempt_terminal" } });
    await world.evict();
    expect(await world.scheduler().attemptFor(id, ANYBODY, undefined)).toMatchObject({ ok: true, value: { attempt } });
  });
});

test("cleanup stops what runs, asks each host, and says what it did", async () => {
  const builder = await world.join("builder");
  const id = await world.submit();
  const attempt = String((await builder.asked("task.start"))["attempt"]);
  await world.until(id, "running");
  const cleaned = world.scheduler().cleanup(id, ANYBODY, ADA, false);
  await builder.asked("task.cancel");
  builder.end(attempt, { outcome: "cancelled", exitCode: null });
  expect(await cleaned).toMatchObject({
    ok: true,
    value: { items: [{ attempt, host: "builder", workspace: "/tmp/w", outcome: "removed" }] },
  });
  expect(await builder.asked("task.cleanup")).toMatchObject({ attempt, task: id, keepLogs: false });
  builder.link.close();
  await expect
    .poll(async () => (await world.scheduler().cleanup(id, ANYBODY, ADA, true)) as object)
    .toMatchObject({ value: { items: [{ outcome: "unreachable", logKept: true }] } });
});

test("a directory in which another task works is kept, and its host is not said to be away", async () => {
  const builder = await world.join("builder");
  builder.link.answers.set("task.cleanup", () => ({ code: "workspace_busy", detail: "Attempt att_x works there." }));
  const id = await world.submit();
  const attempt = String((await builder.asked("task.start"))["attempt"]);
  await world.until(id, "running");
  builder.end(attempt);
  await world.until(id, "completed");
  expect(await world.scheduler().cleanup(id, ANYBODY, ADA, true)).toMatchObject({
    ok: true,
    value: { items: [{ attempt, outcome: "kept", detail: "Attempt att_x works there.", logKept: true }] },
  });
});

describe("[LG2] a cleanup of an attempt whose log is not all here", () => {
  const HELLO_SHA256 = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
  const BYTES = new TextEncoder().encode("hello");
  const ended = async () => {
    const builder = await world.join("builder");
    const id = await world.submit();
    const attempt = String((await builder.asked("task.start"))["attempt"]);
    await world.until(id, "running");
    builder.end(attempt, { log: { bytes: BYTES.byteLength, sha256: HELLO_SHA256 } });
    await world.until(id, "completed");
    await builder.link.next("task.ack");
    return { builder, id, attempt, log: env.ATTEMPT_LOG.getByName(`${world.fleet.id}/${attempt}`) };
  };

  test("asks the host for it, and removes the files once it is", async () => {
    const { builder, id, log } = await ended();
    const cleaned = world.scheduler().cleanup(id, ANYBODY, ADA, false);
    await expect.poll(async () => (await log.state()).followed).toBe(true);
    expect(await log.append(0, BYTES)).toMatchObject({ durable: BYTES.byteLength });
    expect(await cleaned).toMatchObject({ ok: true, value: { items: [{ outcome: "removed", logKept: false }] } });
    expect(await builder.asked("task.cleanup")).toMatchObject({ keepLogs: false });
    expect((await log.state()).followed).toBe(false);
  });

  test("keeps the files of one that does not come in a while", async () => {
    const { builder, id, log } = await ended();
    const cleaned = world.scheduler().cleanup(id, ANYBODY, ADA, false);
    await expect.poll(async () => (await log.state()).followed).toBe(true);
    await expect
      .poll(async () => {
        await world.later(COLLECT_WITHIN_MS);
        return builder.link.asked.some(({ t }) => t === "task.cleanup");
      })
      .toBe(true);
    expect(await cleaned).toMatchObject({ value: { items: [{ logKept: true, detail: expect.stringContaining("not all here yet") }] } });
    await expect.poll(async () => (await log.state()).followed).toBe(false);
  });

  test("does not wait for a host that is away", async () => {
    const { builder, id } = await ended();
    builder.link.close();
    await expect
      .poll(async () => (await world.scheduler().cleanup(id, ANYBODY, ADA, false)) as object)
      .toMatchObject({ value: { items: [{ outcome: "unreachable", logKept: true }] } });
  });
});
