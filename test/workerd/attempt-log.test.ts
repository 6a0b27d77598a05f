/** [LG] The bytes of one attempt's log: by offset, whole, and as many as stay. */
import { runDurableObjectAlarm } from "cloudflare:test";
import { afterEach, describe, expect, test, vi } from "vitest";
import { bytesOf, logFixture, sha256Of, type LogFixture } from "./support/log-fixture.ts";

afterEach(() => vi.restoreAllMocks());

const DONE = { status: "completed", exitCode: 0 };
const put = (log: LogFixture, offset: number, text: string) => log.stub.append(offset, bytesOf(text));

const rowsOf = (log: LogFixture): Promise<number> =>
  log.inside((_log, { storage }) => Number(storage.sql.exec("SELECT count(*) AS rows FROM log").one()["rows"]));

describe("[LG1] bytes by offset", () => {
  test("[LG1] in order; an eviction between any two changes nothing", async () => {
    const log = logFixture();
    expect(await put(log, 0, "one ")).toMatchObject({ durable: 4 });
    await log.evict();
    expect(await put(log, 4, "two ")).toMatchObject({ durable: 8 });
    await log.evict();
    expect(await put(log, 8, "three")).toMatchObject({ durable: 13 });
    await log.evict();
    expect(await log.whole()).toEqual({ text: "one two three", gaps: [] });
    expect(await log.whole(6)).toEqual({ text: "o three", gaps: [] });
  });

  test("[LG1] overlap is dropped, a gap is answered with what is needed", async () => {
    const log = logFixture();
    await put(log, 0, "abcdef");
    expect(await put(log, 0, "abc")).toEqual({ durable: 6, complete: false });
    expect(await put(log, 4, "efgh")).toMatchObject({ durable: 8 });
    expect(await put(log, 10, "kl")).toEqual({ durable: 8, complete: false, need: 8 });
    await log.evict();
    expect(await put(log, 11, "l")).toMatchObject({ need: 8 });
    expect(await put(log, 8, "ij")).toMatchObject({ durable: 10 });
    expect((await log.whole()).text).toBe("abcdefghij");
  });

  test("[LG1] a log that nobody wrote leaves nothing behind", async () => {
    const log = logFixture();
    expect(await log.stub.state()).toMatchObject({ bytes: 0, durable: 0, complete: false });
    expect(await log.whole()).toEqual({ text: "", gaps: [] });
    expect(await log.stub.tailOffset(5)).toBe(0);
    expect(
      await log.inside((_log, state) => state.storage.sql.exec("SELECT name FROM sqlite_master WHERE name = 'log'").toArray()),
    ).toEqual([]);
  });

  test("[LG1] a log of a few KB is written twice, once with its bytes and once with its end, and is one row", async () => {
    const log = logFixture();
    const text = "line\n".repeat(1_000);
    const puts = await log.inside((_log, { storage }) => vi.spyOn(storage.kv, "put"));
    await put(log, 0, text);
    await log.stub.end({ bytes: 5_000, sha256: await sha256Of(text) }, DONE);
    expect(puts).toHaveBeenCalledTimes(2);
    expect(
      await log.inside((_log, { storage }) => storage.sql.exec("SELECT name FROM sqlite_master WHERE name = 'log'").toArray()),
    ).toEqual([]);
    await log.evict();
    expect((await log.whole()).text).toBe(text);
    expect(await log.stub.state()).toMatchObject({ complete: true, durable: 5_000 });
  });

  test("[LG1] one that outgrows that is pieces, as few as may be; an eviction on the way changes nothing", async () => {
    const log = logFixture();
    const text = "0123456789".repeat(10_000);
    for (let at = 0; at < 20_000; at += 1_000) {
      await put(log, at, text.slice(at, at + 1_000));
      if (at % 5_000 === 0) await log.evict();
    }
    await put(log, 20_000, text.slice(20_000));
    await log.evict();
    expect((await log.whole()).text === text).toBe(true);
    expect(await rowsOf(log)).toBeLessThanOrEqual(3);
    expect(await log.stub.end({ bytes: text.length, sha256: await sha256Of(text) }, DONE)).toMatchObject({ complete: true });
  });
});

