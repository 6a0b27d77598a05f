/** [LG3] Logs over HTTP, by task and by attempt: from any offset, the last lines, and as they come. */
import { env } from "cloudflare:workers";
import { describe, expect, test, vi } from "vitest";
import { LOG_HEADERS } from "@maestro/shared/contract/tasks";
import { logOffsetAfter, omittedMarker, parseGap } from "@maestro/shared/log-marker";
import { bootstrap, call, makeToken, refusal, type Fleet } from "./access-fleet.ts";
import { bytesOf, logFixture, sha256Of, type LogFixture } from "./support/log-fixture.ts";
import { schedulerScript } from "./support/scheduler-script.ts";

const scheduler = schedulerScript();
/** Past the time for which tables that were written to are read each time. */
const SETTLED_MS = 6_000;
const DONE = { status: "completed", exitCode: 0 };
const put = (log: LogFixture, offset: number, text: string) => log.stub.append(offset, bytesOf(text));
const alphabet = (bytes: number): string => Array.from({ length: bytes }, (_, i) => String.fromCharCode(97 + (i % 26))).join("");

async function fleetWithLog(): Promise<{ fleet: Fleet; log: LogFixture; get: (query?: string, token?: string) => Promise<Response> }> {
  const fleet = await bootstrap();
  const log = logFixture({ fleet: fleet.id });
  scheduler.owners.set(log.attempt, { attempt: log.attempt, task: "tsk_1", fence: 1, host: { id: log.host, name: "builder" } });
  return { fleet, log, get: (query = "", token = fleet.owner.token) => call(`/api/v1/attempts/${log.attempt}/log${query}`, { token }) };
}

const whole = async (text: string): Promise<{ bytes: number; sha256: string }> => ({ bytes: text.length, sha256: await sha256Of(text) });

const textOf = async (answer: Response | Promise<Response>): Promise<string> =>
  new TextDecoder("latin1").decode(await (await answer).arrayBuffer());

/** The bytes that came, and whether the answer is over. */
function reading(answer: Response): {
  text: () => string;
  until: (enough: (text: string) => boolean) => Promise<void>;
  end: Promise<string>;
  cancel: () => void;
} {
  let text = "";
  const looks = new Set<() => void>();
  const reader = answer.body?.getReader();
  if (reader === undefined) throw new Error("no body");
  const end = (async () => {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return text;
      text += String.fromCharCode(...(value as Uint8Array));
      for (const look of [...looks]) look();
    }
  })();
  return {
    text: () => text,
    until: (enough) =>
      new Promise((resolve) => {
        const look = (): void => {
          if (enough(text)) resolve();
        };
        looks.add(look);
        look();
      }),
    end,
    cancel: () => {
      end.catch(() => undefined);
      void reader.cancel();
    },
  };
}

describe("[LG3] what is there", () => {
  test("[LG3] all of it, with what is known of it; never as anything that a browser would run", async () => {
    const { log, get } = await fleetWithLog();
    const text = "<script>alert(1)</script>\n\u0000\u00ff";
    await put(log, 0, text);
    await log.stub.end(await whole(text), DONE);
    const answer = await get();
    expect(answer.status).toBe(200);
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      "content-type": "application/octet-stream",
      "content-disposition": `attachment; filename="${log.attempt}.log"`,
      "x-content-type-options": "nosniff",
      "cache-control": "no-store",
      [LOG_HEADERS.start]: "0",
      [LOG_HEADERS.bytes]: String(text.length),
      [LOG_HEADERS.complete]: "true",
      [LOG_HEADERS.sha256]: await sha256Of(text),
    });
    expect(await textOf(answer)).toBe(text);
  });

  test("[LG3] of a task: its attempt's; of one that has not begun: nothing yet", async () => {
    const { fleet, log } = await fleetWithLog();
    const empty = await call("/api/v1/tasks/tsk_1/log", { token: fleet.owner.token });
    expect([empty.status, await textOf(empty), empty.headers.get(LOG_HEADERS.complete)]).toEqual([200, "", "false"]);
    await put(log, 0, "abc");
    expect(await textOf(call("/api/v1/tasks/tsk_1/log", { token: fleet.owner.token }))).toBe("abc");
    scheduler.owners.clear();
    await refusal(call("/api/v1/tasks/tsk_1/log", { token: fleet.owner.token }), "log_not_found");
    await refusal(call("/api/v1/attempts/att_nobody/log", { token: fleet.owner.token }), "attempt_not_found");
  });

  test("[LG3] from an offset, or the last lines", async () => {
    const { log, get } = await fleetWithLog();
    await put(log, 0, "one\ntwo\nthree\n");
    const from = await get("?offset=4");
    expect([await textOf(from), from.headers.get(LOG_HEADERS.start)]).toEqual(["two\nthree\n", "4"]);
    const tail = await get("?tailLines=1");
    expect([await textOf(tail), tail.headers.get(LOG_HEADERS.start)]).toEqual(["three\n", "8"]);
    expect(await textOf(get("?tailLines=0"))).toBe("");
    expect(await textOf(get("?offset=14"))).toBe("");
    expect(await textOf(get("?offset=99"))).toBe("");
  });

  test("[LG3] more than fits one read, whole", async () => {
    const { log, get } = await fleetWithLog();
    const text = alphabet(700_000);
    for (let at = 0; at < text.length; at += 240_000) await put(log, at, text.slice(at, at + 240_000));
    expect((await textOf(get())) === text).toBe(true);
  });

  test("[LG2] what was left out has a marker, and a reader who counts knows where it is", async () => {
    const { log, get } = await fleetWithLog();
    await log.limit({ wholeBytes: 128, headBytes: 32, tailBytes: 96, chunkBytes: 16, smallBytes: 4 });
    const text = alphabet(500);
    await put(log, 0, text.slice(0, 250));
    await put(log, 250, text.slice(250));
    await log.stub.end(await whole(text), DONE);
    for (const [offset, from] of [
      [0, 32],
      [20, 32],
      [32, 32],
      [100, 100],
    ] as const) {
      const answer = await get(`?offset=${offset}`);
      const gap = parseGap(answer.headers.get(LOG_HEADERS.omitted));
      const body = await textOf(answer);
      expect(gap).toEqual({ from, to: 404 });
      expect(body).toBe(text.slice(offset, from) + omittedMarker({ from, to: 404 }) + text.slice(404));
      expect(logOffsetAfter(offset, gap, body.length)).toBe(500);
    }
    expect((await get("?offset=404")).headers.get(LOG_HEADERS.omitted)).toBeNull();
    const followed = await get("?offset=20&follow=true");
    expect(await textOf(followed)).toBe(text.slice(20, 32) + omittedMarker({ from: 32, to: 404 }) + text.slice(404));
  });
});

