/** What hosts that come and go do to their tasks, over real relays. */
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { LEASE_MS, LOST_AFTER_MS } from "@maestro/shared/limits";
import { call } from "./access-fleet.ts";
import { FakeHost } from "./support/fake-host.ts";
import { helloOf } from "./support/host-words.ts";
import { LINK, upgrade } from "./support/linked-fleet.ts";
import { socketOf } from "./support/relay-fixture.ts";
import { ADA, ANYBODY, taskFleet, type TaskFleet, type TaskHost } from "./support/task-fleet.ts";

let world: TaskFleet;
beforeEach(async () => {
  world = await taskFleet();
});

describe("[TK3] after its link came back", () => {
  test("a host tells what ended meanwhile; the same end again is acknowledged again, another one changes nothing", async () => {
    const builder = await world.join("builder");
    const id = await world.submit();
    const attempt = String((await builder.asked("task.start"))["attempt"]);
    await world.until(id, "running");
    const report = builder.end(attempt, { outcome: "failed", exitCode: 3, reason: { code: "exit_nonzero", detail: "3" } });
    await builder.link.next("task.ack");
    await builder.redial();
    expect(await builder.acked(attempt)).toMatchObject({ fence: 1 });
    builder.say({ ...report, status: { state: "ended", end: { outcome: "completed", exitCode: 0, endedMs: 1 } } });
    await builder.link.next("task.ack");
    expect(await world.task(id)).toMatchObject({ status: "failed", exitCode: 3, reason: { code: "exit_nonzero" } });
  });

  test("what it does not have any more is lost, and what nobody knows is ended there", async () => {
    const builder = await world.join("builder");
    const id = await world.submit();
    const attempt = String((await builder.asked("task.start"))["attempt"]);
    await world.until(id, "running");
    builder.attempts.clear();
    builder.attempts.set("att_nobody", { attempt: "att_nobody", fence: 4, status: { state: "accepted" } });
    await builder.redial();
    expect(await builder.link.next("task.ack")).toMatchObject({ attempt: "att_nobody", fence: 4, unknown: true });
    await builder.asked("task.start", attempt);
    await world.until(id, "unknown");
    await world.later(LEASE_MS + 1_000);
    expect(await world.until(id, "lost")).toMatchObject({ reason: { code: "host_lost" }, attempts: [{ id: attempt, status: "lost" }] });
  });

  test("[LK2] [F22] a copy of it knows nothing of what runs there, and nothing is lost for that", async () => {
    const builder = await world.join("builder");
    const id = await world.submit();
    const attempt = String((await builder.asked("task.start"))["attempt"]);
    await world.until(id, "running");
    const claim = { instance: "instance-copy", epoch: { start: 2, connect: 1 } };
    const copy = new FakeHost(socketOf(await upgrade(LINK, { authorization: await builder.host.authorization("GET", LINK, claim) })), []);
    copy.answers.set("task.start", () => ({ code: "attempt_not_found", detail: "No such attempt." }));
    copy.say(helloOf(claim.instance, []));
    await copy.next("welcome");
    copy.say({ t: "attempts", items: [], first: true, more: false });
    expect(await copy.next("task.start")).toMatchObject({ attempt });
    await world.until(id, "unknown");
    // The one that was replaced dials again, and both are shut out.
    const back = await upgrade(LINK, { authorization: await builder.host.authorization("GET", LINK) });
    expect(back.status).toBe(403);
    expect(await copy.closed).toMatchObject({ reason: "host_locked" });
    await world.later(LEASE_MS + 1_000);
    expect((await world.task(id)).status).toBe("unknown");
    const unlocked = await call(`/api/v1/hosts/${builder.host.id}/unlock`, { method: "POST", token: world.fleet.owner.token });
    expect(unlocked.status, await unlocked.text()).toBe(200);
    await builder.redial();
    await world.until(id, "running");
    builder.end(attempt);
    expect(await world.until(id, "completed")).toMatchObject({ attempts: [{ id: attempt, status: "completed" }] });
  });

  test("a reboot is why it is lost", async () => {
    const builder = await world.join("builder");
    const id = await world.submit();
    const attempt = String((await builder.asked("task.start"))["attempt"]);
    await world.until(id, "running");
    builder.end(attempt, { outcome: "lost", exitCode: null, reason: { code: "host_reboot", detail: "another boot id" } });
    expect(await world.until(id, "lost")).toMatchObject({ reason: { code: "host_reboot" } });
  });
});

