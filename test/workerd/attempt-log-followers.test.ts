/** [LG3] Who follows a log: from any offset, live, in no hurry, to the end; and what is not stored yet. */
import { runDurableObjectAlarm } from "cloudflare:test";
import { describe, expect, test, vi } from "vitest";
import { FOLLOW_WINDOW_BYTES } from "../../control-plane/src/objects/attempt-log/followers.ts";
import { HostRelay } from "../../control-plane/src/objects/host-relay.ts";
import { bytesOf, logFixture, sha256Of, type LogFixture } from "./support/log-fixture.ts";
import { relayFixture } from "./support/relay-fixture.ts";

const DONE = { status: "completed", exitCode: 3 };
const put = (log: LogFixture, offset: number, text: string) => log.stub.append(offset, bytesOf(text));
const alphabet = (bytes: number): string => Array.from({ length: bytes }, (_, i) => String.fromCharCode(97 + (i % 26))).join("");

describe("[LG3] following", () => {
  test("[LG3] what is there, then what comes, then the end with its exit", async () => {
    const log = logFixture();
    await put(log, 0, "one ");
    const all = await log.follow();
    const some = await log.follow(2);
    await put(log, 4, "two ");
    await all.reaches(8);
    await put(log, 8, "three");
    await log.stub.end({ bytes: 13, sha256: await sha256Of("one two three") }, DONE);
    for (const follower of [all, some]) {
      expect(await follower.ended).toEqual({ t: "end", bytes: 13, complete: true, status: "completed", exitCode: 3 });
      expect(await follower.closed).toMatchObject({ code: 1000 });
      expect(follower.problem).toBeUndefined();
    }
    expect([all.text, some.text]).toEqual(["one two three", "e two three"]);
  });

  test("[LG3] an eviction between any two steps: nothing is missing, and nothing is taken twice", async () => {
    const log = logFixture();
    const follower = await log.follow();
    const text = alphabet(600);
    for (let at = 0; at < 600; at += 100) {
      await log.evict();
      await put(log, at, text.slice(at, at + 100));
      await follower.reaches(at + 100);
    }
    await log.evict();
    await log.stub.end({ bytes: 600, sha256: await sha256Of(text) }, DONE);
    expect(await follower.ended).toMatchObject({ complete: true });
    expect(follower.text).toBe(text);
    expect(follower.problem).toBeUndefined();
  });

  test("[LG3] the end may be known before the last bytes are there: it is told after them", async () => {
    const log = logFixture();
    const follower = await log.follow();
    await log.stub.end({ bytes: 5, sha256: await sha256Of("hello") }, DONE);
    await log.evict();
    await put(log, 0, "hello");
    expect(await follower.ended).toMatchObject({ bytes: 5, complete: true });
    expect(follower.text).toBe("hello");
  });

  test("[LG3] from a position that is not there yet, once it is", async () => {
    const log = logFixture();
    await put(log, 0, "abc");
    const follower = await log.follow(5);
    await put(log, 3, "defg");
    await follower.reaches(7);
    expect(follower.text).toBe("fg");
  });

  test("[LG3] one that takes nothing is sent a window, and the rest when it does", async () => {
    const log = logFixture();
    const text = alphabet(3 * FOLLOW_WINDOW_BYTES);
    for (let at = 0; at < text.length; at += FOLLOW_WINDOW_BYTES) await put(log, at, text.slice(at, at + FOLLOW_WINDOW_BYTES));
    const slow = await log.follow();
    slow.stalled = true;
    const quick = await log.follow();
    await quick.reaches(text.length);
    await slow.reaches(FOLLOW_WINDOW_BYTES - 64 * 1024);
    await put(log, text.length, "more");
    await quick.reaches(text.length + 4);
    expect(slow.came).toBeLessThanOrEqual(FOLLOW_WINDOW_BYTES);
    slow.stalled = false;
    slow.ack();
    await slow.reaches(text.length + 4);
    expect(slow.text).toBe(`${text}more`);
    expect(slow.problem).toBeUndefined();
  });

  test("[LG2] what was left out is told where it was", async () => {
    const log = logFixture();
    await log.limit({ wholeBytes: 128, headBytes: 32, tailBytes: 96, chunkBytes: 16, smallBytes: 4 });
    const text = alphabet(500);
    await put(log, 0, text.slice(0, 200));
    await put(log, 200, text.slice(200));
    await log.stub.end({ bytes: 500, sha256: await sha256Of(text) }, DONE);
    const follower = await log.follow(10);
    await follower.ended;
    expect(follower).toMatchObject({ text: text.slice(10, 32) + text.slice(404), gaps: [[32, 404]], problem: undefined });
  });

  test("[VW5] a credential that is revoked follows no more, nor comes back", async () => {
    const log = logFixture();
    const ada = await log.follow();
    const bob = await log.follow(0, { credential: "tok_bob" });
    await log.stub.closeCredential("tok_ada");
    expect(await ada.closed).toMatchObject({ code: 4401 });
    await log.evict();
    const again = await log.upgrade(0);
    expect(again.status).toBe(401);
    expect(await again.json()).toMatchObject({ code: "token_revoked" });
    await put(log, 0, "abc");
    await bob.reaches(3);
  });

  test("[LG3] the hundred-and-first is refused", async () => {
    const log = logFixture();
    for (let i = 0; i < 100; i++) await log.follow();
    const refused = await log.upgrade(0);
    expect(refused.status).toBe(429);
    expect(await refused.json()).toMatchObject({ code: "too_many_viewers" });
  });

  test("what a follower says and cannot mean ends its socket", async () => {
    const log = logFixture();
    const follower = await log.follow();
    follower.socket.send("{");
    expect(await follower.closed).toMatchObject({ code: 4400 });
  });
});