describe("[LG3] as it comes", () => {
  test("[LG3] what is there, then what comes, until it ends; the object may be evicted meanwhile", async () => {
    const { log, get } = await fleetWithLog();
    await put(log, 0, "one ");
    const answer = await get("?follow=true&offset=1");
    const body = reading(answer);
    await body.until((text) => text === "ne ");
    await log.evict();
    await put(log, 4, "two ");
    await body.until((text) => text === "ne two ");
    await log.evict();
    await put(log, 8, "three");
    await log.stub.end(await whole("one two three"), DONE);
    expect(await body.end).toBe("ne two three");
    const again = await get("?follow=true&offset=13");
    expect([await textOf(again), again.headers.get(LOG_HEADERS.complete)]).toEqual(["", "true"]);
  });

  test("[LG3] a reader who goes leaves nobody following", async () => {
    const { log, get } = await fleetWithLog();
    await put(log, 0, "one ");
    const body = reading(await get("?follow=true"));
    await body.until((text) => text !== "");
    expect(await log.stub.state()).toMatchObject({ followed: true });
    body.cancel();
    await expect.poll(async () => (await log.stub.state()).followed).toBe(false);
  });

  test("[LG3] a reader in no hurry gets all of it", async () => {
    const { log, get } = await fleetWithLog();
    const answer = await get("?follow=true");
    const text = alphabet(600_000);
    for (let at = 0; at < text.length; at += 100_000) await put(log, at, text.slice(at, at + 100_000));
    await log.stub.end(await whole(text), DONE);
    expect((await textOf(answer)) === text).toBe(true);
  });

  test("[VW5] whose credential is revoked follows no more", async () => {
    const { fleet, log, get } = await fleetWithLog();
    const viewer = await makeToken(fleet, { name: "reader", role: "viewer" });
    await put(log, 0, "one ");
    const body = reading(await get("?follow=true", viewer.token));
    await body.until((text) => text !== "");
    const answer = await call(`/api/v1/tokens/${viewer.id}`, { method: "DELETE", token: fleet.owner.token });
    expect(answer.status).toBe(204);
    expect(await body.end).toBe("one ");
    await refusal(get("?follow=true", viewer.token), "token_revoked");
  });

  test("[VW5] whose rights were taken away a moment ago, elsewhere, gets nothing of it, and leaves no follower behind", async () => {
    const { fleet, log, get } = await fleetWithLog();
    const operator = await makeToken(fleet, { name: "reader", role: "operator" });
    await put(log, 0, "one ");
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + SETTLED_MS });
    try {
      for (let n = 0; n < 2; n++) await textOf(get("", operator.token));
      await env.DB.prepare("update members set role = 'viewer'").run();
      await refusal(get("?follow=true", operator.token), "superseded");
      await expect.poll(async () => (await log.stub.state()).followed).toBe(false);
    } finally {
      vi.useRealTimers();
    }
  });
});

describe("[LG3] what cannot be meant", () => {
  test("values out of range, of another kind, together or misspelt: each refused with its field", async () => {
    const { get } = await fleetWithLog();
    for (const [query, code, field] of [
      ["?offset=-1", "field_invalid", "offset"],
      ["?offset=1.5", "field_invalid", "offset"],
      ["?offset=x", "field_invalid", "offset"],
      ["?offset=18446744073709551615", "field_invalid", "offset"],
      ["?tailLines=-5", "field_invalid", "tailLines"],
      ["?tailLines=1000000", "field_invalid", "tailLines"],
      ["?follow=yes", "field_invalid", "follow"],
      ["?offset=1&tailLines=1", "field_invalid", "tailLines"],
      ["?lines=1", "unknown_field", "lines"],
    ] as const)
      expect(await refusal(get(query), code), query).toMatchObject({ field });
  });

  test("an offset past the end of a whole log is refused, with where it ends", async () => {
    const { log, get } = await fleetWithLog();
    await put(log, 0, "abc");
    await log.stub.end(await whole("abc"), DONE);
    expect(await refusal(get("?offset=4"), "offset_invalid")).toMatchObject({ field: "offset", hint: "At most 3." });
    expect(await textOf(get("?offset=3"))).toBe("");
  });

  test("without a credential nothing", async () => {
    const { log } = await fleetWithLog();
    await refusal(call(`/api/v1/attempts/${log.attempt}/log`), "auth_required");
  });
});
