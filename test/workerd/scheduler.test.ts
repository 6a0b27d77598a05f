/** The Scheduler on its storage, with real relays and hosts that are only as good as told. */
import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, test } from "vitest";
import { OFFER_TIMEOUT_MS, TASK_RETENTION_MS } from "@maestro/shared/limits";
import { configOf } from "../../control-plane/src/config.ts";
import { sealSecret, SECRET_IV_BYTES } from "../../control-plane/src/crypto/secret-box.ts";
import { socketOf } from "./support/relay-fixture.ts";
import { ADA, ANYBODY, taskFleet, type TaskFleet, submitTo } from "./support/task-fleet.ts";

let world: TaskFleet;
beforeEach(async () => {
  world = await taskFleet();
});

const eventsOf = async (id: string): Promise<string[]> =>
  (await env.FEED.getByName(world.fleet.id).events("0", 1000)).items
    .filter(({ json }) => JSON.parse(json).subject === id)
    .map(({ type }) => type);

describe("[TK1] a task", () => {
  test("is offered, started, ended and told of, each once; then only the Scheduler's row is left, without secrets", async () => {
    const builder = await world.join("builder");
    const id = await world.submit({ command: ["make"] });
    const offer = await builder.asked("task.offer");
    const start = await builder.asked("task.start");
    expect(start).toMatchObject({ attempt: offer["attempt"], fence: offer["fence"] });
    expect(offer["spec"]).toMatchObject({ task: id, command: ["make"], n: 1, fence: 1 });
    await world.until(id, "running");
    const attempt = String(start["attempt"]);
    builder.end(attempt, { result: "made" });
    await builder.acked(attempt);
    expect(await world.until(id, "completed")).toMatchObject({
      exitCode: 0,
      result: "made",
      attempts: [{ id: attempt, status: "completed", n: 1 }],
    });
    await expect.poll(() => eventsOf(id)).toEqual(["task.created", "task.started", "task.finished"]);
    expect(builder.started).toEqual([attempt]);
    expect(await world.scheduler().stateGet(`task:${id}:result`, ANYBODY)).toMatchObject({ ok: true, value: { value: "made" } });
  });

  test("survives an eviction of the Scheduler between every two steps", async () => {
    const id = await world.submit({ command: ["make"], retries: 1 });
    await world.evict();
    expect(await world.task(id)).toMatchObject({ status: "queued", waiting: { code: "no_capable_host" } });
    const builder = await world.join("builder");
    const start = await builder.asked("task.start");
    const attempt = String(start["attempt"]);
    await world.until(id, "running");
    await world.evict();
    // What was told of the start since the last write is asked for once more; nothing is started twice.
    await world.alarm();
    await world.until(id, "running");
    builder.end(attempt, { outcome: "failed", exitCode: null, reason: { code: "runner_died", detail: "killed" } });
    await builder.acked(attempt);
    await world.evict();
    // The pause before the next one may be short: it can be on its way already.
    expect((await world.task(id)).attempts[0]).toMatchObject({ id: attempt, status: "failed" });
    await world.later(10_000);
    const again = await builder.asked("task.start");
    expect(again).toMatchObject({ fence: 2 });
    await world.until(id, "running");
    await world.evict();
    builder.end(String(again["attempt"]));
    await builder.acked(String(again["attempt"]));
    await world.evict();
    await world.alarm();
    expect(await world.task(id)).toMatchObject({ status: "completed", attempts: [{ n: 1 }, { n: 2, status: "completed" }] });
    expect(builder.started).toEqual([attempt, again["attempt"]]);
    await expect.poll(() => eventsOf(id)).toEqual(expect.arrayContaining(["task.created", "task.started", "task.finished"]));
  });

  test("whose offer is not answered goes back to the queue, and the late answer counts for nothing", async () => {
    const builder = await world.join("builder");
    builder.link.silent.add("task.offer");
    const id = await world.submit();
    const first = await builder.link.next("task.offer");
    await world.until(id, "offered");
    const second = await world.join("second");
    await world.later(OFFER_TIMEOUT_MS + 1);
    const start = await second.asked("task.start");
    expect(start["attempt"]).not.toBe(first["attempt"]);
    builder.link.say({ t: "reply", id: first["id"], value: { answer: "accepted" } });
    await world.until(id, "running");
    expect(builder.started).toEqual([]);
    second.end(String(start["attempt"]));
    await world.until(id, "completed");
  });

  test("that its host refuses goes elsewhere; when nobody is left it fails with what was said last", async () => {
    const builder = await world.join("builder");
    builder.link.answers.set("task.offer", () => ({ answer: "refused", reason: { code: "policy_denied", detail: "not here" } }));
    const id = await world.submit();
    expect(await world.until(id, "failed")).toMatchObject({
      reason: { code: "policy_denied", detail: "Host 'builder' refused it: not here" },
      attempts: [],
    });
    const named = await world.submit({}, [{ kind: "host", selector: { host: "builder" } }]);
    const host = { id: builder.host.id, name: "builder" };
    expect((await world.until(named, "failed")).targets).toMatchObject([{ host, attempts: 0 }]);
    expect(await world.scheduler().queueView({ show: "completed", task: named, limit: 5, reach: ANYBODY })).toMatchObject({
      items: [{ host }],
    });
    const second = await world.join("second");
    const other = await world.submit();
    await second.asked("task.start");
    await world.until(other, "running");
  });
});