describe("[LG1] small pieces of a followed log", () => {
  test("[LG1] followers have them at once, the disk a moment later, and the host is told then", async () => {
    const relay = relayFixture();
    const host = await relay.host_([]);
    const log = logFixture(relay);
    const follower = await log.follow();
    await host.next("log.follow");
    await put(log, 0, "a");
    expect(await put(log, 1, "b")).toMatchObject({ durable: 1 });
    expect(await put(log, 2, "c")).toMatchObject({ durable: 1 });
    await follower.reaches(3);
    expect(await log.stub.state()).toMatchObject({ durable: 1, available: 3 });
    expect((await log.whole()).text).toBe("abc");
    expect(await runDurableObjectAlarm(log.stub)).toBe(true);
    expect(await log.stub.state()).toMatchObject({ durable: 3 });
    expect(await runDurableObjectAlarm(log.stub)).toBe(false);
  });

  test("[LG1] what an object that died had not stored is asked for again by the next piece; followers miss nothing", async () => {
    const log = logFixture();
    const follower = await log.follow();
    await put(log, 0, "a");
    expect(await put(log, 1, "b")).toMatchObject({ durable: 1 });
    await follower.reaches(2);
    await log.evict();
    expect(await put(log, 2, "c")).toMatchObject({ durable: 1, need: 1 });
    await put(log, 1, "bc");
    await follower.reaches(3);
    expect(follower.text).toBe("abc");
  });

  test("[LG1] the end stores what waits", async () => {
    const log = logFixture();
    await log.follow();
    await put(log, 0, "a");
    await put(log, 1, "b");
    expect(await log.stub.end({ bytes: 2, sha256: await sha256Of("ab") }, DONE)).toMatchObject({ durable: 2, complete: true });
    await log.evict();
    expect((await log.whole()).text).toBe("ab");
  });

  test("[LG1] the first who follows has the host send as it is written, the last who goes has it stop", async () => {
    const relay = relayFixture();
    const host = await relay.host_([]);
    const log = logFixture(relay);
    const first = await log.follow();
    expect(await host.next("log.follow")).toEqual({ t: "log.follow", attempt: log.attempt, follow: true });
    const second = await log.follow();
    first.socket.close(1000, "bye");
    await log.evict();
    second.socket.close(1000, "bye");
    expect(await host.next("log.follow")).toEqual({ t: "log.follow", attempt: log.attempt, follow: false });
    expect(host.texts.filter(({ t }) => t === "log.follow")).toHaveLength(2);
  });

  test("[LG1] a host that could not be told is told when the next one follows", async () => {
    const relay = relayFixture();
    const host = await relay.host_([]);
    const log = logFixture(relay);
    const tells = vi.spyOn(HostRelay.prototype, "followLog").mockRejectedValueOnce(new Error("the relay is being moved"));
    await log.follow();
    expect(tells).toHaveBeenCalledTimes(1);
    await log.follow();
    expect(await host.next("log.follow")).toEqual({ t: "log.follow", attempt: log.attempt, follow: true });
    await log.follow();
    expect(tells).toHaveBeenCalledTimes(2);
    tells.mockRestore();
  });
});
