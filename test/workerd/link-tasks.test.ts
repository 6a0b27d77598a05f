/** [TK] The relay's part in tasks: what the host says of its attempts reaches the Scheduler, whatever is evicted or fails. */
import { env } from "cloudflare:workers";
import { afterEach, describe, expect, test, vi } from "vitest";
import { makeId } from "@maestro/shared/ids";
import { LINK_NEWS_BURST } from "@maestro/shared/limits";
import { FLAG } from "@maestro/shared/protocol/frame";
import type { AttemptReport, AttemptSpec } from "@maestro/shared/protocol/tasks";
import { AttemptLog } from "../../control-plane/src/objects/attempt-log.ts";
import { MAX_KEPT_LOGS } from "../../control-plane/src/objects/host-relay/log-intake.ts";
import { helloOf, typeReport } from "./support/host-words.ts";
import { bytesOf, logFixture, sha256Of } from "./support/log-fixture.ts";
import { relayFixture, type RelayFixture } from "./support/relay-fixture.ts";
import { later } from "./support/relay-talk.ts";
import { offerTo, startAt } from "./support/orders.ts";
import { schedulerScript } from "./support/scheduler-script.ts";

const scheduler = schedulerScript();
afterEach(() => vi.restoreAllMocks());
const attemptId = (): string => makeId("attempt", Date.now(), crypto.getRandomValues(new Uint8Array(10)));
const RUNNING = { state: "running", startedMs: 1, pid: 9, workspace: "/tmp/w", logBytes: 0 } as const;
const END = { outcome: "completed", exitCode: 0, endedMs: 2 } as const;
const running = (attempt: string): AttemptReport => ({ attempt, fence: 1, status: RUNNING });
const ended = (attempt: string, end: object = {}): AttemptReport => ({
  attempt,
  fence: 1,
  status: { state: "ended", end: { ...END, ...end } },
});
const told = (calls: number): Promise<void> => expect.poll(() => scheduler.told.length).toBe(calls);

function spec(attempt: string, prompt: string): AttemptSpec {
  return {
    task: "tsk_1",
    attempt,
    fence: 7,
    n: 1,
    prompt,
    workspace: { mode: "default" },
    env: {},
    hostEnv: [],
    secretNames: [],
    timeoutMs: 60_000,
    trace: false,
  };
}

describe("[TK2] the Scheduler hears of the host", () => {
  test("[TK2] once its hello is complete, with what it can take; and when its link went, with the last sign of life", async () => {
    const relay = relayFixture();
    const link = await relay.link();
    link.say({ ...helloOf("instance-a", [], true), capabilities: ["git", "tasks:7"] });
    await relay.evict();
    expect(scheduler.told).toEqual([]);
    link.say({ t: "hello-page", sessions: [], more: false });
    await link.next("welcome");
    await told(1);
    const [up] = scheduler.of("hostUp");
    expect(up?.host).toMatchObject({
      id: relay.host,
      name: "builder",
      maxConcurrent: 7,
      draining: false,
      capabilities: ["git", "tasks:7"],
      types: [],
    });
    await relay.evict();
    link.socket.close(4000, "cut");
    await told(2);
    expect(scheduler.of("hostDown")).toEqual([{ call: "hostDown", link: up?.host["link"], seenMs: expect.any(Number), heard: false }]);
  });

  test("[TK2] its types, its drain and its name, as they change", async () => {
    const relay = relayFixture();
    const host = await relay.host_([]);
    host.say({
      t: "inventory",
      types: [typeReport("shell"), typeReport("gone", { detected: { state: "missing", lookedFor: "x", install: "npm i x" } })],
      first: true,
      more: false,
    });
    await expect.poll(() => scheduler.of("hostChanged").at(-1)?.change).toMatchObject({ types: ["shell"] });
    await relay.stub.setDraining(true);
    await expect.poll(() => scheduler.of("hostChanged").at(-1)?.change).toMatchObject({ draining: true });
    await relay.stub.rename("other");
    await expect.poll(() => scheduler.of("hostChanged").at(-1)?.change).toMatchObject({ name: "other" });
    await relay.stub.retire();
    expect(scheduler.of("hostRemoved")).toHaveLength(1);
  });

  test("[TK2] a Scheduler that could not be told is told by alarm, and the host names its attempts again", async () => {
    const relay = relayFixture();
    scheduler.failing = 2;
    const host = await relay.host_([]);
    await expect.poll(() => scheduler.failing).toBe(0);
    await host.pingPong();
    await relay.evict();
    await later(relay, 6_000);
    expect(await host.next("sync", (frame) => frame["attempts"] === true)).toBeDefined();
    await told(1);
    expect(scheduler.calls()).toEqual(["hostUp"]);
  });

  test("[TK2] a link that went with the process is told gone by alarm, unless the host was there again before", async () => {
    const relay = relayFixture();
    await relay.host_([]);
    await told(1);
    await relay.kill();
    await relay.inside(() => undefined);
    await later(relay, 6_000);
    await told(2);
    expect(scheduler.calls()).toEqual(["hostUp", "hostDown"]);
    await relay.host_([]);
    await told(3);
    await relay.kill();
    await relay.host_([]);
    await told(4);
    await later(relay, 6_000);
    expect(scheduler.calls().slice(3)).toEqual(["hostUp"]);
  });

  test("[TK2] a link that is silent for a lease while an attempt runs is ended; without one nobody looks", async () => {
    const relay = relayFixture();
    const host = await relay.host_([]);
    await told(1);
    await later(relay, 100_000);
    await host.pingPong();
    host.say({ t: "task.status", report: running(attemptId()) });
    await told(2);
    await relay.evict();
    await later(relay, 60_000);
    await host.pingPong();
    await later(relay, 200_000);
    expect(await host.closed).toMatchObject({ code: 1001 });
    // So late an alarm was nobody's to take.
    await expect.poll(() => scheduler.of("hostDown").at(-1)).toMatchObject({ heard: false });
  });

  test("[TK2] the silence of a link that was listened to all the while is the host's own", async () => {
    const relay = relayFixture();
    const host = await relay.host_([]);
    await told(1);
    host.say({ t: "task.status", report: running(attemptId()) });
    await told(2);
    await later(relay, 95_000);
    await expect.poll(() => scheduler.of("hostDown").at(-1)).toMatchObject({ heard: true });
  });
});