describe("[TK5] secrets of an attempt", () => {
  test("are told again to its own host under its fence while it runs; of the fleet's only what was there at its start", async () => {
    const builder = await world.join("builder");
    const { keys } = await configOf(env);
    const sealed = (place: Parameters<typeof sealSecret>[1]) =>
      sealSecret(keys.secrets, place, "value", crypto.getRandomValues(new Uint8Array(SECRET_IV_BYTES)));
    const fleet = world.fleet.id;
    const set = async (name: string) => world.scheduler().secretPut(name, await sealed({ kind: "fleet", fleet, name }), ADA);
    await set("KEPT");
    await set("CHANGED");
    const mine = await sealed({ kind: "task", fleet, task: "again", name: "MINE" });
    const id = await world.submit({ id: "again", secrets: ["KEPT", "CHANGED"] }, undefined, { sealed: { MINE: mine } });
    const attempt = String((await builder.asked("task.start"))["attempt"]);
    await world.until(id, "running");
    const ask = async (host = builder.host.id, fence = 1) => world.scheduler().secretsOf(host, attempt, fence);
    const names = async () => Object.keys((await ask())?.sealed ?? {}).toSorted();
    expect(await names()).toEqual(["CHANGED", "KEPT", "MINE"]);
    await world.later(1_000);
    await set("CHANGED");
    await world.evict();
    expect(await names()).toEqual(["KEPT", "MINE"]);
    expect(await ask()).toMatchObject({ task: "again", sealed: { MINE: mine } });
    expect(await ask("hst_other")).toBeUndefined();
    expect(await ask(builder.host.id, 2)).toBeUndefined();
    builder.end(attempt, { log: { bytes: 3, sha256: "0".repeat(64), unredacted: ["CHANGED"] } });
    await builder.acked(attempt);
    expect(await ask()).toBeUndefined();
    expect((await world.task(id)).attempts).toMatchObject([{ log: { bytes: 3, unredacted: ["CHANGED"] } }]);
  });
});

describe("dependencies", () => {
  test("come first; a failed one fails what waits for it, unless that runs in any case", async () => {
    const builder = await world.join("builder");
    const first = await world.submit({ id: "first" });
    const second = await world.submit({ dependsOn: [{ task: "first" }] });
    const whatever = await world.submit({ dependsOn: [{ task: "first" }], ifFailed: "run" });
    expect(await world.task(second)).toMatchObject({
      status: "blocked",
      waiting: { code: "dependency_open" },
      dependsOn: [{ task: "first" }],
    });
    await world.evict();
    const start = await builder.asked("task.start");
    builder.end(String(start["attempt"]), { outcome: "failed", exitCode: 1 });
    await world.until(first, "failed");
    expect(await world.until(second, "failed")).toMatchObject({ reason: { code: "dependency_failed" }, dependsOn: [{ status: "failed" }] });
    await world.until(whatever, "running");
  });

  test("that cannot be are refused: itself, a circle, an unknown one, one that failed; and an id that is taken", async () => {
    const refused = async (body: object) => {
      const answer = await submitTo(world.scheduler(), {
        body: { command: ["true"], dependsOn: [], ...body },
        sealed: {},
        targets: [{ kind: "host", selector: {} }],
        by: ADA,
      });
      return answer.ok ? "" : `${answer.error.code} ${answer.error.field ?? ""} ${answer.error.detail}`;
    };
    await world.submit({ id: "b" });
    await world.submit({ id: "a", dependsOn: [{ task: "b" }] });
    expect(await refused({ id: "x", dependsOn: [{ task: "x" }] })).toMatch(/^dependency_self dependsOn\[0\]\.task/);
    expect(await refused({ id: "b", dependsOn: [{ task: "a" }] })).toMatch(/^dependency_cycle .*b → a → b/);
    expect(await refused({ dependsOn: [{ task: "nobody" }] })).toMatch(/^dependency_not_found/);
    expect(await refused({ id: "a" })).toMatch(/^task_exists id/);
    await world.scheduler().cancel("b", ANYBODY, ADA, "");
    expect(await refused({ dependsOn: [{ task: "b" }] })).toMatch(/^dependency_failed/);
    expect(await refused({ dependsOn: [{ task: "b", on: "failure" }] })).toBe("");
    expect(await world.task("a")).toMatchObject({ status: "failed", reason: { code: "dependency_failed" } });
  });
});

describe("who waits for a task", () => {
  test("is told when it has ended, also over an eviction, and at once when it has", async () => {
    const id = await world.submit();
    const wait = async (): Promise<{ told: Promise<unknown>; closed: Promise<number> }> => {
      const answer = await world.scheduler().fetch("https://scheduler.test/", {
        headers: { upgrade: "websocket", "x-maestro-context": JSON.stringify({ kind: "task", task: id }) },
      });
      const socket = socketOf(answer);
      const told = new Promise((resolve) => socket.addEventListener("message", ({ data }) => resolve(JSON.parse(String(data)))));
      const closed = new Promise<number>((resolve) => socket.addEventListener("close", ({ code }) => resolve(code)));
      socket.accept();
      return { told, closed };
    };
    const before = await wait();
    await world.evict();
    await world.scheduler().cancel(id, ANYBODY, ADA, "");
    expect(await before.told).toMatchObject({ t: "ended", task: id, status: "cancelled" });
    expect(await before.closed).toBe(1000);
    expect(await (await wait()).told).toMatchObject({ status: "cancelled" });
  });
});

test("ended tasks go after TASK_RETENTION_MS, and no earlier", async () => {
  const id = await world.submit();
  await world.scheduler().cancel(id, ANYBODY, ADA, "");
  // It is kept until the fleet was told.
  await expect.poll(() => eventsOf(id)).toContain("task.finished");
  await world.later(TASK_RETENTION_MS - 60_000);
  expect(await world.task(id)).toMatchObject({ status: "cancelled" });
  await world.later(120_000);
  await world.alarm();
  expect(await world.scheduler().task(id, ANYBODY)).toMatchObject({ ok: false, error: { code: "task_not_found" } });
});