describe("[LG2] the end", () => {
  test("[LG2] complete when all of it is there and its digest is the host's", async () => {
    const log = logFixture();
    await put(log, 0, "hello ");
    const end = { bytes: 11, sha256: await sha256Of("hello world") };
    expect(await log.stub.end(end, DONE)).toMatchObject({ bytes: 11, durable: 6, complete: false });
    await log.evict();
    expect(await put(log, 6, "world")).toEqual({ durable: 11, complete: true });
    await log.evict();
    expect(await log.stub.state()).toMatchObject({ bytes: 11, complete: true, sha256: end.sha256, exit: DONE });
    // Told again, it is the same; another one changes nothing.
    expect(await log.stub.end(end, DONE)).toMatchObject({ complete: true, sha256: end.sha256 });
    expect(await log.stub.end({ bytes: 3, sha256: await sha256Of("hel") }, DONE)).toMatchObject({ bytes: 11, complete: true });
  });

  test("[LG2] one without a log is over at once", async () => {
    const log = logFixture();
    expect(await log.stub.end(undefined, { status: "lost", exitCode: null })).toMatchObject({ bytes: 0, complete: true });
  });

  test("[LG2] what is over stays as it is, whatever its host says later", async () => {
    const log = logFixture();
    await put(log, 0, "hello");
    await log.stub.end({ bytes: 5, sha256: await sha256Of("hello") }, DONE);
    expect(await log.stub.skip(0, 100)).toEqual({ durable: 5, complete: true });
    expect(await log.whole()).toEqual({ text: "hello", gaps: [] });
    expect(await log.stub.state()).toMatchObject({ complete: true, sha256: await sha256Of("hello") });
    const none = logFixture();
    await none.stub.end(undefined, DONE);
    expect(await put(none, 0, "late")).toEqual({ durable: 0, complete: true });
  });

  test("[LG2] bytes past the end are no part of it", async () => {
    const log = logFixture();
    await put(log, 0, "abc");
    await log.stub.end({ bytes: 5, sha256: await sha256Of("abcde") }, DONE);
    expect(await put(log, 3, "defgh")).toEqual({ durable: 5, complete: true });
    expect((await log.whole()).text).toBe("abcde");
  });

  test("[LG2] another digest: all of it is asked for again, once", async () => {
    const log = logFixture();
    await put(log, 0, "hexlo");
    const end = { bytes: 5, sha256: await sha256Of("hello") };
    expect(await log.stub.end(end, DONE)).toMatchObject({ durable: 0, complete: false });
    await log.evict();
    expect(await put(log, 5, "")).toMatchObject({ durable: 0 });
    expect(await put(log, 0, "hello")).toEqual({ durable: 5, complete: true });
    expect(await log.stub.state()).toMatchObject({ complete: true, sha256: end.sha256 });
  });

  test("[LG2] a host that says another digest twice is not believed, and nobody waits for more", async () => {
    const log = logFixture();
    const follower = await log.follow();
    await log.stub.end({ bytes: 5, sha256: await sha256Of("hello") }, DONE);
    expect(await put(log, 0, "hexlo")).toMatchObject({ durable: 0, need: 0 });
    expect(await put(log, 0, "hexlo")).toMatchObject({ durable: 5, complete: true });
    expect(await log.stub.state()).toMatchObject({ complete: true, damaged: true });
    expect(await log.stub.state()).not.toHaveProperty("sha256");
    expect(await follower.ended).toMatchObject({ complete: false });
  });
});

describe("[LG2] what the host leaves out", () => {
  test("[LG2] past the end: all of it is asked for again, from its beginning", async () => {
    const log = logFixture();
    await put(log, 0, "hello");
    await log.stub.skip(5, 9);
    const end = { bytes: 7, sha256: await sha256Of("hello w") };
    expect(await log.stub.end(end, DONE)).toMatchObject({ durable: 0, complete: false, again: true });
    await log.evict();
    expect(await put(log, 0, "hello w")).toEqual({ durable: 7, complete: true });
    expect(await log.stub.state()).toMatchObject({ complete: true, sha256: end.sha256 });
  });

  test("[LG2] past the end twice: nobody waits for more", async () => {
    const log = logFixture();
    const follower = await log.follow();
    await log.stub.skip(0, 9);
    await log.stub.end({ bytes: 7, sha256: await sha256Of("hello w") }, DONE);
    await log.stub.skip(0, 9);
    expect(await log.stub.state()).toMatchObject({ bytes: 7, durable: 7, complete: true });
    expect(await follower.ended).toMatchObject({ bytes: 7 });
  });
});