describe("[TK2] a host that is silent", () => {
  const started = async (body: object) => {
    const builder = await world.join("builder");
    const id = await world.submit(body);
    await builder.asked("task.start");
    await world.until(id, "running");
    builder.link.close();
    await expect.poll(async () => (await world.scheduler().queueView({ limit: 1, reach: ANYBODY })).hosts[0]?.online).toBe(false);
    return { builder, id };
  };

  test("leaves its attempt unknown, and then lost; what it says later is evidence", async () => {
    const { builder, id } = await started({});
    await world.later(LEASE_MS + 1_000);
    expect(await world.task(id)).toMatchObject({ status: "unknown", waiting: { code: "host_unreachable" } });
    await world.later(LOST_AFTER_MS);
    const [attempt = ""] = builder.started;
    expect(await world.until(id, "lost")).toMatchObject({ reason: { code: "host_lost" } });
    builder.attempts.set(attempt, {
      attempt,
      fence: 1,
      status: { state: "ended", end: { outcome: "completed", exitCode: 0, endedMs: 1 } },
    });
    await builder.redial();
    await builder.acked(attempt);
    expect(await world.task(id)).toMatchObject({ status: "lost" });
  });

  test("fails at once where that was asked for, and is run again only where it may run twice", async () => {
    const { id } = await started({ onLost: "fail" });
    await world.later(LEASE_MS + 1_000);
    await world.until(id, "lost");
    const second = await world.join("second");
    const twice = await world.submit({ onLost: "retry", idempotent: true });
    const first = await second.asked("task.offer");
    expect(first["spec"]).toMatchObject({ stopAfterMs: LOST_AFTER_MS - 30_000 });
    await world.until(twice, "running");
    second.link.close();
    await expect.poll(async () => (await world.task(twice)).targets[0]?.host?.name).toBe("second");
    await expect
      .poll(async () => (await world.scheduler().queueView({ limit: 1, reach: ANYBODY })).hosts.every(({ online }) => !online))
      .toBe(true);
    const third = await world.join("third");
    await world.later(LOST_AFTER_MS + 1_000);
    expect(await world.until(twice, "queued")).toMatchObject({ attempts: [{ status: "lost" }] });
    await world.later(30_000);
    expect(await third.asked("task.start")).toMatchObject({ fence: 2 });
  });
});

describe("[TK2] a control plane that was away for an hour", () => {
  const HOUR = 3_600_000;
  /** Its objects are gone, its links are cut, and its alarm was nobody's to take. */
  const away = async (builder: TaskHost, link: boolean) => {
    if (!link) {
      builder.link.close();
      await expect.poll(async () => (await world.scheduler().queueView({ limit: 1, reach: ANYBODY })).hosts[0]?.online).toBe(false);
    }
    await world.evict();
    vi.setSystemTime(Date.now() + HOUR);
  };
  afterEach(() => vi.useRealTimers());

  test.each([
    ["wait", true],
    ["wait", false],
    ["fail", true],
    ["fail", false],
  ] as const)("loses nothing that runs (onLost: %s; with a link that is still open: %s)", async (onLost, link) => {
    const builder = await world.join("builder");
    const id = await world.submit({ onLost, timeoutMs: 6 * HOUR });
    const attempt = String((await builder.asked("task.start"))["attempt"]);
    await world.until(id, "running");
    await away(builder, link);
    await world.alarm();
    await world.later(LEASE_MS - 1_000);
    // That its start was confirmed may not have been written yet: it is asked for once more, where there is a link.
    expect(["running", "unknown"]).toContain((await world.task(id)).status);
    await builder.redial();
    builder.end(attempt);
    await world.until(id, "completed");
  });

  test("still loses what does not come back", async () => {
    const builder = await world.join("builder");
    const id = await world.submit({ timeoutMs: 6 * HOUR });
    await builder.asked("task.start");
    await world.until(id, "running");
    await away(builder, false);
    await world.alarm();
    await world.later(LEASE_MS + 1_000);
    expect(await world.task(id)).toMatchObject({ status: "unknown" });
    // An eviction gives it no more time.
    await world.evict();
    await world.later(LOST_AFTER_MS);
    await world.until(id, "lost");
  });
});

describe("[TK4] a task that is cancelled", () => {
  test("while it waits is over at once; while it runs once its host says so; and it is asked again after a welcome", async () => {
    const waiting = await world.submit();
    await world.scheduler().cancel(waiting, ANYBODY, ADA, "not needed");
    expect(await world.task(waiting)).toMatchObject({ status: "cancelled", reason: { code: "cancelled", detail: "not needed" } });
    const builder = await world.join("builder");
    const id = await world.submit();
    const attempt = String((await builder.asked("task.start"))["attempt"]);
    await world.until(id, "running");
    await world.scheduler().cancel(id, ANYBODY, ADA, "enough");
    expect(await builder.asked("task.cancel")).toMatchObject({ attempt, why: "cancelled" });
    const cancelling = await world.task(id);
    expect(cancelling.status).toBe("cancelling");
    expect(cancelling.cancel).toEqual({ at: expect.any(String), by: "ada", reason: "enough" });
    await builder.redial();
    await builder.asked("task.cancel", attempt);
    builder.end(attempt, { outcome: "cancelled", exitCode: null, signal: "SIGTERM" });
    expect(await world.until(id, "cancelled")).toMatchObject({ reason: { detail: "enough" } });
    expect(await world.scheduler().cancel(waiting, ANYBODY, ADA, "")).toMatchObject({ ok: true });
  });

  test("and takes too long is asked to stop, and is timed out then", async () => {
    const builder = await world.join("builder");
    const id = await world.submit({ timeoutMs: 60_000 });
    const attempt = String((await builder.asked("task.start"))["attempt"]);
    await world.until(id, "running");
    await world.later(60_000 + 11_000);
    expect(await builder.asked("task.cancel")).toMatchObject({ attempt, why: "timeout" });
    builder.end(attempt, { outcome: "cancelled", exitCode: null });
    expect(await world.until(id, "timed_out")).toMatchObject({ reason: { code: "timeout" } });
  });
});