describe("[TK3] attempts", () => {
  test("[TK3] each report is told, and an end is acknowledged once it is stored; evicted between any two", async () => {
    const relay = relayFixture();
    const host = await relay.host_([]);
    const attempt = attemptId();
    await told(1);
    await relay.evict();
    host.say({ t: "task.status", report: running(attempt) });
    await told(2);
    await relay.evict();
    host.say({ t: "task.status", report: ended(attempt) });
    expect(await host.next("task.ack")).toEqual({ t: "task.ack", attempt, fence: 1 });
    expect(scheduler.of("attemptStatus").map(({ report }) => report.status.state)).toEqual(["running", "ended"]);
    expect(await relay.inside((_relay, { storage }) => storage.sql.exec("SELECT * FROM attempts").toArray())).toEqual([]);
  });

  test("[TK3] all of them, in pages, after each welcome; what nobody knows is told so", async () => {
    const relay = relayFixture();
    const host = await relay.host_([]);
    const [one, two, three] = [attemptId(), attemptId(), attemptId()];
    scheduler.ack = ({ attempt }) => (attempt === three ? { ack: true, unknown: true } : { ack: attempt === two });
    host.say({ t: "attempts", items: [running(one), ended(two)], first: true, more: true });
    expect(await host.next("task.ack")).toEqual({ t: "task.ack", attempt: two, fence: 1 });
    await relay.evict();
    host.say({ t: "attempts", items: [running(three)], first: false, more: false });
    expect(await host.next("task.ack")).toEqual({ t: "task.ack", attempt: three, fence: 1, unknown: true });
    const pages = scheduler.of("hostAttempts");
    expect(pages.map(({ items, first, more }) => [items.length, first, more])).toEqual([
      [2, true, true],
      [1, false, false],
    ]);
    expect(new Set(pages.map(({ link }) => link))).toEqual(new Set([scheduler.of("hostUp")[0]?.host["link"]]));
  });

  test("[TK3] a Scheduler that fails once is asked again at once; nothing is acknowledged before", async () => {
    const relay = relayFixture();
    const host = await relay.host_([]);
    const attempt = attemptId();
    await told(1);
    scheduler.failing = 1;
    host.say({ t: "task.status", report: ended(attempt) });
    await host.next("task.ack");
    expect(scheduler.of("attemptStatus")).toHaveLength(1);
  });

  test("[TK3] one that goes on failing is told by alarm, though the relay was evicted and the link went", async () => {
    const relay = relayFixture();
    const host = await relay.host_([]);
    const attempt = attemptId();
    await told(1);
    scheduler.failing = 2;
    host.say({ t: "task.status", report: ended(attempt) });
    await expect.poll(() => scheduler.failing).toBe(0);
    await host.pingPong();
    await relay.evict();
    await later(relay, 6_000);
    await expect.poll(() => scheduler.of("attemptStatus").length).toBe(1);
    expect(await host.next("task.ack")).toEqual({ t: "task.ack", attempt, fence: 1 });
    expect(await relay.inside((_relay, { storage }) => storage.sql.exec("SELECT * FROM attempts").toArray())).toEqual([]);
  });

  test("[TK3] what comes of several while it is told of one is told together, and each end is acknowledged", async () => {
    const relay = relayFixture();
    const host = await relay.host_([]);
    await told(1);
    const { promise, resolve } = Promise.withResolvers<void>();
    scheduler.slow = promise;
    const attempts = Array.from({ length: 5 }, attemptId);
    for (const attempt of attempts) host.say({ t: "task.status", report: running(attempt) });
    const heard = () => relay.inside((_relay, { storage }) => storage.sql.exec("SELECT id FROM attempts").toArray().length);
    await expect.poll(heard).toBe(5);
    resolve();
    await expect.poll(() => scheduler.of("attemptStatus").map(({ together }) => together)).toEqual([1, 4, 4, 4, 4]);
    for (const attempt of attempts) host.say({ t: "task.status", report: ended(attempt) });
    const acked = [];
    for (const _attempt of attempts) acked.push((await host.next("task.ack"))["attempt"]);
    expect(acked).toEqual(attempts);
  });

  test("[TK3] of an attempt that says much while the Scheduler is slow, the latest is told, and the end last", async () => {
    const relay = relayFixture();
    const host = await relay.host_([]);
    const attempt = attemptId();
    for (let i = 0; i < 50; i++) host.say({ t: "task.status", report: { ...running(attempt), status: { ...RUNNING, logBytes: i } } });
    host.say({ t: "task.status", report: ended(attempt) });
    await host.next("task.ack");
    const states = scheduler.of("attemptStatus").map(({ report }) => report.status);
    expect(states.at(-1)?.state).toBe("ended");
    const bytes = states.flatMap((status) => (status.state === "running" ? [status.logBytes] : []));
    expect(bytes).toEqual([...bytes].sort((a, b) => a - b));
  });
});