describe("[LG2] a log that is too long", () => {
  const SMALL = { wholeBytes: 128, headBytes: 32, tailBytes: 96, chunkBytes: 16, smallBytes: 4 };
  const text = Array.from({ length: 500 }, (_, i) => String.fromCharCode(97 + (i % 26))).join("");

  test("[LG2] keeps its beginning and its end, and says what is missing between", async () => {
    const log = logFixture();
    for (let at = 0; at < 500; at += 25) {
      await log.limit(SMALL);
      await put(log, at, text.slice(at, at + 25));
      if (at % 100 === 0) await log.evict();
    }
    await log.limit(SMALL);
    expect(await log.stub.end({ bytes: 500, sha256: await sha256Of(text) }, DONE)).toMatchObject({
      bytes: 500,
      durable: 500,
      complete: true,
      omitted: { from: 32, to: 404 },
    });
    expect(await log.whole()).toEqual({ text: text.slice(0, 32) + text.slice(404), gaps: [[32, 404]] });
    expect(await log.whole(100)).toEqual({ text: text.slice(404), gaps: [[100, 404]] });
    expect(await rowsOf(log)).toBeLessThan(20);
  });

  test("[LG2] at the limit nothing is missing", async () => {
    const log = logFixture();
    await log.limit(SMALL);
    await put(log, 0, text.slice(0, 128));
    expect(await log.stub.end({ bytes: 128, sha256: await sha256Of(text.slice(0, 128)) }, DONE)).not.toHaveProperty("omitted");
    expect(await log.whole()).toEqual({ text: text.slice(0, 128), gaps: [] });
  });

  test("[LG2] what the host leaves out is left out; said again it changes nothing", async () => {
    const log = logFixture();
    await log.limit(SMALL);
    await put(log, 0, text.slice(0, 60));
    expect(await log.stub.skip(80, 404)).toMatchObject({ need: 60 });
    expect(await log.stub.skip(32, 404)).toMatchObject({ durable: 404 });
    await log.evict();
    expect(await log.stub.skip(32, 404)).toEqual({ durable: 404, complete: false });
    await log.limit(SMALL);
    await put(log, 404, text.slice(404));
    expect(await log.stub.end({ bytes: 500, sha256: await sha256Of(text) }, DONE)).toMatchObject({
      complete: true,
      omitted: { from: 32, to: 404 },
    });
    expect(await log.whole()).toEqual({ text: text.slice(0, 32) + text.slice(404), gaps: [[32, 404]] });
  });
});

describe("[LG3] reading", () => {
  test("[LG3] the last lines begin where they begin, in whatever pieces they are", async () => {
    const log = logFixture();
    await log.limit({ chunkBytes: 7, smallBytes: 2 });
    const text = "first\nsecond line\nthird\n";
    await put(log, 0, text);
    expect(text.slice(await log.stub.tailOffset(1))).toBe("third\n");
    expect(text.slice(await log.stub.tailOffset(2))).toBe("second line\nthird\n");
    expect(await log.stub.tailOffset(0)).toBe(text.length);
    expect(await log.stub.tailOffset(50)).toBe(0);
  });

  test("[VW5] a revocation outlives the erased log by as long as it can matter, and then nothing is left", async () => {
    const log = logFixture();
    await put(log, 0, "one");
    await log.stub.erase();
    await log.stub.closeCredential("tok_ada");
    await log.evict();
    expect((await log.upgrade(0)).status).toBe(401);
    await log.inside((object) => {
      object.now = () => Date.now() + 11 * 60_000;
    });
    expect(await runDurableObjectAlarm(log.stub)).toBe(true);
    expect(await log.inside((_log, { storage }) => storage.list())).toEqual(new Map());
    expect(await log.inside((_log, { storage }) => storage.getAlarm())).toBeNull();
  });

  test("[LG3] erased, it is a log that nobody wrote", async () => {
    const log = logFixture();
    await put(log, 0, "secretive");
    const follower = await log.follow();
    await log.stub.erase();
    expect(await follower.closed).toMatchObject({ code: 4404 });
    expect(await log.whole()).toEqual({ text: "", gaps: [] });
    expect(await put(log, 0, "again")).toMatchObject({ durable: 5 });
  });
});