describe("[TK1] offers and starts", () => {
  test("[TK1] a short spec goes in the offer; the host's answer comes back as it is", async () => {
    const relay = relayFixture();
    const host = await relay.host_([]);
    const attempt = attemptId();
    const asked = offerTo(relay.stub, attempt, 7, JSON.stringify(spec(attempt, "hello")));
    const offer = await host.next("task.offer");
    expect(offer).toEqual({ t: "task.offer", id: offer["id"], attempt, fence: 7, spec: spec(attempt, "hello") });
    host.say({ t: "reply", id: offer["id"], value: { answer: "refused", reason: { code: "disk_low", detail: "1 MB left" } } });
    const answer = await asked;
    expect(answer.ok && JSON.parse(answer.json)).toEqual({ answer: "refused", reason: { code: "disk_low", detail: "1 MB left" } });
  });

  test("[TK1] [VR3] a long one comes before it as a blob, named by its digest", async () => {
    const relay = relayFixture();
    const host = await relay.host_([]);
    const attempt = attemptId();
    const long = JSON.stringify(spec(attempt, "é".repeat(100_000)));
    const asked = offerTo(relay.stub, attempt, 7, long);
    const offer = await host.next("task.offer");
    const blob = offer["blob"] as { channel: number; bytes: number; sha256: string };
    const parts = host.frames.filter(({ kind, channel }) => kind === "blob" && channel === blob.channel);
    const whole = parts.flatMap(({ payload }) => [...payload]);
    expect(new TextDecoder().decode(Uint8Array.from(whole))).toBe(long);
    expect(parts.map(({ offset }) => offset)).toEqual(parts.map((_, i) => i * 65_536));
    expect(parts.map(({ flags }) => flags)).toEqual([...parts.slice(1).map(() => 0), FLAG.last]);
    expect(blob).toMatchObject({
      bytes: whole.length,
      sha256: await sha256Of(String.fromCharCode(...whole.slice(0, 0)) + whole.map((byte) => String.fromCharCode(byte)).join("")),
    });
    expect(offer).not.toHaveProperty("spec");
    host.say({ t: "reply", id: offer["id"], value: { answer: "accepted" } });
    expect(await asked).toEqual({ ok: true, json: '{"answer":"accepted"}' });
  });

  test("[TK1] an offer that is not answered in 30 s, or whose link went, is over; to a host that is away it is never sent", async () => {
    const relay = relayFixture();
    const host = await relay.host_([]);
    const attempt = attemptId();
    const text = JSON.stringify(spec(attempt, "hello"));
    const late = offerTo(relay.stub, attempt, 7, text);
    await host.next("task.offer");
    await later(relay, 20_000);
    await later(relay, 11_000);
    expect(await late).toMatchObject({ ok: false, error: { code: "timeout" } });
    const cut = offerTo(relay.stub, attempt, 8, text);
    await host.next("task.offer");
    host.socket.close(4000, "cut");
    const answer = await cut;
    expect(answer).toMatchObject({ ok: false, error: { code: "host_unreachable" } });
    expect(answer).not.toHaveProperty("neverSent");
    expect(await offerTo(relay.stub, attempt, 9, text)).toMatchObject({ ok: false, neverSent: true, error: { code: "host_unreachable" } });
    expect(await startAt(relay.stub, { attempt, fence: 9, sealed: {}, task: "tsk_1" })).toMatchObject({ ok: false, neverSent: true });
  });
});

describe("[TK1] orders that are due together", () => {
  test("[TK1] replies that are there go back, a slow one holds up none, and is given when it comes", async () => {
    const relay = relayFixture();
    const host = await relay.host_([]);
    const [first, second] = [attemptId(), attemptId()];
    const asked = relay.stub.offers(
      [first, second].map((attempt) => ({ attempt, fence: 1, spec: JSON.stringify(spec(attempt, "hello")) })),
    );
    const offers = [await host.next("task.offer"), await host.next("task.offer")];
    expect(offers.map(({ attempt }) => attempt)).toEqual([first, second]);
    host.say({ t: "reply", id: offers[1]?.["id"], value: { answer: "accepted" } });
    expect(await asked).toEqual([null, { ok: true, json: '{"answer":"accepted"}' }]);
    const rest = relay.stub.repliesTo("offer", [first]);
    host.say({ t: "reply", id: offers[0]?.["id"], value: { answer: "accepted" } });
    expect(await rest).toEqual([{ ok: true, json: '{"answer":"accepted"}' }]);
    expect(await relay.stub.repliesTo("offer", [first])).toMatchObject([{ ok: false, error: { code: "internal" } }]);
  });
});

describe("[LG1] logs on the link", () => {
  async function logging(): Promise<{
    relay: RelayFixture;
    host: Awaited<ReturnType<RelayFixture["host_"]>>;
    log: ReturnType<typeof logFixture>;
  }> {
    const relay = relayFixture();
    const host = await relay.host_([]);
    const log = logFixture(relay);
    scheduler.owners.set(log.attempt, { attempt: log.attempt, task: "tsk_1", fence: 1, host: { id: relay.host, name: "builder" } });
    host.say({ t: "log.open", channel: 0x8000_0001, attempt: log.attempt, fence: 1 });
    expect(await host.next("log.durable")).toEqual({ t: "log.durable", attempt: log.attempt, offset: 0 });
    return { relay, host, log };
  }
  const channel = 0x8000_0001;

  test("[LG1] bytes are stored and said durable; an eviction between any two changes nothing", async () => {
    const { relay, host, log } = await logging();
    const text = "0123456789".repeat(30);
    for (let at = 0; at < 300; at += 60) {
      await relay.evict();
      host.data("log", bytesOf(text.slice(at, at + 60)), { channel, offset: at });
      await host.next("log.durable", (frame) => frame["offset"] === at + 60);
    }
    expect((await log.whole()).text).toBe(text);
  });

  test("[LG1] [LG2] the end follows the bytes that came before it; then the attempt is acknowledged and the channel closed", async () => {
    const { relay, host, log } = await logging();
    const text = "abc".repeat(1_000);
    for (let at = 0; at < 3_000; at += 300) host.data("log", bytesOf(text.slice(at, at + 300)), { channel, offset: at });
    host.say({ t: "task.status", report: ended(log.attempt, { log: { bytes: 3_000, sha256: await sha256Of(text) } }) });
    await host.next("task.ack");
    expect(await log.stub.state()).toMatchObject({ complete: true, durable: 3_000 });
    expect(await relay.inside((_relay, state) => state.getWebSockets("link")[0]?.deserializeAttachment()["logs"])).toEqual([]);
  });

  test("[LG1] what a follower had before it was stored is said durable at the end, else it stays on its way for the host", async () => {
    const { host, log } = await logging();
    await log.follow();
    await log.limit({ commitMs: 3_600_000 });
    host.data("log", bytesOf("abc"), { channel, offset: 0 });
    await host.next("log.durable", (frame) => frame["offset"] === 3);
    host.data("log", bytesOf("def"), { channel, offset: 3 });
    host.say({ t: "task.status", report: ended(log.attempt, { log: { bytes: 6, sha256: await sha256Of("abcdef") } }) });
    await host.next("task.ack");
    expect(host.texts).toContainEqual({ t: "log.durable", attempt: log.attempt, offset: 6 });
  });

  test("[LG1] a gap is answered once, and the host goes back; what comes twice changes nothing", async () => {
    const { host, log } = await logging();
    host.data("log", bytesOf("abc"), { channel, offset: 0 });
    for (const at of [6, 9, 12]) host.data("log", bytesOf("xyz"), { channel, offset: at });
    expect(await host.next("log.need")).toEqual({ t: "log.need", attempt: log.attempt, from: 3 });
    host.data("log", bytesOf("abcdef"), { channel, offset: 0 });
    await host.next("log.durable", (frame) => frame["offset"] === 6);
    expect(host.texts.filter(({ t }) => t === "log.need")).toHaveLength(1);
    expect((await log.whole()).text).toBe("abcdef");
  });

  test("[LG1] who came while the link was away, or before an eviction of relay and log, is told of at `log.open`", async () => {
    const { relay, host, log } = await logging();
    host.socket.close(4000, "cut");
    const follower = await log.follow();
    for (const evicted of [false, true]) {
      if (evicted) await Promise.all([relay.evict(), log.evict()]);
      const again = await relay.host_([]);
      again.say({ t: "log.open", channel, attempt: log.attempt, fence: 1 });
      expect(await again.next("log.follow")).toEqual({ t: "log.follow", attempt: log.attempt, follow: true });
      again.socket.close(4000, "cut");
    }
    expect(follower.problem).toBeUndefined();
  });

  test("[LG1] after a new link it is told where its log stands, and who follows", async () => {
    const { relay, host, log } = await logging();
    host.data("log", bytesOf("abc"), { channel, offset: 0 });
    await host.next("log.durable", (frame) => frame["offset"] === 3);
    const follower = await log.follow();
    await host.next("log.follow");
    host.socket.close(4000, "cut");
    await relay.evict();
    const again = await relay.host_([]);
    again.say({ t: "log.open", channel, attempt: log.attempt, fence: 1 });
    expect(await again.next("log.durable")).toMatchObject({ offset: 3 });
    expect(await again.next("log.follow")).toEqual({ t: "log.follow", attempt: log.attempt, follow: true });
    again.data("log", bytesOf("def"), { channel, offset: 3 });
    await follower.reaches(6);
    expect(follower.text).toBe("abcdef");
  });

  test("[LG1] one that could not be opened is opened by alarm, and who follows is told of then", async () => {
    const { relay, host, log } = await logging();
    await log.follow();
    await host.next("log.follow");
    host.socket.close(4000, "cut");
    await relay.evict();
    const again = await relay.host_([]);
    const state = vi.spyOn(AttemptLog.prototype, "state").mockRejectedValue(new Error("the log is being moved"));
    again.say({ t: "log.open", channel, attempt: log.attempt, fence: 1 });
    await expect.poll(() => state.mock.calls.length).toBe(2);
    await again.pingPong();
    state.mockRestore();
    await later(relay, 6_000);
    expect(await again.next("log.follow")).toEqual({ t: "log.follow", attempt: log.attempt, follow: true });
  });

  test("[LG1] another host's attempt: 4403, and it is written down", async () => {
    const relay = relayFixture();
    const host = await relay.host_([]);
    const attempt = attemptId();
    scheduler.owners.set(attempt, { attempt, task: "tsk_1", fence: 1, host: { id: "hst_other", name: "other" } });
    host.say({ t: "log.open", channel, attempt, fence: 1 });
    host.data("log", bytesOf("forged"), { channel, offset: 0 });
    expect(await host.closed).toEqual({ code: 4403, reason: "attempt_foreign" });
    expect(await logFixture({ fleet: relay.fleet, attempt }).whole()).toMatchObject({ text: "" });
    await expect
      .poll(async () => (await env.FEED.getByName(relay.fleet).auditList(0, 10)).map(({ action, target, code }) => [action, target, code]))
      .toEqual([["log.open", attempt, "attempt_foreign"]]);
  });

  test("[LG1] the host's word that it runs another host's attempt opens no log of it", async () => {
    const relay = relayFixture();
    const host = await relay.host_([]);
    const attempt = attemptId();
    scheduler.owners.set(attempt, { attempt, task: "tsk_1", fence: 1, host: { id: "hst_other", name: "other" } });
    scheduler.ack = () => ({ ack: true, unknown: true });
    host.say({ t: "task.status", report: running(attempt) });
    host.say({ t: "log.open", channel, attempt, fence: 1 });
    host.data("log", bytesOf("forged"), { channel, offset: 0 });
    expect(await host.closed).toEqual({ code: 4403, reason: "attempt_foreign" });
    expect(await logFixture({ fleet: relay.fleet, attempt }).whole()).toMatchObject({ text: "" });
  });

  test("[LG2] the end of another host's attempt, or of nobody's, ends no log", async () => {
    const relay = relayFixture();
    const host = await relay.host_([]);
    const [foreign, nobodys] = [attemptId(), attemptId()];
    scheduler.owners.set(foreign, { attempt: foreign, task: "tsk_1", fence: 1, host: { id: "hst_other", name: "other" } });
    scheduler.ack = () => ({ ack: true, unknown: true });
    for (const attempt of [foreign, nobodys]) {
      const log = logFixture({ fleet: relay.fleet, attempt });
      host.say({ t: "task.status", report: ended(attempt, { log: { bytes: 0, sha256: await sha256Of("") } }) });
      await host.next("task.ack", (frame) => frame["attempt"] === attempt);
      await host.pingPong();
      expect(await log.stub.state()).not.toHaveProperty("exit");
    }
    // Nor behind a channel that was opened for it in vain.
    host.say({ t: "log.open", channel, attempt: nobodys, fence: 1 });
    host.say({ t: "task.status", report: ended(nobodys) });
    await host.next("task.ack", (frame) => frame["attempt"] === nobodys);
    expect(await logFixture({ fleet: relay.fleet, attempt: nobodys }).stub.state()).not.toHaveProperty("exit");
  });

  test("[LG1] [TK3] nobody's attempt is taken for nothing, and its channel is of no use, after a wake either", async () => {
    const relay = relayFixture();
    const host = await relay.host_([]);
    const attempt = attemptId();
    host.say({ t: "log.open", channel, attempt, fence: 1 });
    host.data("log", bytesOf("x"), { channel, offset: 0 });
    await host.pingPong();
    await relay.evict();
    host.data("log", bytesOf("x"), { channel, offset: 0 });
    await host.pingPong();
    expect(await logFixture({ fleet: relay.fleet, attempt }).whole()).toMatchObject({ text: "" });
  });

  test("[LG1] a host that sends more than may be on its way is cut", async () => {
    const { host } = await logging();
    vi.spyOn(AttemptLog.prototype, "append").mockReturnValue(new Promise(() => undefined));
    const piece = new Uint8Array(128 * 1024);
    for (let at = 0; at < 1024 * 1024; at += piece.byteLength) host.data("log", piece, { channel, offset: at });
    expect(await host.closed).toMatchObject({ code: 4429 });
  });

  test("[LG1] a host that makes a row of every byte is cut", { timeout: 60_000 }, async () => {
    const { relay, host, log } = await logging();
    await later(relay, 0);
    for (let at = 0; at < LINK_NEWS_BURST; at++) {
      host.data("log", bytesOf("x"), { channel, offset: at });
      await host.next("log.durable", (frame) => frame["offset"] === at + 1);
    }
    host.data("log", bytesOf("x"), { channel, offset: LINK_NEWS_BURST });
    expect(await host.closed).toMatchObject({ code: 4429 });
    expect((await log.stub.state()).durable).toBe(LINK_NEWS_BURST + 1);
  });

  test("[LG1] as few bytes at once of a log that is followed are no matter: they are stored together", { timeout: 60_000 }, async () => {
    const { relay, host, log } = await logging();
    await later(relay, 0);
    const reader = await log.follow();
    await log.limit({ commitMs: 3_600_000 });
    for (let at = 0; at < LINK_NEWS_BURST + 200; at++) {
      host.data("log", bytesOf("x"), { channel, offset: at });
      if (at % 100 === 0) await reader.reaches(at);
    }
    await reader.reaches(LINK_NEWS_BURST + 200);
    await host.pingPong();
  });

  test("[LG1] more logs at once than a link carries through hibernation: after a wake it begins anew", async () => {
    const { relay, host } = await logging();
    const attempts = Array.from({ length: MAX_KEPT_LOGS + 5 }, () => `att_${"x".repeat(33)}${attemptId().slice(4)}`);
    for (const [i, attempt] of attempts.entries()) {
      scheduler.owners.set(attempt, { attempt, task: "tsk_1", fence: 1, host: { id: relay.host, name: "builder" } });
      host.say({ t: "log.open", channel: channel + 1 + i, attempt, fence: 1 });
    }
    const last = attempts.at(-1);
    await host.next("log.durable", (frame) => frame["attempt"] === last);
    host.data("log", bytesOf("abc"), { channel: channel + attempts.length, offset: 0 });
    await host.next("log.durable", (frame) => frame["attempt"] === last && frame["offset"] === 3);
    await relay.evict();
    host.data("log", bytesOf("def"), { channel: channel + attempts.length, offset: 3 });
    expect(await host.closed).toMatchObject({ code: 1012 });
  });

  test("[LG2] what the host leaves out is passed on", async () => {
    const { host, log } = await logging();
    host.data("log", bytesOf("abc"), { channel, offset: 0 });
    host.say({ t: "log.skip", attempt: log.attempt, from: 3, to: 100 });
    await host.next("log.durable", (frame) => frame["offset"] === 100);
    host.data("log", bytesOf("xyz"), { channel, offset: 100 });
    await host.next("log.durable", (frame) => frame["offset"] === 103);
    expect(await log.whole()).toEqual({ text: "abcxyz", gaps: [[3, 100]] });
  });

  test("[LG2] one whose digest is another is asked for again, on a new link as well", async () => {
    const { relay, host, log } = await logging();
    host.data("log", bytesOf("hexlo"), { channel, offset: 0 });
    host.say({ t: "task.status", report: ended(log.attempt, { log: { bytes: 5, sha256: await sha256Of("hello") } }) });
    expect(await host.next("log.need")).toEqual({ t: "log.need", attempt: log.attempt, from: 0 });
    host.socket.close(4000, "cut");
    const again = await relay.host_([]);
    again.say({ t: "log.open", channel, attempt: log.attempt, fence: 1 });
    expect(await again.next("log.need")).toEqual({ t: "log.need", attempt: log.attempt, from: 0 });
    again.data("log", bytesOf("hello"), { channel, offset: 0 });
    await again.next("log.durable", (frame) => frame["offset"] === 5);
    expect(await log.stub.state()).toMatchObject({ complete: true, sha256: await sha256Of("hello") });
  });

  test("[LG1] a log that cannot be stored keeps its bytes, and its end is not acknowledged, until it can", async () => {
    const { relay, host, log } = await logging();
    const append = vi.spyOn(AttemptLog.prototype, "append").mockRejectedValue(new Error("the disk is full"));
    host.data("log", bytesOf("abc"), { channel, offset: 0 });
    host.say({ t: "task.status", report: ended(log.attempt, { log: { bytes: 3, sha256: await sha256Of("abc") } }) });
    await expect.poll(() => scheduler.of("attemptStatus").length).toBeGreaterThan(0);
    await host.pingPong();
    expect(host.texts.filter(({ t }) => t === "task.ack")).toEqual([]);
    append.mockRestore();
    // One that was evicted meanwhile has none of it in memory, and asks for it again.
    host.socket.addEventListener("message", ({ data }) => {
      if (String(data).includes('"log.need"')) host.data("log", bytesOf("abc"), { channel, offset: 0 });
    });
    await later(relay, 6_000);
    expect(await host.next("task.ack")).toMatchObject({ attempt: log.attempt });
    await expect.poll(async () => (await log.stub.state()).complete).toBe(true);
    expect((await log.whole()).text).toBe("abc");
  });
});
